//! Keyrings wrapped by AWS KMS: a file that only somebody can read whom the key's policy lets decrypt.
//!
//! - The keyring is encrypted with AES-256-GCM under a data key of its own, and the data key by a key that never leaves KMS. Key, context
//!   and the file's version are authenticated with it.
//! - The encryption context holds `inkprint` = `keyring`, and what its maker added: a policy can ask for it, and what was wrapped for
//!   something else is refused.
//! - Where KMS is, and as whom it is asked, is in the environment, as for AWS's own programs ([`Settings`]): never on the command line.
//!   Anything but the keyring, within the time, is an error: there is no older copy to go on with.

mod credentials;
mod envelope;
mod request;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use self::credentials::CredentialsError;
use self::envelope::Envelope;
use self::request::{DataKey, Kms};
pub use self::settings::{Settings, SettingsError};
use super::{LoadError, MAX_BYTES, open_regular};
use crate::control::keyring::{Keyring, store};
use crate::control::wiped;

/// Stands in every encryption context.
pub const PURPOSE: (&str, &str) = ("inkprint", "keyring");

/// Why a keyring was not wrapped or unwrapped. Nothing of what KMS says but the name of its error is ever shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KmsError {
    /// The environment does not say where.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It does not say as whom, or what it says does not work.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The file cannot be read or written.
    #[error("the file {} with the wrapped keyring: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: String,
    },
    /// The file is not what `inkprint keys wrap` makes.
    #[error("the file {} is no keyring that was wrapped for AWS KMS: {fault}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; none of its text.
        fault: &'static str,
    },
    /// The service cannot be reached, does not prove who it is, or takes too long.
    #[error("AWS KMS cannot be asked: {0}")]
    Transport(String),
    /// The key is switched off.
    #[error("the key {key} is disabled; enable it in AWS KMS (aws kms enable-key)")]
    Disabled {
        /// The key.
        key: String,
    },
    /// The key is about to be deleted, or cannot be used as it is.
    #[error("the key {key} is not in a state in which it can be used, such as pending deletion")]
    State {
        /// The key.
        key: String,
    },
    /// There is no such key.
    #[error("AWS KMS has no key {key} in this region and account")]
    NoKey {
        /// The key.
        key: String,
    },
    /// What is in the file was not encrypted by this key, or for another context.
    #[error(
        "the key {key} does not decrypt this file: it was wrapped by another key, or with another encryption context, or it was changed"
    )]
    Ciphertext {
        /// The key.
        key: String,
    },
    /// Who asks may not.
    #[error(
        "AWS KMS refuses to {what} with the key {key} ({kind}): the credentials are wrong or expired, or no policy allows it"
    )]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The key.
        key: String,
        /// The name of the error.
        kind: String,
    },
    /// It answers with something else.
    #[error("AWS KMS answers with status {status} ({kind})")]
    Status {
        /// The status.
        status: u16,
        /// The name of the error.
        kind: String,
    },
    /// The answer is not of the form that it should have.
    #[error("the answer of AWS KMS is not of the expected form")]
    Answer,
    /// The keyring itself does not decrypt.
    #[error("the keyring in the file {} was changed since it was wrapped", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

/// Gets the keyring's bytes out of a wrapped file.
///
/// # Errors
/// [`KmsError`].
pub(super) fn unwrap(path: &Path, settings: &Settings) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    // It gives nothing away, but whoever can change it can put another keyring in its place.
    let file = open_regular(path, 0o022).map_err(|error| file_error(path, &error))?;
    let text = wiped::read_to_end(file, 2 * MAX_BYTES)
        .map_err(|error| KmsError::File { path: path.to_owned(), error: error.to_string() })?;
    let envelope = Envelope::parse(&text).map_err(|fault| KmsError::Form { path: path.to_owned(), fault })?;
    let data_key = Kms::new(settings, &envelope.key)?.decrypt(&envelope.data_key, &envelope.context)?;
    envelope.open(&data_key).ok_or_else(|| KmsError::Changed { path: path.to_owned() })
}

/// Wraps a keyring by a key of KMS (its ARN, id or alias) and writes it to `path`, where nothing may be yet.
///
/// # Errors
/// [`KmsError`].
pub fn wrap(
    keyring: &Keyring,
    key: &str,
    mut context: BTreeMap<String, String>,
    path: &Path,
    settings: &Settings,
) -> Result<(), KmsError> {
    context.insert(PURPOSE.0.to_owned(), PURPOSE.1.to_owned());
    let DataKey { plain, wrapped, key } = Kms::new(settings, key)?.generate(&context)?;
    let mut nonce = [0; envelope::NONCE];
    getrandom::fill(&mut nonce).map_err(|_| KmsError::NoRandomness)?;
    let envelope = Envelope::seal(key, context, wrapped, nonce, &plain, keyring.to_toml().as_bytes());
    let envelope = envelope.ok_or(KmsError::Answer)?;
    store::write_new(path, envelope.to_toml().as_bytes())
        .map_err(|error| KmsError::File { path: path.to_owned(), error: written(&error) })
}

fn written(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "there is something of this name already; it is left as it is".to_owned(),
        _ => format!("it cannot be written: {error}"),
    }
}

fn file_error(path: &Path, error: &LoadError) -> KmsError {
    let error = match error {
        LoadError::NotFound { .. } => "it is not there; make it with: inkprint keys wrap".to_owned(),
        LoadError::NotRegular { .. } => "it is not a regular file".to_owned(),
        LoadError::OpenToOthers { mode, .. } => {
            format!("it can be written by others (mode {mode:04o}); run: chmod 600")
        }
        LoadError::OwnedByAnother { owner, .. } => format!("it belongs to another user ({owner})"),
        LoadError::Read { error, .. } => error.to_string(),
        _ => "it cannot be read".to_owned(),
    };
    KmsError::File { path: path.to_owned(), error }
}
