//! Keys that are replaced when they are old enough: by a timer that runs the program, or by a service that asks once in a while.
//!
//! - Any number may ask at once, on one keyring: whoever comes second finds it done.
//! - With a journal, a rotation is announced before it is done, and concluded afterwards; one that cannot be announced is not done.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::journal::entry::{Actor, Entry, Key, KeyAction, Outcome};
use super::journal::{Journal, JournalError};
use super::keyring::KeyringError;
use super::keyring::source::KeyringSource;
use super::keyring::store::{StoreError, update_told};
use crate::model::KeyEpoch;

/// Which keyring is rotated how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The keyring's file.
    pub keyring: PathBuf,
    /// How old the current epoch gets.
    pub every: SignedDuration,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// This epoch is the current one from now on.
    Done(KeyEpoch),
    /// There was nothing to do.
    NotDue {
        /// The current epoch.
        epoch: KeyEpoch,
        /// When it was activated.
        since: Timestamp,
        /// When it is old enough.
        due: Timestamp,
    },
}

/// Why a keyring was not rotated, or nobody was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The keyring cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal could not be told, and so nothing was done.
    #[error("the keys are not rotated: {0}")]
    NotAnnounced(JournalError),
    /// It is done, or has failed, and the journal could not be told how it went.
    #[error("the journal tells that a rotation was begun, and not how it ended: {0}")]
    NotConcluded(JournalError),
}

impl Schedule {
    /// Makes a new current epoch if the one there is old enough.
    ///
    /// # Errors
    /// [`RotationError`].
    pub fn rotate_if_due(&self, mut journal: Option<&mut Journal>, now: Timestamp) -> Result<Rotation, RotationError> {
        let mut announced = None;
        let outcome = update_told(
            &self.keyring,
            |keyring| keyring.rotate_if_due(self.every, now),
            |epoch| {
                if let Some(journal) = journal.as_deref_mut() {
                    let place = KeyringSource::File(self.keyring.clone()).in_journal();
                    let key = Key::new(KeyAction::Rotate, place, Some(*epoch), None, Actor::here());
                    let told = journal.append(now, &[Entry::Key(key)]);
                    announced = Some(told.map_err(RotationError::NotAnnounced)?);
                }
                Ok::<_, RotationError>(())
            },
        );
        if let (Some(journal), Some(of)) = (journal, announced) {
            let done = outcome.is_ok();
            let told = journal.append(now, &[Entry::Outcome(Outcome { of, done })]);
            told.and_then(|_| journal.checkpoint(now)).map_err(RotationError::NotConcluded)?;
        }
        match outcome {
            Ok(epoch) => Ok(Rotation::Done(epoch)),
            Err(RotationError::Store(StoreError::Keyring(KeyringError::NotDue { epoch, since, due }))) => {
                Ok(Rotation::NotDue { epoch, since, due })
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::control::keyring::{Keyring, store};

    #[test]
    fn of_many_that_ask_at_once_one_rotates_and_the_journal_tells_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |second: i64| Timestamp::from_second(1_770_000_000 + second).expect("in range");
        let keyring = directory.path().join("keyring");
        store::create(&keyring, &Keyring::generate(at(0)).expect("random bytes")).expect("created");
        let schedule = Schedule { keyring: keyring.clone(), every: SignedDuration::from_secs(60) };
        let path = directory.path().join("journal");
        drop(Journal::open(&path, None, at(0)).expect("begun"));
        let ask = |now| {
            let mut journal = Journal::open(&path, None, now).expect("opened");
            schedule.rotate_if_due(Some(&mut journal), now).expect("asked")
        };
        assert!(matches!(ask(at(59)), Rotation::NotDue { due, .. } if due == at(60)));
        let done = thread::scope(|scope| {
            let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(at(61)))).collect();
            asked
                .into_iter()
                .map(|thread| thread.join().expect("no panic"))
                .filter(|r| matches!(r, Rotation::Done(_)))
                .count()
        });
        assert_eq!(done, 1);
        let journal = std::fs::read_to_string(&path).expect("there");
        assert_eq!(journal.matches("\"action\":\"rotate\"").count(), 1);
        assert_eq!(journal.matches("\"done\":true").count(), 1);
        assert!(matches!(schedule.rotate_if_due(None, at(200)), Ok(Rotation::Done(epoch)) if epoch.get() == 3));
    }
}
