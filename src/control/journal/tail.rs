//! Where the journal ends: its last whole record, and what a crash left behind it.

use std::io;

use jiff::Timestamp;

use super::entry::Entry;
use super::record::{Hash, MAX_RECORD, Record};
use super::storage::Storage;

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// Why the end cannot be told.
#[derive(Debug)]
pub(super) enum TailError {
    /// It cannot be read.
    Io(io::Error),
    /// Something that is no whole record of this chain stands at this byte.
    Damaged(u64),
}

impl From<io::Error> for TailError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The last whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// When it was made.
    pub time: Timestamp,
    /// The signed note, if it is a checkpoint.
    pub note: Option<String>,
    /// Where the next one goes.
    pub end: u64,
}

impl Tail {
    /// The tail of a journal without records.
    pub(super) fn empty() -> Self {
        Self { seq: 0, hash: Hash::ZERO, time: Timestamp::UNIX_EPOCH, note: None, end: 0 }
    }

    /// Finds the last whole record from the end; what stands before it is not looked at.
    pub(super) fn find(storage: &impl Storage) -> Result<Self, TailError> {
        let len = storage.size()?;
        let window = len.min(2 * MAX_RECORD as u64 + 1);
        let from = len - window;
        let mut bytes = vec![0; window as usize];
        let read = read_at(storage, from, &mut bytes)?;
        let bytes = &bytes[..read];
        let Some(last) = memchr::memrchr(b'\n', bytes) else {
            // The first record itself was cut off; it is written anew.
            return if from == 0 && len <= MAX_RECORD as u64 {
                Ok(Self::empty())
            } else {
                Err(TailError::Damaged(from))
            };
        };
        let start = match memchr::memrchr(b'\n', &bytes[..last]) {
            Some(before) => before + 1,
            None if from == 0 => 0,
            None => return Err(TailError::Damaged(from)),
        };
        let at = from + start as u64;
        let mut tail = Self { end: at, ..Self::empty() };
        tail.take(&bytes[start..last], at > 0).ok_or(TailError::Damaged(at))?;
        Ok(tail)
    }

    /// Follows the chain to the storage's end; gives how many bytes stand there behind the last whole record.
    pub(super) fn follow(&mut self, storage: &impl Storage) -> Result<u64, TailError> {
        let len = storage.size()?;
        let (mut bytes, mut at) = (Vec::new(), self.end);
        while at < len {
            let held = bytes.len();
            bytes.resize(held + CHUNK.min((len - at) as usize), 0);
            let read = read_at(storage, at, &mut bytes[held..])?;
            bytes.truncate(held + read);
            at += read as u64;
            let mut taken = 0;
            while let Some(line) = memchr::memchr(b'\n', &bytes[taken..]) {
                self.take(&bytes[taken..taken + line], false).ok_or(TailError::Damaged(self.end))?;
                taken += line + 1;
            }
            bytes.drain(..taken);
            if bytes.len() > MAX_RECORD {
                return Err(TailError::Damaged(self.end));
            }
            if read == 0 {
                break;
            }
        }
        Ok(bytes.len() as u64)
    }

    /// Takes the next record, a line without its line feed; `anywhere` if the one before it is not known.
    fn take(&mut self, line: &[u8], anywhere: bool) -> Option<()> {
        let record = Record::parse(line).filter(Record::is_intact)?;
        let follows = record.seq == self.seq + 1 && record.prev == self.hash;
        if !follows && !anywhere {
            return None;
        }
        let note = match record.entry() {
            Some(Entry::Checkpoint(checkpoint)) => Some(checkpoint.note),
            _ => None,
        };
        let end = self.end + line.len() as u64 + 1;
        *self = Self { seq: record.seq, hash: record.hash, time: record.time()?, note, end };
        Some(())
    }
}

/// Fills as much of `buffer` as there is.
fn read_at(storage: &impl Storage, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match storage.read_at(offset + filled as u64, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
