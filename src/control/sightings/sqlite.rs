//! An index in a file of SQLite.
//!
//! - It is made for its owner alone, and what is deleted is overwritten.
//! - Another process that writes it is waited for.

mod merge;
mod query;
mod schema;

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::backend::{Backend, Give, NamesById, RawRow, Take, signed};
use super::merge::Rows;
use super::query::{Covered, Info};
use super::{Covering, SCHEMA, SightingsError};
use crate::model::{Coverage, Namespace, RuleId, Sighting, SourceId};

/// How long another process is waited for that writes the same file.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open file.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    db: Connection,
}

impl Index {
    /// Opens the index to write to it; a file that is not there is made, for its owner alone.
    pub(super) fn open(path: &Path) -> Result<Self, SightingsError> {
        let open_error = |error| SightingsError::Open { path: path.to_owned(), error };
        // SQLite itself would make it readable by everybody; what stands beside it gets the rights of this one.
        OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(open_error)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut index = Self::connect(path, flags)?;
        index.prepare().map_err(|error| index.failed(error))??;
        Ok(index)
    }

    /// Opens an index that is there, to read it.
    pub(super) fn open_existing(path: &Path) -> Result<Self, SightingsError> {
        std::fs::metadata(path).map_err(|error| SightingsError::Open { path: path.to_owned(), error })?;
        // A log that a killed writer has left beside it can only be read by who may write; a file on a read-only medium has none.
        let writable = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let index = match Self::connect(path, writable) {
            Ok(index) => index,
            Err(_) => Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?,
        };
        let version = index.version().map_err(|error| index.failed(error))??;
        if version == 0 { Err(SightingsError::Foreign { index: index.name() }) } else { Ok(index) }
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, SightingsError> {
        let failed = |error| SightingsError::Sqlite { path: path.to_owned(), error };
        let db = Connection::open_with_flags(path, flags).map_err(failed)?;
        db.busy_timeout(PATIENCE).map_err(failed)?;
        db.pragma_update(None, "cache_size", -64_000).map_err(failed)?;
        db.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        // What is deleted is overwritten: a person's request to be forgotten is about bytes, not rows.
        db.pragma_update(None, "secure_delete", true).map_err(failed)?;
        Ok(Self { path: path.to_owned(), db })
    }

    /// Makes or updates the tables.
    fn prepare(&mut self) -> rusqlite::Result<Result<(), SightingsError>> {
        self.db.pragma_update(None, "journal_mode", "wal")?;
        self.db.pragma_update(None, "synchronous", "normal")?;
        // A flush of many rows touches most of the index's pages: they are copied into it less often than by default.
        self.db.pragma_update(None, "wal_autocheckpoint", 8192)?;
        let version = match self.version()? {
            Ok(version) => version,
            Err(error) => return Ok(Err(error)),
        };
        if version == SCHEMA {
            return Ok(Ok(()));
        }
        let mut node = [0; 8];
        if getrandom::fill(&mut node).is_err() {
            return Ok(Err(SightingsError::NoRandomness));
        }
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::migrate(&transaction, u64::from_le_bytes(node))?;
        transaction.commit()?;
        Ok(Ok(()))
    }

    /// The schema's version; 0 of an empty file.
    fn version(&self) -> rusqlite::Result<Result<i64, SightingsError>> {
        let application: i64 = self.db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i64 = self.db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 = self.db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(if tables > 0 && application != schema::APPLICATION {
            Err(SightingsError::Foreign { index: self.name() })
        } else if version > SCHEMA {
            Err(SightingsError::Newer { index: self.name(), found: version, known: SCHEMA })
        } else {
            Ok(version)
        })
    }

    fn failed(&self, error: rusqlite::Error) -> SightingsError {
        SightingsError::Sqlite { path: self.path.clone(), error }
    }
}

impl Backend for Index {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// What is not committed is not in the file, so that the number is not needed.
    fn add(
        &mut self,
        _number: u64,
        namespace: &Namespace,
        sightings: &mut dyn Iterator<Item = Sighting>,
        coverage: &mut dyn Iterator<Item = Covering<'_>>,
    ) -> Result<(), SightingsError> {
        let outcome = add(&mut self.db, namespace, sightings, coverage);
        outcome.map_err(|error| self.failed(error))
    }

    fn export(&self, take: &mut Take<'_>) -> Result<(), SightingsError> {
        merge::export(self, take)
    }

    fn import(&mut self, give: &mut Give<'_>) -> Result<Rows, SightingsError> {
        merge::import(self, give)
    }

    fn prune(&mut self, time: i64) -> Result<Rows, SightingsError> {
        let outcome = merge::prune(&mut self.db, time);
        outcome.map_err(|error| self.failed(error))
    }

    fn forget(&mut self, prints: &[String]) -> Result<u64, SightingsError> {
        let outcome = merge::forget(&mut self.db, prints);
        outcome.map_err(|error| self.failed(error))
    }

