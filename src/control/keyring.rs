//! The keyring: key epochs and namespaces, and what may be done to them.
//!
//! - One epoch is current and makes marks. Those before it answer lookups until they are retired. A destroyed one is
//!   a tombstone: its number and times stay, its key is gone, and its number is never used again.
//! - Each namespace has a random salt of its own. Forgetting one erases the salt, after which the namespace's prints
//!   can be linked to nothing in any epoch; its name stays taken, so that a later lookup under it cannot mistake
//!   "forgotten" for "never logged". The default namespace is always there.
//! - Time is a parameter, in whole seconds; nothing here reads a clock, and no order of times is relied upon, as a
//!   clock may be set back between two rotations.
//!
//! [`mod@format`] has the file's layout, [`source`] says where a keyring may come from, and [`store`] changes files.

pub mod automatic;
mod command;
pub mod format;
pub mod source;
pub mod store;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::model::{KeyEpoch, Namespace, NamespaceSalt, SecretKey};
use crate::pipeline::fingerprint::MarkKeys;

/// Why a keyring cannot do what was asked of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyringError {
    /// There never was an epoch of this number.
    #[error("the keyring has no epoch {epoch}; its epochs are 1 to {last}")]
    UnknownEpoch {
        /// The number asked for.
        epoch: KeyEpoch,
        /// The highest number there is.
        last: KeyEpoch,
    },
    /// The epoch makes the marks now, so that it can be neither retired nor destroyed.
    #[error("epoch {0} is the current one; rotate first (inkprint keys rotate), so that another makes the marks")]
    IsCurrent(KeyEpoch),
    /// The epoch no longer answers lookups.
    #[error("epoch {epoch} was retired at {at} and answers no lookups")]
    Retired {
        /// The epoch asked for.
        epoch: KeyEpoch,
        /// When it was retired.
        at: Timestamp,
    },
    /// The epoch's key is gone for good.
    #[error("epoch {epoch} was destroyed at {at}; its marks can be linked to nothing")]
    Destroyed {
        /// The epoch asked for.
        epoch: KeyEpoch,
        /// When it was destroyed.
        at: Timestamp,
    },
    /// There never was a namespace of this name.
    #[error("the keyring has no namespace {0}; add it first (inkprint keys namespace add {0})")]
    UnknownNamespace(Namespace),
    /// The namespace's salt is gone for good.
    #[error("namespace {name} was forgotten at {at}; its marks can be linked to nothing, and its name stays taken")]
    Forgotten {
        /// The namespace asked for.
        name: Namespace,
        /// When it was forgotten.
        at: Timestamp,
    },
    /// There is a namespace of this name already.
    #[error("the keyring has a namespace {0} already")]
    NamespaceExists(Namespace),
    /// The default namespace cannot be forgotten.
    #[error("the namespace {} is always there; destroy epochs instead to unlink its marks", Namespace::DEFAULT)]
    DefaultNamespace,
    /// The current epoch is not old enough to be replaced.
    #[error("epoch {epoch} is the current one since {since}; a rotation is due at {due}")]
    NotDue {
        /// The current epoch.
        epoch: KeyEpoch,
        /// When it was activated.
        since: Timestamp,
        /// When it is old enough.
        due: Timestamp,
    },
    /// Every epoch number has been used.
    #[error("the keyring has used its last epoch number; make a new keyring")]
    EpochsUsedUp,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

/// Where an epoch stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochState {
    /// It makes marks, and answers lookups.
    Current,
    /// It answers lookups.
    Previous,
    /// It answers nothing; its key is kept.
    Retired,
    /// Its key is gone.
    Destroyed,
}

impl EpochState {
    /// The state in one word, as lists show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Retired => "retired",
            Self::Destroyed => "destroyed",
        }
    }
}

/// What is left of a secret value that can be erased: the value, or the time of its erasure.
#[derive(Clone, Debug)]
enum Material<T> {
    Kept(T),
    Erased(Timestamp),
}

