//! What a spool's threads and its users share: what waits to be written, what stands where, what is at hand for the sink.
//!
//! Records are numbered in the order in which they were taken in, and always `position <= loaded <= end`: what is before `position`
//! was delivered, what is from there up to `loaded` is in memory (less what was damaged), and what is from there up to `end` is in
//! segments only.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, oneshot};

use super::checkpoint::{self, Progress};
use super::record::HEADER;
use super::segment::{Name, Place, Read};
use super::storage::Storage;
use super::{Health, SpoolError, Stats};
use crate::model::{Piece, PieceKind};

/// Bytes that may wait to be written; more wait with those who want them written.
const PENDING: usize = 4 << 20;
/// Bytes that are kept at hand for the sink, unless one record is longer.
pub(super) const AT_HAND: usize = 1 << 20;
/// What a segment may take of the disk beyond its length.
const SLACK: u64 = 4096;

/// A record that waits to be written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) record: Piece,
    pub(super) told: oneshot::Sender<Result<(), SpoolError>>,
}

impl Pending {
    /// The bytes that it takes in a segment.
    fn cost(&self) -> u64 {
        (HEADER + self.record.bytes.len()) as u64
    }
}

/// A segment and how much of it is safe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) name: Name,
    pub(super) length: u64,
}

/// A record that is at hand.
#[derive(Debug)]
pub(super) struct AtHand {
    pub(super) sequence: u64,
    pub(super) time: SystemTime,
    pub(super) record: Arc<Piece>,
}

/// What is fixed, and what is locked.
pub(super) struct Shared {
    /// What the spool is called.
    pub(super) name: String,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) limit: u64,
    /// The longest record.
    pub(super) longest: u64,
    /// From this size on a segment is not appended to any more.
    pub(super) segment_bytes: u64,
    pub(super) state: Mutex<State>,
    /// Wakes the thread that takes in.
    pub(super) intake: Condvar,
    /// Wakes the thread that delivers.
    pub(super) delivery: Condvar,
    /// Told when more may wait to be written.
    pub(super) room: Notify,
    /// Told when there is something for the sink.
    pub(super) filled: Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) pending: VecDeque<Pending>,
    pub(super) pending_bytes: usize,
    /// Whether records that were pending are being written.
    pub(super) writing: bool,
    /// Oldest first.
    pub(super) segments: VecDeque<Segment>,
    /// Whether the last segment is appended to.
    pub(super) open: bool,
    /// The number of the next segment.
    pub(super) next_number: u64,
    /// Records before this one are of an earlier process.
    pub(super) inherited: u64,
    pub(super) position: u64,
    pub(super) loaded: u64,
    pub(super) end: u64,
    /// Where the record `loaded` stands: a segment's number, and the offset in it.
    pub(super) cursor: (u64, u64),
    pub(super) at_hand: VecDeque<AtHand>,
    /// How many of those were handed out.
    pub(super) handed: usize,
    /// Bytes of those that were not.
    pub(super) ahead: usize,
    pub(super) closed: bool,
    pub(super) stopped: bool,
    pub(super) health: Health,
    /// Records wait, and nothing may be written before some are delivered.
    pub(super) full: bool,
    pub(super) damaged: u64,
    pub(super) syncs: u64,
    pub(super) sync_time: Duration,
}

impl Shared {
    /// A thread that panicked has the spool fail; until then the state is good enough.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `pending` wait to be written, or gives it back while too much does.
    pub(super) fn offer(&self, pending: Pending) -> Result<Option<Pending>, SpoolError> {
        let length = pending.record.bytes.len();
        if length as u64 > self.longest {
            return Err(SpoolError::TooLong { length, most: self.longest });
        }
        let mut state = self.lock();
        if let Health::Failed(reason) = &state.health {
            return Err(self.failed(reason));
        }
        if state.closed {
            return Err(SpoolError::Closed);
        }
        if state.pending_bytes > 0 && state.pending_bytes + length > PENDING {
            return Ok(Some(pending));
        }
        state.pending_bytes += length;
        state.pending.push_back(pending);
        drop(state);
        self.intake.notify_one();
        Ok(None)
    }

