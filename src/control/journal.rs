//! The journal: what was done to policy and keys, and who asked what, in a chain that shows every change.
//!
//! - It is a file of lines, only ever added to. Each record has the hash of the one before ([`record`]), so that none can be
//!   changed, taken out, put in or moved without every later hash changing too.
//! - Checkpoints ([`note`]) sign the chain up to where they stand: every [`INTERVAL`]th record is one, and so is the last one of a
//!   program that stops as it should. What stands behind the last one is protected by its hashes alone, and whoever may write the
//!   file can cut it or change it. A cut of a whole tail is found by a checkpoint that was kept elsewhere.
//! - A record counts as written once it is synced; only then is what it announces done.
//! - Several processes may append: each holds a lock while it writes, and follows the chain over what others wrote before.
//! - A crash leaves at most a part of a record at the end. Whoever writes next cuts it off and says so in a record. Anything else
//!   that does not fit the chain is never mended: nothing more is written until somebody has looked.
//!
//! Time is a parameter. The order is that of the numbers; a clock may be set back. [`verify`](mod@verify) needs the public key only. The format is
//! specified for other programs in `docs/journal.md`; a changed byte is a new version of it.

mod actor;
pub mod entry;
pub mod key;
pub mod lines;
pub mod note;
pub mod record;
pub mod storage;
mod tail;
pub mod verify;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::entry::{Begin, Checkpoint, Entry, Recovered};
use self::key::KeyFileError;
use self::note::{PrivateKey, PublicKey};
use self::record::{MAX_RECORD, Record};
use self::storage::{FileStorage, Storage};
use self::tail::{Tail, TailError};

/// The version of the records' format.
pub const VERSION: u32 = 1;

/// A record whose number is a multiple of this is a checkpoint.
pub const INTERVAL: u64 = 64;

/// Why the journal was not written. What it should have told must then not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("the journal {name} cannot be {what}: {error}")]
    Io {
        /// The journal.
        name: String,
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        error: io::Error,
    },
    /// Something stands in it that a crash cannot have left.
    #[error(
        "the journal {name} is damaged at byte {byte}; inkprint audit verify tells more: nothing is added to it. Keep it, move it \
         away, and a new one is begun"
    )]
    Damaged {
        /// The journal.
        name: String,
        /// Where.
        byte: u64,
    },
    /// It is shorter than it was.
    #[error("the journal {0} was cut while it was in use")]
    Cut(String),
    /// Its checkpoints are signed by another key.
    #[error("the journal {name} was begun with the key {begun}, and this is {given}")]
    OtherKey {
        /// The journal.
        name: String,
        /// The public key that it was begun with.
        begun: String,
        /// That of the key at hand.
        given: String,
    },
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The details are too long.
    #[error("what should go into the journal is longer than a record may be ({MAX_RECORD} bytes)")]
    TooLong,
    /// The details cannot be written.
    #[error("what should go into the journal cannot be written as JSON")]
    NotJson,
    /// An earlier write failed half-way, so that nobody knows what is on the disk.
    #[error("the journal {0} could not be written before, and is not written to any more by this process")]
    Broken(String),
}

/// A journal open for appending.
pub struct Journal<S: Storage = FileStorage> {
    /// What it is called in errors.
    name: String,
    storage: S,
    key: PrivateKey,
    tail: Tail,
    broken: bool,
}

impl<S: Storage> fmt::Debug for Journal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("name", &self.name).field("tail", &self.tail).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal at `path`, or begins one there. Its key is at `key`, or else beside it ([`key::private_path`]), and is made with the
    /// journal.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(path: &Path, key: Option<&Path>, now: Timestamp) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        let storage = FileStorage::open(path).map_err(|error| io_fault(&name, "opened", error))?;
        let private = key.map_or_else(|| key::private_path(path), PathBuf::from);
        Self::on(name, storage, |begun| key::load_or_make(&private, !begun), now)
    }
}

