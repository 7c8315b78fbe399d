//! Which server, and as whom: from the environment, by the names that the servers' own programs use.
//!
//! | variable | is |
//! |---|---|
//! | `BAO_ADDR`, `VAULT_ADDR` | the server: `https://host:port`; plain `http` only to this machine |
//! | `BAO_CACERT`, `VAULT_CACERT` | a PEM file of the authorities that its certificate may be from, instead of the public ones |
//! | `BAO_NAMESPACE`, `VAULT_NAMESPACE` | the server's namespace |
//! | `BAO_TOKEN`, `VAULT_TOKEN` | a token |
//! | `INKPRINT_VAULT_TOKEN_FILE` | a private file with a token, as an agent leaves one |
//! | `INKPRINT_VAULT_ROLE_ID`, `INKPRINT_VAULT_SECRET_ID_FILE` | an AppRole, and a private file with its secret id |
//! | `INKPRINT_VAULT_APPROLE` | where AppRole is mounted, `approle` if not set |
//! | `INKPRINT_VAULT_TIMEOUT` | the most seconds for all of it, 1 to 300; 10 if not set |
//!
//! The first that is set counts: an AppRole, a token file, a token.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::https::is_safe;
use super::super::{LoadError, open_regular};
use crate::control::wiped;

/// The time for everything, unless the environment says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of a token or a secret id.
const MAX_TOKEN: usize = 64 << 10;

/// Why the environment does not say where or as whom.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// There is no address.
    #[error("neither BAO_ADDR nor VAULT_ADDR says where the server is")]
    NoAddress,
    /// The address cannot be used.
    #[error("BAO_ADDR or VAULT_ADDR must be https://host:port; plain http is for a server on this machine alone")]
    Address,
    /// There is nobody to be.
    #[error(
        "there is no token: set INKPRINT_VAULT_ROLE_ID and INKPRINT_VAULT_SECRET_ID_FILE, INKPRINT_VAULT_TOKEN_FILE, or BAO_TOKEN \
         or VAULT_TOKEN"
    )]
    NoLogin,
    /// Half of an AppRole.
    #[error("INKPRINT_VAULT_ROLE_ID needs INKPRINT_VAULT_SECRET_ID_FILE beside it")]
    NoSecretId,
    /// A token that cannot be one.
    #[error("the {0} is empty or not one line of plain text")]
    Token(&'static str),
    /// The time is none.
    #[error("INKPRINT_VAULT_TIMEOUT must be a number of seconds from 1 to 300")]
    Timeout,
    /// The file with a token or secret id cannot be used.
    #[error("the {what} file {}: {error}", .path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// The file of authorities cannot be used.
    #[error("the file of authorities {} (BAO_CACERT or VAULT_CACERT): {error}", .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
}

/// As whom the server is asked; mute.
pub enum Login {
    /// With this token, which is renewed when it was used.
    Token(Zeroizing<String>),
    /// With a role, whose token is revoked when it was used.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// The role.
        role_id: String,
        /// Its secret.
        secret_id: Zeroizing<String>,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::AppRole { .. } => "AppRole(..)",
        })
    }
}