    fn names(&self) -> Result<NamesById, SightingsError> {
        query::names(&self.db).map_err(|error| self.failed(error))
    }

    fn rows(&self, prints: &[&str], take: &mut dyn FnMut(RawRow)) -> Result<(), SightingsError> {
        query::rows(&self.db, prints, take).map_err(|error| self.failed(error))
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn coverage(&self) -> Result<Vec<Covered>, SightingsError> {
        query::covered(&self.db).map_err(|error| self.failed(error))
    }

    fn info(&self) -> Result<Info, SightingsError> {
        query::info(&self.db).map_err(|error| self.failed(error))
    }
}

fn add(
    db: &mut Connection,
    namespace: &Namespace,
    sightings: &mut dyn Iterator<Item = Sighting>,
    coverage: &mut dyn Iterator<Item = Covering<'_>>,
) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let node: String = transaction.query_row("SELECT value FROM meta WHERE key = 'node'", [], |row| row.get(0))?;
        let mut ids = Ids::default();
        let mut insert = transaction.prepare_cached(schema::ADD_SIGHTING)?;
        for sighting in sightings {
            let rule = ids.rule(&transaction, &sighting.rule)?;
            let source = ids.source(&transaction, (&node, namespace), &sighting.source)?;
            insert.execute(params![
                sighting.fingerprint.as_str(),
                sighting.epoch.get(),
                rule,
                source,
                sighting.hour.start(),
                signed(sighting.count),
                sighting.first,
                sighting.last
            ])?;
        }
        let mut insert = transaction.prepare_cached(schema::ADD_COVERAGE)?;
        for (source, hour, covered) in coverage {
            let source = ids.source(&transaction, (&node, namespace), source)?;
            let Coverage { lines, bytes, withheld, lost } = covered;
            insert.execute(params![
                source,
                hour.start(),
                signed(lines),
                signed(bytes),
                signed(withheld),
                signed(lost)
            ])?;
        }
    }
    transaction.commit()
}

/// The numbers that rules and sources have in a file, as far as one transaction has asked for them.
#[derive(Debug, Default)]
struct Ids {
    rules: HashMap<RuleId, i64>,
    sources: HashMap<SourceId, i64>,
    /// Those asked for last, which mostly are asked for again.
    last_rule: Option<(RuleId, i64)>,
    last_source: Option<(SourceId, i64)>,
}

impl Ids {
    fn rule(&mut self, db: &Connection, rule: &RuleId) -> rusqlite::Result<i64> {
        if let Some((_, id)) = self.last_rule.as_ref().filter(|(last, _)| last == rule) {
            return Ok(*id);
        }
        let id = match self.rules.get(rule) {
            Some(id) => *id,
            None => rule_id(db, rule.as_str())?,
        };
        self.rules.insert(rule.clone(), id);
        self.last_rule = Some((rule.clone(), id));
        Ok(id)
    }

    fn source(
        &mut self,
        db: &Connection,
        (node, namespace): (&str, &Namespace),
        source: &SourceId,
    ) -> rusqlite::Result<i64> {
        if let Some((_, id)) = self.last_source.as_ref().filter(|(last, _)| last == source) {
            return Ok(*id);
        }
        let id = match self.sources.get(source) {
            Some(id) => *id,
            None => source_id(db, node, namespace.as_str(), source.as_str())?,
        };
        self.sources.insert(source.clone(), id);
        self.last_source = Some((source.clone(), id));
        Ok(id)
    }
}

fn rule_id(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.prepare_cached("INSERT INTO rule (name) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([name])?;
    db.prepare_cached("SELECT id FROM rule WHERE name = ?1")?.query_row([name], |row| row.get(0))
}

fn source_id(db: &Connection, node: &str, namespace: &str, name: &str) -> rusqlite::Result<i64> {
    let key = [node, namespace, name];
    db.prepare_cached("INSERT INTO source (node, namespace, name) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(key)?;
    db.prepare_cached("SELECT id FROM source WHERE node = ?1 AND namespace = ?2 AND name = ?3")?
        .query_row(key, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fingerprint, Hour, KeyEpoch};

    #[test]
    fn the_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let mut index = Index::open(&path).expect("made");
        let sighting = Sighting {
            fingerprint: Fingerprint::from_bytes(&[b'q'; Fingerprint::LEN]).expect("of the alphabet"),
            rule: RuleId::new("github-pat").expect("an id"),
            epoch: KeyEpoch::FIRST,
            source: SourceId::new("a"),
            hour: Hour::of(0),
            count: 1,
            first: 0,
            last: 0,
        };
        let none = &mut std::iter::empty();
        index.add(1, &Namespace::default(), &mut std::iter::once(sighting), none).expect("added");
        for entry in std::fs::read_dir(folder.path()).expect("readable") {
            let mode = entry.and_then(|entry| entry.metadata()).expect("there").permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }
}
