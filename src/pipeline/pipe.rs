//! Inputs -> one output, in order, on several threads.
//!
//! Each thread in turn reads a block and takes its number (under the input's lock), cleans it (under none), and writes it when its
//! number is up (under the output's). So a slow input is served by whichever thread waits for it, with no hand-over and no batch to
//! fill; a fast one keeps all threads cleaning; and no more blocks are held than there are threads.
//!
//! A block is cleaned as if it stood alone. Where the one before it left something that goes on, such as half of a private key, that
//! shows when its turn to be written comes, and it is cleaned once more together with that.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::bridger::Bridging;
use super::detect::DatabaseError;
use super::detect::allow::Scope;
use super::detention::Detaining;
use super::policy::Policy;
use super::rewrite::Style;
use super::stream::{Stream, Taken};
use super::tally::Tally;
use super::witness::Witnessing;
use super::worker::{Carry, Outcome, Worker};
use crate::model::SourceId;

/// The largest read. Blocks of this size stay in a core's second cache while they are scanned and written.
const CHUNK: usize = 256 << 10;

/// How the pipe runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that clean, at least one.
    pub threads: usize,
    /// Lines over so many bytes come in windows.
    pub max_line: usize,
    /// Whether lines are counted.
    pub counts_lines: bool,
    /// How marks are written.
    pub style: Style,
    /// Who is told of what is seen; lines are counted then.
    pub witnessing: Option<Witnessing>,
    /// Who keeps the links between epochs.
    pub bridging: Option<Bridging>,
    /// Who takes the lines that are withheld.
    pub detaining: Option<Detaining>,
}

/// A named input.
pub struct Input {
    /// What it is called in errors.
    pub name: String,
    /// What the sources of an allow list are held against: a file as it was named, or `-`.
    pub source: String,
    /// What it is called in the index of sightings.
    pub id: SourceId,
    /// Its bytes. Opened when its turn comes. A read that times out is tried again; lines that wait for what follows are then written.
    pub open: Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + Send>,
}

/// Why the pipe stopped before its input's end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// An input cannot be read.
    #[error("cannot read {name}")]
    Read {
        /// The input.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write {name}")]
    Write {
        /// The output.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// No memory for a worker.
    #[error(transparent)]
    Worker(#[from] DatabaseError),
}

/// Cleans all of `inputs`, one after the other, into `output`; a newline that an input lacks at its end is not added.
///
/// A reader that has gone away (`EPIPE`) is a quiet end, not an error.
///
/// # Errors
/// [`PipeError`]; everything before it was written.
pub fn run(
    policy: &Policy,
    settings: Settings,
    inputs: Vec<Input>,
    output: (&str, &mut (dyn Write + Send)),
    on_read: &(dyn Fn(u64) + Sync),
) -> Result<Tally, PipeError> {
    let mut waiting = inputs;
    waiting.reverse();
    let shared = Shared {
        source: Mutex::new(Source {
            waiting,
            current: None,
            scope: Scope::default(),
            id: SourceId::new(""),
            stream: Stream::new(settings.max_line),
            next: 0,
            paused: false,
            failed: None,
            stopped: false,
        }),
        turn: AtomicU64::new(0),
        sink: Mutex::new(Sink { name: output.0, output: output.1, carry: Carry::default(), closed: false }),
        waits: AtomicBool::new(false),
        turns: Condvar::new(),
        on_read,
    };
    let mut sum = Tally::new(policy.detector.rules().len());
    let outcomes: Vec<Result<Tally, PipeError>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..settings.threads).map(|_| scope.spawn(|| shared.work(policy, &settings))).collect();
        let own = shared.work(policy, &settings);
        others
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .chain([own])
            .collect()
    });
    for outcome in outcomes {
        sum.merge(&outcome?);
    }
    Ok(sum)
}

struct Source {
    /// Last one first.
    waiting: Vec<Input>,
    current: Option<(String, Box<dyn Read + Send>)>,
    /// The present input's; also while what is left of it is taken.
    scope: Scope,
    id: SourceId,
    stream: Stream,
    /// The number of the next block.
    next: u64,
    /// Nothing follows what was taken, or not for long: what waits for more shall not wait on.
    paused: bool,
    /// A read that failed: what was read before it is taken first.
    failed: Option<PipeError>,
    stopped: bool,
}

struct Sink<'a> {
    name: &'a str,
    output: &'a mut (dyn Write + Send),
    /// What the blocks that were written have left to go on in the next one.
    carry: Carry,
    closed: bool,
}

/// What a thread has to write when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// A block of lines.
    Lines,
    /// A part of a long line, cleaned.
    Window,
    /// Nothing but what waits.
    Pause,
}

struct Shared<'a> {
    source: Mutex<Source>,
    /// The number whose block may be written; changed under the sink's lock.
    turn: AtomicU64,
    sink: Mutex<Sink<'a>>,
    turns: Condvar,
    /// Whether whole lines wait for what follows.
    waits: AtomicBool,
    on_read: &'a (dyn Fn(u64) + Sync),
}