impl<T> Material<T> {
    fn erased(&self) -> Option<Timestamp> {
        match self {
            Self::Kept(_) => None,
            Self::Erased(at) => Some(*at),
        }
    }
}

/// One key epoch. All times are in whole seconds.
#[derive(Clone, Debug)]
pub struct Epoch {
    number: KeyEpoch,
    created: Timestamp,
    activated: Timestamp,
    retired: Option<Timestamp>,
    key: Material<SecretKey>,
}

impl Epoch {
    /// The number that stands in marks.
    pub fn number(&self) -> KeyEpoch {
        self.number
    }

    /// When the key was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When it first was the current one.
    pub fn activated(&self) -> Timestamp {
        self.activated
    }

    /// When it stopped to answer lookups.
    pub fn retired(&self) -> Option<Timestamp> {
        self.retired
    }

    /// When its key was erased.
    pub fn destroyed(&self) -> Option<Timestamp> {
        self.key.erased()
    }

    /// The key, if lookups under this epoch are answered.
    fn live_key(&self) -> Result<&SecretKey, KeyringError> {
        match (&self.key, self.retired) {
            (&Material::Erased(at), _) => Err(KeyringError::Destroyed { epoch: self.number, at }),
            (_, Some(at)) => Err(KeyringError::Retired { epoch: self.number, at }),
            (Material::Kept(key), None) => Ok(key),
        }
    }
}

/// One namespace. All times are in whole seconds.
#[derive(Clone, Debug)]
pub struct NamespaceEntry {
    name: Namespace,
    created: Timestamp,
    salt: Material<NamespaceSalt>,
}

impl NamespaceEntry {
    /// The name that commands and configurations use.
    pub fn name(&self) -> &Namespace {
        &self.name
    }

    /// When the salt was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When the salt was erased.
    pub fn forgotten(&self) -> Option<Timestamp> {
        self.salt.erased()
    }
}

/// The epochs and namespaces known, one epoch of them current.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// Always one of `epochs`, neither retired nor destroyed.
    current: KeyEpoch,
    /// By number, ascending, without repetition.
    epochs: Vec<Epoch>,
    /// By name, ascending, without repetition; the default one is among them and is not forgotten.
    namespaces: Vec<NamespaceEntry>,
}

impl Keyring {
    /// A keyring with a first epoch and the default namespace.
    ///
    /// # Errors
    /// [`KeyringError::NoRandomness`].
    pub fn generate(now: Timestamp) -> Result<Self, KeyringError> {
        let now = whole_seconds(now);
        let epoch = new_epoch(KeyEpoch::FIRST, now)?;
        let namespace = new_namespace(Namespace::default(), now)?;
        Ok(Self { current: epoch.number, epochs: vec![epoch], namespaces: vec![namespace] })
    }

    /// The number of the epoch that makes marks.
    pub fn current(&self) -> KeyEpoch {
        self.current
    }

    /// Every epoch, destroyed ones included, by number.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// Every namespace, forgotten ones included, by name.
    pub fn namespaces(&self) -> &[NamespaceEntry] {
        &self.namespaces
    }

    /// Where `epoch`, one of this keyring's, stands in its life.
    pub fn state(&self, epoch: &Epoch) -> EpochState {
        if epoch.number == self.current {
            EpochState::Current
        } else if epoch.destroyed().is_some() {
            EpochState::Destroyed
        } else if epoch.retired.is_some() {
            EpochState::Retired
        } else {
            EpochState::Previous
        }
    }

    /// Makes a new epoch and makes it the current one; the one before it goes on answering lookups.
    ///
    /// # Errors
    /// [`KeyringError::NoRandomness`], [`KeyringError::EpochsUsedUp`]; the keyring is then unchanged.
    pub fn rotate(&mut self, now: Timestamp) -> Result<KeyEpoch, KeyringError> {
        let number = self.last().next().ok_or(KeyringError::EpochsUsedUp)?;
        self.epochs.push(new_epoch(number, whole_seconds(now))?);
        self.current = number;
        Ok(number)
    }

