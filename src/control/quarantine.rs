//! The quarantine: lines that were withheld because they could not be scanned, for whoever holds the key to it and nobody else.
//!
//! - Each line is encrypted to an age recipient in memory; the process has no key that could decrypt it again, and no byte of a line
//!   touches the disk in clear.
//! - The directory has mode 0700, its files 0600: `SECONDS-NUMBER.age`, by the Unix time when they were written. Whole files are
//!   written and synced ([`writer`]); what a crash leaves of one is no age file and is told as such. Its content is described in
//!   [`entry`].
//! - It never takes more of the disk than it may. What finds no room is withheld all the same, and counted as not kept.
//! - It is no part of a line's way: lines pass on, with their mark, while the quarantine is written. What is withheld in the moment
//!   before a kill may not be kept.

pub mod entry;
pub mod identity;
pub mod writer;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use age::x25519;

pub use self::entry::Entry;
pub use self::identity::IdentityError;
pub use self::writer::{Kept, Quarantine, Settings};

/// What every file's name ends with.
const SUFFIX: &str = ".age";

/// Whom lines are encrypted to.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// Reads what begins with `age1`.
    ///
    /// # Errors
    /// [`QuarantineError::NoRecipient`].
    pub fn parse(text: &str) -> Result<Self, QuarantineError> {
        // What was given in its place may be an identity: it is not repeated.
        text.trim().parse().map(Self).map_err(|_| QuarantineError::NoRecipient)
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

/// Why a quarantine cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuarantineError {
    /// What was given is no recipient.
    #[error(
        "the quarantine's recipient is no age recipient, which begins with age1; age-keygen -y prints that of an identity"
    )]
    NoRecipient,
    /// The operating system does not let it be used.
    #[error("the quarantine {path} cannot be {what}: {error}")]
    Io {
        /// The directory or file.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file is not for this identity.
    #[error("{0} is encrypted to another recipient than that of this identity")]
    OtherRecipient(String),
    /// A file is damaged, or was cut short by a crash.
    #[error("{0} is damaged, or no file of a quarantine")]
    Damaged(String),
}

impl QuarantineError {
    fn io(path: &Path, what: &'static str, error: io::Error) -> Self {
        Self::Io { path: path.display().to_string(), what, error }
    }
}

/// A file of a quarantine, as anybody can see it who may see the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub path: PathBuf,
    /// When it was written, in seconds of Unix time.
    pub time: i64,
    /// Bytes, encrypted.
    pub size: u64,
}

/// The files of the quarantine in a directory, in the order in which they were written.
///
/// # Errors
/// [`QuarantineError::Io`].
pub fn list(directory: &Path) -> Result<Vec<Listed>, QuarantineError> {
    let fault = |error| QuarantineError::io(directory, "read", error);
    let mut listed = Vec::new();
    for entry in fs::read_dir(directory).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let Some((time, number)) = entry.file_name().to_str().and_then(parse_name) else { continue };
        // What was removed meanwhile is not there.
        if let Ok(about) = entry.metadata() {
            listed.push((time, number, Listed { path: entry.path(), time, size: about.size() }));
        }
    }
    listed.sort_by_key(|(time, number, _)| (*time, *number));
    Ok(listed.into_iter().map(|(.., listed)| listed).collect())
}

fn name(time: i64, number: u64) -> String {
    format!("{time}-{number}{SUFFIX}")
}

fn parse_name(text: &str) -> Option<(i64, u64)> {
    let (time, number) = text.strip_suffix(SUFFIX)?.rsplit_once('-')?;
    let (time, number) = (time.parse().ok()?, number.parse().ok()?);
    (name(time, number) == text).then_some((time, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        assert_eq!(parse_name(&name(1_700_000_000, 7)), Some((1_700_000_000, 7)));
        for other in ["1-2", "x-1.age", "1-x.age", "01-1.age", "1.age", "1--1.age", ".age", "lock"] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }
}
