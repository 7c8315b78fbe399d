//! Why a keyring does not come from where it should; no error holds any of its content.

use std::io;
use std::path::{Path, PathBuf};

use super::MAX_BYTES;
use super::awskms::KmsError;
use super::vault::VaultError;
use crate::control::keyring::command::CommandError;
use crate::control::keyring::format::Faults;

/// Why a text names no source. None of these shows the text: it may be a keyring, pasted in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceSyntaxError {
    /// Nothing at all.
    #[error(
        "the keyring source is empty; give a path, or one of file:, env:, fd:, credential:, command:, vault:, awskms:"
    )]
    Empty,
    /// Several lines, or other control characters.
    #[error("the keyring source is not one line of text; give the place of a keyring, not the keyring itself")]
    NotOneLine,
    /// Not the name of a variable.
    #[error("env: takes the name of an environment variable, such as env:INKPRINT_KEYS")]
    Env,
    /// Not a descriptor that can be taken.
    #[error("fd: takes a number from 3 up, such as fd:3; those below are the standard streams")]
    Fd,
    /// Not a credential's name.
    #[error("credential: takes a file name without slashes, such as credential:keyring")]
    Credential,
    /// No place in Vault or OpenBao.
    #[error("vault: takes kv:MOUNT/PATH#FIELD or transit:MOUNT/KEY:FILE, such as vault:kv:secret/inkprint")]
    Vault,
    /// No file.
    #[error("awskms: takes a file that `inkprint keys wrap` has made, such as awskms:/etc/inkprint/keyring.kms")]
    AwsKms,
    /// No command.
    #[error("command: takes a shell command that prints the keyring")]
    Command,
}

/// Why a keyring could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no keyring at {path}; make one with: inkprint keys init --keyring {path}", path = quoted(.path))]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// It is a directory, a pipe, a device.
    #[error("{path} is not a regular file; a keyring out of a pipe is given as fd:N", path = quoted(.path))]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner may read or write it.
    #[error("the keyring {path} can be read or written by others (mode {mode:04o}); run: chmod 600 {path}", path = quoted(.path))]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user, who could read or change it.
    #[error(
        "the keyring {path} belongs to user {owner}, and this is user {user}; run as its owner, or: chown {user} {path}",
        path = quoted(.path)
    )]
    OwnedByAnother {
        /// The file.
        path: PathBuf,
        /// The number of its owner.
        owner: u32,
        /// Our own number.
        user: u32,
    },
    /// The environment variable is not set.
    #[error("the environment variable {name}, which should hold the keyring, is not set")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// There is no directory of credentials.
    #[error("CREDENTIALS_DIRECTORY is not set; give the unit LoadCredential= or SetCredentialEncrypted=")]
    NoCredentials,
    /// Reading failed.
    #[error("the keyring from {origin} cannot be read: {error}")]
    Read {
        /// Where from.
        origin: String,
        /// What the operating system says.
        error: io::Error,
    },
    /// The command did not give a keyring.
    #[error("the keyring from {origin} cannot be read: {error}")]
    Command {
        /// Where from.
        origin: String,
        /// What happened to it.
        error: CommandError,
    },
    /// Vault or OpenBao did not give a keyring.
    #[error("the keyring from {origin} cannot be read: {error}")]
    Vault {
        /// Where from.
        origin: String,
        /// What happened.
        error: VaultError,
    },
    /// AWS KMS did not unwrap the keyring.
    #[error("the keyring from {origin} cannot be read: {error}")]
    AwsKms {
        /// Where from.
        origin: String,
        /// What happened.
        error: KmsError,
    },
    /// There are more bytes than a keyring can have.
    #[error("what comes from {origin} is longer than {MAX_BYTES} bytes, and so no keyring")]
    TooLarge {
        /// Where from.
        origin: String,
    },
    /// There is nothing.
    #[error("the keyring from {origin} is empty; what reads from a pipe can do so only once")]
    Empty {
        /// Where from.
        origin: String,
    },
    /// The text is no sound keyring.
    #[error("the keyring from {origin} has faults:\n  {faults}")]
    Faults {
        /// Where from.
        origin: String,
        /// Every one of them.
        faults: Faults,
    },
}

/// A path as it can be pasted into a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
