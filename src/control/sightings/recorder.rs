//! The thread between the data path and the index: rolls up in memory, and writes once a second and at the end.
//!
//! - What it holds is bounded: the channel by its length, the roll-up by [`MAX_HELD`] rows. A full channel makes workers wait.
//! - While the file cannot be written (a full disk, another process that holds it), the log goes on: rows are kept and tried again,
//!   and what is beyond the bound is counted as lost, in the coverage of its hour and in what [`Recorder::finish`] says.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{SightingsError, Store};
use crate::model::{Batch, Coverage, Fingerprint, Hour, Namespace, RuleId, Seen, Sighting, SourceId};
use crate::pipeline::witness::PrintHasher;

/// Rows held at most.
pub const MAX_HELD: usize = 1 << 19;
/// With so many rows, a flush does not wait for its time.
const FLUSH_AT: usize = 1 << 18;
/// Batches on their way: a worker's is of one block.
const CHANNEL: usize = 64;
/// Between two flushes.
const PERIOD: Duration = Duration::from_secs(1);
/// At the end, the file is tried so often.
const LAST_TRIES: usize = 3;

/// What was recorded in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Sightings in the file.
    pub sightings: u64,
    /// Sightings that are not, as the file could not be written.
    pub lost: u64,
}

/// The running thread.
#[derive(Debug)]
pub struct Recorder {
    thread: JoinHandle<Result<Recorded, SightingsError>>,
    /// To end though a sender is left: a worker that is stuck must not keep the process.
    stop: Arc<AtomicBool>,
    path: PathBuf,
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
        let path = store.path().to_owned();
        let mut work = Work {
            store,
            namespace,
            roll_up: RollUp::default(),
            recorded: Recorded::default(),
            failing: false,
            on_error: Box::new(on_error),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || work.run(&batches, &watched, clock, &stopped);
        let thread = std::thread::Builder::new()
            .name("sightings".to_owned())
            .spawn(run)
            .map_err(|_| SightingsError::Thread { path: path.clone() })?;
        Ok((sender, Self { thread, stop, path }))
    }

    /// Waits for the end, which comes when every sender is gone, or has sent nothing for a moment.
    ///
    /// # Errors
    /// [`SightingsError`], when what was held last could not be written.
    pub fn finish(self) -> Result<Recorded, SightingsError> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(Err(SightingsError::Thread { path: self.path }))
    }
}

struct Work {
    store: Store,
    namespace: Namespace,
    roll_up: RollUp,
    recorded: Recorded,
    failing: bool,
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
                Ok(batch) => self.roll_up.add(&batch),
                Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let full = self.roll_up.rows.len() >= FLUSH_AT && !self.failing;
            if full || Instant::now() >= next {
                if let Err(error) = self.flush() {
                    if !self.failing {
                        (self.on_error)(&error);
                    }
                    self.failing = true;
                }
                next = Instant::now() + PERIOD;
            }
        }
        let mut outcome = self.flush();
        for _ in 1..LAST_TRIES {
            if outcome.is_err() {
                outcome = self.flush();
            }
        }
        self.recorded.lost = self.roll_up.lost;
        outcome.map(|()| self.recorded)
    }

    fn flush(&mut self) -> Result<(), SightingsError> {
        let RollUp { rows, coverage, .. } = &self.roll_up;
        if rows.is_empty() && coverage.is_empty() {
            return Ok(());
        }
        // In the order of the index, neighbours share its pages.
        let mut sorted: Vec<_> = rows.iter().collect();
        sorted.sort_unstable_by_key(|((fingerprint, ..), _)| *fingerprint);
        let count = sorted.iter().map(|(_, row)| row.seen.count).sum::<u64>();
        let sightings = sorted.into_iter().map(|(key, row)| self.roll_up.sighting(key, row));
        let covered = coverage.iter().map(|((source, hour), covered)| (source, *hour, *covered));
        self.store.add(&self.namespace, sightings, covered)?;
        self.recorded.sightings += count;
        self.failing = false;
        self.roll_up.rows.clear();
        self.roll_up.coverage.clear();
        Ok(())
    }
}

/// Fingerprint, rule, source and hour; rule and source by their places.
type Key = (Fingerprint, u32, u32, Hour);

#[derive(Clone, Copy, Debug)]
struct Row {
    seen: Seen,
    first: i64,
    last: i64,
}

#[derive(Debug, Default)]
struct RollUp {
    rules: Names<RuleId>,
    sources: Names<SourceId>,
    rows: HashMap<Key, Row, BuildHasherDefault<PrintHasher>>,
    coverage: BTreeMap<(SourceId, Hour), Coverage>,
    lost: u64,
}

impl RollUp {
    fn add(&mut self, batch: &Batch) {
        let source = self.sources.place(&batch.source);
        let mut coverage = batch.coverage;
        for seen in &batch.seen {
            if let Some(rule) = batch.rules.get(seen.rule as usize) {
                coverage.lost += self.see(rule, seen, source, batch.time);
            }
        }
        for (rule, seen) in &batch.marks {
            coverage.lost += self.see(rule, seen, source, batch.time);
        }
        self.lost += coverage.lost;
        self.cover(&batch.source, Hour::of(batch.time), &coverage);
    }

    /// Gives how many sightings there was no room for.
    fn see(&mut self, rule: &RuleId, seen: &Seen, source: u32, time: i64) -> u64 {
        let key = (seen.fingerprint, self.rules.place(rule), source, Hour::of(time));
        let full = self.rows.len() >= MAX_HELD;
        match self.rows.get_mut(&key) {
            Some(row) => {
                row.seen.count += seen.count;
                (row.first, row.last) = (row.first.min(time), row.last.max(time));
            }
            None if full => return seen.count,
            None => drop(self.rows.insert(key, Row { seen: *seen, first: time, last: time })),
        }
        0
    }

    fn cover(&mut self, source: &SourceId, hour: Hour, coverage: &Coverage) {
        self.coverage.entry((source.clone(), hour)).or_default().add(coverage);
    }

    fn sighting(&self, (fingerprint, rule, source, hour): &Key, row: &Row) -> Sighting {
        Sighting {
            fingerprint: *fingerprint,
            rule: self.rules.names[*rule as usize].clone(),
            epoch: row.seen.epoch,
            source: self.sources.names[*source as usize].clone(),
            hour: *hour,
            count: row.seen.count,
            first: row.first,
            last: row.last,
        }
    }
}

/// Names by their places, in the order in which they came.
#[derive(Debug)]
struct Names<N> {
    names: Vec<N>,
    places: HashMap<N, u32>,
}

impl<N> Default for Names<N> {
    fn default() -> Self {
        Self { names: Vec::new(), places: HashMap::new() }
    }
}

impl<N: Clone + Eq + std::hash::Hash> Names<N> {
    fn place(&mut self, name: &N) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone());
        self.places.insert(name.clone(), place);
        place
    }
}
