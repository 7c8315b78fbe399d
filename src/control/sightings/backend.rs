//! What a kind of index does: small enough that both kinds can be held against the same tests.

use std::fmt;

use super::merge::{Part, Rows};
use super::query::{Covered, Info};
use super::{Covering, SightingsError};
use crate::model::{Namespace, Sighting};

/// Takes a part of an index over.
pub(super) type Take<'t> = dyn FnMut(Part) -> Result<(), SightingsError> + 't;

/// Gives all parts of an index, one after the other.
pub(super) type Give<'g> = dyn FnMut(&mut Take<'_>) -> Result<(), SightingsError> + 'g;

/// Rules by their numbers in the index, and sources by theirs.
pub(super) type NamesById = (Vec<(i64, String)>, Vec<(i64, String)>);

/// A row as it is read: its fingerprint, and epoch, rule, source, hour, count, first, last.
pub(super) type RawRow = (String, [i64; 7]);

/// An open index of one kind. Every method says [`SightingsError`] where it fails.
pub(super) trait Backend: fmt::Debug + Send {
    /// What the index is called in messages.
    fn name(&self) -> String;

    /// Adds a flush, all or nothing; one of the number of the flush before only if that has not arrived.
    fn add(
        &mut self,
        number: u64,
        namespace: &Namespace,
        sightings: &mut dyn Iterator<Item = Sighting>,
        coverage: &mut dyn Iterator<Item = Covering<'_>>,
    ) -> Result<(), SightingsError>;

    /// Gives all that it holds to `take`, names before the rows that bear them, as it is at one time.
    fn export(&self, take: &mut Take<'_>) -> Result<(), SightingsError>;

    /// Takes over what `give` gives, all or nothing; of a row in two states the later one holds.
    fn import(&mut self, give: &mut Give<'_>) -> Result<Rows, SightingsError>;

    /// Deletes what is of hours before `time`, and remembers that.
    fn prune(&mut self, time: i64) -> Result<Rows, SightingsError>;

    /// Deletes the sightings of these prints, all or nothing; gives how many rows went.
    fn forget(&mut self, prints: &[String]) -> Result<u64, SightingsError>;

    /// The names in it.
    fn names(&self) -> Result<NamesById, SightingsError>;

    /// The rows of each of these prints, in no order that matters.
    fn rows(&self, prints: &[&str], take: &mut dyn FnMut(RawRow)) -> Result<(), SightingsError>;

    /// Whether many prints are better asked for together, as each question costs a way to another machine and back.
    fn is_remote(&self) -> bool;

    /// What was looked at, by source.
    fn coverage(&self) -> Result<Vec<Covered>, SightingsError>;

    /// What it holds; a pass over all of it.
    fn info(&self) -> Result<Info, SightingsError>;
}

/// Integers are signed in a database; no count comes near that.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as it comes out of a database.
pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
