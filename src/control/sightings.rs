//! The index of sightings: fingerprint -> where, when and how often, in SQLite. Holds no secret, no line, and nothing to make either from.
//!
//! - Counts are exact up to the last flush: each flush is one transaction, which is there whole or not at all.
//! - Any number of processes may write one file at a time. What is written under one file's name for itself (its node) only grows, so
//!   that merging takes the larger count: merging twice, or in any order, comes to the same.
//! - A fingerprint is found by one probe of the primary key.
//!
//! [`schema`] has the tables, [`recorder`] the thread that writes them, [`merge`] and [`query`] what is done with them afterwards.

pub mod merge;
pub mod query;
pub mod recorder;
pub mod schema;

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use crate::model::{Coverage, Hour, Namespace, RuleId, Sighting, SourceId};

/// How long another process is waited for that writes the same file.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SightingsError {
    /// The file is not there, or cannot be made or read.
    #[error("{} cannot be opened: {error}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// It is a database of something else.
    #[error("{} is no index of sightings", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later inkprint has made it.
    #[error("{} has schema version {found}, and this inkprint knows versions up to {known}; use a newer one", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The highest that is known here.
        known: i64,
    },
    /// SQLite fails.
    #[error("{}: {error}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// No random name for a new file.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// A thread that should write it cannot be started, or is gone.
    #[error("the thread that writes {} has failed", .path.display())]
    Thread {
        /// The file.
        path: PathBuf,
    },
}

/// An open index.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Connection,
}

impl Store {
    /// Opens the index to write to it; a file that is not there is made, for its owner alone.
    ///
    /// # Errors
    /// [`SightingsError`], when it cannot be opened, is something else's, or a later version's.
    pub fn open(path: &Path) -> Result<Self, SightingsError> {
        let open_error = |error| SightingsError::Open { path: path.to_owned(), error };
        // SQLite itself would make it readable by everybody; what stands beside it gets the rights of this one.
        OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(open_error)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Self::connect(path, flags)?;
        store.prepare().map_err(|error| store.failed(error))??;
        Ok(store)
    }

    /// Opens an index that is there, to read it.
    ///
    /// # Errors
    /// [`SightingsError`], as for [`open`](Self::open), and that it is not there.
    pub fn open_existing(path: &Path) -> Result<Self, SightingsError> {
        std::fs::metadata(path).map_err(|error| SightingsError::Open { path: path.to_owned(), error })?;
        // A log that a killed writer has left beside it can only be read by who may write; a file on a read-only medium has none.
        let writable = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = match Self::connect(path, writable) {
            Ok(store) => store,
            Err(_) => Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?,
        };
        let version = store.version().map_err(|error| store.failed(error))??;
        if version == 0 { Err(SightingsError::Foreign { path: path.to_owned() }) } else { Ok(store) }
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
        if version == schema::VERSION {
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
            Err(SightingsError::Foreign { path: self.path.clone() })
        } else if version > schema::VERSION {
            Err(SightingsError::Newer { path: self.path.clone(), found: version, known: schema::VERSION })
        } else {
            Ok(version)
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, error: rusqlite::Error) -> SightingsError {
        SightingsError::Sqlite { path: self.path.clone(), error }
    }

    /// Adds these sightings and this coverage, all or nothing, in one namespace's name.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`], with nothing added.
    pub fn add<'a>(
        &mut self,
        namespace: &Namespace,
        sightings: impl Iterator<Item = Sighting>,
        coverage: impl Iterator<Item = (&'a SourceId, Hour, Coverage)>,
    ) -> Result<(), SightingsError> {
        let outcome = add(&mut self.db, namespace, sightings, coverage);
        outcome.map_err(|error| self.failed(error))
    }
}

fn add<'a>(
    db: &mut Connection,
    namespace: &Namespace,
    sightings: impl Iterator<Item = Sighting>,
    coverage: impl Iterator<Item = (&'a SourceId, Hour, Coverage)>,
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

/// SQLite's integers are signed; no count comes near that.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
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
    use crate::model::{Fingerprint, KeyEpoch};

    pub(super) fn sighting(letter: u8, source: &str, time: i64, count: u64) -> Sighting {
        Sighting {
            fingerprint: Fingerprint::from_bytes(&[letter; Fingerprint::LEN]).expect("of the alphabet"),
            rule: RuleId::new("github-pat").expect("an id"),
            epoch: KeyEpoch::FIRST,
            source: SourceId::new(source),
            hour: Hour::of(time),
            count,
            first: time,
            last: time,
        }
    }

    #[test]
    fn what_is_something_elses_or_newer_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let foreign = folder.path().join("foreign");
        Connection::open(&foreign).and_then(|db| db.execute("CREATE TABLE t (x)", [])).expect("made");
        assert!(matches!(Store::open(&foreign), Err(SightingsError::Foreign { .. })));
        let text = folder.path().join("text");
        std::fs::write(&text, "no database, but a log that somebody named here by mistake\n".repeat(20))
            .expect("written");
        assert!(matches!(Store::open(&text), Err(SightingsError::Sqlite { .. })));
        let newer = folder.path().join("newer");
        Store::open(&newer).expect("made").db.pragma_update(None, "user_version", 99).expect("set");
        assert!(matches!(Store::open(&newer), Err(SightingsError::Newer { found: 99, .. })));
        assert!(matches!(Store::open_existing(&folder.path().join("none")), Err(SightingsError::Open { .. })));
    }

    #[test]
    fn the_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let mut store = Store::open(&path).expect("made");
        store.add(&Namespace::default(), [sighting(b'q', "a", 0, 1)].into_iter(), std::iter::empty()).expect("added");
        for entry in std::fs::read_dir(folder.path()).expect("readable") {
            let mode = entry.and_then(|entry| entry.metadata()).expect("there").permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }
}