    /// As [`rotate`](Self::rotate), if the current epoch was activated `every` so long ago or earlier. One that was activated further ahead
    /// than that was made by a clock that was wrong, and counts as old.
    ///
    /// # Errors
    /// [`KeyringError::NotDue`], and as `rotate`; the keyring is then unchanged.
    pub fn rotate_if_due(&mut self, every: SignedDuration, now: Timestamp) -> Result<KeyEpoch, KeyringError> {
        let epoch = self.current;
        let since = self.epochs.iter().find(|entry| entry.number == epoch).map_or(now, Epoch::activated);
        let age = now.duration_since(since);
        if age < every && -age <= every {
            let due = since.checked_add(every).unwrap_or(Timestamp::MAX);
            return Err(KeyringError::NotDue { epoch, since, due });
        }
        self.rotate(now)
    }

    /// Stops `epoch` from answering lookups; its key is kept.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`], [`KeyringError::IsCurrent`], or that it is retired or destroyed already.
    pub fn retire(&mut self, epoch: KeyEpoch, now: Timestamp) -> Result<(), KeyringError> {
        let entry = self.not_current(epoch)?;
        entry.live_key()?;
        entry.retired = Some(whole_seconds(now));
        Ok(())
    }

    /// Erases the key of `epoch` for good; its number and times stay.
    ///
    /// # Errors
    /// [`KeyringError::UnknownEpoch`], [`KeyringError::IsCurrent`], or that it is destroyed already.
    pub fn destroy(&mut self, epoch: KeyEpoch, now: Timestamp) -> Result<(), KeyringError> {
        let entry = self.not_current(epoch)?;
        if let Some(at) = entry.destroyed() {
            return Err(KeyringError::Destroyed { epoch, at });
        }
        // The key that is replaced wipes itself as it is dropped.
        entry.key = Material::Erased(whole_seconds(now));
        Ok(())
    }

    /// Adds a namespace with a salt of its own.
    ///
    /// # Errors
    /// [`KeyringError::NamespaceExists`], [`KeyringError::Forgotten`] when there was one, [`KeyringError::NoRandomness`].
    pub fn add_namespace(&mut self, name: &Namespace, now: Timestamp) -> Result<(), KeyringError> {
        match self.namespaces.binary_search_by(|entry| entry.name.cmp(name)) {
            Ok(at) => Err(match self.namespaces[at].forgotten() {
                Some(at) => KeyringError::Forgotten { name: name.clone(), at },
                None => KeyringError::NamespaceExists(name.clone()),
            }),
            Err(at) => {
                self.namespaces.insert(at, new_namespace(name.clone(), whole_seconds(now))?);
                Ok(())
            }
        }
    }

    /// Erases the salt of a namespace for good: its prints can be linked to nothing from then on, in any epoch.
    ///
    /// # Errors
    /// [`KeyringError::UnknownNamespace`], [`KeyringError::DefaultNamespace`], or that it is forgotten already.
    pub fn forget_namespace(&mut self, name: &Namespace, now: Timestamp) -> Result<(), KeyringError> {
        if name.as_str() == Namespace::DEFAULT {
            return Err(KeyringError::DefaultNamespace);
        }
        self.salt(name)?;
        for entry in self.namespaces.iter_mut().filter(|entry| entry.name == *name) {
            entry.salt = Material::Erased(whole_seconds(now));
        }
        Ok(())
    }

    /// The keys of one epoch in one namespace, to look up with.
    ///
    /// # Errors
    /// That the epoch or the namespace is unknown, retired, destroyed or forgotten.
    pub fn mark_keys(&self, epoch: KeyEpoch, namespace: &Namespace) -> Result<MarkKeys, KeyringError> {
        let salt = self.salt(namespace)?;
        let entry = self
            .epochs
            .iter()
            .find(|entry| entry.number == epoch)
            .ok_or(KeyringError::UnknownEpoch { epoch, last: self.last() })?;
        Ok(MarkKeys::derive(epoch, entry.live_key()?, salt))
    }

