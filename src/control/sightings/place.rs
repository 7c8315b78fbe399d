//! Which index is meant: a file, or a database by its URL.
//!
//! | text | meaning |
//! |---|---|
//! | a path | a file of SQLite |
//! | `postgres://USER@HOST:PORT/DATABASE?OPTIONS` | a database of PostgreSQL, `postgresql://` likewise |
//!
//! A URL may not hold a password: everybody on the machine can see a command line, and the shell keeps it. Passwords come from where
//! PostgreSQL's own programs take them ([`mod@password`]). To another machine the connection is encrypted and the server's certificate is
//! verified, unless the URL says `sslmode=disable`.

mod password;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};

pub(super) use self::password::password;
use crate::pipeline::detect::{Written, decode};

/// Until a server has let us in, unless the URL says `connect_timeout`.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After so long without a word from it, the server counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(15);

/// Where an index is. `Display` shows that; none of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of PostgreSQL.
    Database(Box<Address>),
}

/// A database, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Without a password.
    pub(super) config: tokio_postgres::Config,
    /// As it is shown.
    shown: String,
    /// A file of passwords, if one was named.
    pub(super) passfile: Option<PathBuf>,
    /// A PEM file of the authorities that the server's certificate may be from, if one was named; the public ones otherwise.
    pub(super) authorities: Option<PathBuf>,
}

/// Why a text names no index. None of these shows the text: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Nothing at all.
    #[error("the name of the index is empty; give a file, or postgres://USER@HOST/DATABASE")]
    Empty,
    /// Not text.
    #[error("the URL of the index is not text")]
    NotText,
    /// There is a password in it.
    #[error(
        "the URL of the index holds a password, which everybody on this machine can see; take it out, and give it in PGPASSWORD, in a \
         file that PGPASSFILE or ?passfile=FILE names, or in ~/.pgpass"
    )]
    Password,
    /// There is no host.
    #[error(
        "the URL of the index names no host; postgres://USER@HOST/DATABASE, and for a Unix socket postgres://USER@/DATABASE?host=DIRECTORY"
    )]
    NoHost,
    /// There is no database.
    #[error("the URL of the index names no database; postgres://USER@HOST/DATABASE")]
    NoDatabase,
    /// A way to encrypt that proves nothing.
    #[error("sslmode is disable, or require (the server's certificate is always verified, as verify-full does)")]
    SslMode,
    /// What the URL says is not understood.
    #[error("the URL of the index cannot be read: {0}")]
    Url(String),
}

impl Place {
    /// Reads what was typed.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn parse(text: &OsStr) -> Result<Self, PlaceError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(PlaceError::Empty);
        }
        if !["postgres://", "postgresql://"].iter().any(|scheme| bytes.starts_with(scheme.as_bytes())) {
            return Ok(Self::File(OsString::from(text).into()));
        }
        Address::parse(text.to_str().ok_or(PlaceError::NotText)?).map(|address| Self::Database(Box::new(address)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Address {
    fn parse(url: &str) -> Result<Self, PlaceError> {
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
        if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return Err(PlaceError::Password);
        }
        let (mut passfile, mut authorities, mut mode) = (None, None, None);
        let mut passed = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "password" | "sslpassword" => return Err(PlaceError::Password),
                "passfile" => passfile = Some(path(value)),
                "sslrootcert" => authorities = Some(path(value)),
                "sslmode" => mode = Some(value),
                _ => passed.push(option),
            }
        }
        let encrypts = match mode {
            None => None,
            Some("disable") => Some(false),
            Some("require" | "verify-full") => Some(true),
            Some(_) => return Err(PlaceError::SslMode),
        };
        let plain = if passed.is_empty() { base.to_owned() } else { format!("{base}?{}", passed.join("&")) };
        let mut config = tokio_postgres::Config::from_str(&plain).map_err(|error| PlaceError::Url(told(&error)))?;
        if config.get_password().is_some() {
            return Err(PlaceError::Password);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(PlaceError::NoHost);
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(PlaceError::NoDatabase);
        }
        let encrypts = encrypts.unwrap_or_else(|| !is_local(&config));
        config.ssl_mode(if encrypts { SslMode::Require } else { SslMode::Disable });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(LOST_AFTER);
        }
        config.keepalives_idle(LOST_AFTER / 3).keepalives_interval(LOST_AFTER / 3).keepalives_retries(2);
        if config.get_application_name().is_none() {
            config.application_name("inkprint");
        }
        Ok(Self { config, shown: base.to_owned(), passfile, authorities })
    }

    /// The first host, as a file of passwords names it.
    fn host(&self) -> String {
        match (self.config.get_hosts().first(), self.config.get_hostaddrs().first()) {
            (Some(Host::Tcp(name)), _) => name.clone(),
            (Some(Host::Unix(_)), _) => "localhost".to_owned(),
            (None, Some(address)) => address.to_string(),
            (None, None) => String::new(),
        }
    }

    fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    fn user(&self) -> Option<&str> {
        self.config.get_user()
    }
}

