//! `--keyring`, the same on every command that needs keys.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::custody::{Announced, Custody};
use crate::control::journal::entry::KeyAction;
use crate::control::keyring::source::KeyringSource;
use crate::control::keyring::{Keyring, automatic};
use crate::model::KeyEpoch;

/// The option that says where the keyring comes from.
#[derive(Clone, Default, clap::Args)]
pub struct KeyringArgs {
    // Taken as it was typed and read later: clap shows a value that it cannot read, and this one may be a keyring
    // pasted in the wrong place.
    /// Where the keyring comes from: a path or file:PATH, env:NAME, fd:N, credential:NAME, command:PROGRAM ARGS,
    /// vault:kv:MOUNT/PATH#FIELD, or awskms:FILE
    ///
    /// credential:NAME is a file in $CREDENTIALS_DIRECTORY, as systemd passes it; of a command, which /bin/sh runs,
    /// standard output is the keyring. vault: is Vault or OpenBao, where BAO_ADDR or VAULT_ADDR says and as whom BAO_TOKEN,
    /// VAULT_TOKEN or the variables in docs/fingerprint.md say; vault:transit:MOUNT/KEY:FILE decrypts a file there. awskms: is a file that
    /// `inkprint keys wrap` has made, which AWS KMS unwraps, where and as whom AWS_REGION, AWS_PROFILE and the like say. Without this option it is the automatic one,
    /// $XDG_STATE_HOME/inkprint/keyring (by default in ~/.local/state).
    #[arg(long, value_name = "SOURCE", env = "INKPRINT_KEYRING", hide_env_values = true, global = true)]
    keyring: Option<OsString>,
}

impl fmt::Debug for KeyringArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.keyring.is_some() { "KeyringArgs(given)" } else { "KeyringArgs(automatic)" })
    }
}

/// A keyring, and where it was made if this call has made it.
#[derive(Debug)]
pub struct Opened {
    /// The keyring.
    pub keyring: Keyring,
    /// The file that was made just now; its user should be told once.
    pub made: Option<PathBuf>,
}

impl KeyringArgs {
    /// The source: the one given, or the automatic file.
    ///
    /// # Errors
    /// That what was given names no source, or that there is no home for the automatic one.
    pub fn source(&self) -> anyhow::Result<KeyringSource> {
        match &self.keyring {
            Some(text) => KeyringSource::parse(text).context("--keyring (or INKPRINT_KEYRING)"),
            None => Ok(KeyringSource::File(automatic::path()?)),
        }
    }

    /// Whether the keyring is the automatic one.
    pub fn is_automatic(&self) -> bool {
        self.keyring.is_none()
    }

    /// Reads the keyring; none is made.
    ///
    /// # Errors
    /// As [`KeyringArgs::source`], and that it cannot be read.
    pub fn load(&self) -> anyhow::Result<Keyring> {
        Ok(self.source()?.load()?)
    }

    /// Reads the keyring, and makes the automatic one on its first use, which is told in the journal.
    ///
    /// # Errors
    /// As [`KeyringArgs::load`], and that the automatic one cannot be made or told of.
    pub fn load_or_make(&self, now: Timestamp, journal: &mut Custody) -> anyhow::Result<Opened> {
        if !self.is_automatic() {
            return Ok(Opened { keyring: self.load()?, made: None });
        }
        let path = automatic::path()?;
        let source = KeyringSource::File(path.clone());
        let announced = Announced { action: KeyAction::Init, epoch: Some(KeyEpoch::FIRST), namespace: None };
        let loaded = automatic::load_or_make(&path, now, || journal.announce(&source, announced));
        journal.conclude(loaded.is_ok())?;
        let (keyring, made) = loaded?;
        Ok(Opened { keyring, made: made.then_some(path) })
    }

    /// The file to change.
    ///
    /// # Errors
    /// As [`KeyringArgs::source`], and that the keyring comes from something that cannot be written back to.
    pub fn file(&self) -> anyhow::Result<PathBuf> {
        match self.source()? {
            KeyringSource::File(path) => Ok(path),
            other => bail!(
                "only a keyring in a file can be changed, and this one comes from {other}; change the file that it is \
                 made from, with --keyring PATH, and pass it on anew"
            ),
        }
    }
}
