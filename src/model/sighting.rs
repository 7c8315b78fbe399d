//! What is remembered of a secret that was seen: which, by which rule, where, when and how often. Never the secret, never its line.

use std::fmt;
use std::sync::Arc;

use super::{Fingerprint, KeyEpoch, RuleId};

/// The name of the place that lines come from: a file as it was named, a peer's address, or what its owner calls it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// The longest name in bytes.
    pub const MAX: usize = 256;

    /// The source of this name. Control characters become spaces, and what is over [`MAX`](Self::MAX) is cut off: a file may be
    /// called anything.
    pub fn new(name: &str) -> Self {
        let mut text: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let end = (0..=Self::MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        Self(text.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// An hour, by the Unix time of its start in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// Its length in seconds.
    pub const SECONDS: i64 = 3600;

    /// The hour in which `time` lies, in seconds of Unix time.
    pub fn of(time: i64) -> Self {
        Self(time - time.rem_euclid(Self::SECONDS))
    }

    /// Its start, in seconds of Unix time.
    pub fn start(self) -> i64 {
        self.0
    }
}

/// One secret, found by one rule in one source during one hour. Times are when the line passed, in seconds of Unix time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What the mark carries, or would carry where the rule's action leaves none.
    pub fingerprint: Fingerprint,
    /// The rule.
    pub rule: RuleId,
    /// The epoch whose key made the fingerprint.
    pub epoch: KeyEpoch,
    /// Where.
    pub source: SourceId,
    /// When.
    pub hour: Hour,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: i64,
    /// The last time.
    pub last: i64,
}

/// How much of a source was looked at: without this, "not seen" could mean that nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Lines cleaned.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Lines withheld in whole or in part: what they held, nobody knows.
    pub withheld: u64,
    /// Sightings that could not be recorded.
    pub lost: u64,
}

impl Coverage {
    /// Adds what `other` covers.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.withheld += other.withheld;
        self.lost += other.lost;
    }
}

/// One fingerprint in a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the mark carries, or would carry.
    pub fingerprint: Fingerprint,
    /// Place of the rule in the batch's rules.
    pub rule: u32,
    /// The epoch whose key made the fingerprint.
    pub epoch: KeyEpoch,
    /// How often.
    pub count: u64,
}

/// What one worker saw of one source, at one time: as it is handed from the data path to the index.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where.
    pub source: SourceId,
    /// When, in seconds of Unix time.
    pub time: i64,
    /// The rules in force, by their places.
    pub rules: Arc<[RuleId]>,
    /// Each fingerprint and rule once.
    pub seen: Vec<Seen>,
    /// Marks that came in and verified, by rule, where these are asked for.
    pub marks: Vec<(RuleId, Seen)>,
    /// How much was looked at.
    pub coverage: Coverage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_called_what_can_be_shown() {
        assert_eq!(SourceId::new("a\x1b[31m\nb").as_str(), "a [31m b");
        assert_eq!(SourceId::new(&"é".repeat(200)).as_str().len(), SourceId::MAX);
    }

    #[test]
    fn an_hour_begins_before_its_times() {
        for (time, start) in [(0, 0), (3599, 0), (3600, 3600), (-1, -3600)] {
            assert_eq!(Hour::of(time).start(), start);
        }
    }
}
