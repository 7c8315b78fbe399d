//! Which file is which, over renames, truncations and restarts.
//!
//! A file is known by its device and inode, and because an inode is used again for another file, also by its content: by its first
//! bytes, and by those before the place up to which it was read. Of both only a salted hash is ever written down. The salt is random
//! for each checkpoint, so that hashes cannot be looked up in a table or compared between machines.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// So many bytes at most are taken for a sample.
pub(super) const SAMPLE: usize = 256;
/// Bytes of a hash that are kept.
const KEPT: usize = 16;

/// Why a path is not followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Something else than a file.
    #[error("it is {0}, and only regular files are followed")]
    NotRegular(&'static str),
    /// It cannot be opened or looked at.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl OpenError {
    /// Whether there is nothing at the path.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// A file's place in the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The key of a checkpoint's hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Salt(String);

impl Salt {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The sample that `bytes` are.
    pub(super) fn sample(&self, bytes: &[u8]) -> Sample {
        if bytes.is_empty() {
            return Sample::default();
        }
        let hash = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).map(|keyed| keyed.chain_update(bytes).finalize());
        let hash = hash.map(|hash| URL_SAFE_NO_PAD.encode(&hash.into_bytes()[..KEPT]));
        // A key of any length is taken.
        Sample { length: bytes.len(), hash: hash.unwrap_or_default() }
    }

    /// The first bytes of `file`.
    pub(super) fn beginning(&self, file: &File) -> io::Result<Sample> {
        let mut bytes = [0; SAMPLE];
        let read = read_full(file, &mut bytes, 0)?;
        Ok(self.sample(&bytes[..read]))
    }

    /// The bytes of `file` before `offset`.
    pub(super) fn before(&self, file: &File, offset: u64) -> io::Result<Sample> {
        let length = offset.min(SAMPLE as u64) as usize;
        self.stretch(file, offset, length)
    }

    fn stretch(&self, file: &File, end: u64, length: usize) -> io::Result<Sample> {
        let mut bytes = [0; SAMPLE];
        let length = length.min(SAMPLE);
        let read = read_full(file, &mut bytes[..length], end.saturating_sub(length as u64))?;
        Ok(self.sample(&bytes[..read]))
    }
}

/// A salted hash of a stretch of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    pub(super) length: usize,
    hash: String,
}

/// A place in a file, at a line's start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// Bytes before it.
    pub(super) offset: u64,
    /// The last of them.
    pub(super) before: Sample,
}

/// A regular file, opened for reading.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    /// The path by which it was found.
    pub(super) path: PathBuf,
    /// The same with links followed: what it is rotated to stands beside this one.
    pub(super) real: PathBuf,
    pub(super) identity: Identity,
    pub(super) size: u64,
    /// When it was made; where the file system does not tell, when it was last written to.
    pub(super) born: SystemTime,
    pub(super) modified: SystemTime,
}

impl Opened {
    /// Opens `path`, if a regular file is there. Never waits, as opening a FIFO would.
    pub(super) fn at(path: &Path) -> Result<Self, OpenError> {
        regular(&fs::metadata(path)?)?;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
        let metadata = file.metadata()?;
        regular(&metadata)?;
        let modified = metadata.modified()?;
        Ok(Self {
            real: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            path: path.to_owned(),
            identity: Identity::of(&metadata),
            size: metadata.len(),
            born: metadata.created().unwrap_or(modified),
            modified,
            file,
        })
    }

    /// Whether this file has the content that was read up to `position`, and begins like `beginning`. Nothing read fits to anything.
    pub(super) fn continues(&self, beginning: &Sample, position: &Position, salt: &Salt) -> io::Result<bool> {
        Ok(self.size >= position.offset
            && self.begins(beginning, salt)?
            && salt.stretch(&self.file, position.offset, position.before.length)? == position.before)
    }

    /// Whether it begins like `beginning`.
    pub(super) fn begins(&self, beginning: &Sample, salt: &Salt) -> io::Result<bool> {
        Ok(salt.stretch(&self.file, beginning.length as u64, beginning.length)? == *beginning)
    }

    /// The place behind the last newline.
    pub(super) fn last_line_start(&self, salt: &Salt) -> io::Result<Position> {
        let (mut bytes, mut end) = (vec![0; 64 << 10], self.size);
        while end > 0 {
            let length = end.min(bytes.len() as u64) as usize;
            let read = read_full(&self.file, &mut bytes[..length], end - length as u64)?;
            if let Some(at) = memchr::memrchr(b'\n', &bytes[..read]) {
                let offset = end - length as u64 + at as u64 + 1;
                return Ok(Position { offset, before: salt.before(&self.file, offset)? });
            }
            end -= length as u64;
        }
        Ok(Position::default())
    }

    /// The place where the content begins: a file that was truncated under a writer that does not append begins with a hole.
    pub(super) fn first_data(&self, salt: &Salt) -> io::Result<Position> {
        match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(0)) {
            Ok(offset) if offset > 0 => Ok(Position { offset, before: salt.before(&self.file, offset)? }),
            // No data at all, or a file system that cannot tell.
            _ => Ok(Position::default()),
        }
    }
}

fn regular(metadata: &Metadata) -> Result<(), OpenError> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(OpenError::NotRegular(match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }))
}

/// Reads until `into` is full or the file ends.
pub(super) fn read_full(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read_at(&mut into[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, Opened) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.log"), text).expect("written");
        let opened = Opened::at(&folder.path().join("a.log")).expect("it opens");
        (folder, opened)
    }

    #[test]
    fn a_file_is_told_by_its_beginning_and_by_what_is_before_the_position() {
        let salt = Salt::random().expect("random");
        let (_one, old) = file("one\ntwo\nthree\n");
        let beginning = salt.beginning(&old.file).expect("read");
        let position = Position { offset: 8, before: salt.before(&old.file, 8).expect("read") };
        let continues = |text: &str| file(text).1.continues(&beginning, &position, &salt).expect("read");
        assert!(old.continues(&beginning, &position, &salt).expect("read"));
        assert!(continues("one\ntwo\nthree\nfour\n"));
        assert!(!continues("one\ntwo\n"), "shorter than what was seen of it");
        assert!(!continues("one\ntow\nthree\n") && !continues("something else altogether\n"));
        assert_ne!(salt.sample(b"one"), Salt::random().expect("random").sample(b"one"), "another salt, another hash");
    }

    #[test]
    fn the_last_line_start_is_found_however_far_back() {
        let salt = Salt::random().expect("random");
        let start = |text: &str| file(text).1.last_line_start(&salt).expect("read").offset;
        assert_eq!((start(""), start("half"), start("one\n"), start("one\nhalf")), (0, 0, 4, 4));
        assert_eq!(start(&format!("one\n{}", "x".repeat(200_000))), 4);
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
        assert!(matches!(Opened::at(&fifo), Err(OpenError::NotRegular("a FIFO"))));
        assert!(matches!(Opened::at(folder.path()), Err(OpenError::NotRegular("a directory"))));
        assert!(matches!(Opened::at(Path::new("/dev/null")), Err(OpenError::NotRegular("a device"))));
    }
}