    /// The keys that make marks now in a namespace.
    ///
    /// # Errors
    /// [`KeyringError::UnknownNamespace`], [`KeyringError::Forgotten`].
    pub fn current_mark_keys(&self, namespace: &Namespace) -> Result<MarkKeys, KeyringError> {
        self.mark_keys(self.current, namespace)
    }

    /// The keys of every epoch that answers lookups, in a namespace, the newest first.
    ///
    /// # Errors
    /// [`KeyringError::UnknownNamespace`], [`KeyringError::Forgotten`].
    pub fn all_mark_keys(&self, namespace: &Namespace) -> Result<Vec<MarkKeys>, KeyringError> {
        let salt = self.salt(namespace)?;
        let live = self.epochs.iter().rev().filter_map(|entry| Some((entry.number, entry.live_key().ok()?)));
        Ok(live.map(|(number, key)| MarkKeys::derive(number, key, salt)).collect())
    }

    /// The highest number ever used. The list is never empty, as destroyed epochs stay in it.
    fn last(&self) -> KeyEpoch {
        self.epochs.last().map_or(self.current, |entry| entry.number)
    }

    fn not_current(&mut self, epoch: KeyEpoch) -> Result<&mut Epoch, KeyringError> {
        if epoch == self.current {
            return Err(KeyringError::IsCurrent(epoch));
        }
        let last = self.last();
        self.epochs.iter_mut().find(|entry| entry.number == epoch).ok_or(KeyringError::UnknownEpoch { epoch, last })
    }

    fn salt(&self, name: &Namespace) -> Result<&NamespaceSalt, KeyringError> {
        let entry = self.namespaces.iter().find(|entry| entry.name == *name);
        match entry.map(|entry| &entry.salt) {
            None => Err(KeyringError::UnknownNamespace(name.clone())),
            Some(&Material::Erased(at)) => Err(KeyringError::Forgotten { name: name.clone(), at }),
            Some(Material::Kept(salt)) => Ok(salt),
        }
    }
}

fn new_epoch(number: KeyEpoch, now: Timestamp) -> Result<Epoch, KeyringError> {
    let key = Material::Kept(SecretKey::new(*random()?));
    Ok(Epoch { number, created: now, activated: now, retired: None, key })
}

fn new_namespace(name: Namespace, now: Timestamp) -> Result<NamespaceEntry, KeyringError> {
    Ok(NamespaceEntry { name, created: now, salt: Material::Kept(NamespaceSalt::new(*random()?)) })
}

fn random() -> Result<Zeroizing<[u8; 32]>, KeyringError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| KeyringError::NoRandomness)?;
    Ok(bytes)
}

