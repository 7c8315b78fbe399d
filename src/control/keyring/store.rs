//! Changing keyring files: one at a time, whole or not at all.
//!
//! - Whoever changes a keyring holds an exclusive lock on `<file>.lock` beside it, from before it is read until after
//!   it is replaced, so that no change is lost to another. The lock file is empty and stays.
//! - The new content is written to `.<file>.new`, synced, and renamed over the file; then the directory is synced. A
//!   crash leaves the old keyring or the new one, and perhaps `.<file>.new`, which the next change removes.
//! - Every file is of mode 0600 from the moment it exists.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::source::{LoadError, load_file};
use super::{Keyring, KeyringError};

/// Why a keyring file was not changed. The file is then as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The keyring to change could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The keyring refused the change.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// There is a file already where a new keyring should go.
    #[error("there is something at {} already; it is left as it is: move it away, or name another place", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Writing failed.
    #[error("the keyring {} cannot be written: {step}: {error}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// What the operating system says.
        error: io::Error,
    },
    /// Neither XDG_STATE_HOME nor HOME says where the automatic keyring should be.
    #[error("neither XDG_STATE_HOME nor HOME is set, so that there is no place for a keyring; name one with --keyring")]
    NoHome,
}

/// Writes a new keyring to `path`, where nothing may be yet. The directory must be there.
///
/// # Errors
/// [`StoreError::Exists`], [`StoreError::Write`].
pub fn create(path: &Path, keyring: &Keyring) -> Result<(), StoreError> {
    let file = KeyringFile::at(path)?;
    let _lock = file.lock()?;
    file.create(keyring)
}

/// Reads the keyring at `path`, applies `change`, and writes it back unless the change is refused.
///
/// No other change happens in between; one that is under way is waited for.
///
/// # Errors
/// [`StoreError::Load`], [`StoreError::Keyring`] with what `change` returned, [`StoreError::Write`].
pub fn update<T>(path: &Path, change: impl FnOnce(&mut Keyring) -> Result<T, KeyringError>) -> Result<T, StoreError> {
    update_told(path, change, |_| Ok(()))
}

/// As [`update`], and calls `tell` when the change was accepted and before it takes effect; what `tell` refuses is not done.
///
/// # Errors
/// As [`update`], and what `tell` returns.
pub fn update_told<T, E: From<StoreError>>(
    path: &Path,
    change: impl FnOnce(&mut Keyring) -> Result<T, KeyringError>,
    tell: impl FnOnce(&T) -> Result<(), E>,
) -> Result<T, E> {
    // Also tells that there is none before a lock file is left in a wrong place.
    load_file(path).map_err(StoreError::from)?;
    let file = KeyringFile::at(path)?;
    let _lock = file.lock()?;
    let mut keyring = load_file(&file.path).map_err(StoreError::from)?;
    let answer = change(&mut keyring).map_err(StoreError::from)?;
    tell(&answer)?;
    file.replace(&keyring)?;
    Ok(answer)
}

/// Reads the keyring at `path`, or writes the one that `make` gives if there is none. Whoever comes second, in this
/// process or another, gets the keyring of the first. Returns whether it was made.
///
/// # Errors
/// As for [`update`] and [`create`].
pub(super) fn load_or_create<E: From<StoreError>>(
    path: &Path,
    make: impl FnOnce() -> Result<Keyring, E>,
) -> Result<(Keyring, bool), E> {
    let file = KeyringFile::at(path)?;
    let _lock = file.lock()?;
    match load_file(&file.path) {
        Ok(keyring) => Ok((keyring, false)),
        Err(LoadError::NotFound { .. }) => {
            let keyring = make()?;
            file.create(&keyring)?;
            Ok((keyring, true))
        }
        Err(error) => Err(StoreError::from(error).into()),
    }
}

/// A keyring file's true place, with links followed, so that a rename replaces the file and not a link to it.
struct KeyringFile {
    path: PathBuf,
    directory: PathBuf,
    name: OsString,
}

