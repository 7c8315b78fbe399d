//! The inventory: which tokens an organisation holds, and whose they are. Of a token only its prints are kept, one an epoch.
//!
//! A file of its own beside the indexes of sightings: it is written by people and not by pipes, it names persons and others do not, and
//! it outlives what is merged and pruned.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use serde::Serialize;

use crate::model::{KeyEpoch, Namespace};

/// Stands in the file's header: `inki`.
const APPLICATION: i64 = 0x696e_6b69;
/// The version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE token (
  id TEXT PRIMARY KEY, namespace TEXT NOT NULL, owner TEXT NOT NULL, subject TEXT, purpose TEXT, scope TEXT, issuer TEXT,
  expires INTEGER, added INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE print (
  print TEXT NOT NULL, token TEXT NOT NULL REFERENCES token ON DELETE CASCADE, epoch INTEGER NOT NULL, PRIMARY KEY (print, token)
) WITHOUT ROWID;
CREATE INDEX print_token ON print (token);";

/// Why an inventory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The file is not there, or cannot be made.
    #[error("{} cannot be opened: {error}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// It is a database of something else, or of a later version.
    #[error("{} is no inventory of version {VERSION} or below", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// There is no token of this id.
    #[error("the inventory has no token {0:?}; `inkprint inventory list` shows them")]
    Unknown(String),
    /// There is a token of this id already.
    #[error("the inventory has a token {0:?} already; remove it first, or replace it with --replace")]
    Exists(String),
    /// SQLite fails.
    #[error("{}: {error}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

/// What is known of a token; never the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Token {
    /// What it is called here.
    pub id: String,
    /// Who is asked about it: a team or a person.
    pub owner: String,
    /// The person whom it stands for, if any.
    pub subject: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// What it may do.
    pub scope: Option<String>,
    /// Who has made it out.
    pub issuer: Option<String>,
    /// When it ceases to be of use.
    pub expires: Option<Timestamp>,
}

/// A token with its prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What is known of it.
    pub token: Token,
    /// The namespace in whose name its prints were made.
    pub namespace: String,
    /// Its prints by epoch. An epoch that was made after the token was added is not among them.
    pub prints: Vec<(KeyEpoch, String)>,
    /// When it was added.
    pub added: Timestamp,
}

/// An open inventory.
#[derive(Debug)]
pub struct Inventory {
    path: PathBuf,
    db: Connection,
}

