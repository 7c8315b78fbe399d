//! Bridges of the service: who links the prints that a secret has in several key epochs, for each namespace.

use std::fs::File;
use std::io::BufReader;

use anyhow::Context;
use jiff::Timestamp;

use crate::control::bridge;
use crate::control::bridge::keeper::Keeper;
use crate::control::config::Config;
use crate::control::journal::Journal;
use crate::control::reload::namespaces;
use crate::pipeline::bridger::Bridging;

/// Those who keep them, and how the data path tells them what it links.
pub(super) struct Bridges {
    keepers: Vec<Keeper>,
    bridging: Vec<Option<Bridging>>,
}

impl Bridges {
    /// Starts what the configuration asks for. The journal has been begun.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub(super) fn start(config: &Config) -> anyhow::Result<Self> {
        let namespaces = namespaces(config);
        let Some(journal) = config.journal.as_ref().filter(|_| config.keys.bridge) else {
            return Ok(Self { keepers: Vec::new(), bridging: vec![None; namespaces.len()] });
        };
        let mut started = Self { keepers: Vec::new(), bridging: Vec::new() };
        for namespace in namespaces {
            let path = &journal.path;
            let written = Journal::open(path, journal.key.as_deref(), Timestamp::now())?;
            let reader = File::open(path).map(BufReader::new).with_context(|| path.display().to_string())?;
            let known = bridge::Bridges::read(namespace, reader).context("the journal cannot be read")?;
            let on_error =
                |error: &_| tracing::error!(%error, "bridges cannot be written: tried again, and the log goes on");
            let (bridging, keeper) =
                Keeper::start(written, known, Timestamp::now, on_error).context("no thread for bridges")?;
            started.keepers.push(keeper);
            started.bridging.push(Some(bridging));
        }
        Ok(started)
    }

    /// How each namespace's part of the data path tells what it links.
    pub(super) fn bridging(&self) -> &[Option<Bridging>] {
        &self.bridging
    }

    /// Waits until all is written. The data path has ended.
    ///
    /// # Errors
    /// When what was linked last could not be written.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for keeper in self.keepers {
            match keeper.finish() {
                Ok(kept) if kept.lost > 0 => {
                    tracing::warn!(
                        secrets = kept.lost,
                        "there was no room for the bridges of some secrets; they are made when these are seen again"
                    );
                }
                Ok(_) => {}
                Err(error) => {
                    outcome = Err(error).context("bridges could not be written; the log was cleaned all the same")
                }
            }
        }
        outcome
    }
}