impl KeyringFile {
    fn at(path: &Path) -> Result<Self, StoreError> {
        let fault = |step, error| StoreError::Write { path: path.to_owned(), step, error };
        let no_name = || fault("the path names no file", ErrorKind::InvalidInput.into());
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let name = path.file_name().ok_or_else(no_name)?;
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
                fs::canonicalize(parent).map_err(|error| fault("find its directory", error))?.join(name)
            }
            Err(error) => return Err(fault("find it", error)),
        };
        let name = path.file_name().ok_or_else(no_name)?.to_owned();
        let directory = path.parent().ok_or_else(no_name)?.to_owned();
        Ok(Self { path, directory, name })
    }

    fn sibling(&self, before: &str, behind: &str) -> PathBuf {
        let mut name = OsString::from(before);
        name.push(&self.name);
        name.push(behind);
        self.directory.join(name)
    }

    fn fault(&self, step: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        let path = self.path.clone();
        move |error| StoreError::Write { path, step, error }
    }

    /// Waits for the lock; it is given back when the file is dropped, also by a process that dies.
    fn lock(&self) -> Result<File, StoreError> {
        // Not through a link, which somebody else may have laid in a directory that is theirs too.
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_follow)
            .open(self.sibling("", ".lock"))
            .map_err(self.fault("open its lock file"))?;
        loop {
            match flock(&lock, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(lock),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(self.fault("lock it")(error.into())),
            }
        }
    }

    /// Writes the file, which must not be there. Call with the lock held.
    fn create(&self, keyring: &Keyring) -> Result<(), StoreError> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => self.replace(keyring),
            Err(error) => Err(self.fault("look whether it is there")(error)),
            Ok(_) => Err(StoreError::Exists { path: self.path.clone() }),
        }
    }

    /// Writes the file, in place of what is there. Call with the lock held.
    fn replace(&self, keyring: &Keyring) -> Result<(), StoreError> {
        let new = self.sibling(".", ".new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(self.fault("remove what a crash left")(error));
            }
            _ => {}
        }
        let written = write_new(&new, keyring.to_toml().as_bytes())
            .map_err(self.fault("write it"))
            .and_then(|()| fs::rename(&new, &self.path).map_err(self.fault("put it in place")));
        if written.is_err() {
            // What cannot be removed now, the next change removes.
            let _ = fs::remove_file(&new);
            return written;
        }
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(self.fault("sync its directory"))
    }
}

/// Writes a file that must not be there, for its owner alone, and syncs it.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::thread;

    use jiff::Timestamp;

    use super::*;

    fn made(directory: &Path) -> PathBuf {
        let path = directory.join("keyring");
        create(&path, &Keyring::generate(Timestamp::UNIX_EPOCH).expect("random bytes")).expect("created");
        path
    }

    #[test]
    fn a_new_keyring_is_private_and_never_overwrites() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = made(directory.path());
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        let before = fs::read(&path).expect("there");
        let keyring = Keyring::generate(Timestamp::UNIX_EPOCH).expect("random bytes");
        assert!(matches!(create(&path, &keyring), Err(StoreError::Exists { .. })));
        assert_eq!(fs::read(&path).expect("there"), before);
    }

    #[test]
    fn concurrent_changes_are_all_kept() {
        const THREADS: u32 = 8;
        const EACH: u32 = 6;
        let directory = tempfile::tempdir().expect("a directory");
        let path = made(directory.path());
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        update(&path, |keyring| keyring.rotate(Timestamp::UNIX_EPOCH)).expect("rotated");
                        load_file(&path).expect("whole at any time");
                    }
                });
            }
        });
        let keyring = load_file(&path).expect("whole");
        assert_eq!(keyring.current().get(), 1 + THREADS * EACH);
        assert_eq!(keyring.epochs().len() as u32, 1 + THREADS * EACH);
    }

    #[test]
    fn a_refused_change_leaves_the_file_as_it_was() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = made(directory.path());
        let before = fs::read(&path).expect("there");
        let refused = update(&path, |keyring| keyring.destroy(keyring.current(), Timestamp::UNIX_EPOCH));
        assert!(matches!(refused, Err(StoreError::Keyring(KeyringError::IsCurrent(_)))));
        assert_eq!(fs::read(&path).expect("there"), before);
    }

    #[test]
    fn what_a_crash_left_is_no_hindrance() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = made(directory.path());
        let left = directory.path().join(".keyring.new");
        fs::write(&left, "half a key").expect("written");
        update(&path, |keyring| keyring.rotate(Timestamp::UNIX_EPOCH)).expect("rotated");
        assert!(!left.exists());
    }

    #[test]
    fn a_link_to_a_keyring_stays_a_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = made(directory.path());
        let link = directory.path().join("link");
        symlink(&path, &link).expect("linked");
        update(&link, |keyring| keyring.rotate(Timestamp::UNIX_EPOCH)).expect("rotated");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(load_file(&path).expect("whole").current().get(), 2);
    }

    #[test]
    fn a_missing_directory_is_told_and_no_lock_file_strays() {
        let directory = tempfile::tempdir().expect("a directory");
        let keyring = Keyring::generate(Timestamp::UNIX_EPOCH).expect("random bytes");
        assert!(matches!(create(&directory.path().join("no/keyring"), &keyring), Err(StoreError::Write { .. })));
        let missing = update(&directory.path().join("keyring"), |_| Ok(()));
        assert!(matches!(missing, Err(StoreError::Load(LoadError::NotFound { .. }))));
        assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 0);
    }
}
