//! The thread that takes records in: writes what waits, syncs it once for all, and tells those who wait.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;

use super::Health;
use super::record::{HEADER, Header, Salt};
use super::segment::Name;
use super::state::{AT_HAND, AtHand, Pending, Segment, Shared};
use super::storage::StoredFile;

/// Bytes that are written and synced together at most, unless one record is longer.
const GROUP: u64 = 4 << 20;
/// How long to wait before what failed is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Takes records in until the spool is stopped.
pub(super) fn run(shared: &Shared) {
    let _fallen = Fallen(shared);
    let mut active = None;
    let mut buffer = Vec::new();
    while let Some(group) = next_group(shared) {
        if let Err((group, trouble)) = write(shared, &mut active, &mut buffer, group) {
            active = None;
            suffer(shared, group, &trouble);
        }
    }
}

/// The segment that is appended to.
struct Active {
    name: Name,
    file: Box<dyn StoredFile>,
    length: u64,
}

/// Why records could not be written.
struct Trouble {
    what: &'static str,
    synced: bool,
    error: io::Error,
}

impl Trouble {
    fn reason(&self) -> String {
        format!("{}: {}", self.what, self.error)
    }

    /// Whether the same records can be written to a new segment once the reason has gone away. A disk that could not sync has lost
    /// what it should have written, or will.
    fn passes(&self) -> bool {
        let errno = Errno::from_io_error(&self.error);
        match self.synced {
            true => matches!(errno, Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS)),
            false => !matches!(errno, Some(Errno::IO | Errno::NXIO | Errno::NODEV)),
        }
    }
}

/// Waits for records to write, and takes them; `None` when the spool is stopped.
fn next_group(shared: &Shared) -> Option<Vec<Pending>> {
    let mut state = shared.lock();
    let again = Instant::now() + PAUSE;
    loop {
        if state.stopped {
            return None;
        }
        let waits = matches!(state.health, Health::Waiting(_));
        if !waits || Instant::now() >= again {
            let group = state.take_group(GROUP, shared.limit);
            state.full = group.is_empty() && !state.pending.is_empty();
            if !group.is_empty() {
                state.writing = true;
                drop(state);
                shared.room.notify_waiters();
                return Some(group);
            }
            // What holds the room, or has no use any more, shall be removed as soon as it is delivered.
            let last = state.segments.back().map_or(0, |last| last.length);
            let delivered = state.position == state.end;
            if state.open && (!state.pending.is_empty() || (delivered && last >= shared.segment_bytes / 4)) {
                state.open = false;
                shared.delivery.notify_one();
            }
        }
        let left = again.saturating_duration_since(Instant::now());
        state = if waits && !left.is_zero() {
            shared.intake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
        } else {
            shared.intake.wait(state).unwrap_or_else(PoisonError::into_inner)
        };
    }
}

/// Writes and syncs a group of records, and tells those who wait for it.
fn write(
    shared: &Shared,
    active: &mut Option<Active>,
    buffer: &mut Vec<u8>,
    group: Vec<Pending>,
) -> Result<(), (Vec<Pending>, Trouble)> {
    let (open, first) = {
        let state = shared.lock();
        (state.open, state.end)
    };
    if !open {
        *active = None;
    }
    let fresh = active.is_none();
    let segment = match active {
        Some(segment) => segment,
        None => match create(shared, first) {
            Ok(segment) => active.insert(segment),
            Err(error) => return Err((group, Trouble { what: "a segment cannot be made", synced: false, error })),
        },
    };
    buffer.clear();
    let now = SystemTime::now();
    let mut at_hand = Vec::with_capacity(group.len());
    let mut answers = Vec::with_capacity(group.len());
    for (sequence, Pending { record, told }) in (first..).zip(group) {
        // Its length was checked when it came.
        let length = u32::try_from(record.bytes.len()).unwrap_or(u32::MAX);
        let header = Header::of(sequence, now, record.kind, &record.bytes, length);
        buffer.extend_from_slice(&header.encode(segment.name.salt));
        buffer.extend_from_slice(&record.bytes);
        at_hand.push(AtHand { sequence, time: now, record: Arc::new(record) });
        answers.push(told);
    }
    let started = Instant::now();
    if let Err(trouble) = save(shared, segment, fresh, buffer) {
        take_back(shared, segment, fresh);
        let records = at_hand.into_iter().map(|at_hand| Arc::unwrap_or_clone(at_hand.record));
        let group = records.zip(answers).map(|(record, told)| Pending { record, told });
        return Err((group.collect(), trouble));
    }
    publish(shared, segment, fresh, at_hand, started.elapsed());
    for told in answers {
        // Who does not wait any more needs no answer.
        let _ = told.send(Ok(()));
    }
    Ok(())
}

