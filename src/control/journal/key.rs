//! The files of a journal's signing key: `<journal>.key`, of mode 0600, and `<journal>.pub` for whoever verifies.
//!
//! Both are made on first use and never replaced. The private one is written whole under another name first, so that a crash leaves
//! no half of it; the public one is made again where it is missing.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::note::{NoteError, PrivateKey, PublicKey};
use super::storage::sync_directory;
use crate::control::wiped::{self, WipedError};

/// The most bytes of a key file.
const MAX_BYTES: usize = 4096;

/// Why there is no key to sign or to verify with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The journal has records, and their key is not there.
    #[error("the signing key {} is missing, and the journal has records signed with it; put it back, or move the journal away", .0.display())]
    Missing(PathBuf),
    /// Others could sign.
    #[error("the signing key {} can be read or written by others (mode {mode:04o}); run: chmod 600 on it", .path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The text is no key.
    #[error("{}: {error}", .path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is wrong, without what stands there.
        error: NoteError,
    },
    /// Reading or writing failed.
    #[error("the key {} cannot be {what}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        error: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

/// The private key that belongs to the journal at `journal`, unless another is given.
pub fn private_path(journal: &Path) -> PathBuf {
    beside(journal, ".key")
}

/// The public key that belongs to the private one at `private`.
pub fn public_path(private: &Path) -> PathBuf {
    if private.extension().is_some_and(|extension| extension == "key") {
        private.with_extension("pub")
    } else {
        beside(private, ".pub")
    }
}

fn beside(path: &Path, behind: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(behind);
    PathBuf::from(name)
}

/// Reads the private key at `path`, or makes it if `may_make`. The public key is made beside it if it is not there.
///
/// # Errors
/// [`KeyFileError`].
pub(super) fn load_or_make(path: &Path, may_make: bool) -> Result<PrivateKey, KeyFileError> {
    let key = match load_private(path) {
        Err(KeyFileError::Missing(_)) if may_make => make(path)?,
        other => other?,
    };
    let public = public_path(path);
    if !public.exists() {
        // Whoever verifies needs it, and the journal does not: a directory that cannot be written now is no fault.
        let _ = write_new(&public, format!("{}\n", key.public()).as_bytes(), 0o644);
    }
    Ok(key)
}

fn load_private(path: &Path) -> Result<PrivateKey, KeyFileError> {
    let fault = |error| KeyFileError::Io { path: path.to_owned(), what: "read", error };
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(KeyFileError::Missing(path.to_owned())),
        other => other.map_err(fault)?,
    };
    let mode = file.metadata().map_err(fault)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::OpenToOthers { path: path.to_owned(), mode });
    }
    let not_a_key = |error| KeyFileError::NotAKey { path: path.to_owned(), error };
    let bytes = match wiped::read_to_end(file, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(WipedError::TooLong(_)) => return Err(not_a_key(NoteError::PrivateKey)),
        Err(WipedError::Io(error)) => return Err(fault(error)),
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| not_a_key(NoteError::PrivateKey))?;
    PrivateKey::parse(text).map_err(not_a_key)
}

fn make(path: &Path) -> Result<PrivateKey, KeyFileError> {
    let mut random = Zeroizing::new([0; 40]);
    getrandom::fill(&mut *random).map_err(|_| KeyFileError::NoRandomness)?;
    let key = PrivateKey::new(&random);
    write_new(path, key.to_text().as_bytes(), 0o600).map_err(|error| KeyFileError::Io {
        path: path.to_owned(),
        what: "written",
        error,
    })?;
    Ok(key)
}

/// Writes a file whole or not at all. Whoever calls holds the journal's lock.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = beside(path, ".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory(path)
}

/// Reads a public key from a file.
///
/// # Errors
/// [`KeyFileError`].
pub fn load_public(path: &Path) -> Result<PublicKey, KeyFileError> {
    let read = |error| KeyFileError::Io { path: path.to_owned(), what: "read", error };
    let not_a_key = |error| KeyFileError::NotAKey { path: path.to_owned(), error };
    let bytes = match wiped::read_to_end(File::open(path).map_err(read)?, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(WipedError::TooLong(_)) => return Err(not_a_key(NoteError::PublicKey)),
        Err(WipedError::Io(error)) => return Err(read(error)),
    };
    std::str::from_utf8(&bytes).map_err(|_| not_a_key(NoteError::PublicKey))?.parse().map_err(not_a_key)
}
