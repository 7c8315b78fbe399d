//! What a spool is written to: a directory of files, or in a test something that breaks.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

/// The file whose lock says that a process works in the directory.
const LOCK: &str = "lock";

/// Files by name, all in one place.
pub trait Storage: Send + Sync + 'static {
    /// The names of the files there.
    ///
    /// # Errors
    /// As the operating system says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes an empty file that was not there.
    ///
    /// # Errors
    /// As the operating system says.
    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>>;

    /// Opens a file that is there, to be read only unless it is to be changed.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&self, name: &str, change: bool) -> io::Result<Box<dyn StoredFile>>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns once every file made or removed so far stays so after a power cut.
    ///
    /// # Errors
    /// As the operating system says; nobody knows then what is safe.
    fn sync_names(&self) -> io::Result<()>;
}

/// One file's bytes.
pub trait StoredFile: Send {
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

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// As the operating system says; some of it may then have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it to `length` bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Returns once everything written is safe from a power cut.
    ///
    /// # Errors
    /// As the operating system says; nobody knows then what is safe.
    fn sync(&self) -> io::Result<()>;
}

/// A directory, made with mode 0700, of files of mode 0600. It belongs to one process at a time, by a lock that the system gives back
/// when the process dies.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Takes the directory at `path`, which is made where it is not there.
    ///
    /// # Errors
    /// As the operating system says; [`io::ErrorKind::WouldBlock`] when another process has it.
    pub fn take(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()?;
        }
        let lock = options(true).create(true).truncate(false).open(path.join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }
}

/// How files are opened: never through a link that somebody put there.
fn options(change: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(change).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    options
}

impl Storage for Directory {
    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(options(true).create_new(true).open(self.path.join(name))?))
    }

    fn open(&self, name: &str, change: bool) -> io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(options(change).open(self.path.join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl StoredFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match FileExt::read_at(self, &mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
