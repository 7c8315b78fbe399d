//! References to secrets: a configuration says where one is, never what it is.
//!
//! What is read is wiped after use. No error and no `Debug` holds any of it.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use axum::http::HeaderName;
use toml::de::DeValue;
use zeroize::{Zeroize as _, Zeroizing};

use super::fault::Problem;
use super::field::{Kind, Shape, Spec};
use super::reader::{At, Section};
use crate::control::private_file::{self, PrivateFileError};
use crate::control::wiped::{self, WipedError};

/// The most bytes that a secret may have.
const MAX_BYTES: usize = 64 << 10;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable of this name.
    Env(String),
    /// In a file at this path, which nobody else may read.
    File(PathBuf),
    /// In a systemd credential of this name.
    Credential(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Credential(name) => write!(f, "the credential {name}"),
        }
    }
}

/// Why a secret could not be had. Names where it should be, never what is there.
#[derive(Debug, thiserror::Error)]
#[error("{origin} {problem}")]
pub struct SecretError {
    /// Where it should be.
    pub origin: SecretRef,
    /// What is wrong.
    #[source]
    pub problem: SecretProblem,
}

/// What is wrong with what a reference leads to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretProblem {
    /// The environment variable is not set.
    #[error("is not set")]
    NotSet,
    /// There is no directory of credentials.
    #[error(
        "cannot be read: CREDENTIALS_DIRECTORY is not set; give the unit LoadCredential= or SetCredentialEncrypted="
    )]
    NoCredentials,
    /// The file cannot be taken.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// There are more bytes than a secret can have.
    #[error("is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// It could not be sent in a header.
    #[error("is not one line of plain text; it must be printable ASCII, with at most one line end behind it")]
    NotOneLine,
}

impl SecretRef {
    /// Reads the secret: printable ASCII on one line, without the line end behind it.
    ///
    /// # Errors
    /// [`SecretError`]: that it is not there, that others may read it, or that it is no secret that could be sent.
    pub fn resolve(&self) -> Result<Zeroizing<String>, SecretError> {
        self.bytes().and_then(text).map_err(|problem| SecretError { origin: self.clone(), problem })
    }

    fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, SecretProblem> {
        let file = match self {
            Self::Env(name) => {
                let value = std::env::var_os(name).map(OsString::into_vec).ok_or(SecretProblem::NotSet)?;
                return Ok(Zeroizing::new(value));
            }
            Self::File(path) => private_file::open(path, private_file::FORBIDDEN)?,
            Self::Credential(name) => {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or(SecretProblem::NoCredentials)?;
                private_file::open(&Path::new(&directory).join(name), private_file::FORBIDDEN_FOR_CREDENTIALS)?
            }
        };
        read_file(file)
    }
}

fn read_file(file: File) -> Result<Zeroizing<Vec<u8>>, SecretProblem> {
    wiped::read_to_end(file, MAX_BYTES).map_err(|error| match error {
        WipedError::TooLong(_) => SecretProblem::TooLong,
        WipedError::Io(error) => error.into(),
    })
}

fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, SecretProblem> {
    if bytes.len() > MAX_BYTES {
        return Err(SecretProblem::TooLong);
    }
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(SecretProblem::Empty);
    }
    if !bytes.iter().all(|b| matches!(b, b' '..=b'~')) {
        return Err(SecretProblem::NotOneLine);
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        error.into_bytes().zeroize();
        SecretProblem::NotOneLine
    })
}

/// The fields of a reference, of which there is exactly one.
pub const FORMS: [(&str, &str, &str); 3] = [
    ("env", "the name of an environment variable", "^[A-Za-z_][A-Za-z0-9_]*$"),
    ("file", "the path of a file that nobody else may read", r"^[^\u0000-\u001f\u007f]+$"),
    ("credential", "the name of a systemd credential", "^[A-Za-z0-9_][A-Za-z0-9._-]*$"),
];

impl Shape for SecretRef {
    type Value = Self;
    const KIND: Kind = Kind::Secret;

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let DeValue::Table(table) = value else { return at.refuse(Problem::Literal) };
        let known = FORMS.map(|(form, ..)| form);
        let unknown = table.keys().any(|key| !known.contains(&key.get_ref().as_ref()));
        let mut section = Section::new(table, at.lent(), &known);
        let mut given = FORMS.iter().filter_map(|(form, ..)| section.value(form).map(|value| (*form, value)));
        match (given.next(), given.next()) {
            (Some((form, value)), None) => {
                let mut at = section.at(form);
                let text = at.text(value.get_ref())?;
                Self::new(form, text).or_else(|| {
                    at.refuse(Problem::Value(match form {
                        "env" => "the name of an environment variable: letters, digits and underscores",
                        "file" => "a path",
                        _ => "the name of a credential: letters, digits, dots, hyphens and underscores",
                    }))
                })
            }
            (None, _) if unknown => None,
            _ => at.refuse(Problem::Value("a table with exactly one of `env`, `file` and `credential`")),
        }
    }
}

