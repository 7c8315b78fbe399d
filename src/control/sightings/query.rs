//! Questions to the index.

use std::collections::HashMap;

use serde::Serialize;

use super::{SightingsError, Store, unsigned};
use crate::model::{Coverage, Fingerprint, Hour, KeyEpoch, RuleId, Sighting, SourceId};

/// What was looked at of one source: by the file that it was written to, its namespace and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The name of the file for itself.
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

/// The names behind the numbers in a file; read once, then many fingerprints are looked up.
#[derive(Debug)]
pub struct Reader<'s> {
    store: &'s Store,
    rules: HashMap<i64, RuleId>,
    sources: HashMap<i64, SourceId>,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Info {
    /// The version of its tables.
    pub schema: i64,
    /// The name of the file for itself.
    pub node: String,
    /// Rows: a fingerprint, rule, source and hour each.
    pub rows: u64,
    /// Different fingerprints.
    pub fingerprints: u64,
    /// Sightings in all.
    pub sightings: u64,
    /// Sources, by node, namespace and name.
    pub sources: u64,
    /// Files that it was merged from, itself included.
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

impl Store {
    /// A reader of many fingerprints.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`].
    pub fn reader(&self) -> Result<Reader<'_>, SightingsError> {
        let read = || -> rusqlite::Result<_> {
            let names = |select: &str| -> rusqlite::Result<Vec<(i64, String)>> {
                self.db.prepare(select)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            };
            Ok((names("SELECT id, name FROM rule")?, names("SELECT id, name FROM source")?))
        };
        let (rules, sources) = read().map_err(|error| self.failed(error))?;
        Ok(Reader {
            store: self,
            rules: rules.into_iter().filter_map(|(id, name)| Some((id, RuleId::new(&name).ok()?))).collect(),
            sources: sources.into_iter().map(|(id, name)| (id, SourceId::new(&name))).collect(),
        })
    }

    /// What was looked at, by source.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`].
    pub fn coverage(&self) -> Result<Vec<Covered>, SightingsError> {
        self.covered().map_err(|error| self.failed(error))
    }

    fn covered(&self) -> rusqlite::Result<Vec<Covered>> {
        let select = "SELECT source.id, source.node, namespace, name, pruned.before FROM source
                      LEFT JOIN pruned ON pruned.node = source.node ORDER BY namespace, name, source.node";
        let mut select = self.db.prepare(select)?;
        let rows = select.query_map([], |row| {
            let source = SourceId::new(&row.get::<_, String>(3)?);
            let covered =
                Covered { node: row.get(1)?, namespace: row.get(2)?, source, hours: Vec::new(), pruned: row.get(4)? };
            Ok((row.get::<_, i64>(0)?, covered))
        })?;
        let mut hours = self
            .db
            .prepare("SELECT hour, lines, bytes, withheld, lost FROM coverage WHERE source = ?1 ORDER BY hour")?;
        let mut all = Vec::new();
        for row in rows {
            let (id, mut covered) = row?;
            let found = hours.query_map([id], |row| {
                let count = |at: usize| row.get::<_, i64>(at).map(unsigned);
                let coverage = Coverage { lines: count(1)?, bytes: count(2)?, withheld: count(3)?, lost: count(4)? };
                Ok((Hour::of(row.get(0)?), coverage))
            })?;
            covered.hours = found.collect::<rusqlite::Result<_>>()?;
            all.push(covered);
        }
        Ok(all)
    }

    /// What the file holds; a pass over all of it.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`].
    pub fn info(&self) -> Result<Info, SightingsError> {
        self.read_info().map_err(|error| self.failed(error))
    }

    fn read_info(&self) -> rusqlite::Result<Info> {
        let db = &self.db;
        let mut info = Info {
            schema: db.pragma_query_value(None, "user_version", |row| row.get(0))?,
            node: db.query_row("SELECT value FROM meta WHERE key = 'node'", [], |row| row.get(0))?,
            pruned_before: db.query_row("SELECT max(before) FROM pruned", [], |row| row.get(0))?,
            ..Info::default()
        };
        let sums = "SELECT count(*), count(DISTINCT substr(fingerprint, 1, 20)), coalesce(sum(count), 0), min(first), max(last)
                    FROM sighting";
        db.query_row(sums, [], |row| {
            (info.rows, info.fingerprints) = (unsigned(row.get(0)?), unsigned(row.get(1)?));
            info.sightings = unsigned(row.get(2)?);
            (info.first, info.last) = (row.get(3)?, row.get(4)?);
            Ok(())
        })?;
        db.query_row("SELECT count(*), count(DISTINCT node) FROM source", [], |row| {
            (info.sources, info.nodes) = (unsigned(row.get(0)?), unsigned(row.get(1)?));
            Ok(())
        })?;
        let sums = "SELECT coalesce(sum(lines), 0), coalesce(sum(withheld), 0), coalesce(sum(lost), 0) FROM coverage";
        db.query_row(sums, [], |row| {
            (info.lines, info.withheld, info.lost) =
                (unsigned(row.get(0)?), unsigned(row.get(1)?), unsigned(row.get(2)?));
            Ok(())
        })?;
        Ok(info)
    }
}

impl Reader<'_> {
    /// Every sighting of a print, 20 characters, whichever rule found it.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`].
    pub fn sightings(&self, print: &str) -> Result<Vec<Sighting>, SightingsError> {
        self.read(print).map_err(|error| self.store.failed(error))
    }

    fn read(&self, print: &str) -> rusqlite::Result<Vec<Sighting>> {
        // The alphabet's last letter is a z: the four of the seal cannot be above four of them.
        let select = "SELECT fingerprint, epoch, rule, source, hour, count, first, last FROM sighting
                      WHERE fingerprint BETWEEN ?1 AND ?1 || 'zzzz'";
        let mut select = self.store.db.prepare_cached(select)?;
        let mut rows = select.query([print])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            // What does not read as what we write was put there by another hand, and is no sighting.
            let fingerprint = Fingerprint::from_bytes(row.get_ref(0)?.as_str()?.as_bytes());
            let epoch = KeyEpoch::new(row.get(1)?);
            let (rule, source) = (self.rules.get(&row.get(2)?), self.sources.get(&row.get(3)?));
            let (Some(fingerprint), Some(epoch), Some(rule), Some(source)) = (fingerprint, epoch, rule, source) else {
                continue;
            };
            all.push(Sighting {
                fingerprint,
                rule: rule.clone(),
                epoch,
                source: source.clone(),
                hour: Hour::of(row.get(4)?),
                count: unsigned(row.get(5)?),
                first: row.get(6)?,
                last: row.get(7)?,
            });
        }
        Ok(all)
    }
}
