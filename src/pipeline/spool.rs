//! The disk behind a sink: cleaned records, in order, until they are delivered.
//!
//! # Guarantees
//! - Only cleaned bytes come here. The directory has mode 0700, its files 0600, and one process at a time works in it.
//! - [`append`](Spool::append) returns `Ok` once the record is synced: from then on neither `kill -9` nor a power cut loses it.
//!   Records that wait at the same time share one sync; none waits for others to come.
//! - A line that was begun in one record and not ended before the process was killed is ended when it comes out.
//! - Records come out whole, in the order in which they went in, and again after a crash where they were not
//!   [`done`](Spool::done).
//! - No more than [`Settings::max_bytes`] of the disk is used, and it is given back while records are delivered. While there is no
//!   room, in the spool or on the disk, `append` waits; it goes on by itself once there is some again.
//! - Damage costs the records that it hits and no others, whatever bytes it hits, and they are counted. Nothing damaged comes out.
//! - After a sync that failed nobody knows what the disk holds, and trying again would prove nothing: from then on every `append`
//!   fails and [`Stats::health`] says so. What is safe can still be delivered.
//!
//! # Layout
//! - `lock` is held while a process works here.
//! - `NUMBER-FIRST-SALT.spool` are the segments ([`segment`]), in hexadecimal: of ascending numbers, each with the sequence number of
//!   its first record, and a salt of its own, with which every record in it begins ([`record`]). A segment holds the records from its
//!   own first number up to the next one's first; what else stands in it was never said to be safe, and is passed over. A segment is
//!   only ever appended to, and only by the process that made it.
//! - `checkpoint` says how far the spool was delivered ([`checkpoint`]). It is written, though not synced, with every record that is
//!   delivered, and safe before any segment is removed. So a killed process delivers again what was under way, a power cut at most
//!   one segment.
//!
//! Two threads work on it. One takes records in ([`intake`]), the other brings them out again, writes the checkpoint and removes
//! segments ([`delivery`]). What was just taken in is kept in memory for the sink, up to some size; what the sink has not
//! room for is read from the segments again.

mod checkpoint;
mod delivery;
mod intake;
mod open;
mod record;
mod segment;
mod state;
pub mod storage;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use self::record::LONGEST;
use self::state::{Pending, Shared};
use crate::model::{Piece, PieceKind};

/// Where a spool is and how large it may get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its directory, which is nobody else's.
    pub directory: PathBuf,
    /// The most bytes that it uses on the disk, at least [`Settings::LEAST_BYTES`].
    pub max_bytes: u64,
}

impl Settings {
    /// The smallest spool in bytes.
    pub const LEAST_BYTES: u64 = 1 << 20;

    /// The most bytes of a record in a spool of this size: a quarter of it, and 64 MiB at most.
    pub fn longest_record(&self) -> u64 {
        (self.max_bytes / 4).min(LONGEST.into())
    }
}

/// Why a spool cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// It is too small to be of use.
    #[error("the spool {0} is to hold {1} bytes; it must be allowed {least} at least", least = Settings::LEAST_BYTES)]
    TooSmall(String, u64),
    /// Another process has it.
    #[error("the spool {0} is in use by another process: each sink needs a directory of its own")]
    InUse(String),
    /// It cannot be opened.
    #[error("the spool {name} cannot be {what}: {error}")]
    Io {
        /// The spool.
        name: String,
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        error: Arc<io::Error>,
    },
    /// A record is longer than may be.
    #[error("a record of {length} bytes is longer than the spool takes ({most} bytes)")]
    TooLong {
        /// The record's length.
        length: usize,
        /// The most there may be.
        most: u64,
    },
    /// The disk failed, so that nothing more can be said to be safe.
    #[error("the spool {name} takes nothing more in: {reason}")]
    Failed {
        /// The spool.
        name: String,
        /// What failed.
        reason: Arc<str>,
    },
    /// It was closed.
    #[error("the spool is closed")]
    Closed,
}

/// What was there when a spool was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Records that are yet to be delivered, with those that will turn out to be damaged.
    pub records: u64,
    /// Bytes of the disk that they take.
    pub bytes: u64,
}

/// Whether a spool can take records in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It can.
    #[default]
    Good,
    /// Not now, for this reason: it tries again by itself, and appends wait.
    Waiting(Arc<str>),
    /// Not any more, for this reason.
    Failed(Arc<str>),
}