/// The file holds whole seconds; so does memory, that a keyring written and read back is the same one.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn epoch(number: u32) -> KeyEpoch {
        KeyEpoch::new(number).expect("not zero")
    }

    fn live(keyring: &Keyring) -> Vec<u32> {
        let keys = keyring.all_mark_keys(&Namespace::default()).expect("the default namespace");
        keys.iter().map(|keys| keys.epoch().get()).collect()
    }

    #[test]
    fn a_rotation_comes_when_it_is_due_and_not_before() {
        let every = SignedDuration::from_secs(100);
        let mut keyring = Keyring::generate(at(1000)).expect("random bytes");
        let due = || KeyringError::NotDue { epoch: epoch(1), since: at(1000), due: at(1100) };
        assert_eq!(keyring.rotate_if_due(every, at(1099)), Err(due()));
        // A clock that was set back a little makes nothing older.
        assert_eq!(keyring.rotate_if_due(every, at(950)), Err(due()));
        assert_eq!(keyring.rotate_if_due(every, at(1100)).map(KeyEpoch::get), Ok(2));
        assert!(keyring.rotate_if_due(every, at(1101)).is_err());
        assert_eq!(keyring.rotate_if_due(every, at(999)).map(KeyEpoch::get), Ok(3), "made by a clock that was wrong");
    }

    #[test]
    fn rotation_keeps_old_epochs_for_lookups_until_retired() {
        let mut keyring = Keyring::generate(at(1)).expect("random bytes");
        assert_eq!(keyring.rotate(at(2)).map(KeyEpoch::get), Ok(2));
        assert_eq!(keyring.rotate(at(3)).map(KeyEpoch::get), Ok(3));
        assert_eq!(live(&keyring), [3, 2, 1]);
        keyring.retire(epoch(1), at(4)).expect("not the current one");
        assert_eq!(live(&keyring), [3, 2]);
        let refused = keyring.mark_keys(epoch(1), &Namespace::default()).map(|_| ());
        assert_eq!(refused, Err(KeyringError::Retired { epoch: epoch(1), at: at(4) }));
        let states: Vec<_> = keyring.epochs().iter().map(|epoch| keyring.state(epoch).as_str()).collect();
        assert_eq!(states, ["retired", "previous", "current"]);
    }

    #[test]
    fn a_destroyed_epoch_is_a_tombstone_and_its_number_is_not_used_again() {
        let mut keyring = Keyring::generate(at(1)).expect("random bytes");
        assert_eq!(keyring.destroy(epoch(1), at(2)), Err(KeyringError::IsCurrent(epoch(1))));
        assert_eq!(keyring.retire(epoch(1), at(2)), Err(KeyringError::IsCurrent(epoch(1))));
        keyring.rotate(at(2)).expect("random bytes");
        keyring.destroy(epoch(1), at(3)).expect("not the current one");
        let gone = KeyringError::Destroyed { epoch: epoch(1), at: at(3) };
        assert_eq!(keyring.destroy(epoch(1), at(4)), Err(gone));
        assert!(keyring.retire(epoch(1), at(4)).is_err());
        assert_eq!(live(&keyring), [2]);
        assert_eq!(keyring.rotate(at(5)).map(KeyEpoch::get), Ok(3));
        assert_eq!(keyring.epochs().len(), 3);
        let unknown = KeyringError::UnknownEpoch { epoch: epoch(9), last: epoch(3) };
        assert_eq!(keyring.destroy(epoch(9), at(6)), Err(unknown));
    }

    #[test]
    fn namespaces_are_apart_and_one_can_be_forgotten_alone() {
        let mut keyring = Keyring::generate(at(1)).expect("random bytes");
        let (red, blue) = (Namespace::new("red").expect("a name"), Namespace::new("blue").expect("a name"));
        keyring.add_namespace(&red, at(2)).expect("new");
        keyring.add_namespace(&blue, at(2)).expect("new");
        assert_eq!(keyring.add_namespace(&red, at(3)), Err(KeyringError::NamespaceExists(red.clone())));
        let print = |keyring: &Keyring, name: &Namespace| {
            let keys = keyring.current_mark_keys(name).ok()?;
            Some(keys.print(&crate::model::Secret::borrowed(b"hunter2")))
        };
        let kept = print(&keyring, &blue);
        assert_ne!(print(&keyring, &red), kept);
        keyring.forget_namespace(&red, at(4)).expect("there");
        assert_eq!((print(&keyring, &red), print(&keyring, &blue)), (None, kept));
        let forgotten = KeyringError::Forgotten { name: red.clone(), at: at(4) };
        assert_eq!(keyring.add_namespace(&red, at(5)), Err(forgotten));
        assert_eq!(keyring.forget_namespace(&Namespace::default(), at(5)), Err(KeyringError::DefaultNamespace));
    }

    #[test]
    fn debug_shows_no_key() {
        let keyring = Keyring::generate(at(1)).expect("random bytes");
        let shown = format!("{keyring:?}");
        assert!(shown.contains("SecretKey(..)") && shown.contains("NamespaceSalt(..)"), "{shown}");
    }
}
