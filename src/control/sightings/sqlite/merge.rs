//! What is taken over from another index, and what is taken out.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::super::backend::{Give, Take};
use super::super::merge::{PART, Part, Rows};
use super::schema::{MERGE_COVERAGE, MERGE_SIGHTING};
use super::{Index, SightingsError, rule_id, source_id};
use crate::model::Fingerprint;

/// Gives all that the file holds.
pub(super) fn export(index: &Index, take: &mut Take<'_>) -> Result<(), SightingsError> {
    let failed = |error| index.failed(error);
    // One view of the file, though others may write to it.
    let view = index.db.unchecked_transaction().map_err(failed)?;
    for (id, name) in super::query::pairs(&view, "SELECT id, name FROM rule").map_err(failed)? {
        take(Part::Rule(id, name))?;
    }
    let mut select = view.prepare("SELECT id, node, namespace, name FROM source").map_err(failed)?;
    let mut found = select.query([]).map_err(failed)?;
    while let Some(row) = found.next().map_err(failed)? {
        let source = || Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?]));
        let (id, names) = source().map_err(failed)?;
        take(Part::Source(id, names))?;
    }
    let select = "SELECT fingerprint, epoch, rule, source, hour, count, first, last FROM sighting";
    let mut select = view.prepare(select).map_err(failed)?;
    let mut found = select.query([]).map_err(failed)?;
    let mut part = Vec::with_capacity(PART);
    while let Some(row) = found.next().map_err(failed)? {
        part.push(super::query::raw(row).map_err(failed)?);
        if part.len() == PART {
            take(Part::Sightings(std::mem::replace(&mut part, Vec::with_capacity(PART))))?;
        }
    }
    take(Part::Sightings(part))?;
    let mut select = view.prepare("SELECT source, hour, lines, bytes, withheld, lost FROM coverage").map_err(failed)?;
    let mut found = select.query([]).map_err(failed)?;
    let mut part = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        let numbers = || Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]);
        part.push(numbers().map_err(failed)?);
        if part.len() == PART {
            take(Part::Coverage(std::mem::take(&mut part)))?;
        }
    }
    take(Part::Coverage(part))?;
    let mut select = view.prepare("SELECT node, before FROM pruned").map_err(failed)?;
    let mut found = select.query([]).map_err(failed)?;
    while let Some(row) = found.next().map_err(failed)? {
        let pruned = || Ok((row.get(0)?, row.get(1)?));
        let (node, before) = pruned().map_err(failed)?;
        take(Part::Pruned(node, before))?;
    }
    Ok(())
}

/// Takes over what is given, in one transaction.
pub(super) fn import(index: &mut Index, give: &mut Give<'_>) -> Result<Rows, SightingsError> {
    let path = index.path.clone();
    let failed = |error| SightingsError::Sqlite { path: path.clone(), error };
    let transaction = index.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut taken = Taken::default();
    give(&mut |part| taken.take(&transaction, part).map_err(failed))?;
    transaction.commit().map_err(failed)?;
    Ok(taken.rows)
}

/// What was taken over so far: numbers there -> numbers here.
#[derive(Default)]
struct Taken {
    rules: HashMap<i64, i64>,
    sources: HashMap<i64, i64>,
    rows: Rows,
}

impl Taken {
    fn take(&mut self, db: &Transaction<'_>, part: Part) -> rusqlite::Result<()> {
        let place = |map: &HashMap<i64, i64>, id: i64| map.get(&id).copied().unwrap_or(id);
        match part {
            Part::Rule(id, name) => drop(self.rules.insert(id, rule_id(db, &name)?)),
            Part::Source(id, [node, namespace, name]) => {
                self.sources.insert(id, source_id(db, &node, &namespace, &name)?);
            }
            Part::Sightings(rows) => {
                let mut insert = db.prepare_cached(MERGE_SIGHTING)?;
                for (fingerprint, [epoch, rule, source, hour, count, first, last]) in &rows {
                    let (rule, source) = (place(&self.rules, *rule), place(&self.sources, *source));
                    insert.execute(params![fingerprint, epoch, rule, source, hour, count, first, last])?;
                }
                self.rows.sightings += rows.len() as u64;
            }
            Part::Coverage(rows) => {
                let mut insert = db.prepare_cached(MERGE_COVERAGE)?;
                for [source, hour, lines, bytes, withheld, lost] in &rows {
                    let source = place(&self.sources, *source);
                    insert.execute(params![source, hour, lines, bytes, withheld, lost])?;
                }
                self.rows.coverage += rows.len() as u64;
            }
            Part::Pruned(node, before) => {
                let insert = "INSERT INTO pruned VALUES (?1, ?2) ON CONFLICT DO UPDATE SET before = max(before, excluded.before)";
                db.prepare_cached(insert)?.execute(params![node, before])?;
            }
        }
        Ok(())
    }
}

/// Deletes hours before `time`.
pub(super) fn prune(db: &mut Connection, time: i64) -> rusqlite::Result<Rows> {
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

/// Deletes the sightings of these prints.
pub(super) fn forget(db: &mut Connection, prints: &[String]) -> rusqlite::Result<u64> {
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