/// What there is to tell of a spool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of the disk in use.
    pub bytes: u64,
    /// Records that were not delivered.
    pub records: u64,
    /// The most bytes of the disk.
    pub limit: u64,
    /// When the first of the records came that were not delivered, where that is known.
    pub oldest: Option<SystemTime>,
    /// Records found damaged since it was opened.
    pub damaged: u64,
    /// Syncs of records since it was opened.
    pub syncs: u64,
    /// The time that they took.
    pub sync_time: Duration,
    /// Whether it takes records in.
    pub health: Health,
    /// Whether records wait for room in what it may use of the disk.
    pub full: bool,
}

/// A spool. Any number of producers, one sink.
#[derive(Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Spool {
    /// Opens the spool in a directory, which is made where it is not there.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn open(settings: &Settings) -> Result<(Arc<Self>, Recovered), SpoolError> {
        let name = settings.directory.display().to_string();
        let directory = storage::Directory::take(&settings.directory).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => SpoolError::InUse(name),
            _ => SpoolError::Io { name, what: "opened", error: Arc::new(error) },
        })?;
        Self::on(Arc::new(directory), settings)
    }

    /// Opens the spool that `storage` holds; the directory is only what it is called.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn on(storage: Arc<dyn storage::Storage>, settings: &Settings) -> Result<(Arc<Self>, Recovered), SpoolError> {
        let (shared, checkpoint, recovered) = open::open(storage, settings)?;
        let (intake, delivery) = (Arc::clone(&shared), Arc::clone(&shared));
        let spool = Self { shared, threads: Mutex::default() };
        spool.start("spool-in", move || intake::run(&intake))?;
        spool.start("spool-out", move || delivery::run(&delivery, checkpoint))?;
        Ok((Arc::new(spool), recovered))
    }

    fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), SpoolError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = thread.map_err(|error| self.shared.io_error("worked on", error))?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// The most bytes of a record.
    pub fn longest(&self) -> usize {
        usize::try_from(self.shared.longest).unwrap_or(usize::MAX)
    }

    /// Takes a record in, and returns once it is safe from a power cut; waits while there is no room. A call that is dropped before may
    /// have taken the record in all the same.
    ///
    /// # Errors
    /// [`SpoolError::TooLong`], [`SpoolError::Failed`] or [`SpoolError::Closed`].
    pub async fn append(&self, record: Piece) -> Result<(), SpoolError> {
        if record.bytes.is_empty() {
            return Ok(());
        }
        let (told, safe) = oneshot::channel();
        let mut pending = Pending { record, told };
        loop {
            let room = self.shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.shared.offer(pending)? {
                None => break,
                Some(back) => pending = back,
            }
            room.await;
        }
        safe.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// The next record that was not handed out yet; `None` once the spool is closed and all are.
    pub async fn next(&self) -> Option<Arc<Piece>> {
        loop {
            let filled = self.shared.filled.notified();
            tokio::pin!(filled);
            filled.as_mut().enable();
            if let Some(next) = self.shared.next() {
                return next;
            }
            filled.await;
        }
    }

    /// The same, with the records of lines joined to it that are at hand, up to so many bytes: for a sink for which each batch costs a
    /// round trip.
    pub async fn next_up_to(&self, most: usize) -> Option<Arc<Piece>> {
        let first = self.next().await?;
        if first.kind != PieceKind::Lines {
            return Some(first);
        }
        let mut joined = first;
        while let Some(next) = self.shared.next_of_lines(most.saturating_sub(joined.bytes.len())) {
            // The first is the spool's own until it is done: this copies it once.
            Arc::make_mut(&mut joined).bytes.extend_from_slice(&next.bytes);
        }
        Some(joined)
    }

    /// All records that were handed out were delivered.
    pub fn done_with_all(&self) {
        self.shared.done_with_all();
    }

    /// The first of the records that were handed out and are not done was delivered.
    pub fn done(&self) {
        self.shared.done();
    }

    /// Hands all records out again that are not done, in order.
    pub fn again(&self) {
        self.shared.again();
    }

    /// Nothing more is taken in. The sink ends when it has delivered what is there; what it does not deliver stays for the next time.
    pub fn close(&self) {
        self.shared.close();
    }

    /// What there is to tell now.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Drop for Spool {
    /// Waits for a write under way, writes how far the sink has come, and leaves the directory to others.
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
