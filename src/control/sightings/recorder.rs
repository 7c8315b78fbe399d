//! The threads between the data path and the index: one rolls up in memory, one writes, once a second and at the end.
//!
//! - What is held is bounded: the channel by its length, the roll-up and what is being written by [`MAX_HELD`] rows together. A full
//!   channel makes workers wait, and so does an index that takes rows more slowly than they come.
//! - While the index cannot be written (a full disk, another process that holds it, a server that is away or does not answer), the log
//!   goes on: rows are kept and tried again, and what is beyond the bound is counted as lost, in the coverage of its hour and in what
//!   [`Recorder::finish`] says.
//! - What is written at once stays together until it is written, under one number: an index that has taken it and could not say so does
//!   not count it again.

mod parcel;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::parcel::{Parcel, RollUp, both};
use self::writer::Writer;
use super::{SightingsError, Store};
use crate::model::{Batch, Coverage, Hour, Namespace, SourceId};

/// Rows held at most.
pub const MAX_HELD: usize = 1 << 19;
/// A worker's batch, which is of one block, holds fewer rows.
const MAX_BATCH: usize = 1 << 16;
/// With so many rows, a flush does not wait for its time, and the log does, for the flush before. As many are being written then, and a
/// batch more; another must find room, or its rows would be lost while nobody waits.
const FLUSH_AT: usize = MAX_HELD / 2 - MAX_BATCH;
/// Batches on their way: a worker's is of one block.
const CHANNEL: usize = 64;
/// Between two flushes.
const PERIOD: Duration = Duration::from_secs(1);
/// So long the log waits for an index that is slow; longer only makes it wait again once it has answered. A pause loses nothing, and a disk
/// that writes back what it holds may take some seconds for a flush.
const STALL: Duration = Duration::from_secs(30);
/// At the end, the index is tried so often in a row.
const LAST_TRIES: usize = 4;
/// Between two tries at the end.
const PAUSE: Duration = Duration::from_millis(500);

/// What was recorded in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Sightings in the index.
    pub sightings: u64,
    /// Sightings that are not, as the index could not be written.
    pub lost: u64,
    /// When the first and the last of those were seen, in seconds of Unix time.
    pub lost_between: Option<(i64, i64)>,
}

/// The running threads.
#[derive(Debug)]
pub struct Recorder {
    thread: JoinHandle<Result<Recorded, SightingsError>>,
    /// To end though a sender is left: a worker that is stuck must not keep the process.
    stop: Arc<AtomicBool>,
    index: String,
}

impl Recorder {
    /// Starts it over an open index. The sources `watched` count as covered also while nothing comes. `on_error` is told of the first
    /// flush in a row that fails.
    ///
    /// # Errors
    /// [`SightingsError::Thread`].
    pub fn start(
        store: Store,
        namespace: Namespace,
        watched: Vec<SourceId>,
        clock: fn() -> i64,
        on_error: impl Fn(&SightingsError) + Send + 'static,
    ) -> Result<(SyncSender<Batch>, Self), SightingsError> {
        let (sender, batches) = sync_channel(CHANNEL);
        let index = store.name();
        let mut work = Work {
            index: index.clone(),
            writer: Writer::start(store, namespace)?,
            roll_up: RollUp::default(),
            waiting: None,
            number: 0,
            recorded: Recorded::default(),
            failing: false,
            stalled: false,
            on_error: Box::new(on_error),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || work.run(&batches, &watched, clock, &stopped);
        let thread = std::thread::Builder::new()
            .name("sightings".to_owned())
            .spawn(run)
            .map_err(|_| SightingsError::Thread { index: index.clone() })?;
        Ok((sender, Self { thread, stop, index }))
    }

    /// Waits for the end, which comes when every sender is gone, or has sent nothing for a moment.
    ///
    /// # Errors
    /// [`SightingsError`], when what was held last could not be written.
    pub fn finish(self) -> Result<Recorded, SightingsError> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(Err(SightingsError::Thread { index: self.index }))
    }
}

struct Work {
    index: String,
    writer: Writer,
    roll_up: RollUp,
    /// What could not be written, and is to be written before anything else.
    waiting: Option<Parcel>,
    /// Of the parcel made last.
    number: u64,
    recorded: Recorded,
    failing: bool,
    stalled: bool,
    on_error: Box<dyn Fn(&SightingsError) + Send>,
}

