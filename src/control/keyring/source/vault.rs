//! Keyrings from Vault or OpenBao: a field of a KV version 2 secret, or a file that the transit engine decrypts.
//!
//! | text | meaning |
//! |---|---|
//! | `vault:kv:MOUNT/PATH#FIELD` | the text in a field of a secret; the field is `keyring` if none is named |
//! | `vault:transit:MOUNT/KEY:FILE` | the file holds what `MOUNT/encrypt/KEY` gave for the keyring |
//!
//! Where and as whom is in the environment, as for the servers' own programs ([`Settings`]): never on the command line. Anything
//! but the keyring, within the time, is an error: there is no older copy to go on with.

mod client;
mod settings;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use zeroize::Zeroizing;

use self::client::Client;
pub use self::settings::{Login, Settings, SettingsError};
use super::MAX_BYTES;
use super::https::Answer;
use crate::control::wiped::{self, WipedError};

/// The field of a KV secret, where none is named.
const FIELD: &str = "keyring";

/// Where in the server the keyring is. `Display` shows that; none of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultPlace {
    /// A field of a KV version 2 secret.
    Kv {
        /// Where the engine is mounted.
        mount: String,
        /// The secret's path below it.
        path: String,
        /// The field.
        field: String,
    },
    /// A file that a transit key decrypts.
    Transit {
        /// Where the engine is mounted.
        mount: String,
        /// The key's name.
        key: String,
        /// The file with the ciphertext.
        file: PathBuf,
    },
}

/// Why the server did not give a keyring. Nothing of its answers but the status is ever shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The environment does not say where, or as whom.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The server cannot be reached, does not prove who it is, or takes too long.
    #[error("the server cannot be asked: {0}")]
    Transport(String),
    /// It is sealed, or not yet ready.
    #[error("the server is sealed or not ready (status 503); unseal it")]
    Sealed,
    /// It refuses.
    #[error("the server refuses {what} (status 403): the token or role is wrong, expired, or has no policy for it")]
    Refused {
        /// What was asked.
        what: &'static str,
    },
    /// There is nothing there.
    #[error("the server has nothing there (status 404): {what}")]
    NotFound {
        /// What was asked.
        what: &'static str,
    },
    /// It answers with something else.
    #[error("the server answers {what} with status {status}")]
    Status {
        /// What was asked.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// The answer is too long.
    #[error("the server's answer is too long for a keyring")]
    TooLong,
    /// The answer is not of the form that it should have.
    #[error("the server's answer to {what} is not of the expected form{hint}")]
    Form {
        /// What was asked.
        what: &'static str,
        /// What may be the reason.
        hint: &'static str,
    },
    /// The file with the ciphertext cannot be read.
    #[error("the file {} with what transit encrypted cannot be read: {error}", .path.display())]
    Ciphertext {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
}

impl VaultPlace {
    /// Reads what stands behind `vault:`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (engine, rest) = text.split_once(':')?;
        // A mount may have slashes; two of them then say where it ends.
        let split = |text: &str| {
            let (mount, name) = text.split_once("//").or_else(|| text.split_once('/'))?;
            let sound =
                |part: &str| !part.is_empty() && !part.contains(['?', '#', '%', ' ', '\\']) && !part.contains("..");
            (sound(mount) && sound(name)).then(|| (mount.to_owned(), name.trim_matches('/').to_owned()))
        };
        match engine {
            "kv" => {
                let (place, field) = rest.split_once('#').unwrap_or((rest, FIELD));
                let (mount, path) = split(place)?;
                (!field.is_empty()).then(|| Self::Kv { mount, path, field: field.to_owned() })
            }
            "transit" => {
                let (place, file) = rest.split_once(':')?;
                let (mount, key) = split(place)?;
                (!file.is_empty()).then(|| Self::Transit { mount, key, file: file.into() })
            }
            _ => None,
        }
    }

    /// Gets the keyring's bytes.
    ///
    /// # Errors
    /// [`VaultError`].
    pub(super) fn read(&self, settings: &Settings) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut client = Client::new(settings)?;
        client.log_in(&settings.login)?;
        let outcome = self.ask(&client);
        client.leave();
        outcome
    }

    fn ask(&self, client: &Client) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        match self {
            Self::Kv { mount, path, field } => {
                let what = "reading the secret";
                let answer = client.get(&format!("{mount}/data/{path}"), what)?;
                let hint = "; is it a KV version 2 engine, and has the secret this field?";
                answer.text(&["data", "data", field]).ok_or(VaultError::Form { what, hint })
            }
            Self::Transit { mount, key, file } => {
                #[derive(Serialize)]
                struct Decrypt<'a> {
                    ciphertext: &'a str,
                }
                let what = "decrypting";
                let failed = |error| VaultError::Ciphertext { path: file.clone(), error };
                let mut ciphertext = String::new();
                // Base64, and what the server puts before it.
                let most = 2 * MAX_BYTES as u64;
                File::open(file).and_then(|file| file.take(most).read_to_string(&mut ciphertext)).map_err(failed)?;
                let body =
                    Zeroizing::new(serde_json::to_vec(&Decrypt { ciphertext: ciphertext.trim() }).unwrap_or_default());
                let answer: Answer = client.post(&format!("{mount}/decrypt/{key}"), &body, what)?;
                let hint = "";
                let text = answer.text(&["data", "plaintext"]).ok_or(VaultError::Form { what, hint })?;
                let mut bytes = Zeroizing::new(vec![0; text.len()]);
                let len = STANDARD.decode_slice(&*text, &mut bytes).map_err(|_| VaultError::Form { what, hint })?;
                bytes.truncate(len);
                Ok(bytes)
            }
        }
    }
}

impl fmt::Display for VaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kv { mount, path, field } => write!(f, "kv:{mount}//{path}#{field}"),
            Self::Transit { mount, key, file } => write!(f, "transit:{mount}//{key}:{}", file.display()),
        }
    }
}

/// Reads all of a body.
fn body(reader: impl Read) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    // JSON and base64 need more room than what is in them.
    wiped::read_to_end(reader, 2 * MAX_BYTES).map_err(|error| match error {
        WipedError::TooLong(_) => VaultError::TooLong,
        WipedError::Io(error) => VaultError::Transport(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_shown() {
        for (text, shown) in [
            ("kv:secret/inkprint", Some("kv:secret//inkprint#keyring")),
            ("kv:secret/logs/inkprint#ring", Some("kv:secret//logs/inkprint#ring")),
            ("kv:team/kv//logs/inkprint", Some("kv:team/kv//logs/inkprint#keyring")),
            ("transit:transit/ink:/etc/inkprint/wrapped", Some("transit:transit//ink:/etc/inkprint/wrapped")),
            ("kv:secret", None),
            ("kv:/x", None),
            ("kv:secret/../sys/raw", None),
            ("kv:secret/x?list=true", None),
            ("kv:secret/x#", None),
            ("transit:transit/ink", None),
            ("transit:transit/ink:", None),
            ("secret/inkprint", None),
            ("", None),
        ] {
            assert_eq!(VaultPlace::parse(text).map(|place| place.to_string()).as_deref(), shown, "{text}");
        }
    }
}
