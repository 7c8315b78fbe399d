//! Questions to the index.

use std::collections::HashMap;

use serde::Serialize;

use super::backend::{RawRow, unsigned};
use super::{SightingsError, Store};
use crate::model::{Coverage, Fingerprint, Hour, KeyEpoch, RuleId, Sighting, SourceId};

/// Prints in one question to another machine.
const QUESTION: usize = 1000;

/// What was looked at of one source: by the index that it was written to, its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The name of the index for itself.
    pub node: String,
    /// The namespace in whose name fingerprints were made.
    pub namespace: String,
    /// The source.
    pub source: SourceId,
    /// By hour, ascending.
    pub hours: Vec<(Hour, Coverage)>,
    /// What is of hours before this time was deleted, in seconds of Unix time.
    pub pruned: Option<i64>,
}

/// What an index holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Info {
    /// The version of its tables.
    pub schema: i64,
    /// The name of the index for itself.
    pub node: String,
    /// Rows: a fingerprint, rule, source and hour each.
    pub rows: u64,
    /// Different fingerprints.
    pub fingerprints: u64,
    /// Sightings in all.
    pub sightings: u64,
    /// Sources, by node, namespace and name.
    pub sources: u64,
    /// Indexes that it was merged from, itself included.
    pub nodes: u64,
    /// The first sighting, in seconds of Unix time.
    pub first: Option<i64>,
    /// The last sighting.
    pub last: Option<i64>,
    /// Lines looked at.
    pub lines: u64,
    /// Lines withheld.
    pub withheld: u64,
    /// Sightings that could not be recorded.
    pub lost: u64,
    /// What is of hours before this time was deleted.
    pub pruned_before: Option<i64>,
}

/// The names behind the numbers in an index; read once, then many fingerprints are looked up.
#[derive(Debug)]
pub struct Reader<'s> {
    store: &'s Store,
    rules: HashMap<i64, RuleId>,
    sources: HashMap<i64, SourceId>,
    /// What was asked for together, by print.
    ahead: HashMap<String, Vec<Sighting>>,
}

impl Store {
    /// A reader of many fingerprints.
    ///
    /// # Errors
    /// [`SightingsError`].
    pub fn reader(&self) -> Result<Reader<'_>, SightingsError> {
        let (rules, sources) = self.backend.names()?;
        Ok(Reader {
            store: self,
            rules: rules.into_iter().filter_map(|(id, name)| Some((id, RuleId::new(&name).ok()?))).collect(),
            sources: sources.into_iter().map(|(id, name)| (id, SourceId::new(&name))).collect(),
            ahead: HashMap::new(),
        })
    }

    /// What was looked at, by source.
    ///
    /// # Errors
    /// [`SightingsError`].
    pub fn coverage(&self) -> Result<Vec<Covered>, SightingsError> {
        self.backend.coverage()
    }

    /// What the index holds; a pass over all of it.
    ///
    /// # Errors
    /// [`SightingsError`].
    pub fn info(&self) -> Result<Info, SightingsError> {
        self.backend.info()
    }
}

impl Reader<'_> {
    /// Says which prints will be asked for next: where each question goes to another machine, they are asked for together, and what was
    /// asked for before is let go.
    ///
    /// # Errors
    /// [`SightingsError`].
    pub fn expect<'p>(&mut self, prints: impl Iterator<Item = &'p str>) -> Result<(), SightingsError> {
        if !self.store.backend.is_remote() {
            return Ok(());
        }
        let mut ahead: HashMap<String, Vec<Sighting>> = prints.map(|print| (print.to_owned(), Vec::new())).collect();
        let prints: Vec<String> = ahead.keys().cloned().collect();
        for prints in prints.chunks(QUESTION) {
            let prints: Vec<&str> = prints.iter().map(String::as_str).collect();
            self.store.backend.rows(&prints, &mut |row| {
                if let Some(sighting) = self.sighting(row)
                    && let Some(known) = ahead.get_mut(sighting.fingerprint.print())
                {
                    known.push(sighting);
                }
            })?;
        }
        self.ahead = ahead;
        Ok(())
    }

    /// Every sighting of a print, 20 characters, whichever rule found it.
    ///
    /// # Errors
    /// [`SightingsError`].
    pub fn sightings(&self, print: &str) -> Result<Vec<Sighting>, SightingsError> {
        if let Some(known) = self.ahead.get(print) {
            return Ok(known.clone());
        }
        let mut all = Vec::new();
        self.store.backend.rows(&[print], &mut |row| all.extend(self.sighting(row)))?;
        Ok(all)
    }

    /// What does not read as what we write was put there by another hand, and is no sighting.
    fn sighting(&self, (fingerprint, row): RawRow) -> Option<Sighting> {
        let [epoch, rule, source, hour, count, first, last] = row;
        Some(Sighting {
            fingerprint: Fingerprint::from_bytes(fingerprint.as_bytes())?,
            rule: self.rules.get(&rule)?.clone(),
            epoch: KeyEpoch::new(u32::try_from(epoch).ok()?)?,
            source: self.sources.get(&source)?.clone(),
            hour: Hour::of(hour),
            count: unsigned(count),
            first,
            last,
        })
    }
}
