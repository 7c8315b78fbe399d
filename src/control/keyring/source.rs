//! Where a keyring comes from, and reading it from there. Never from the command line itself.
//!
//! | text | meaning |
//! |---|---|
//! | `file:PATH`, or just a path | a regular file, ours or root's, that nobody else may read |
//! | `env:NAME` | the text in an environment variable |
//! | `fd:N` | what can be read from an open file descriptor, 3 or above |
//! | `credential:NAME` | the file of that name in `$CREDENTIALS_DIRECTORY`, as systemd passes it |
//! | `command:PROGRAM ARGS` | what a shell command prints |
//! | `vault:kv:…`, `vault:transit:…` | a secret of Vault or OpenBao ([`vault`]) |
//! | `awskms:FILE` | a file that a key of AWS KMS unwraps ([`awskms`]) |
//!
//! Everything that was read is wiped after it was parsed. No error holds any of it.

pub mod awskms;
mod error;
mod https;
pub mod vault;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use zeroize::Zeroizing;

use self::awskms::KmsError;
pub use self::error::{LoadError, SourceSyntaxError};
use self::vault::{Settings, VaultError, VaultPlace};
use super::{Keyring, command};
use crate::control::private_file::{self, PrivateFileError};
use crate::control::wiped::{self, WipedError};

/// The most bytes that a keyring may have, wherever it comes from: several thousand epochs.
pub const MAX_BYTES: usize = 1 << 20;

/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a keyring comes from. `Display` shows that and nothing of its content; of a command it shows the program only,
/// as its arguments may hold a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyringSource {
    /// A file at this path.
    File(PathBuf),
    /// An environment variable of this name.
    Env(String),
    /// An open file descriptor of this number.
    Fd(u32),
    /// A systemd credential of this name.
    Credential(String),
    /// The output of this shell command.
    Command(ShellCommand),
    /// What Vault or OpenBao keeps in this place.
    Vault(VaultPlace),
    /// The wrapped keyring in this file, which AWS KMS unwraps.
    AwsKms(PathBuf),
}

/// A command line for the shell, shown without its arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct ShellCommand(String);

impl fmt::Display for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_whitespace().next() {
            // A first word with an equals sign would be an assignment, perhaps of a credential.
            Some(program) if !program.contains('=') => write!(f, "{program} ..."),
            _ => f.write_str("..."),
        }
    }
}

impl fmt::Debug for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for KeyringSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Fd(number) => write!(f, "fd:{number}"),
            Self::Credential(name) => write!(f, "credential:{name}"),
            Self::Command(command) => write!(f, "command:{command}"),
            Self::Vault(place) => write!(f, "vault:{place}"),
            Self::AwsKms(path) => write!(f, "awskms:{}", path.display()),
        }
    }
}