impl Work {
    fn run(
        &mut self,
        batches: &Receiver<Batch>,
        watched: &[SourceId],
        clock: fn() -> i64,
        stop: &AtomicBool,
    ) -> Result<Recorded, SightingsError> {
        let mut next = Instant::now() + PERIOD;
        let mut present = None;
        loop {
            let now = Hour::of(clock());
            if present != Some(now) {
                present = Some(now);
                watched.iter().for_each(|source| self.roll_up.cover(source, now, &Coverage::default()));
            }
            match batches.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(batch) => self.roll_up.add(&batch, self.held()),
                Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some(written) = self.writer.written(Duration::ZERO)? {
                let _ = self.take_back(written);
            }
            let full = self.roll_up.len() >= FLUSH_AT;
            if full && self.writer.is_busy() && !self.failing && !self.stalled {
                self.wait()?;
            }
            if (full && !self.failing) || Instant::now() >= next {
                self.hand_over();
                next = next.max(Instant::now() + PERIOD);
            }
        }
        self.write_out()
    }

    /// Rows that were handed over and are not known to be written.
    fn held(&self) -> usize {
        self.writer.rows() + self.waiting.as_ref().map_or(0, Parcel::len)
    }

    /// Makes the log wait for an index that is slow, for a while.
    fn wait(&mut self) -> Result<(), SightingsError> {
        match self.writer.written(STALL)? {
            Some(written) => drop(self.take_back(written)),
            None => {
                self.stalled = true;
                (self.on_error)(&SightingsError::Slow { index: self.index.clone() });
            }
        }
        Ok(())
    }

    /// Hands over what is to be written next, unless the writer is at work or there is nothing.
    fn hand_over(&mut self) {
        if self.writer.is_busy() {
            return;
        }
        let next = self.waiting.take().or_else(|| {
            let parcel = self.roll_up.parcel(self.number + 1)?;
            self.number += 1;
            Some(parcel)
        });
        if let Some(parcel) = next {
            self.writer.write(parcel);
        }
    }

    /// Takes back what the writer is done with.
    fn take_back(&mut self, (parcel, outcome): (Parcel, Result<(), SightingsError>)) -> Result<(), SightingsError> {
        self.stalled = false;
        match outcome {
            Ok(()) => {
                self.failing = false;
                self.recorded.sightings += parcel.sightings();
                self.roll_up.reuse(parcel);
                Ok(())
            }
            Err(error) => {
                if !self.failing {
                    (self.on_error)(&error);
                }
                self.failing = true;
                self.waiting = Some(parcel);
                Err(error)
            }
        }
    }

    /// Writes all that is left.
    fn write_out(&mut self) -> Result<Recorded, SightingsError> {
        let mut tries = 0;
        loop {
            self.hand_over();
            let written = self.writer.written(Duration::MAX)?;
            let Some(written) = written else { break };
            match self.take_back(written) {
                Ok(()) => tries = 0,
                Err(error) => {
                    tries += 1;
                    if tries == LAST_TRIES {
                        let left = self.waiting.as_ref().map_or(0, Parcel::sightings) + self.roll_up.sightings();
                        let sightings = self.roll_up.lost + left;
                        let waiting = self.waiting.as_ref().and_then(Parcel::between);
                        let between = [self.roll_up.lost_between, self.roll_up.between(), waiting];
                        let between = between.into_iter().flatten().reduce(both);
                        return Err(SightingsError::Unwritten { sightings, between, error: Box::new(error) });
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
        (self.recorded.lost, self.recorded.lost_between) = (self.roll_up.lost, self.roll_up.lost_between);
        Ok(self.recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fingerprint, KeyEpoch, RuleId, Seen};

    /// The fingerprint of this number, which tells from its first characters, as others do.
    fn fingerprint(number: usize) -> Fingerprint {
        Fingerprint::from_bytes(format!("{number:08}{:016}", 0).as_bytes()).expect("digits are of its alphabet")
    }

    #[test]
    fn rows_that_come_faster_than_they_are_written_wait_and_none_is_lost() {
        const BATCH: usize = 8_000;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("index")).expect("it opens");
        let on_error = |error: &SightingsError| panic!("{error}");
        let (to, recorder) =
            Recorder::start(store, Namespace::default(), Vec::new(), || 1_770_000_000, on_error).expect("a thread");
        let rules: Arc<[RuleId]> = [RuleId::new("jwt").expect("an id")].into();
        let seen = |number| Seen { fingerprint: fingerprint(number), rule: 0, epoch: KeyEpoch::FIRST, count: 1 };
        for batch in 0..8 * MAX_HELD / 5 / BATCH {
            let batch = Batch {
                source: SourceId::new("test"),
                time: 1_770_000_000,
                rules: Arc::clone(&rules),
                seen: (batch * BATCH..(batch + 1) * BATCH).map(seen).collect(),
                marks: Vec::new(),
                coverage: Coverage::default(),
            };
            to.send(batch).expect("it runs");
        }
        drop(to);
        let recorded = recorder.finish().expect("written");
        assert_eq!((recorded.lost, recorded.sightings), (0, (8 * MAX_HELD / 5 / BATCH * BATCH) as u64));
    }
}
