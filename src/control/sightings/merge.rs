//! Many nodes' indexes into one, and old rows out of one.

use super::{SightingsError, Store};

/// How many rows were taken over or taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Of sightings.
    pub sightings: u64,
    /// Of coverage.
    pub coverage: u64,
}

/// A piece of an index on its way to another. Numbers of rules and sources are those of the index that it comes from.
#[derive(Debug)]
pub(super) enum Part {
    /// A rule's number and name.
    Rule(i64, String),
    /// A source's number, and its node, namespace and name.
    Source(i64, [String; 3]),
    /// Fingerprints, and with each epoch, rule, source, hour, count, first and last.
    Sightings(Vec<(String, [i64; 7])>),
    /// Source, hour, lines, bytes, withheld and lost.
    Coverage(Vec<[i64; 6]>),
    /// A node, and before which time what it saw was deleted.
    Pruned(String, i64),
}

/// Rows in one part.
pub(super) const PART: usize = 8192;

impl Store {
    /// Takes over all that `other` holds, all or nothing. What was taken over before is not counted twice: each row keeps the name of
    /// the index that it was first written to, and of one such row the later state holds.
    ///
    /// # Errors
    /// [`SightingsError`], of either index.
    pub fn merge(&mut self, other: &Self) -> Result<Rows, SightingsError> {
        self.backend.import(&mut |take| other.backend.export(take))
    }

    /// Deletes what is of hours before `time`, in seconds of Unix time, and remembers that: an answer must be able to say so. In
    /// several transactions, so that writers need not wait for all of it.
    ///
    /// # Errors
    /// [`SightingsError`]; what was deleted until then is.
    pub fn prune(&mut self, time: i64) -> Result<Rows, SightingsError> {
        self.backend.prune(time)
    }

    /// Deletes every sighting of these prints, wherever and whenever; gives how many rows went.
    ///
    /// # Errors
    /// [`SightingsError`], with nothing deleted.
    pub fn forget(&mut self, prints: &[String]) -> Result<u64, SightingsError> {
        self.backend.forget(prints)
    }
}