impl KeyringSource {
    /// Reads a source as it was typed; a path need not be UTF-8.
    ///
    /// # Errors
    /// [`SourceSyntaxError`], which never shows what was typed.
    pub fn parse(text: &OsStr) -> Result<Self, SourceSyntaxError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(SourceSyntaxError::Empty);
        }
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(SourceSyntaxError::NotOneLine);
        }
        let path = |bytes: &[u8]| match bytes {
            b"" => Err(SourceSyntaxError::Empty),
            bytes => Ok(Self::File(OsString::from_vec(bytes.to_vec()).into())),
        };
        let Some((scheme, rest)) = text.to_str().and_then(|text| text.split_once(':')) else {
            return path(bytes.strip_prefix(b"file:").unwrap_or(bytes));
        };
        match scheme {
            "file" => path(rest.as_bytes()),
            "env" if rest.is_empty() || rest.contains('=') => Err(SourceSyntaxError::Env),
            "env" => Ok(Self::Env(rest.to_owned())),
            "fd" => match rest.parse() {
                Ok(number) if number > 2 => Ok(Self::Fd(number)),
                _ => Err(SourceSyntaxError::Fd),
            },
            "credential" if rest.is_empty() || rest.contains('/') || rest == "." || rest == ".." => {
                Err(SourceSyntaxError::Credential)
            }
            "credential" => Ok(Self::Credential(rest.to_owned())),
            "command" if rest.trim().is_empty() => Err(SourceSyntaxError::Command),
            "command" => Ok(Self::Command(ShellCommand(rest.to_owned()))),
            "vault" => VaultPlace::parse(rest).map(Self::Vault).ok_or(SourceSyntaxError::Vault),
            "awskms" if rest.is_empty() => Err(SourceSyntaxError::AwsKms),
            "awskms" => Ok(Self::AwsKms(rest.into())),
            _ => path(bytes),
        }
    }

    /// Its name in a journal: a file by its whole path.
    pub fn in_journal(&self) -> String {
        match self {
            Self::File(path) => Self::File(std::path::absolute(path).unwrap_or_else(|_| path.clone())).to_string(),
            other => other.to_string(),
        }
    }

    /// Reads the keyring.
    ///
    /// # Errors
    /// [`LoadError`]: that it is not there, that others may read it, that it is too large, or that it has faults.
    pub fn load(&self) -> Result<Keyring, LoadError> {
        let bytes = match self {
            Self::File(path) => return load_file(path),
            Self::Env(name) => {
                let value = std::env::var_os(name).ok_or_else(|| LoadError::NoVariable { name: name.clone() })?;
                Zeroizing::new(value.into_vec())
            }
            // Safe code cannot take a number for a descriptor; opening its name in /dev/fd gives the same bytes. An
            // anonymous pipe reopened so does not wait for a writer, and keeps what the writer left.
            Self::Fd(number) => {
                let file = File::open(format!("/dev/fd/{number}")).map_err(|error| self.read_error(error))?;
                self.read(file)?
            }
            Self::Credential(name) => {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or(LoadError::NoCredentials)?;
                let path = Path::new(&directory).join(name);
                let file = open_regular(&path, private_file::FORBIDDEN_FOR_CREDENTIALS)?;
                self.read(file)?
            }
            Self::Command(command) => command::output(&command.0, MAX_BYTES, COMMAND_TIMEOUT)
                .map_err(|error| LoadError::Command { origin: self.to_string(), error })?,
            Self::Vault(place) => {
                let read =
                    Settings::from_environment().map_err(VaultError::from).and_then(|settings| place.read(&settings));
                read.map_err(|error| LoadError::Vault { origin: self.to_string(), error })?
            }
            Self::AwsKms(path) => {
                let unwrapped = awskms::Settings::from_environment()
                    .map_err(KmsError::from)
                    .and_then(|settings| awskms::unwrap(path, &settings));
                unwrapped.map_err(|error| LoadError::AwsKms { origin: self.to_string(), error })?
            }
        };
        self.parse_keyring(&bytes)
    }

    fn read(&self, file: File) -> Result<Zeroizing<Vec<u8>>, LoadError> {
        wiped::read_to_end(file, MAX_BYTES).map_err(|error| match error {
            WipedError::TooLong(_) => LoadError::TooLarge { origin: self.to_string() },
            WipedError::Io(error) => self.read_error(error),
        })
    }

    fn parse_keyring(&self, bytes: &[u8]) -> Result<Keyring, LoadError> {
        if bytes.len() > MAX_BYTES {
            return Err(LoadError::TooLarge { origin: self.to_string() });
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(LoadError::Empty { origin: self.to_string() });
        }
        Keyring::parse(bytes).map_err(|faults| LoadError::Faults { origin: self.to_string(), faults })
    }

    fn read_error(&self, error: io::Error) -> LoadError {
        LoadError::Read { origin: self.to_string(), error }
    }
}

impl FromStr for KeyringSource {
    type Err = SourceSyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(OsStr::new(text))
    }
}

/// Reads a keyring file with all checks.
pub(super) fn load_file(path: &Path) -> Result<Keyring, LoadError> {
    let source = KeyringSource::File(path.to_owned());
    let bytes = source.read(open_regular(path, private_file::FORBIDDEN)?)?;
    source.parse_keyring(&bytes)
}

