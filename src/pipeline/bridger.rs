//! Links between key epochs, made where secrets pass: one secret's prints under every epoch that is live, for who keeps such links.
//!
//! - No secret is kept: only which prints of the current epoch were linked already, and of those no more than [`MAX_KNOWN`].
//! - What is made waits in a bounded channel; while that is full, the worker waits.

use std::collections::HashSet;
use std::sync::mpsc::SyncSender;

use super::fingerprint::{MarkKeys, Print};
use crate::model::{KeyEpoch, Secret};

/// Prints of which a worker remembers that it has linked them. Beyond that it begins anew, and links some of them again.
const MAX_KNOWN: usize = 1 << 16;

/// One secret's prints, newest epoch first.
pub type Linked = Vec<(KeyEpoch, Print)>;

/// Where links go: for every worker the same.
#[derive(Clone, Debug)]
pub struct Bridging {
    /// Who keeps them.
    pub to: SyncSender<Vec<Linked>>,
}

/// One worker's part.
#[derive(Debug)]
pub struct Bridger {
    to: Bridging,
    /// Of the live epochs, newest first.
    keys: Vec<MarkKeys>,
    known: HashSet<Print>,
    made: Vec<Linked>,
}

impl Bridger {
    /// A part of the work under these keys, newest epoch first; nothing where there is but one.
    pub fn new(to: &Bridging, keys: &[MarkKeys]) -> Option<Self> {
        let bridger = Self { to: to.clone(), keys: keys.to_vec(), known: HashSet::new(), made: Vec::new() };
        (keys.len() > 1).then_some(bridger)
    }

    /// Links a secret's prints, unless that is done.
    pub fn saw(&mut self, secret: &Secret<'_>) {
        let Some((newest, older)) = self.keys.split_first() else { return };
        let print = newest.print(secret);
        if self.known.contains(&print) {
            return;
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(print);
        let older = older.iter().map(|keys| (keys.epoch(), keys.print(secret)));
        self.made.push(std::iter::once((newest.epoch(), print)).chain(older).collect());
    }

    /// Hands over what was made since the last time.
    pub fn hand_over(&mut self) {
        if !self.made.is_empty() {
            // A keeper that has ended says so itself, and the log goes on.
            let _ = self.to.to.send(std::mem::take(&mut self.made));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::model::{NamespaceSalt, SecretKey};

    fn keys(epoch: u32) -> MarkKeys {
        let number = KeyEpoch::new(epoch).expect("not zero");
        MarkKeys::derive(number, &SecretKey::new([epoch as u8; 32]), &NamespaceSalt::new([9; 32]))
    }

    #[test]
    fn a_secret_is_linked_over_all_epochs_and_once() {
        let (to, made) = sync_channel(8);
        let to = Bridging { to };
        assert!(Bridger::new(&to, &[keys(1)]).is_none());
        let mut bridger = Bridger::new(&to, &[keys(3), keys(2), keys(1)]).expect("three epochs");
        for secret in [&b"hunter2"[..], b"hunter3", b"hunter2"] {
            bridger.saw(&Secret::borrowed(secret));
        }
        bridger.hand_over();
        bridger.saw(&Secret::borrowed(b"hunter3"));
        bridger.hand_over();
        assert!(!format!("{bridger:?}").contains("hunter"));
        drop((to, bridger));
        let made: Vec<_> = made.iter().flatten().collect();
        let expected = [b"hunter2", b"hunter3"].map(|secret| {
            [3, 2, 1].map(|epoch| (keys(epoch).epoch(), keys(epoch).print(&Secret::borrowed(secret)))).to_vec()
        });
        assert_eq!(made, expected);
    }
}
