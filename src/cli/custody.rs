//! Key actions in the journal: announced before they take effect, so that no crash leaves one untold, and concluded afterwards.

use anyhow::Context;
use jiff::Timestamp;

use super::journal_args::JournalArgs;
use crate::control::journal::Journal;
use crate::control::journal::entry::{Actor, Entry, Key, KeyAction, Outcome};
use crate::control::keyring::source::KeyringSource;
use crate::model::{KeyEpoch, Namespace};

/// A keyring's name in the journal: a file by its whole path.
pub fn place(keyring: &KeyringSource) -> String {
    keyring.in_journal()
}

/// What is about to be done to a keyring.
#[derive(Clone, Debug)]
pub struct Announced {
    /// What.
    pub action: KeyAction,
    /// Which epoch.
    pub epoch: Option<KeyEpoch>,
    /// Which namespace.
    pub namespace: Option<Namespace>,
}

/// The journal, if one is kept, and what was announced in it.
#[derive(Debug)]
pub struct Custody {
    journal: Option<Journal>,
    now: Timestamp,
    announced: Option<u64>,
}

impl Custody {
    /// Opens the journal, if one is kept.
    ///
    /// # Errors
    /// That it cannot be written.
    pub fn open(journal: &JournalArgs, now: Timestamp) -> anyhow::Result<Self> {
        Ok(Self { journal: journal.open(now)?, now, announced: None })
    }

    /// The journal itself, for what is no key action.
    pub fn journal(&mut self) -> Option<&mut Journal> {
        self.journal.as_mut()
    }

    /// Tells what is about to be done; unless this succeeds it must not be done.
    ///
    /// # Errors
    /// That the journal cannot be written.
    pub fn announce(&mut self, keyring: &KeyringSource, announced: Announced) -> anyhow::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let Announced { action, epoch, namespace } = announced;
        let key = Key::new(action, place(keyring), epoch, namespace.as_ref(), Actor::here());
        let seq = journal.append(self.now, &[Entry::Key(key)]).context("nothing was changed")?;
        self.announced = Some(seq);
        Ok(())
    }

    /// Tells whether what was announced has been done, and signs the journal. Where nothing was announced, nothing is told.
    ///
    /// # Errors
    /// That the journal cannot be written; what was done is done all the same.
    pub fn conclude(&mut self, done: bool) -> anyhow::Result<()> {
        if let (Some(journal), Some(of)) = (&mut self.journal, self.announced.take()) {
            let told = journal.append(self.now, &[Entry::Outcome(Outcome { of, done })]);
            told.and_then(|_| journal.checkpoint(self.now)).context(if done {
                "it is done, and the journal tells that it was begun"
            } else {
                "it is not done, and the journal tells that it was begun"
            })?;
        }
        Ok(())
    }
}