impl Inventory {
    /// Opens the inventory; with `make`, a file that is not there is made, for its owner alone.
    ///
    /// # Errors
    /// [`InventoryError`].
    pub fn open(path: &Path, make: bool) -> Result<Self, InventoryError> {
        let open_error = |error| InventoryError::Open { path: path.to_owned(), error };
        OpenOptions::new().create(make).append(true).mode(0o600).open(path).map_err(open_error)?;
        let failed = |error| InventoryError::Sqlite { path: path.to_owned(), error };
        let mut db = Connection::open(path).map_err(failed)?;
        let ours = prepare(&mut db).map_err(failed)?;
        if ours {
            Ok(Self { path: path.to_owned(), db })
        } else {
            Err(InventoryError::Foreign { path: path.to_owned() })
        }
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> InventoryError + use<> {
        let path = self.path.clone();
        move |error| InventoryError::Sqlite { path: path.clone(), error }
    }

    /// Adds tokens with their prints, all or none.
    ///
    /// # Errors
    /// [`InventoryError::Exists`], unless it is to `replace` what there is of that id.
    pub fn add(
        &mut self,
        tokens: &[(Token, Vec<(KeyEpoch, String)>)],
        namespace: &Namespace,
        now: Timestamp,
        replace: bool,
    ) -> Result<(), InventoryError> {
        let failed = self.failed();
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        for (token, prints) in tokens {
            let taken = transaction.query_row("SELECT 1 FROM token WHERE id = ?1", [&token.id], |_| Ok(())).optional();
            match taken.map_err(&failed)? {
                Some(()) if replace => {
                    transaction.execute("DELETE FROM token WHERE id = ?1", [&token.id]).map_err(&failed)?;
                }
                Some(()) => return Err(InventoryError::Exists(token.id.clone())),
                None => {}
            }
            let Token { id, owner, subject, purpose, scope, issuer, expires } = token;
            let expires = expires.map(Timestamp::as_second);
            let row = params![id, namespace.as_str(), owner, subject, purpose, scope, issuer, expires, now.as_second()];
            transaction
                .execute("INSERT INTO token VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", row)
                .map_err(&failed)?;
            let mut insert = transaction
                .prepare_cached("INSERT INTO print (print, token, epoch) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
                .map_err(&failed)?;
            for (epoch, print) in prints {
                insert.execute(params![print, id, epoch.get()]).map_err(&failed)?;
            }
        }
        transaction.commit().map_err(failed)
    }

    /// Every token, by id.
    ///
    /// # Errors
    /// [`InventoryError::Sqlite`].
    pub fn all(&self) -> Result<Vec<Held>, InventoryError> {
        let read = || -> rusqlite::Result<Vec<Held>> {
            let mut select = self.db.prepare(&format!("SELECT {COLUMNS} FROM token ORDER BY id"))?;
            let mut held: Vec<Held> = select.query_map([], read_held)?.collect::<rusqlite::Result<_>>()?;
            let mut prints =
                self.db.prepare("SELECT epoch, print FROM print WHERE token = ?1 ORDER BY epoch, print")?;
            for held in &mut held {
                let rows = prints.query_map([&held.token.id], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)))?;
                for row in rows {
                    let (epoch, print) = row?;
                    held.prints.extend(KeyEpoch::new(epoch).map(|epoch| (epoch, print)));
                }
            }
            Ok(held)
        };
        read().map_err(self.failed())
    }

    /// The tokens that have this print, by id: more than one where two entries are of one token.
    ///
    /// # Errors
    /// [`InventoryError::Sqlite`].
    pub fn tokens_of(&self, print: &str) -> Result<Vec<Token>, InventoryError> {
        let read = || -> rusqlite::Result<Vec<Token>> {
            let select = format!("SELECT {COLUMNS} FROM print JOIN token ON id = token WHERE print = ?1 ORDER BY id");
            let mut select = self.db.prepare_cached(&select)?;
            select.query_map([print], |row| read_held(row).map(|held| held.token))?.collect()
        };
        read().map_err(self.failed())
    }

    /// Removes a token.
    ///
    /// # Errors
    /// [`InventoryError::Unknown`].
    pub fn remove(&mut self, id: &str) -> Result<(), InventoryError> {
        let gone = self.db.execute("DELETE FROM token WHERE id = ?1", [id]).map_err(self.failed())?;
        if gone == 0 { Err(InventoryError::Unknown(id.to_owned())) } else { Ok(()) }
    }

    /// Removes every token of a person and overwrites it in the file; gives what was removed, so that its sightings can be deleted too.
    ///
    /// # Errors
    /// [`InventoryError::Sqlite`], with nothing removed.
    pub fn forget(&mut self, subject: &str) -> Result<Vec<Held>, InventoryError> {
        let gone: Vec<Held> =
            self.all()?.into_iter().filter(|held| held.token.subject.as_deref() == Some(subject)).collect();
        self.db.execute("DELETE FROM token WHERE subject = ?1", [subject]).map_err(self.failed())?;
        Ok(gone)
    }
}

const COLUMNS: &str = "id, namespace, owner, subject, purpose, scope, issuer, expires, added";

fn read_held(row: &Row<'_>) -> rusqlite::Result<Held> {
    let time = |seconds: Option<i64>| seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    Ok(Held {
        token: Token {
            id: row.get(0)?,
            owner: row.get(2)?,
            subject: row.get(3)?,
            purpose: row.get(4)?,
            scope: row.get(5)?,
            issuer: row.get(6)?,
            expires: time(row.get(7)?),
        },
        namespace: row.get(1)?,
        prints: Vec::new(),
        added: time(row.get(8)?).unwrap_or_default(),
    })
}