/// Opens a keyring's file, which nobody else may read.
fn open_regular(path: &Path, forbidden: u32) -> Result<File, LoadError> {
    private_file::open(path, forbidden).map_err(|error| {
        let path = path.to_owned();
        match error {
            PrivateFileError::NotFound => LoadError::NotFound { path },
            PrivateFileError::NotRegular => LoadError::NotRegular { path },
            PrivateFileError::OpenToOthers { mode } => LoadError::OpenToOthers { path, mode },
            PrivateFileError::OwnedByAnother { owner, user } => LoadError::OwnedByAnother { path, owner, user },
            PrivateFileError::Io(error) => LoadError::Read { origin: KeyringSource::File(path).to_string(), error },
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use jiff::Timestamp;

    use super::*;

    fn keyring_file(directory: &Path, mode: u32) -> PathBuf {
        let path = directory.join("keyring");
        let keyring = Keyring::generate(Timestamp::UNIX_EPOCH).expect("random bytes");
        fs::write(&path, keyring.to_toml().as_bytes()).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
        path
    }

    #[test]
    fn every_form_is_read_and_shown() {
        for (text, shown) in [
            ("/etc/inkprint/keyring", "file:/etc/inkprint/keyring"),
            ("file:keyring", "file:keyring"),
            ("./env:x", "file:./env:x"),
            ("odd:name", "file:odd:name"),
            ("env:INKPRINT_KEYS", "env:INKPRINT_KEYS"),
            ("fd:3", "fd:3"),
            ("credential:keyring", "credential:keyring"),
            ("command:vault kv get -field=hunter2 x", "command:vault ..."),
            ("command:TOKEN=hunter2 vault", "command:..."),
            ("vault:kv:secret/inkprint", "vault:kv:secret//inkprint#keyring"),
            ("awskms:/etc/inkprint/keyring.kms", "awskms:/etc/inkprint/keyring.kms"),
        ] {
            let source: KeyringSource = text.parse().expect(text);
            assert_eq!(source.to_string(), shown);
            assert!(!format!("{source:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_names_no_source_is_refused_without_being_shown() {
        for (text, error) in [
            ("", SourceSyntaxError::Empty),
            ("file:", SourceSyntaxError::Empty),
            ("version = 1\nkey = \"hunter2\"", SourceSyntaxError::NotOneLine),
            ("env:", SourceSyntaxError::Env),
            ("env:A=hunter2", SourceSyntaxError::Env),
            ("fd:2", SourceSyntaxError::Fd),
            ("fd:x", SourceSyntaxError::Fd),
            ("credential:../x", SourceSyntaxError::Credential),
            ("command: ", SourceSyntaxError::Command),
            ("vault:hunter2", SourceSyntaxError::Vault),
            ("awskms:", SourceSyntaxError::AwsKms),
        ] {
            assert_eq!(text.parse::<KeyringSource>(), Err(error));
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_file_that_others_may_touch_is_refused_with_the_command_to_run() {
        let directory = tempfile::tempdir().expect("a directory");
        for mode in [0o640, 0o604, 0o620, 0o610] {
            let path = keyring_file(directory.path(), mode);
            let error = load_file(&path).expect_err("refused").to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
            assert!(error.contains(&format!("{mode:04o}")), "{error}");
        }
        for mode in [0o600, 0o400] {
            let path = keyring_file(directory.path(), mode);
            assert!(load_file(&path).is_ok());
            let link = directory.path().join(format!("link{mode}"));
            std::os::unix::fs::symlink(&path, &link).expect("linked");
            assert!(load_file(&link).is_ok(), "the mode of a link says nothing");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(matches!(load_file(directory.path()), Err(LoadError::NotRegular { .. })));
        assert!(matches!(load_file(Path::new("/dev/null")), Err(LoadError::NotRegular { .. })));
        let missing = load_file(&directory.path().join("my keyring")).expect_err("missing").to_string();
        assert!(missing.contains("keys init --keyring '"), "{missing}");
    }

    #[test]
    fn size_is_bounded_and_emptiness_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = keyring_file(directory.path(), 0o600);
        fs::write(&path, "#".repeat(MAX_BYTES + 1)).expect("written");
        assert!(matches!(load_file(&path), Err(LoadError::TooLarge { .. })));
        fs::write(&path, "\n").expect("written");
        assert!(matches!(load_file(&path), Err(LoadError::Empty { .. })));
        fs::write(&path, "version = 1\nkey = \"hunter2\"\n").expect("written");
        let error = load_file(&path).expect_err("faults").to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_command_is_read_and_its_failures_are_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = keyring_file(directory.path(), 0o600);
        let source: KeyringSource = format!("command:cat '{}'", path.display()).parse().expect("a source");
        assert!(source.load().is_ok());
        let failing: KeyringSource = "command:echo hunter2; echo hunter2 >&2; exit 3".parse().expect("a source");
        let error = failing.load().expect_err("fails").to_string();
        assert!(error.contains('3') && !error.contains("hunter2"), "{error}");
    }
}