/// Whether what is sent stays on this machine.
fn is_local(config: &tokio_postgres::Config) -> bool {
    let loopback = |name: &str| {
        name == "localhost" || name.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
    };
    config.get_hostaddrs().iter().all(IpAddr::is_loopback)
        && config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => !config.get_hostaddrs().is_empty() || loopback(name),
        })
}

/// A path, its percent-encoding undone.
fn path(value: &str) -> PathBuf {
    OsStr::from_bytes(decode::canonical(value.as_bytes(), Written::Percent).expose()).into()
}

/// An error with what is behind it, in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        behind = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Address, PlaceError> {
        match Place::parse(OsStr::new(text)) {
            Ok(Place::Database(address)) => Ok(*address),
            Ok(Place::File(path)) => panic!("{} is a file", path.display()),
            Err(error) => Err(error),
        }
    }

    #[test]
    fn files_and_databases_are_told_apart() {
        for file in ["s", "/var/lib/inkprint/sightings", "./postgres://x", "postgres:x"] {
            assert_eq!(Place::parse(OsStr::new(file)), Ok(Place::File(file.into())));
        }
        let address = parsed("postgres://ink@db.example:6432/fleet?passfile=%2Frun%2Fpass&options=-csearch_path%3Dink")
            .expect("read");
        assert_eq!(address.to_string(), "postgres://ink@db.example:6432/fleet");
        assert_eq!(address.passfile, Some("/run/pass".into()));
        assert_eq!(address.config.get_options(), Some("-csearch_path=ink"));
        assert_eq!((address.port(), address.database(), address.user()), (6432, "fleet", Some("ink")));
    }

    #[test]
    fn a_password_is_refused_without_being_shown() {
        for url in [
            "postgres://ink:hunter2@db.example/fleet",
            "postgresql://ink:hunter2@/fleet?host=/run/postgresql",
            "postgres://ink@db.example/fleet?password=hunter2",
            "postgres://ink@db.example/fleet?sslmode=require&password=hunter2",
        ] {
            let error = parsed(url).expect_err("refused");
            assert_eq!(error, PlaceError::Password);
            assert!(!error.to_string().contains("hunter2"));
        }
        for (url, error) in [
            ("postgres://ink@db.example", PlaceError::NoDatabase),
            ("postgres:///fleet", PlaceError::NoHost),
            ("postgres://ink@db.example/fleet?sslmode=prefer", PlaceError::SslMode),
        ] {
            assert_eq!(parsed(url), Err(error), "{url}");
        }
        let unknown = parsed("postgres://ink@db.example/fleet?colour=hunter2").expect_err("refused").to_string();
        assert!(unknown.contains("colour") && !unknown.contains("hunter2"), "{unknown}");
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted() {
        for (url, mode) in [
            ("postgres://ink@localhost/fleet", SslMode::Disable),
            ("postgres://ink@127.0.0.1:5433/fleet", SslMode::Disable),
            ("postgres://ink@[::1]/fleet", SslMode::Disable),
            ("postgres://ink@%2Frun%2Fpostgresql/fleet", SslMode::Disable),
            ("postgres://ink@/fleet?host=/run/postgresql", SslMode::Disable),
            ("postgres://ink@db.example/fleet", SslMode::Require),
            ("postgres://ink@localhost,db.example/fleet", SslMode::Require),
            ("postgres://ink@localhost/fleet?hostaddr=192.0.2.1", SslMode::Require),
            ("postgres://ink@localhost/fleet?sslmode=require", SslMode::Require),
            ("postgres://ink@db.example/fleet?sslmode=disable", SslMode::Disable),
        ] {
            assert_eq!(parsed(url).expect(url).config.get_ssl_mode(), mode, "{url}");
        }
    }
}
