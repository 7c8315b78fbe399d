//! The thread between the data path and the journal: writes the links that are made where secrets pass, each once.
//!
//! - What it holds is bounded: the channel by its length, what the journal does not know yet by [`MAX_HELD`] secrets, and all that is known
//!   by [`MAX_KNOWN`] pairs.
//! - While the journal cannot be written, the log goes on: links are kept and tried again, and what is beyond the bound is counted as lost.
//!   A secret that is seen again later is linked then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Bridges;
use crate::control::journal::entry::Entry;
use crate::control::journal::{Journal, JournalError};
use crate::pipeline::bridger::{Bridging, Linked};

/// Secrets whose links are not in the journal yet, at most.
const MAX_HELD: usize = 1 << 16;
/// Pairs that are known, at most: beyond that nobody could tell which are new.
const MAX_KNOWN: usize = 1 << 20;
/// Batches on their way.
const CHANNEL: usize = 64;
/// Between two entries.
const PERIOD: Duration = Duration::from_secs(1);

/// What was done in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Links that are in the journal now and were not before.
    pub links: u64,
    /// Secrets whose links there was no room for.
    pub lost: u64,
}

/// The running thread.
#[derive(Debug)]
pub struct Keeper {
    thread: JoinHandle<Result<Kept, JournalError>>,
    /// What was sent is all there is.
    ending: Arc<AtomicBool>,
    /// Wakes it.
    to: SyncSender<Vec<Linked>>,
}

impl Keeper {
    /// Starts it, with what the journal knows already. `on_error` is told of the first entry in a row that cannot be written.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(
        journal: Journal,
        bridges: Bridges,
        clock: fn() -> Timestamp,
        on_error: impl Fn(&JournalError) + Send + 'static,
    ) -> std::io::Result<(Bridging, Self)> {
        let (to, links) = sync_channel(CHANNEL);
        let mut work = Work {
            journal,
            bridges,
            waiting: Vec::new(),
            held: 0,
            kept: Kept::default(),
            failing: false,
            on_error: Box::new(on_error),
        };
        let ending = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&ending);
        let run = move || work.run(&links, &ends, clock);
        let thread = std::thread::Builder::new().name("bridges".to_owned()).spawn(run)?;
        Ok((Bridging { to: to.clone() }, Self { thread, ending, to }))
    }

    /// Waits until all is written that was sent by now. What is sent later is not kept.
    ///
    /// # Errors
    /// [`JournalError`], when what was held last could not be written.
    pub fn finish(self) -> Result<Kept, JournalError> {
        self.ending.store(true, Ordering::Release);
        // Where there is no room for it, it is awake.
        let _ = self.to.try_send(Vec::new());
        drop(self.to);
        self.thread.join().unwrap_or_else(|_| Err(JournalError::Broken("of bridges".to_owned())))
    }
}

struct Work {
    journal: Journal,
    bridges: Bridges,
    /// What could not be written yet.
    waiting: Vec<Entry>,
    /// Secrets since the last entry that was written.
    held: usize,
    kept: Kept,
    failing: bool,
    on_error: Box<dyn Fn(&JournalError) + Send>,
}

impl Work {
    fn run(
        &mut self,
        links: &Receiver<Vec<Linked>>,
        ending: &AtomicBool,
        clock: fn() -> Timestamp,
    ) -> Result<Kept, JournalError> {
        let mut next = Instant::now() + PERIOD;
        loop {
            match links.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(made) => made.iter().for_each(|linked| self.link(linked)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if ending.load(Ordering::Acquire) {
                links.try_iter().flatten().for_each(|linked| self.link(&linked));
                break;
            }
            if Instant::now() >= next {
                if let Err(error) = self.write(clock()) {
                    if !self.failing {
                        (self.on_error)(&error);
                    }
                    self.failing = true;
                }
                next = Instant::now() + PERIOD;
            }
        }
        self.write(clock())?;
        Ok(self.kept)
    }

    fn link(&mut self, linked: &Linked) {
        if self.held >= MAX_HELD || self.bridges.pairs() >= MAX_KNOWN {
            self.kept.lost += 1;
            return;
        }
        if self.bridges.add_prints(linked) {
            self.held += 1;
        }
    }

    fn write(&mut self, now: Timestamp) -> Result<(), JournalError> {
        self.waiting.extend(self.bridges.take());
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.journal.append(now, &self.waiting)?;
        let links = |entry: &Entry| if let Entry::Bridge(bridge) = entry { bridge.prints.len() as u64 } else { 0 };
        self.kept.links += self.waiting.iter().map(links).sum::<u64>();
        self.waiting.clear();
        (self.held, self.failing) = (0, false);
        Ok(())
    }
}
