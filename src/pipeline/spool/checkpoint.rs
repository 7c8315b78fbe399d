//! How far a spool was delivered, in a file of two slots that are written in turns.
//!
//! A crash or a damaged byte spoils one slot at most, and the other one then tells of a little earlier: what is between is delivered
//! once more. The file has its full length from the start, so that it can be written on a full disk, too.
//!
//! | bytes of a slot | what |
//! |---|---|
//! | 0..8 | `inkspool` |
//! | 8..16 | generation: the higher one counts |
//! | 16..24 | sequence number of the first record that was not delivered |
//! | 24..32 | sequence number behind the last record that was synced, at the time |
//! | 32..36 | CRC-32 of the slot up to here |

use std::io;

use super::record::{eight, four};
use super::storage::{Storage, StoredFile};

/// The file.
pub(super) const NAME: &str = "checkpoint";
/// From one slot to the other: what a disk writes at once is no longer.
const APART: u64 = 4096;
const SLOT: usize = 36;
const MAGIC: &[u8; 8] = b"inkspool";
/// Bytes of the file.
pub(super) const SIZE: u64 = 2 * APART;

/// How far a spool has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The first record that was not delivered.
    pub(super) position: u64,
    /// Behind the last one that was synced, as far as was known.
    pub(super) end: u64,
}

/// The file, open.
pub(super) struct Checkpoint {
    file: Box<dyn StoredFile>,
    generation: u64,
    written: Progress,
}

impl Checkpoint {
    /// Opens the checkpoint, or makes it, and tells how far it says that the spool has come; `None` where neither slot is whole.
    pub(super) fn open(storage: &dyn Storage) -> io::Result<(Self, Option<Progress>)> {
        let file = match storage.open(NAME, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(NAME)?,
            other => other?,
        };
        let mut bytes = vec![0; SIZE as usize];
        let read = file.read_at(0, &mut bytes)?;
        if (read as u64) < SIZE {
            file.write_at(read as u64, &vec![0; SIZE as usize - read])?;
            file.sync()?;
            storage.sync_names()?;
        }
        let slots = bytes.chunks(APART as usize).filter_map(decode);
        let newest = slots.max_by_key(|(generation, _)| *generation);
        let generation = newest.map_or(0, |(generation, _)| generation);
        let found = newest.map(|(_, progress)| progress);
        Ok((Self { file, generation, written: found.unwrap_or_default() }, found))
    }

    /// What was written last.
    pub(super) fn written(&self) -> Progress {
        self.written
    }

    /// Writes how far the spool has come, so that a killed process has it, though not yet a power cut.
    pub(super) fn write(&mut self, progress: Progress) -> io::Result<()> {
        let generation = self.generation + 1;
        self.file.write_at(generation % 2 * APART, &encode(generation, progress))?;
        (self.generation, self.written) = (generation, progress);
        Ok(())
    }

    /// Makes sure that both slots tell of this, whatever happens.
    pub(super) fn settle(&mut self, progress: Progress) -> Result<(), Unsettled> {
        for _ in 0..2 {
            self.write(progress).map_err(Unsettled::Written)?;
            self.file.sync().map_err(Unsettled::Synced)?;
        }
        Ok(())
    }
}

/// Why nobody knows whether a checkpoint is safe.
#[derive(Debug)]
pub(super) enum Unsettled {
    /// It could not be written; another attempt may do.
    Written(io::Error),
    /// It could not be synced; another attempt would prove nothing.
    Synced(io::Error),
}

fn encode(generation: u64, progress: Progress) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..16].copy_from_slice(&generation.to_le_bytes());
    slot[16..24].copy_from_slice(&progress.position.to_le_bytes());
    slot[24..32].copy_from_slice(&progress.end.to_le_bytes());
    let checksum = crc32fast::hash(&slot[..32]);
    slot[32..].copy_from_slice(&checksum.to_le_bytes());
    slot
}

fn decode(bytes: &[u8]) -> Option<(u64, Progress)> {
    let slot = bytes.first_chunk::<SLOT>()?;
    let progress = Progress { position: eight(slot, 16), end: eight(slot, 24) };
    let whole = slot.starts_with(MAGIC) && crc32fast::hash(&slot[..32]) == four(slot, 32);
    (whole && progress.position <= progress.end).then(|| (eight(slot, 8), progress))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_read_only_when_it_is_whole() {
        let progress = Progress { position: 3, end: 9 };
        let slot = encode(2, progress);
        assert_eq!(slot[..32], *b"inkspool\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0");
        assert_eq!(decode(&slot), Some((2, progress)));
        for at in 0..SLOT {
            let mut damaged = slot;
            damaged[at] ^= 0x10;
            assert_eq!(decode(&damaged), None);
        }
    }
}
