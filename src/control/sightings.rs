//! The index of sightings: fingerprint -> where, when and how often. Holds no secret, no line, and nothing to make either from.
//!
//! - It is a file of SQLite ([`sqlite`]), or for a fleet a database of PostgreSQL ([`postgres`]): the same tables, the same answers.
//! - Counts are exact up to the last flush: each flush is one transaction, which is there whole or not at all, and once only, also where
//!   the connection was lost before the server could say so.
//! - Any number of processes may write one index at a time. What is written under one index's name for itself (its node) only grows, so
//!   that merging takes the larger count: merging twice, or in any order, comes to the same.
//! - A fingerprint is found by one probe of the primary key.
//!
//! [`place`] says which index is meant, [`recorder`] has the thread that writes it, [`merge`] and [`query`] what is done with it afterwards.

mod backend;
pub mod merge;
pub mod place;
mod postgres;
pub mod query;
pub mod recorder;
mod sqlite;

use std::io;
use std::path::{Path, PathBuf};

use self::backend::Backend;
pub use self::place::{Place, PlaceError};
use crate::model::{Coverage, Hour, Namespace, Sighting, SourceId};

/// The version of the tables that this program writes, in either kind of index.
pub const SCHEMA: i64 = 1;

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
    #[error("{index} is no index of sightings")]
    Foreign {
        /// The index.
        index: String,
    },
    /// A later inkprint has made it.
    #[error("{index} has schema version {found}, and this inkprint knows versions up to {known}; use a newer one")]
    Newer {
        /// The index.
        index: String,
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
    /// The server of a database cannot be reached, or was lost.
    #[error("{index} cannot be reached: {error}")]
    Away {
        /// The index.
        index: String,
        /// What happened.
        error: String,
    },
    /// The server refuses.
    #[error("{index}: {error}")]
    Server {
        /// The index.
        index: String,
        /// What it says.
        error: String,
    },
    /// What is needed to prove to the server who we are, or that it is the right one, cannot be used.
    #[error("{}: {error}", .path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// No random name for a new index.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// A thread that should write it cannot be started, or is gone.
    #[error("the thread that writes {index} has failed")]
    Thread {
        /// The index.
        index: String,
    },
    /// It has not answered for a while; what is seen is kept.
    #[error("{index} is slow to take what was seen")]
    Slow {
        /// The index.
        index: String,
    },
    /// The end came, and it could not be written.
    #[error("{sightings} sightings could not be recorded: {error}")]
    Unwritten {
        /// How many, in all.
        sightings: u64,
        /// When the first and the last of them were seen, in seconds of Unix time.
        between: Option<(i64, i64)>,
        /// The last reason.
        error: Box<SightingsError>,
    },
}

/// What is covered of one source in one hour.
pub type Covering<'a> = (&'a SourceId, Hour, Coverage);

/// An open index.
#[derive(Debug)]
pub struct Store {
    backend: Box<dyn Backend>,
    /// Of the flush before.
    number: u64,
}

impl Store {
    /// Opens the file at `path` to write to it; one that is not there is made, for its owner alone.
    ///
    /// # Errors
    /// [`SightingsError`], when it cannot be opened, is something else's, or a later version's.
    pub fn open(path: &Path) -> Result<Self, SightingsError> {
        Ok(Self { backend: Box::new(sqlite::Index::open(path)?), number: 0 })
    }

    /// Opens the file at `path`, which is there, to read it.
    ///
    /// # Errors
    /// [`SightingsError`], as for [`open`](Self::open), and that it is not there.
    pub fn open_existing(path: &Path) -> Result<Self, SightingsError> {
        Ok(Self { backend: Box::new(sqlite::Index::open_existing(path)?), number: 0 })
    }

    /// Opens an index to write to it; what is not there is made. A server that cannot be reached is no error yet: it may be back when
    /// something is to be written. Of a database, neither this nor anything else may be called from within an asynchronous runtime.
    ///
    /// # Errors
    /// [`SightingsError`], when it cannot be opened, is something else's, or a later version's.
    pub fn open_at(place: &Place) -> Result<Self, SightingsError> {
        match place {
            Place::File(path) => Self::open(path),
            Place::Database(address) => {
                Ok(Self { backend: Box::new(postgres::Index::open(*address.clone())?), number: 0 })
            }
        }
    }

    /// Opens an index that is there, to read it.
    ///
    /// # Errors
    /// [`SightingsError`], as for [`open_at`](Self::open_at), that it is not there, and that its server cannot be reached.
    pub fn open_existing_at(place: &Place) -> Result<Self, SightingsError> {
        match place {
            Place::File(path) => Self::open_existing(path),
            Place::Database(address) => {
                Ok(Self { backend: Box::new(postgres::Index::open_existing(*address.clone())?), number: 0 })
            }
        }
    }

    /// What it is called.
    pub fn name(&self) -> String {
        self.backend.name()
    }

    /// Adds these sightings and this coverage, all or nothing, in one namespace's name.
    ///
    /// # Errors
    /// [`SightingsError`], with nothing added unless the server was lost at the wrong moment.
    pub fn add<'a>(
        &mut self,
        namespace: &Namespace,
        sightings: impl Iterator<Item = Sighting>,
        coverage: impl Iterator<Item = Covering<'a>>,
    ) -> Result<(), SightingsError> {
        self.number += 1;
        self.add_once(self.number, namespace, sightings, coverage)
    }

    /// The same, for one who will try again after an error: of a `number`, which must be higher than those before, only the first that
    /// arrives is added. Numbers are this store's own.
    ///
    /// # Errors
    /// [`SightingsError`]; with the same number and the same content it can be tried again.
    pub fn add_once<'a>(
        &mut self,
        number: u64,
        namespace: &Namespace,
        mut sightings: impl Iterator<Item = Sighting>,
        mut coverage: impl Iterator<Item = Covering<'a>>,
    ) -> Result<(), SightingsError> {
        self.number = number;
        self.backend.add(number, namespace, &mut sightings, &mut coverage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_something_elses_or_newer_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let foreign = folder.path().join("foreign");
        let sqlite = |path: &Path, sql: &str| {
            rusqlite::Connection::open(path).and_then(|db| db.execute_batch(sql)).expect("written");
        };
        sqlite(&foreign, "CREATE TABLE t (x)");
        assert!(matches!(Store::open(&foreign), Err(SightingsError::Foreign { .. })));
        let text = folder.path().join("text");
        std::fs::write(&text, "no database, but a log that somebody named here by mistake\n".repeat(20))
            .expect("written");
        assert!(matches!(Store::open(&text), Err(SightingsError::Sqlite { .. })));
        let newer = folder.path().join("newer");
        drop(Store::open(&newer).expect("made"));
        sqlite(&newer, "PRAGMA user_version = 99");
        assert!(matches!(Store::open(&newer), Err(SightingsError::Newer { found: 99, .. })));
        assert!(matches!(Store::open_existing(&folder.path().join("none")), Err(SightingsError::Open { .. })));
    }
}