/// A thread that panicked has poisoned the lock; the panic itself ends the program, so the others may go on until then.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'s> Shared<'s> {
    /// One thread: read, clean, write in turn, until there is nothing more.
    fn work(&self, policy: &Policy, settings: &Settings) -> Result<Tally, PipeError> {
        let worker = Worker::new(policy);
        let mut worker = match worker {
            Ok(worker) => worker
                .counting_lines(settings.counts_lines)
                .styled(settings.style)
                .witnessed(settings.witnessing.as_ref())
                .bridging(settings.bridging.as_ref())
                .detaining(settings.detaining.as_ref()),
            Err(error) => {
                lock(&self.source).stopped = true;
                return Err(error.into());
            }
        };
        let (mut block, mut out) = (Vec::new(), Vec::new());
        while let Some((number, item, id)) = self.read(&mut worker, &mut block, &mut out)? {
            let mut carry = Carry::default();
            let unchanged =
                item == Item::Lines && worker.redact_next(&mut carry, &block, false, &mut out) == Outcome::Unchanged;
            let mut sink = self.turn_of(number);
            let outcome = if sink.carry.is_empty() {
                sink.carry = carry;
                sink.write(if unchanged { &block } else { &out })
            } else {
                sink.clean_on(item, &mut worker, &block, &mut out)
            };
            let written = self.written(number, sink, outcome);
            worker.hand_over(&id);
            if !written? {
                break;
            }
        }
        Ok(worker.take_tally())
    }

    /// Reads until something is whole; its number and source, or `None` at the end of all inputs.
    fn read(
        &self,
        worker: &mut Worker<'_>,
        block: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<Option<(u64, Item, SourceId)>, PipeError> {
        let mut source = lock(&self.source);
        loop {
            if source.stopped {
                return Ok(None);
            }
            let ended = source.current.is_none();
            worker.enter(&source.scope);
            let item = match source.stream.take(ended, worker, block, out) {
                Taken::Block => Some(Item::Lines),
                Taken::Cleaned => Some(Item::Window),
                Taken::Nothing if std::mem::take(&mut source.paused) => {
                    out.clear();
                    Some(Item::Pause)
                }
                Taken::Nothing => None,
            };
            if let Some(item) = item {
                let number = source.next;
                source.next += 1;
                return Ok(Some((number, item, source.id.clone())));
            }
            if let Some(error) = source.failed.take() {
                source.stopped = true;
                return Err(error);
            }
            source.fill(self.on_read, worker.policy(), &self.waits);
        }
    }

    /// Waits until the number is up.
    fn turn_of(&self, number: u64) -> MutexGuard<'_, Sink<'s>> {
        let mut sink = lock(&self.sink);
        while self.turn.load(Ordering::Relaxed) != number {
            sink = self.turns.wait(sink).unwrap_or_else(PoisonError::into_inner);
        }
        sink
    }

    /// Gives the turn on after a write; whether there is still somebody to write to.
    fn written(
        &self,
        number: u64,
        mut sink: MutexGuard<'_, Sink<'s>>,
        outcome: io::Result<()>,
    ) -> Result<bool, PipeError> {
        let failed = outcome.is_err();
        sink.closed |= failed;
        let (closed, name) = (sink.closed, sink.name.to_owned());
        self.waits.store(sink.carry.held() > 0, Ordering::Relaxed);
        self.turn.store(number + 1, Ordering::Relaxed);
        drop(sink);
        self.turns.notify_all();
        if failed {
            lock(&self.source).stopped = true;
        }
        match outcome {
            Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(PipeError::Write { name, source }),
            _ => Ok(!closed),
        }
    }
}

impl Sink<'_> {
    fn write(&mut self, cleaned: &[u8]) -> io::Result<()> {
        if self.closed || cleaned.is_empty() {
            return Ok(());
        }
        self.output.write_all(cleaned)?;
        self.output.flush()
    }

    /// Cleans what waits, together with the lines in `block` or before what is in `out`, and writes it.
    fn clean_on(&mut self, item: Item, worker: &mut Worker<'_>, block: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if item == Item::Lines {
            worker.undo();
            let outcome = worker.redact_next(&mut self.carry, block, false, out);
            return self.write(if outcome == Outcome::Unchanged { block } else { out });
        }
        let mut waited = Vec::new();
        worker.redact_next(&mut self.carry, &[], true, &mut waited);
        self.write(&waited)?;
        self.write(out)
    }
}

impl Source {
    /// Reads once from the current input, or goes on to the next; with none left, says so by `stopped`.
    fn fill(&mut self, on_read: &(dyn Fn(u64) + Sync), policy: &Policy, waits: &AtomicBool) {
        let Some((name, input)) = &mut self.current else {
            match self.waiting.pop() {
                None => self.stopped = true,
                Some(Input { name, source, id, open }) => match open() {
                    Ok(input) => {
                        (self.current, self.scope, self.id) = (Some((name, input)), policy.scope(&source), id);
                    }
                    Err(source) => self.failed = Some(PipeError::Read { name, source }),
                },
            }
            return;
        };
        match input.read(self.stream.spare(CHUNK)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.paused = waits.load(Ordering::Relaxed),
            Err(source) => {
                self.failed = Some(PipeError::Read { name: std::mem::take(name), source });
                (self.current, self.paused) = (None, true);
            }
            // What is left of it is taken before the next one begins: frames do not cross files.
            Ok(0) => (self.current, self.paused) = (None, true),
            Ok(read) => {
                on_read(read as u64);
                self.stream.advance(read);
            }
        }
    }
}
