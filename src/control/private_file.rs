//! Files that hold secrets: opened only where nobody else can read or change them.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateFileError {
    /// There is no such file.
    #[error("is not there")]
    NotFound,
    /// It is a directory, a pipe, a device.
    #[error("is not a regular file")]
    NotRegular,
    /// Others than its owner may read or write it.
    #[error("can be read or written by others (mode {mode:04o}); run chmod 600 on it")]
    OpenToOthers {
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user, who could read or change it.
    #[error("belongs to user {owner}, and this is user {user}; run as its owner, or chown it")]
    OwnedByAnother {
        /// The number of its owner.
        owner: u32,
        /// Our own number.
        user: u32,
    },
    /// The operating system does not let it be opened.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The permission bits that a file of secrets must not have.
pub const FORBIDDEN: u32 = 0o077;

/// The same for systemd's credentials: it shows them as readable by a group, and keeps the group out by an access list.
pub const FORBIDDEN_FOR_CREDENTIALS: u32 = 0o007;

/// Opens a regular file that is ours or root's and has none of the permission bits `forbidden`.
///
/// # Errors
/// [`PrivateFileError`], which holds none of the content.
pub fn open(path: &Path, forbidden: u32) -> Result<File, PrivateFileError> {
    // Without blocking, so that a named pipe is refused below rather than waited for.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file =
        OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => PrivateFileError::NotFound,
            _ => error.into(),
        })?;
    // Asked of what is open, not of the path, which may have changed in between.
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(PrivateFileError::NotRegular);
    }
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden != 0 {
        return Err(PrivateFileError::OpenToOthers { mode });
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user && owner != 0 {
        return Err(PrivateFileError::OwnedByAnother { owner, user });
    }
    Ok(file)
}
