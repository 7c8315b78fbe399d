//! What the journal is written to: a file that several processes append to, or in a test something that breaks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

/// Bytes that grow at their end.
pub trait Storage {
    /// Waits until no other writer has it, and keeps others away until [`unlock`](Self::unlock).
    ///
    /// # Errors
    /// As the operating system says; also when it is no longer what was opened.
    fn lock(&mut self) -> io::Result<()>;

    /// Lets others write.
    fn unlock(&mut self);

    /// Its length in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn size(&self) -> io::Result<u64>;

    /// Reads what is at `offset`, as much as fits into `buffer` or is there.
    ///
    /// # Errors
    /// As the operating system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, which is its length.
    ///
    /// # Errors
    /// As the operating system says; some of it may then have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it to `len` bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Returns once everything written is safe from a power cut.
    ///
    /// # Errors
    /// As the operating system says; nobody knows then what is safe.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file. The lock is `flock` on the file itself, which the system gives back when a process dies.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    file: File,
}

impl FileStorage {
    /// Opens the file at `path`, or makes an empty one of mode 0600.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let no_follow = OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600).custom_flags(no_follow);
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = options.create(true).open(path)?;
                sync_directory(path)?;
                file
            }
            other => other?,
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(Self { path: path.to_owned(), file })
    }
}

/// Makes a new name in the directory of `path` safe from a power cut.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

impl Storage for FileStorage {
    fn lock(&mut self) -> io::Result<()> {
        loop {
            match flock(&self.file, FlockOperation::LockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let (ours, there) = (self.file.metadata()?, fs::metadata(&self.path)?);
        if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
            return Ok(());
        }
        self.unlock();
        Err(io::Error::other("it was moved or replaced while in use"))
    }

    fn unlock(&mut self) {
        // A lock that cannot be given back goes with the process.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
