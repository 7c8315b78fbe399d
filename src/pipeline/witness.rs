//! What a worker sees, for the index of sightings: rolled up, and handed over with how much was looked at.
//!
//! - The sum of what is handed over is what the tally counts as matches: no secret is seen twice, or not at all, because a block was
//!   cleaned once more.
//! - What is handed over waits in a bounded channel; while that is full, the worker waits.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::fingerprint::Mark;
use super::tally::Tally;
use crate::model::{Batch, Coverage, Fingerprint, KeyEpoch, RuleId, Seen, SourceId};

/// Where what is seen goes, and how the time is told: for every worker the same.
#[derive(Clone, Debug)]
pub struct Witnessing {
    /// The index.
    pub index: SyncSender<Batch>,
    /// The present time in seconds of Unix time.
    pub clock: fn() -> i64,
    /// Whether marks that come in, and verify, are sightings too.
    pub marks: bool,
}

/// One worker's view.
#[derive(Debug)]
pub struct Witness {
    to: Witnessing,
    rules: Arc<[RuleId]>,
    /// In order, so that those of the last block can be taken back.
    seen: Vec<(Fingerprint, u32, KeyEpoch)>,
    marks: Vec<(RuleId, Seen)>,
    /// Lengths of the two before the last block.
    before: (usize, usize),
    /// What was covered when the last batch was handed over, as the tally had it.
    covered: Coverage,
    /// For [`roll_up`](Self::roll_up): kept for its memory.
    places: HashMap<(Fingerprint, u32), usize, BuildHasherDefault<PrintHasher>>,
}

impl Witness {
    /// A witness to matches of these rules, in the order of the tally.
    pub fn new(to: &Witnessing, rules: impl Iterator<Item = RuleId>) -> Self {
        Self {
            to: to.clone(),
            rules: rules.collect(),
            seen: Vec::new(),
            marks: Vec::new(),
            before: (0, 0),
            covered: Coverage::default(),
            places: HashMap::default(),
        }
    }

    /// Takes note of a secret.
    #[inline]
    pub fn saw(&mut self, fingerprint: Fingerprint, rule: usize, epoch: KeyEpoch) {
        self.seen.push((fingerprint, u32::try_from(rule).unwrap_or(u32::MAX), epoch));
    }

    /// Takes note of a mark that came in and verified, where these are asked for.
    pub fn saw_mark(&mut self, mark: &Mark<'_>) {
        if let Some(rule) = Some(mark.rule).filter(|_| self.to.marks).and_then(|rule| RuleId::new(rule).ok()) {
            let seen = Seen { fingerprint: mark.fingerprint, rule: 0, epoch: mark.epoch, count: 1 };
            self.marks.push((rule, seen));
        }
    }

    /// What is noted from now on can be taken back.
    pub fn mark(&mut self) {
        self.before = (self.seen.len(), self.marks.len());
    }

    /// Takes back what was noted since [`mark`](Self::mark).
    pub fn undo(&mut self) {
        self.seen.truncate(self.before.0);
        self.marks.truncate(self.before.1);
    }

    /// The tally begins again at zero.
    pub fn taken(&mut self) {
        self.covered = Coverage::default();
    }

    /// Hands over what was seen in `source` since the last time.
    pub fn hand_over(&mut self, source: &SourceId, tally: &Tally) {
        let covered = Coverage { lines: tally.lines, bytes: tally.bytes_in, withheld: tally.withheld.total(), lost: 0 };
        let coverage = Coverage {
            lines: covered.lines - self.covered.lines,
            bytes: covered.bytes - self.covered.bytes,
            withheld: covered.withheld - self.covered.withheld,
            lost: 0,
        };
        self.covered = covered;
        self.before = (0, 0);
        if coverage == Coverage::default() && self.seen.is_empty() && self.marks.is_empty() {
            return;
        }
        let batch = Batch {
            source: source.clone(),
            time: (self.to.clock)(),
            rules: Arc::clone(&self.rules),
            seen: self.roll_up(),
            marks: std::mem::take(&mut self.marks),
            coverage,
        };
        // An index that has ended says so itself, and the log goes on.
        let _ = self.to.index.send(batch);
    }

    /// Each fingerprint and rule once, with its count.
    fn roll_up(&mut self) -> Vec<Seen> {
        let mut rolled: Vec<Seen> = Vec::with_capacity(self.seen.len().min(64));
        self.places.clear();
        for (fingerprint, rule, epoch) in self.seen.drain(..) {
            let place = *self.places.entry((fingerprint, rule)).or_insert(rolled.len());
            match rolled.get_mut(place) {
                Some(seen) => seen.count += 1,
                None => rolled.push(Seen { fingerprint, rule, epoch, count: 1 }),
            }
        }
        rolled
    }
}

/// A hash of fingerprints: they come out of an HMAC, so that a few of their characters are as good as a hash of all, and nobody without
/// the key can choose them.
#[derive(Debug, Default)]
pub struct PrintHasher(u64);

impl Hasher for PrintHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.first_chunk::<16>().map_or(&[][..], |chunk| &chunk[..]).chunks_exact(8) {
            let word = chunk.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            self.write_u64(word);
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_usize(&mut self, _length: usize) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(26) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits, and the product is best at the high ones.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn fingerprint(letter: u8) -> Fingerprint {
        Fingerprint::from_bytes(&[letter; Fingerprint::LEN]).expect("of the alphabet")
    }

    #[test]
    fn what_was_taken_back_is_not_handed_over() {
        let (index, batches) = sync_channel(8);
        let to = Witnessing { index, clock: || 7200, marks: true };
        let mut witness = Witness::new(&to, ["a", "b"].into_iter().filter_map(|id| RuleId::new(id).ok()));
        let source = SourceId::new("x");
        witness.saw(fingerprint(b'q'), 1, KeyEpoch::FIRST);
        witness.mark();
        witness.saw(fingerprint(b'z'), 0, KeyEpoch::FIRST);
        witness.undo();
        witness.saw(fingerprint(b'q'), 1, KeyEpoch::FIRST);
        let mut tally = Tally { lines: 3, bytes_in: 30, ..Tally::new(2) };
        witness.hand_over(&source, &tally);
        tally.lines = 5;
        witness.hand_over(&source, &tally);
        witness.hand_over(&source, &tally);
        drop((to, witness));
        let batches: Vec<Batch> = batches.iter().collect();
        let [first, second] = &batches[..] else { panic!("nothing seen is nothing handed over") };
        assert_eq!((first.seen.len(), first.seen[0].count, first.seen[0].rule), (1, 2, 1));
        assert_eq!((first.coverage.lines, first.coverage.bytes, first.time), (3, 30, 7200));
        assert_eq!((second.seen.len(), second.coverage.lines, second.coverage.bytes), (0, 2, 0));
    }
}