/// Makes the tables where there are none; whether the file is ours.
fn prepare(db: &mut Connection) -> rusqlite::Result<bool> {
    db.busy_timeout(Duration::from_secs(20))?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "secure_delete", true)?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: i64 = transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 {
        return Ok(application == APPLICATION && version <= VERSION);
    }
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(true)
}

/// How a token stands, for a review of who holds what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is over, and was seen after that: somebody still sends it.
    ExpiredButSeen,
    /// It was seen in a log.
    Seen,
    /// It was seen, but not for so long as was asked.
    LongUnseen,
    /// It was never seen in a log.
    NeverSeen,
    /// It is over, and was not seen after that.
    Expired,
}

impl Standing {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExpiredButSeen => "expired but still seen",
            Self::Seen => "seen in logs",
            Self::LongUnseen => "not seen lately",
            Self::NeverSeen => "never seen",
            Self::Expired => "expired, not seen since",
        }
    }

    /// How a token stands that expires and was last seen at these times; unseen for longer than `unseen`, in seconds, is long.
    pub fn of(expires: Option<Timestamp>, last: Option<Timestamp>, now: Timestamp, unseen: i64) -> Self {
        match (last, expires.filter(|expires| *expires <= now)) {
            (Some(last), Some(expires)) if last > expires => Self::ExpiredButSeen,
            (_, Some(_)) => Self::Expired,
            (None, None) => Self::NeverSeen,
            (Some(last), None) if now.as_second() - last.as_second() > unseen => Self::LongUnseen,
            (Some(_), None) => Self::Seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_token_is_kept_once_and_found_by_its_print_until_it_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("i");
        assert!(matches!(Inventory::open(&path, false), Err(InventoryError::Open { .. })));
        let mut inventory = Inventory::open(&path, true).expect("made");
        let token = Token { id: "a".into(), owner: "ops".into(), subject: Some("ada".into()), ..Token::default() };
        let prints = vec![(KeyEpoch::FIRST, "q".repeat(20))];
        let entry = [(token.clone(), prints.clone())];
        inventory.add(&entry, &Namespace::default(), at(5), false).expect("new");
        let again = inventory.add(&entry, &Namespace::default(), at(5), false);
        assert!(matches!(again, Err(InventoryError::Exists(_))));
        inventory.add(&entry, &Namespace::default(), at(6), true).expect("replaced");
        drop(inventory);
        let mut inventory = Inventory::open(&path, false).expect("there");
        assert_eq!(inventory.tokens_of(&"q".repeat(20)).expect("readable"), [token]);
        assert_eq!(inventory.all().expect("readable")[0].prints, prints);
        assert_eq!(inventory.forget("ada").expect("forgotten").len(), 1);
        assert!(inventory.tokens_of(&"q".repeat(20)).expect("readable").is_empty());
        assert!(matches!(inventory.remove("a"), Err(InventoryError::Unknown(_))));
        let bytes = std::fs::read(&path).expect("readable");
        assert!(memchr::memmem::find(&bytes, b"qqqqqqqqqqqqqqqqqqqq").is_none(), "overwritten too");
    }

    #[test]
    fn how_a_token_stands() {
        for (expires, last, standing) in [
            (None, None, Standing::NeverSeen),
            (None, Some(95), Standing::Seen),
            (None, Some(50), Standing::LongUnseen),
            (Some(200), Some(95), Standing::Seen),
            (Some(90), Some(95), Standing::ExpiredButSeen),
            (Some(90), Some(80), Standing::Expired),
            (Some(90), None, Standing::Expired),
        ] {
            assert_eq!(Standing::of(expires.map(at), last.map(at), at(100), 10), standing, "{expires:?} {last:?}");
        }
    }
}