    /// The next record for the sink, `Some(None)` when there will be none, or `None` when it must wait.
    pub(super) fn next(&self) -> Option<Option<Arc<Piece>>> {
        let mut state = self.lock();
        if let Some(next) = state.at_hand.get(state.handed) {
            let record = Arc::clone(&next.record);
            state.handed += 1;
            state.ahead -= record.bytes.len();
            if state.wants_more() {
                self.delivery.notify_one();
            }
            return Some(Some(record));
        }
        let over = state.closed && state.pending.is_empty() && !state.writing && state.loaded == state.end;
        over.then_some(None)
    }

    /// The next record, if it is at hand, of lines, and no longer than `most`.
    pub(super) fn next_of_lines(&self, most: usize) -> Option<Arc<Piece>> {
        let fits = |record: &Piece| record.kind == PieceKind::Lines && record.bytes.len() <= most;
        let state = self.lock();
        let fits = state.at_hand.get(state.handed).is_some_and(|next| fits(&next.record));
        drop(state);
        // One sink takes from a spool: nobody else takes it meanwhile.
        if fits { self.next().flatten() } else { None }
    }

    /// All that was handed out was delivered.
    pub(super) fn done_with_all(&self) {
        let mut state = self.lock();
        let handed = std::mem::take(&mut state.handed);
        state.at_hand.drain(..handed);
        state.move_position();
        drop(state);
        self.delivery.notify_one();
    }

    pub(super) fn done(&self) {
        let mut state = self.lock();
        debug_assert!(state.handed > 0, "what was not handed out was not delivered");
        if state.handed > 0 {
            state.handed -= 1;
            state.at_hand.pop_front();
            state.move_position();
            // A segment that was delivered whole is not needed for long.
            let all = state.position == state.end;
            drop(state);
            self.delivery.notify_one();
            if all {
                self.intake.notify_one();
            }
        }
    }

    pub(super) fn again(&self) {
        let mut state = self.lock();
        state.handed = 0;
        state.ahead = state.at_hand.iter().map(|at_hand| at_hand.record.bytes.len()).sum();
        drop(state);
        self.filled.notify_waiters();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_waiters();
        self.filled.notify_waiters();
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.intake.notify_one();
        self.delivery.notify_one();
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        Stats {
            bytes: state.used(),
            records: state.end - state.position,
            limit: self.limit,
            oldest: state.at_hand.front().map(|first| first.time),
            damaged: state.damaged,
            syncs: state.syncs,
            sync_time: state.sync_time,
            health: state.health.clone(),
            full: state.full,
        }
    }

    /// From now on nothing more is taken in.
    pub(super) fn fail(&self, reason: &str) {
        let mut state = self.lock();
        if !matches!(state.health, Health::Failed(_)) {
            tracing::error!(spool = self.name, reason, "the spool has failed and takes nothing more in");
            state.health = Health::Failed(reason.into());
        }
        drop(state);
        self.refuse_pending();
        self.intake.notify_one();
    }

    /// Tells those who wait that the spool has failed.
    fn refuse_pending(&self) {
        let mut state = self.lock();
        let Health::Failed(reason) = &state.health else { return };
        let reason = Arc::clone(reason);
        let refused = std::mem::take(&mut state.pending);
        state.pending_bytes = 0;
        drop(state);
        for pending in refused {
            // Who does not wait any more needs no answer.
            let _ = pending.told.send(Err(self.failed(&reason)));
        }
        self.room.notify_waiters();
        self.filled.notify_waiters();
    }

    pub(super) fn failed(&self, reason: &Arc<str>) -> SpoolError {
        SpoolError::Failed { name: self.name.clone(), reason: Arc::clone(reason) }
    }

    pub(super) fn io_error(&self, what: &'static str, error: io::Error) -> SpoolError {
        SpoolError::Io { name: self.name.clone(), what, error: Arc::new(error) }
    }
}

impl State {
    /// Bytes of the disk in use, rounded up.
    pub(super) fn used(&self) -> u64 {
        checkpoint::SIZE + self.segments.iter().map(|segment| segment.length + SLACK).sum::<u64>()
    }