fn create(shared: &Shared, first: u64) -> io::Result<Active> {
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
    let number = {
        let mut state = shared.lock();
        state.next_number += 1;
        state.next_number - 1
    };
    let name = Name { number, first, salt: Salt(u64::from_le_bytes(salt)) };
    Ok(Active { name, file: shared.storage.create(&name.text())?, length: 0 })
}

/// Writes bytes at the end of a segment, and returns once they are safe.
fn save(shared: &Shared, segment: &Active, fresh: bool, bytes: &[u8]) -> Result<(), Trouble> {
    let written = segment.file.write_at(segment.length, bytes);
    written.map_err(|error| Trouble { what: "a segment cannot be written", synced: false, error })?;
    let synced = segment.file.sync().and_then(|()| if fresh { shared.storage.sync_names() } else { Ok(()) });
    synced.map_err(|error| Trouble { what: "a segment cannot be synced", synced: true, error })
}

/// Frees what a failed write has taken of the disk, if it can be. What stays is passed over: the next segment begins with the same
/// sequence number.
fn take_back(shared: &Shared, segment: &Active, fresh: bool) {
    let freed = if fresh { shared.storage.remove(&segment.name.text()) } else { segment.file.cut(segment.length) };
    if let Err(error) = freed {
        tracing::debug!(spool = shared.name, %error, "what could not be written whole cannot be taken back");
    }
}

/// What was written is safe: the sink may have it.
fn publish(shared: &Shared, segment: &mut Active, fresh: bool, group: Vec<AtHand>, took: Duration) {
    let mut state = shared.lock();
    if fresh {
        state.segments.push_back(Segment { name: segment.name, length: 0 });
    }
    // While the sink lags behind, what is new stands on the disk only, so that memory stays bounded.
    let mut keeps_up = state.loaded == state.end;
    for at_hand in group {
        segment.length += (HEADER + at_hand.record.bytes.len()) as u64;
        state.end += 1;
        keeps_up &= state.ahead < AT_HAND;
        if keeps_up {
            state.put_at_hand(at_hand);
            state.cursor = (segment.name.number, segment.length);
        }
    }
    if let Some(last) = state.segments.back_mut() {
        last.length = segment.length;
    }
    state.open = segment.length < shared.segment_bytes;
    state.writing = false;
    state.syncs += 1;
    state.sync_time += took;
    if matches!(state.health, Health::Waiting(_)) {
        state.health = Health::Good;
        tracing::info!(spool = shared.name, "the spool takes records in again");
    }
    drop(state);
    shared.filled.notify_waiters();
    shared.delivery.notify_one();
}

/// Keeps what could not be written for another attempt.
fn suffer(shared: &Shared, group: Vec<Pending>, trouble: &Trouble) {
    let mut state = shared.lock();
    state.put_back(group);
    state.writing = false;
    state.open = false;
    let reason = trouble.reason();
    if !trouble.passes() {
        drop(state);
        shared.fail(&reason);
        return;
    }
    if matches!(state.health, Health::Good) {
        tracing::error!(spool = shared.name, reason, "the spool takes nothing in for now; what comes has to wait");
        state.health = Health::Waiting(reason.into());
    }
    drop(state);
    shared.delivery.notify_one();
}

/// Has the spool fail when its thread ends by a fault of the program: nobody shall wait for ever.
pub(super) struct Fallen<'s>(pub(super) &'s Shared);

impl Drop for Fallen<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("there is a fault in the program itself");
        }
    }
}