/// Which server, and as whom.
#[derive(Debug)]
pub struct Settings {
    /// The address, without a slash at its end.
    pub address: String,
    /// The authorities that its certificate may be from; none for the public ones.
    pub authorities: Option<PathBuf>,
    /// The server's namespace.
    pub namespace: Option<String>,
    /// As whom.
    pub login: Login,
    /// For all of it.
    pub timeout: Duration,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::from(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let either = |name: &str| get(&format!("BAO_{name}")).or_else(|| get(&format!("VAULT_{name}")));
        let address = either("ADDR").ok_or(SettingsError::NoAddress)?;
        let address = address.trim_end_matches('/').to_owned();
        if !is_safe(&address) {
            return Err(SettingsError::Address);
        }
        let timeout = match get("INKPRINT_VAULT_TIMEOUT") {
            None => TIMEOUT,
            Some(text) => {
                let seconds = text.parse().ok().filter(|seconds| (1..=300).contains(seconds));
                Duration::from_secs(seconds.ok_or(SettingsError::Timeout)?)
            }
        };
        let login = if let Some(role_id) = get("INKPRINT_VAULT_ROLE_ID") {
            let path = get("INKPRINT_VAULT_SECRET_ID_FILE").ok_or(SettingsError::NoSecretId)?;
            let mount = get("INKPRINT_VAULT_APPROLE").unwrap_or_else(|| "approle".to_owned());
            Login::AppRole { mount, role_id, secret_id: from_file("secret id", path.into())? }
        } else if let Some(path) = get("INKPRINT_VAULT_TOKEN_FILE") {
            Login::Token(from_file("token", path.into())?)
        } else {
            Login::Token(one_line("token", Zeroizing::new(either("TOKEN").ok_or(SettingsError::NoLogin)?))?)
        };
        Ok(Self {
            address,
            authorities: either("CACERT").map(PathBuf::from),
            namespace: either("NAMESPACE"),
            login,
            timeout,
        })
    }
}

fn from_file(what: &'static str, path: PathBuf) -> Result<Zeroizing<String>, SettingsError> {
    let fault = |error: String| SettingsError::File { what, path: path.clone(), error };
    let file = open_regular(&path, 0o077).map_err(|error| {
        fault(match error {
            LoadError::OpenToOthers { mode, .. } => {
                format!("it can be read or written by others (mode {mode:04o}); take that from them")
            }
            LoadError::OwnedByAnother { owner, .. } => format!("it belongs to another user ({owner})"),
            LoadError::NotFound { .. } => "it is not there".to_owned(),
            LoadError::NotRegular { .. } => "it is not a regular file".to_owned(),
            _ => "it cannot be read".to_owned(),
        })
    })?;
    let bytes = wiped::read_to_end(file, MAX_TOKEN).map_err(|error| fault(error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| SettingsError::Token(what))?;
    one_line(what, Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn one_line(what: &'static str, text: Zeroizing<String>) -> Result<Zeroizing<String>, SettingsError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { Ok(text) } else { Err(SettingsError::Token(what)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from(|name| values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn only_an_address_that_nobody_can_listen_to_is_taken() {
        for (address, good) in [
            ("https://bao.example:8200", true),
            ("https://bao.example:8200/", true),
            ("http://127.0.0.1:8200", true),
            ("http://[::1]:8200", true),
            ("http://bao.example:8200", false),
            ("http://127.0.0.1.example:8200", false),
            ("https://user:hunter2@bao.example", false),
            ("https://bao.example/v1/sys", false),
            ("bao.example:8200", false),
            ("https://", false),
        ] {
            let read = settings(&[("VAULT_ADDR", address), ("VAULT_TOKEN", "t")]);
            assert_eq!(read.is_ok(), good, "{address}");
            assert!(!format!("{read:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_and_no_token_is_shown() {
        let address = ("BAO_ADDR", "https://bao.example");
        assert!(matches!(settings(&[]), Err(SettingsError::NoAddress)));
        assert!(matches!(settings(&[address]), Err(SettingsError::NoLogin)));
        assert!(matches!(settings(&[address, ("INKPRINT_VAULT_ROLE_ID", "r")]), Err(SettingsError::NoSecretId)));
        let wrong = settings(&[address, ("BAO_TOKEN", "hunter2\nhunter2")]).expect_err("two lines");
        assert!(!wrong.to_string().contains("hunter2"));
        for timeout in ["0", "301", "x"] {
            let read = settings(&[address, ("BAO_TOKEN", "t"), ("INKPRINT_VAULT_TIMEOUT", timeout)]);
            assert!(matches!(read, Err(SettingsError::Timeout)));
        }
        let both = settings(&[address, ("VAULT_ADDR", "https://other"), ("BAO_TOKEN", "hunter2")]).expect("enough");
        assert_eq!((both.address.as_str(), both.timeout), ("https://bao.example", TIMEOUT));
        assert!(!format!("{both:?}").contains("hunter2"));
    }
}
