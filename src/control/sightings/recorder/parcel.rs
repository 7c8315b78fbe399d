//! What was seen, rolled up; and what of it is written at once.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

use super::MAX_HELD;
use crate::control::sightings::Covering;
use crate::model::{Batch, Coverage, Fingerprint, Hour, RuleId, Seen, Sighting, SourceId};
use crate::pipeline::witness::PrintHasher;

/// Fingerprint, rule, source and hour; rule and source by their places.
type Key = (Fingerprint, u32, u32, Hour);

type Rows = HashMap<Key, Row, BuildHasherDefault<PrintHasher>>;

#[derive(Clone, Copy, Debug)]
struct Row {
    seen: Seen,
    first: i64,
    last: i64,
}

/// What is rolled up, and grows.
#[derive(Debug, Default)]
pub(super) struct RollUp {
    rules: Names<RuleId>,
    sources: Names<SourceId>,
    rows: Rows,
    /// Of the parcel before, without its rows: kept for its memory.
    spare: Rows,
    coverage: BTreeMap<(SourceId, Hour), Coverage>,
    /// Sightings there was no room for.
    pub(super) lost: u64,
    /// When the first and the last of them were seen.
    pub(super) lost_between: Option<(i64, i64)>,
}

/// What is written at once, under one number: it stays as it is until it is written.
#[derive(Debug)]
pub(super) struct Parcel {
    number: u64,
    rules: Vec<RuleId>,
    sources: Vec<SourceId>,
    rows: Rows,
    coverage: BTreeMap<(SourceId, Hour), Coverage>,
}

impl RollUp {
    /// Adds what a worker saw; `held` rows are elsewhere and count for the bound.
    pub(super) fn add(&mut self, batch: &Batch, held: usize) {
        let source = self.sources.place(&batch.source);
        let mut coverage = batch.coverage;
        for seen in &batch.seen {
            if let Some(rule) = batch.rules.get(seen.rule as usize) {
                coverage.lost += self.see(rule, seen, source, batch.time, held);
            }
        }
        for (rule, seen) in &batch.marks {
            coverage.lost += self.see(rule, seen, source, batch.time, held);
        }
        if coverage.lost > 0 {
            let now = (batch.time, batch.time);
            self.lost_between = Some(self.lost_between.map_or(now, |known| both(known, now)));
        }
        self.lost += coverage.lost;
        self.cover(&batch.source, Hour::of(batch.time), &coverage);
    }

    /// Gives how many sightings there was no room for.
    fn see(&mut self, rule: &RuleId, seen: &Seen, source: u32, time: i64, held: usize) -> u64 {
        let key = (seen.fingerprint, self.rules.place(rule), source, Hour::of(time));
        let full = self.rows.len() + held >= MAX_HELD;
        match self.rows.get_mut(&key) {
            Some(row) => {
                row.seen.count += seen.count;
                (row.first, row.last) = (row.first.min(time), row.last.max(time));
            }
            None if full => return seen.count,
            None => drop(self.rows.insert(key, Row { seen: *seen, first: time, last: time })),
        }
        0
    }

    /// Adds to what is covered.
    pub(super) fn cover(&mut self, source: &SourceId, hour: Hour, coverage: &Coverage) {
        self.coverage.entry((source.clone(), hour)).or_default().add(coverage);
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Sightings in it.
    pub(super) fn sightings(&self) -> u64 {
        self.rows.values().map(|row| row.seen.count).sum()
    }

    /// When the first and the last of them were seen.
    pub(super) fn between(&self) -> Option<(i64, i64)> {
        between(&self.rows)
    }

    /// Takes all out of it, to be written under this number; nothing where nothing is in it.
    pub(super) fn parcel(&mut self, number: u64) -> Option<Parcel> {
        if self.rows.is_empty() && self.coverage.is_empty() {
            return None;
        }
        let spare = std::mem::take(&mut self.spare);
        Some(Parcel {
            number,
            rules: self.rules.names.clone(),
            sources: self.sources.names.clone(),
            rows: std::mem::replace(&mut self.rows, spare),
            coverage: std::mem::take(&mut self.coverage),
        })
    }

    /// Takes the memory of a parcel that was written.
    pub(super) fn reuse(&mut self, mut parcel: Parcel) {
        parcel.rows.clear();
        self.spare = parcel.rows;
    }
}

impl Parcel {
    /// Its number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Sightings in it.
    pub(super) fn sightings(&self) -> u64 {
        self.rows.values().map(|row| row.seen.count).sum()
    }

    /// When the first and the last of them were seen.
    pub(super) fn between(&self) -> Option<(i64, i64)> {
        between(&self.rows)
    }

    /// Its rows, in the order of the index, in which neighbours share its pages.
    pub(super) fn rows(&self) -> impl Iterator<Item = Sighting> {
        let mut sorted: Vec<_> = self.rows.iter().collect();
        sorted.sort_unstable_by_key(|((fingerprint, ..), _)| *fingerprint);
        sorted.into_iter().map(|((fingerprint, rule, source, hour), row)| Sighting {
            fingerprint: *fingerprint,
            rule: self.rules[*rule as usize].clone(),
            epoch: row.seen.epoch,
            source: self.sources[*source as usize].clone(),
            hour: *hour,
            count: row.seen.count,
            first: row.first,
            last: row.last,
        })
    }

    /// What it covers.
    pub(super) fn coverage(&self) -> impl Iterator<Item = Covering<'_>> {
        self.coverage.iter().map(|((source, hour), covered)| (source, *hour, *covered))
    }
}

/// A span that holds two.
pub(super) fn both(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn between(rows: &Rows) -> Option<(i64, i64)> {
    rows.values().map(|row| (row.first, row.last)).reduce(both)
}

/// Names by their places, in the order in which they came.
#[derive(Debug)]
struct Names<N> {
    names: Vec<N>,
    places: HashMap<N, u32>,
}

impl<N> Default for Names<N> {
    fn default() -> Self {
        Self { names: Vec::new(), places: HashMap::new() }
    }
}

impl<N: Clone + Eq + std::hash::Hash> Names<N> {
    fn place(&mut self, name: &N) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.clone());
        self.places.insert(name.clone(), place);
        place
    }
}