impl<S: Storage> Journal<S> {
    /// Opens the journal that `storage` holds, or begins one there; `key` gives its key, and is told whether the journal has records.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn on<E>(
        name: String,
        mut storage: S,
        key: impl FnOnce(bool) -> Result<PrivateKey, E>,
        now: Timestamp,
    ) -> Result<Self, JournalError>
    where
        JournalError: From<E>,
    {
        storage.lock().map_err(|error| io_fault(&name, "locked", error))?;
        let found = Tail::find(&storage).map_err(|error| tail_fault(&name, error)).and_then(|tail| {
            let key = key(tail.seq > 0)?;
            if tail.seq > 0 {
                check_key(&name, &storage, key.public())?;
            }
            Ok((tail, key))
        });
        let (tail, key) = match found {
            Ok(found) => found,
            Err(error) => {
                storage.unlock();
                return Err(error);
            }
        };
        let mut journal = Self { name, storage, key, tail, broken: false };
        let outcome = journal.write(now, &[]);
        journal.storage.unlock();
        outcome.map(|_| journal)
    }

    /// The key that its checkpoints are signed with.
    pub fn public_key(&self) -> &PublicKey {
        self.key.public()
    }

    /// Appends a record for each of `entries`, and returns the number of the first once all of them are safe from a power cut.
    ///
    /// # Errors
    /// [`JournalError`]; some of the entries may then be in the journal all the same.
    pub fn append(&mut self, now: Timestamp, entries: &[Entry]) -> Result<u64, JournalError> {
        self.locked(|journal| journal.write(now, entries))
    }

    /// Signs everything so far, unless that is done, and returns the signed note.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn checkpoint(&mut self, now: Timestamp) -> Result<String, JournalError> {
        self.locked(|journal| {
            journal.write(now, &[])?;
            if journal.tail.note.is_none() {
                let mut batch = Batch::new(journal.tail.clone());
                batch.sign(&journal.key)?;
                journal.flush(batch)?;
            }
            Ok(journal.tail.note.clone().unwrap_or_default())
        })
    }

    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, JournalError>) -> Result<T, JournalError> {
        if self.broken {
            return Err(JournalError::Broken(self.name.clone()));
        }
        self.storage.lock().map_err(|error| io_fault(&self.name, "locked", error))?;
        let outcome = work(self);
        self.storage.unlock();
        outcome
    }

    /// Follows what others wrote, mends what a crash left, begins the journal where it has no record, and writes `entries`. Call with
    /// the lock held.
    fn write(&mut self, now: Timestamp, entries: &[Entry]) -> Result<u64, JournalError> {
        let len = self.storage.size().map_err(|error| io_fault(&self.name, "read", error))?;
        if len < self.tail.end {
            return Err(JournalError::Cut(self.name.clone()));
        }
        let torn = self.tail.follow(&self.storage).map_err(|error| tail_fault(&self.name, error))?;
        if torn > 0 {
            self.cut()?;
        }
        let mut batch = Batch::new(self.tail.clone());
        if batch.tail.seq == 0 {
            let begin = Begin { version: VERSION, key: self.key.public().to_string() };
            batch.add(now, &Entry::Begin(begin), &self.key)?;
        }
        if torn > 0 {
            batch.add(now, &Entry::Recovered(Recovered { bytes: torn }), &self.key)?;
        }
        let mut first = None;
        for entry in entries {
            let seq = batch.add(now, entry, &self.key)?;
            first.get_or_insert(seq);
        }
        let last = batch.tail.seq;
        self.flush(batch)?;
        Ok(first.unwrap_or(last))
    }

    fn flush(&mut self, batch: Batch) -> Result<(), JournalError> {
        if batch.bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.storage.write_at(self.tail.end, &batch.bytes) {
            // A full disk may have taken a part: the others shall not have to mend that.
            self.broken = self.cut().is_err();
            return Err(io_fault(&self.name, "written", error));
        }
        if let Err(error) = self.storage.sync() {
            // What the system could not write it may have forgotten, so that trying again would prove nothing.
            self.broken = true;
            return Err(io_fault(&self.name, "synced", error));
        }
        self.tail = batch.tail;
        Ok(())
    }

    /// Cuts what stands behind the last whole record.
    fn cut(&mut self) -> Result<(), JournalError> {
        let cut = self.storage.cut(self.tail.end).and_then(|()| self.storage.sync());
        cut.map_err(|error| io_fault(&self.name, "cut to its last whole record", error))
    }
}

/// Records that are written together.
struct Batch {
    bytes: Vec<u8>,
    /// What will be the last one.
    tail: Tail,
}

impl Batch {
    fn new(tail: Tail) -> Self {
        Self { bytes: Vec::new(), tail }
    }

    /// Adds a record, and a checkpoint where one is due before or behind it; returns the record's number.
    fn add(&mut self, now: Timestamp, entry: &Entry, key: &PrivateKey) -> Result<u64, JournalError> {
        // A crash may have left the journal with one that is due.
        self.sign_if_due(key)?;
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        self.put(now, entry, None)?;
        let seq = self.tail.seq;
        self.sign_if_due(key)?;
        Ok(seq)
    }

    fn sign_if_due(&mut self, key: &PrivateKey) -> Result<(), JournalError> {
        if (self.tail.seq + 1).is_multiple_of(INTERVAL) { self.sign(key) } else { Ok(()) }
    }

    /// Adds a checkpoint. It has the time of the record before, which it signs for, so that nothing in it is unsigned.
    fn sign(&mut self, key: &PrivateKey) -> Result<(), JournalError> {
        let note = key.sign(self.tail.seq, self.tail.hash);
        let entry = Entry::Checkpoint(Checkpoint { note: note.clone() });
        self.put(self.tail.time, &entry, Some(note))
    }

    fn put(&mut self, time: Timestamp, entry: &Entry, note: Option<String>) -> Result<(), JournalError> {
        let seq = self.tail.seq + 1;
        let (line, hash) = record::encode(seq, time, entry, self.tail.hash).map_err(|_| JournalError::NotJson)?;
        if line.len() > MAX_RECORD {
            return Err(JournalError::TooLong);
        }
        self.bytes.extend_from_slice(&line);
        self.tail = Tail { seq, hash, time, note, end: self.tail.end + line.len() as u64 };
        Ok(())
    }
}

/// Whether the first record names the key at hand.
fn check_key(name: &str, storage: &impl Storage, key: &PublicKey) -> Result<(), JournalError> {
    let mut bytes = vec![0; MAX_RECORD];
    let read = storage.read_at(0, &mut bytes).map_err(|error| io_fault(name, "read", error))?;
    let line = bytes[..read].split(|byte| *byte == b'\n').next().unwrap_or_default();
    match Record::parse(line).and_then(|record| record.entry()) {
        Some(Entry::Begin(begin)) if begin.key == key.to_string() => Ok(()),
        Some(Entry::Begin(Begin { key: begun, .. })) => {
            Err(JournalError::OtherKey { name: name.to_owned(), begun, given: key.to_string() })
        }
        _ => Err(JournalError::Damaged { name: name.to_owned(), byte: 0 }),
    }
}

fn io_fault(name: &str, what: &'static str, error: io::Error) -> JournalError {
    JournalError::Io { name: name.to_owned(), what, error }
}

fn tail_fault(name: &str, error: TailError) -> JournalError {
    match error {
        TailError::Io(error) => io_fault(name, "read", error),
        TailError::Damaged(byte) => JournalError::Damaged { name: name.to_owned(), byte },
    }
}