impl SecretRef {
    fn new(form: &str, text: &str) -> Option<Self> {
        let word = |more: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
            !text.is_empty() && text.chars().all(allowed)
        };
        match form {
            "env" => (word("") && !text.starts_with(|c: char| c.is_ascii_digit())).then(|| Self::Env(text.to_owned())),
            "file" => {
                (!text.is_empty() && !text.chars().any(|c| c.is_ascii_control())).then(|| Self::File(text.into()))
            }
            _ => (word(".-") && !text.starts_with(['.', '-'])).then(|| Self::Credential(text.to_owned())),
        }
    }
}

/// What is sent in an HTTP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// Text that anyone may know.
    Text(String),
    /// A secret.
    Secret(SecretRef),
}

/// HTTP headers, as a [`Shape`]: in the order of their names, which differ.
#[derive(Clone, Copy, Debug)]
pub struct Headers;

impl Shape for Headers {
    type Value = Vec<(HeaderName, HeaderValue)>;
    const KIND: Kind = Kind::Headers;

    fn read(value: &DeValue<'_>, spec: &Spec, mut at: At<'_>) -> Option<Self::Value> {
        let (mut headers, mut sound) = (Vec::new(), true);
        for (key, value) in at.table(value)? {
            let name = HeaderName::from_bytes(key.get_ref().as_bytes()).ok();
            let shown = name.as_ref().map_or("?", |name| name.as_str());
            let mut at = at.field(&super::reader::shown(shown), key.span().start);
            let read = match name {
                None => at.refuse(Problem::Value("a value under the name of an HTTP header, such as \"x-tenant\"")),
                Some(name) if headers.iter().any(|(other, _)| *other == name) => at.refuse(Problem::Repeated),
                Some(name) => header(&name, value.get_ref(), spec, at).map(|value| (name, value)),
            };
            sound &= read.is_some();
            headers.extend(read);
        }
        sound.then_some(headers)
    }
}

fn header(name: &HeaderName, value: &DeValue<'_>, spec: &Spec, mut at: At<'_>) -> Option<HeaderValue> {
    if OWN.contains(&name.as_str()) {
        return at.refuse(Problem::Value("left out: this header is set by what is sent"));
    }
    match value {
        DeValue::String(_) if is_secret(name.as_str()) => at.refuse(Problem::Literal),
        DeValue::String(text) if text.bytes().all(|b| matches!(b, b' '..=b'~')) => {
            Some(HeaderValue::Text(text.clone().into_owned()))
        }
        DeValue::String(_) => at.refuse(Problem::Value("printable ASCII")),
        other => <SecretRef as Shape>::read(other, spec, at).map(HeaderValue::Secret),
    }
}

/// Headers that are not for a configuration to set.
const OWN: [&str; 6] =
    ["content-length", "content-encoding", "content-type", "host", "transfer-encoding", "connection"];

/// Whether a header of this name holds a secret.
fn is_secret(name: &str) -> bool {
    ["auth", "cookie", "token", "secret", "password", "credential", "key"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_read_where_nobody_else_can() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        let reference = SecretRef::File(path.clone());
        assert!(matches!(
            reference.resolve(),
            Err(SecretError { problem: SecretProblem::File(PrivateFileError::NotFound), .. })
        ));
        fs::write(&path, "hunter2\n").expect("written");
        for mode in [0o640, 0o604, 0o622] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
            let error = reference.resolve().expect_err("refused").to_string();
            assert!(error.contains("others") && error.contains("token") && !error.contains("hunter2"), "{error}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        assert_eq!(*reference.resolve().expect("read"), "hunter2");
        for (content, problem) in
            [("\n", "empty"), ("", "empty"), ("hunter2\nhunter2\n", "one line"), ("hunter2\u{e9}", "one line")]
        {
            fs::write(&path, content).expect("written");
            let error = reference.resolve().expect_err("refused").to_string();
            assert!(error.contains(problem) && !error.contains("hunter2"), "{error}");
        }
        fs::write(&path, "x".repeat(MAX_BYTES + 1)).expect("written");
        assert!(reference.resolve().is_err());
        assert!(SecretRef::Env("INKPRINT_TEST_NEVER_SET".to_owned()).resolve().is_err());
    }
}