    /// Takes as many of the pending records as may be written now: so many bytes at most, or one record. None where there is no room.
    pub(super) fn take_group(&mut self, most: u64, limit: u64) -> Vec<Pending> {
        // Who has gone away was not promised anything.
        self.pending.retain(|pending| !pending.told.is_closed());
        let mut room = limit.saturating_sub(self.used() + if self.open { 0 } else { SLACK });
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.pending.front() {
            let cost = next.cost();
            if cost > room || (!group.is_empty() && bytes + cost > most) {
                break;
            }
            (room, bytes) = (room - cost, bytes + cost);
            group.extend(self.pending.pop_front());
        }
        self.pending_bytes = self.pending.iter().map(|pending| pending.record.bytes.len()).sum();
        group
    }

    /// Puts back what could not be written, in front of what came later.
    pub(super) fn put_back(&mut self, group: Vec<Pending>) {
        for pending in group.into_iter().rev() {
            self.pending_bytes += pending.record.bytes.len();
            self.pending.push_front(pending);
        }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { position: self.position, end: self.end }
    }

    pub(super) fn wants_more(&self) -> bool {
        self.ahead < AT_HAND / 2 && self.loaded < self.end
    }

    /// Puts a record at hand, behind those that are. A line that the process before has begun and not ended is ended there: its producer is
    /// gone, and the next line is another's.
    pub(super) fn put_at_hand(&mut self, mut at_hand: AtHand) {
        let open = at_hand.record.kind == PieceKind::Lines && !at_hand.record.bytes.ends_with(b"\n");
        if open && at_hand.sequence + 1 == self.inherited {
            Arc::make_mut(&mut at_hand.record).bytes.push(b'\n');
        }
        self.damaged += at_hand.sequence - self.loaded;
        self.loaded = at_hand.sequence + 1;
        self.ahead += at_hand.record.bytes.len();
        self.at_hand.push_back(at_hand);
    }

    /// Gives up what is looked for before `sequence`.
    fn skip_to(&mut self, sequence: u64) {
        self.damaged += sequence - self.loaded;
        self.loaded = sequence;
        self.move_position();
    }

    fn move_position(&mut self) {
        self.position = self.at_hand.front().map_or(self.loaded, |first| first.sequence);
    }

    /// The sequence number behind the records of the segment in this place.
    fn limit_of(&self, place: usize) -> u64 {
        self.segments.get(place + 1).map_or(self.end, |next| next.name.first)
    }

    /// Segments that were delivered whole and are not appended to.
    pub(super) fn removable(&self) -> Vec<Segment> {
        let closed = self.segments.len() - usize::from(self.open);
        let delivered = self.segments.iter().enumerate().take(closed);
        delivered.take_while(|(place, _)| self.limit_of(*place) <= self.position).map(|(_, segment)| *segment).collect()
    }

    /// Where to read on; gives up what stands in no segment.
    pub(super) fn place_to_read(&mut self) -> Option<(Name, Place)> {
        let found = (0..self.segments.len()).find(|place| self.limit_of(*place) > self.loaded);
        let Some(place) = found else {
            self.skip_to(self.end);
            return None;
        };
        let Segment { name, length } = self.segments[place];
        if self.loaded < name.first {
            self.skip_to(name.first);
        }
        let offset = if self.cursor.0 == name.number { self.cursor.1 } else { 0 };
        let records = self.loaded..self.limit_of(place);
        Some((name, Place { salt: name.salt, bytes: offset..length, records }))
    }

    /// Takes what was read at a place.
    pub(super) fn take_read(&mut self, name: Name, place: &Place, read: Read) {
        for found in read.found {
            let record = Arc::new(Piece { bytes: found.bytes, kind: found.kind });
            self.put_at_hand(AtHand { sequence: found.sequence, time: found.time, record });
        }
        if read.ended {
            self.skip_to(place.records.end);
        }
        self.cursor = (name.number, read.offset);
        self.move_position();
    }
}
