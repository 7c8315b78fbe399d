//! Many nodes' files into one, and old rows out of one.

use rusqlite::{Connection, TransactionBehavior, params};

use super::schema::{MERGE_COVERAGE, MERGE_SIGHTING};
use super::{SightingsError, Store, rule_id, source_id};
use crate::model::Fingerprint;

/// How many rows were taken over or taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Of sightings.
    pub sightings: u64,
    /// Of coverage.
    pub coverage: u64,
}

impl Store {
    /// Takes over all that `other` holds, all or nothing. What was taken over before is not counted twice: each row keeps the name of
    /// the file that it was first written to, and of one such row the later state holds.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`], of either file.
    pub fn merge(&mut self, other: &Self) -> Result<Rows, SightingsError> {
        let path = self.path.clone();
        let ours = |error| SightingsError::Sqlite { path: path.clone(), error };
        let theirs = |error| other.failed(error);
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ours)?;
        // One view of the other file, though others may write to it.
        let other_view = other.db.unchecked_transaction().map_err(theirs)?;
        let rules = ids(&other_view, "SELECT id, name, '', '' FROM rule").map_err(theirs)?;
        let sources = ids(&other_view, "SELECT id, node, namespace, name FROM source").map_err(theirs)?;
        let rules = translate(rules, |[name, _, _]| rule_id(&transaction, name)).map_err(ours)?;
        let sources = translate(sources, |[node, namespace, name]| source_id(&transaction, node, namespace, name))
            .map_err(ours)?;
        let place = |map: &std::collections::HashMap<i64, i64>, id: i64| map.get(&id).copied().unwrap_or(id);
        let mut rows = Rows::default();
        {
            let mut insert = transaction.prepare(MERGE_SIGHTING).map_err(ours)?;
            let select = "SELECT fingerprint, epoch, rule, source, hour, count, first, last FROM sighting";
            let mut select = other_view.prepare(select).map_err(theirs)?;
            let mut found = select.query([]).map_err(theirs)?;
            while let Some(row) = found.next().map_err(theirs)? {
                let fingerprint: String = row.get(0).map_err(theirs)?;
                let number = |at: usize| row.get::<_, i64>(at).map_err(theirs);
                let (rule, source) = (place(&rules, number(2)?), place(&sources, number(3)?));
                let row =
                    params![fingerprint, number(1)?, rule, source, number(4)?, number(5)?, number(6)?, number(7)?];
                insert.execute(row).map_err(ours)?;
                rows.sightings += 1;
            }
            let mut insert = transaction.prepare(MERGE_COVERAGE).map_err(ours)?;
            let select = "SELECT source, hour, lines, bytes, withheld, lost FROM coverage";
            let mut select = other_view.prepare(select).map_err(theirs)?;
            let mut found = select.query([]).map_err(theirs)?;
            while let Some(row) = found.next().map_err(theirs)? {
                let number = |at: usize| row.get::<_, i64>(at).map_err(theirs);
                let source = place(&sources, number(0)?);
                let row = params![source, number(1)?, number(2)?, number(3)?, number(4)?, number(5)?];
                insert.execute(row).map_err(ours)?;
                rows.coverage += 1;
            }
            let mut insert = transaction
                .prepare("INSERT INTO pruned VALUES (?1, ?2) ON CONFLICT DO UPDATE SET before = max(before, excluded.before)")
                .map_err(ours)?;
            let mut select = other_view.prepare("SELECT node, before FROM pruned").map_err(theirs)?;
            let mut found = select.query([]).map_err(theirs)?;
            while let Some(row) = found.next().map_err(theirs)? {
                let node: String = row.get(0).map_err(theirs)?;
                insert.execute(params![node, row.get::<_, i64>(1).map_err(theirs)?]).map_err(ours)?;
            }
        }
        transaction.commit().map_err(ours)?;
        Ok(rows)
    }

    /// Deletes what is of hours before `time`, in seconds of Unix time, and remembers that: an answer must be able to say so. In
    /// several transactions, so that writers need not wait for all of it.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`]; what was deleted until then is.
    pub fn prune(&mut self, time: i64) -> Result<Rows, SightingsError> {
        let outcome = prune(&mut self.db, time);
        outcome.map_err(|error| self.failed(error))
    }

    /// Deletes every sighting of these prints, wherever and whenever; gives how many rows went.
    ///
    /// # Errors
    /// [`SightingsError::Sqlite`], with nothing deleted.
    pub fn forget(&mut self, prints: &[String]) -> Result<u64, SightingsError> {
        let outcome = forget(&mut self.db, prints);
        outcome.map_err(|error| self.failed(error))
    }
}

fn prune(db: &mut Connection, time: i64) -> rusqlite::Result<Rows> {
    let mut rows = Rows::default();
    let mark = "INSERT INTO pruned SELECT DISTINCT node, ?1 FROM source WHERE true
                ON CONFLICT DO UPDATE SET before = max(before, excluded.before)";
    db.execute(mark, [time])?;
    for letter in Fingerprint::ALPHABET {
        let (from, to) = (char::from(*letter).to_string(), char::from(letter + 1).to_string());
        let delete = "DELETE FROM sighting WHERE fingerprint >= ?1 AND fingerprint < ?2 AND hour < ?3";
        rows.sightings += db.execute(delete, params![from, to, time])? as u64;
    }
    rows.coverage = db.execute("DELETE FROM coverage WHERE hour < ?1", [time])? as u64;
    empty_log(db)?;
    Ok(rows)
}

fn forget(db: &mut Connection, prints: &[String]) -> rusqlite::Result<u64> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut gone = 0;
    {
        let mut delete = transaction.prepare("DELETE FROM sighting WHERE fingerprint BETWEEN ?1 AND ?1 || 'zzzz'")?;
        for print in prints {
            gone += delete.execute([print])? as u64;
        }
    }
    transaction.commit()?;
    empty_log(db)?;
    Ok(gone)
}

/// Copies the write-ahead log into the file and cuts it off, so that what was deleted is not in it either; where others read or write,
/// they do so later.
fn empty_log(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

type Named = (i64, [String; 3]);

fn ids(db: &Connection, select: &str) -> rusqlite::Result<Vec<Named>> {
    let mut select = db.prepare(select)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?])))?;
    rows.collect()
}

/// Numbers of another file -> numbers of ours.
fn translate(
    named: Vec<Named>,
    id: impl Fn([&str; 3]) -> rusqlite::Result<i64>,
) -> rusqlite::Result<std::collections::HashMap<i64, i64>> {
    named.into_iter().map(|(theirs, [a, b, c])| Ok((theirs, id([&a, &b, &c])?))).collect()
}
