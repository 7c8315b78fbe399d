//! One worker's plain counters, merged where they are published.

use super::fingerprint::Reason;

/// What has been done since the last [`take`](Tally::take).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames, counted by their newlines; a last one without a newline counts.
    pub lines: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Matches by index of the rule.
    pub matches: Vec<u64>,
    /// Secrets that were let through, by index of the entry that allows them; as long as the highest that has let one through.
    pub allowed: Vec<u64>,
    /// Frames that went whole, as a rule asks for.
    pub dropped_lines: u64,
    /// Frames that were withheld.
    pub withheld: Withheld,
    /// Well-formed marks that came in with a seal of ours.
    pub marks: u64,
    /// Well-formed marks that came in with another seal.
    pub unverified_marks: u64,
}

/// Withheld frames by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// See [`Reason::Oversized`].
    pub oversized: u64,
    /// See [`Reason::ScanFailed`].
    pub scan_failed: u64,
}

impl Withheld {
    /// Those withheld for `reason`.
    pub fn by_reason(self, reason: Reason) -> u64 {
        match reason {
            Reason::Oversized => self.oversized,
            Reason::ScanFailed => self.scan_failed,
        }
    }

    /// All of them.
    pub fn total(self) -> u64 {
        self.oversized + self.scan_failed
    }
}

impl Tally {
    /// A tally over so many rules, all zero.
    pub fn new(rules: usize) -> Self {
        Self { matches: vec![0; rules], ..Self::default() }
    }

    /// Counts a withheld frame.
    pub fn withhold(&mut self, reason: Reason) {
        match reason {
            Reason::Oversized => self.withheld.oversized += 1,
            Reason::ScanFailed => self.withheld.scan_failed += 1,
        }
    }

    /// Counts a secret that an entry of the allow list has let through.
    pub fn allow(&mut self, entry: usize) {
        self.allowed.resize(self.allowed.len().max(entry + 1), 0);
        self.allowed[entry] += 1;
    }

    /// All matches.
    pub fn matches_total(&self) -> u64 {
        self.matches.iter().sum()
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.lines += other.lines;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.matches.resize(self.matches.len().max(other.matches.len()), 0);
        self.matches.iter_mut().zip(&other.matches).for_each(|(sum, more)| *sum += more);
        self.allowed.resize(self.allowed.len().max(other.allowed.len()), 0);
        self.allowed.iter_mut().zip(&other.allowed).for_each(|(sum, more)| *sum += more);
        self.dropped_lines += other.dropped_lines;
        self.withheld.oversized += other.withheld.oversized;
        self.withheld.scan_failed += other.withheld.scan_failed;
        self.marks += other.marks;
        self.unverified_marks += other.unverified_marks;
    }

    /// The counts so far; they begin again at zero.
    pub fn take(&mut self) -> Self {
        let rules = self.matches.len();
        std::mem::replace(self, Self::new(rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_tallies_add_up() {
        let mut sum = Tally::new(2);
        let mut part = Tally { lines: 3, matches: vec![0, 5], marks: 1, ..Tally::new(2) };
        part.withhold(Reason::Oversized);
        part.allow(1);
        sum.merge(&part);
        sum.merge(&part.take());
        assert_eq!((sum.lines, sum.matches_total(), sum.marks, sum.withheld.total()), (6, 10, 2, 2));
        assert_eq!(sum.allowed, [0, 2]);
        assert_eq!(part, Tally::new(2));
    }
}
