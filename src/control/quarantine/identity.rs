//! Reading what is in quarantine, which takes the identity that the service never has.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use age::{DecryptError, Decryptor, x25519};

use super::entry::{self, Entry};
use super::{Listed, QuarantineError};
use crate::control::private_file::{self, FORBIDDEN, PrivateFileError};
use crate::control::wiped;

/// The longest identity file in bytes.
const LONGEST: usize = 64 << 10;

/// Why an identity cannot be used. Nothing of what is in the file is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file is not taken.
    #[error("the identity {0} {1}")]
    File(String, PrivateFileError),
    /// It holds no identity.
    #[error(
        "the identity {0} has no line that begins with AGE-SECRET-KEY-1; one with a passphrase must be decrypted first, into a \
         file that is private"
    )]
    None(String),
}

/// Keys that decrypt what is in quarantine.
pub struct Identity(Vec<x25519::Identity>);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({} keys)", self.0.len())
    }
}

impl Identity {
    /// Reads an identity file, as age-keygen writes it. It must be private.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let name = || path.display().to_string();
        let file = private_file::open(path, FORBIDDEN).map_err(|error| IdentityError::File(name(), error))?;
        let text = wiped::read_to_end(file, LONGEST).map_err(|error| match error {
            wiped::WipedError::Io(error) => IdentityError::File(name(), error.into()),
            wiped::WipedError::TooLong(_) => IdentityError::None(name()),
        })?;
        let text = std::str::from_utf8(&text).map_err(|_| IdentityError::None(name()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<x25519::Identity> = lines.filter_map(|line| line.parse().ok()).collect();
        if keys.is_empty() { Err(IdentityError::None(name())) } else { Ok(Self(keys)) }
    }

    /// Decrypts what a file holds.
    ///
    /// # Errors
    /// [`QuarantineError`].
    pub fn read(&self, file: &Listed) -> Result<Vec<Entry>, QuarantineError> {
        let name = || file.path.display().to_string();
        let damaged = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                QuarantineError::Damaged(name())
            }
            _ => QuarantineError::io(&file.path, "read", error),
        };
        let opened = File::open(&file.path).map_err(|error| QuarantineError::io(&file.path, "read", error))?;
        let decryptor =
            Decryptor::new_buffered(BufReader::new(opened)).map_err(|_| QuarantineError::Damaged(name()))?;
        let keys = self.0.iter().map(|key| key as &dyn age::Identity);
        let decrypted = decryptor.decrypt(keys).map_err(|error| match error {
            DecryptError::NoMatchingKeys => QuarantineError::OtherRecipient(name()),
            _ => QuarantineError::Damaged(name()),
        })?;
        entry::read(BufReader::new(decrypted)).map_err(damaged)?.ok_or_else(|| QuarantineError::Damaged(name()))
    }
}
