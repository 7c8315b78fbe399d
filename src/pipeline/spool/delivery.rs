//! The thread that brings records out: reads them for the sink, writes how far it has come, and removes what is delivered.

use std::io;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Health;
use super::checkpoint::{Checkpoint, Progress, Unsettled};
use super::intake::Fallen;
use super::segment::{self, Name, Place, Read};
use super::state::{Segment, Shared, State};
use super::storage::StoredFile;

/// How long to wait before what failed is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// What to do next.
enum Step {
    /// Write how far the sink has come.
    Write(Progress),
    /// Remove segments that were delivered.
    Remove(Vec<Segment>, Progress),
    /// Read on.
    Read(Name, Place),
    /// End.
    Stop(Progress),
}

/// Serves the sink until the spool is stopped.
pub(super) fn run(shared: &Shared, mut checkpoint: Checkpoint) {
    let _fallen = Fallen(shared);
    // The segment that was read last.
    let mut file = None;
    // What went wrong the last time, and is not to be tried again at once.
    let mut failed = false;
    loop {
        let outcome = match next_step(shared, &checkpoint, failed) {
            Step::Write(progress) => checkpoint.write(progress).map_err(|error| ("written to its checkpoint", error)),
            Step::Remove(segments, progress) => remove(shared, &mut checkpoint, &segments, progress),
            Step::Read(name, place) => {
                read(shared, &mut file, name, &place).map_err(|error| ("read from its segments", error))
            }
            Step::Stop(progress) => {
                // The disk may have failed: then the next process delivers a little twice.
                if settle(shared, &mut checkpoint, progress).is_err() {
                    tracing::warn!(spool = shared.name, "how far the sink has come could not be written");
                }
                return;
            }
        };
        if let (Err((what, error)), false) = (&outcome, failed) {
            tracing::warn!(spool = shared.name, %error, "the spool cannot be {what}; that is tried again");
        }
        failed = outcome.is_err();
    }
}

fn next_step(shared: &Shared, checkpoint: &Checkpoint, failed: bool) -> Step {
    let again = Instant::now() + if failed { PAUSE } else { Duration::ZERO };
    let mut state = shared.lock();
    loop {
        if state.stopped {
            return Step::Stop(state.progress());
        }
        let left = again.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            state = shared.delivery.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        if let Some(step) = step(shared, &mut state, checkpoint) {
            return step;
        }
        state = shared.delivery.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

fn step(shared: &Shared, state: &mut State, checkpoint: &Checkpoint) -> Option<Step> {
    while state.wants_more() {
        if let Some((name, place)) = state.place_to_read() {
            return Some(Step::Read(name, place));
        }
        shared.filled.notify_waiters();
    }
    // What the disk may have lost must not lead to anything being removed.
    if matches!(state.health, Health::Failed(_)) {
        return None;
    }
    if state.position != checkpoint.written().position {
        return Some(Step::Write(state.progress()));
    }
    let removable = state.removable();
    (!removable.is_empty()).then(|| Step::Remove(removable, state.progress()))
}

/// Reads what stands at a place, for the sink.
fn read(shared: &Shared, open: &mut Option<(u64, Box<dyn StoredFile>)>, name: Name, place: &Place) -> io::Result<()> {
    if open.as_ref().is_none_or(|(number, _)| *number != name.number) {
        *open = match shared.storage.open(&name.text(), false) {
            Ok(file) => Some((name.number, file)),
            // All that stood there is lost.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
    }
    let read = match open {
        Some((_, file)) => segment::read(file.as_ref(), place)?,
        None => Read { ended: true, ..Read::default() },
    };
    let mut state = shared.lock();
    let before = state.damaged;
    state.take_read(name, place, read);
    let lost = state.damaged - before;
    drop(state);
    if lost > 0 {
        tracing::error!(spool = shared.name, segment = name.text(), lost, "records are damaged and lost");
    }
    shared.filled.notify_waiters();
    // What was delivered may be all there is.
    shared.intake.notify_one();
    Ok(())
}

/// Removes segments, once it is safe that nothing in them is wanted any more.
fn remove(
    shared: &Shared,
    checkpoint: &mut Checkpoint,
    segments: &[Segment],
    progress: Progress,
) -> Result<(), (&'static str, io::Error)> {
    settle(shared, checkpoint, progress).map_err(|error| ("written to its checkpoint", error))?;
    for segment in segments {
        match shared.storage.remove(&segment.name.text()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(("relieved of a segment", error)),
            _ => {}
        }
        shared.lock().segments.pop_front();
        shared.intake.notify_one();
    }
    Ok(())
}

/// Makes it safe how far the sink has come; where that cannot be synced the spool has failed.
fn settle(shared: &Shared, checkpoint: &mut Checkpoint, progress: Progress) -> io::Result<()> {
    checkpoint.settle(progress).map_err(|unsettled| match unsettled {
        Unsettled::Written(error) => error,
        Unsettled::Synced(error) => {
            shared.fail(&format!("the checkpoint cannot be synced: {error}"));
            error
        }
    })
}
