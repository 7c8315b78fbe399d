//! Bridges: the same secret's prints under two epochs, kept without the secret.
//!
//! While both epochs are live, whoever holds a secret can compute its print under each. Kept in the journal, the pair links the marks of
//! before a rotation with those after it, also once the older epoch is retired or destroyed. That is on purpose, and it is a link
//! between marks only: from neither print can the secret be computed. An epoch that is destroyed so that its marks can be linked to
//! nothing must be destroyed before its secrets are bridged, or together with the epochs that they are bridged to.

pub mod keeper;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead};

use super::journal::entry::{Bridge, Entry};
use super::journal::lines;
use crate::model::{KeyEpoch, Namespace, Secret};
use crate::pipeline::fingerprint::{MarkKeys, Print};

/// The most pairs in one record: it stays well below the longest.
const MAX_PAIRS: usize = 512;

/// A print and the epoch that it was made in.
pub type Placed = (KeyEpoch, Print);

/// The bridges of one namespace: those that the journal tells of, and those that are yet to be told there.
#[derive(Debug)]
pub struct Bridges {
    namespace: Namespace,
    /// From each print to those of the epochs beside its own.
    links: HashMap<Placed, Vec<Placed>>,
    known: HashSet<(Placed, Placed)>,
    /// By older and newer epoch.
    new: BTreeMap<(KeyEpoch, KeyEpoch), Vec<(Print, Print)>>,
}

impl Bridges {
    /// None so far.
    pub fn new(namespace: Namespace) -> Self {
        Self { namespace, links: HashMap::new(), known: HashSet::new(), new: BTreeMap::new() }
    }

    /// Those that a journal tells of.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(namespace: Namespace, journal: impl BufRead) -> io::Result<Self> {
        let mut bridges = Self::new(namespace);
        lines::read(journal, |record, _| {
            if record.kind == "bridge"
                && let Some(Entry::Bridge(bridge)) = record.entry()
                && bridge.namespace == bridges.namespace.as_str()
                && let (Some(from), Some(to)) = (KeyEpoch::new(bridge.from), KeyEpoch::new(bridge.to))
            {
                for (older, newer) in &bridge.prints {
                    let print = |text: &str| Print::try_from(text.as_bytes()).ok();
                    if let (Some(older), Some(newer)) = (print(older), print(newer)) {
                        bridges.link((from, older), (to, newer));
                    }
                }
            }
            Ok::<_, io::Error>(())
        })?;
        Ok(bridges)
    }

    /// Bridges a secret over every pair of epochs that follow each other in `keys`, which are those of this namespace, newest first.
    pub fn add(&mut self, keys: &[MarkKeys], secret: &Secret<'_>) {
        let prints: Vec<Placed> = keys.iter().map(|keys| (keys.epoch(), keys.print(secret))).collect();
        self.add_prints(&prints);
    }

    /// Bridges one secret's prints, newest epoch first. Gives whether any of that is new.
    pub fn add_prints(&mut self, prints: &[Placed]) -> bool {
        let mut any = false;
        for pair in prints.windows(2) {
            let (newer, older) = (pair[0], pair[1]);
            if self.link(older, newer) {
                self.new.entry((older.0, newer.0)).or_default().push((older.1, newer.1));
                any = true;
            }
        }
        any
    }

    /// How many pairs are known.
    pub fn pairs(&self) -> usize {
        self.known.len()
    }

    fn link(&mut self, older: Placed, newer: Placed) -> bool {
        let new = self.known.insert((older, newer));
        if new {
            self.links.entry(newer).or_default().push(older);
            self.links.entry(older).or_default().push(newer);
        }
        new
    }

    /// The prints that the same secret has in other epochs, as far as bridges lead.
    pub fn linked(&self, print: Placed) -> Vec<Placed> {
        let (mut found, mut at) = (vec![print], 0);
        while let Some(print) = found.get(at) {
            for other in self.links.get(print).into_iter().flatten() {
                // It leads back, too; and a journal that somebody wrote could lead in a circle.
                if !found.contains(other) {
                    found.push(*other);
                }
            }
            at += 1;
        }
        found.split_off(1)
    }

    /// What the journal does not tell yet.
    pub fn take(&mut self) -> Vec<Entry> {
        let text = |print: &Print| String::from_utf8_lossy(print).into_owned();
        let mut entries = Vec::new();
        for ((from, to), pairs) in std::mem::take(&mut self.new) {
            for pairs in pairs.chunks(MAX_PAIRS) {
                entries.push(Entry::Bridge(Bridge {
                    namespace: self.namespace.as_str().to_owned(),
                    from: from.get(),
                    to: to.get(),
                    prints: pairs.iter().map(|(older, newer)| (text(older), text(newer))).collect(),
                }));
            }
        }
        entries
    }
}

/// How many secrets a journal's bridges follow out of `epoch` or into it, in all namespaces.
///
/// # Errors
/// When it cannot be read.
pub fn touching(journal: impl BufRead, epoch: KeyEpoch) -> io::Result<u64> {
    let mut pairs = 0;
    lines::read(journal, |record, _| {
        if record.kind == "bridge"
            && let Some(Entry::Bridge(bridge)) = record.entry()
            && [bridge.from, bridge.to].contains(&epoch.get())
        {
            pairs += bridge.prints.len() as u64;
        }
        Ok::<_, io::Error>(())
    })?;
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NamespaceSalt, SecretKey};

    fn keys(epoch: u32) -> MarkKeys {
        let number = KeyEpoch::new(epoch).expect("not zero");
        MarkKeys::derive(number, &SecretKey::new([epoch as u8; 32]), &NamespaceSalt::new([9; 32]))
    }

    #[test]
    fn a_secret_is_followed_over_rotations_whose_keys_are_gone() {
        let secret = Secret::borrowed(b"hunter2");
        let mut bridges = Bridges::new(Namespace::default());
        bridges.add(&[keys(2), keys(1)], &secret);
        bridges.add(&[keys(3), keys(2)], &secret);
        bridges.add(&[keys(3), keys(2)], &Secret::borrowed(b"another"));
        bridges.add(&[keys(3), keys(2)], &secret);
        let placed = |epoch: u32| (KeyEpoch::new(epoch).expect("not zero"), keys(epoch).print(&secret));
        assert_eq!(bridges.linked(placed(3)), [placed(2), placed(1)]);
        assert_eq!(bridges.linked(placed(1)), [placed(2), placed(3)]);
        let entries = bridges.take();
        assert_eq!(entries.len(), 2, "one for each pair of epochs: {entries:?}");
        assert!(!format!("{entries:?}").contains("hunter"));
        assert!(bridges.take().is_empty());
    }
}
