//! Questions to a file.

use rusqlite::{Connection, Row};

use super::super::backend::{NamesById, RawRow, unsigned};
use super::super::query::{Covered, Info};
use crate::model::{Coverage, Hour, SourceId};

/// The names of rules and sources.
pub(super) fn names(db: &Connection) -> rusqlite::Result<NamesById> {
    Ok((pairs(db, "SELECT id, name FROM rule")?, pairs(db, "SELECT id, name FROM source")?))
}

/// Numbers and names.
pub(super) fn pairs(db: &Connection, select: &str) -> rusqlite::Result<Vec<(i64, String)>> {
    db.prepare(select)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// A sighting as it stands in the file.
pub(super) fn raw(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    let mut numbers = [0; 7];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.get(at + 1)?;
    }
    Ok((row.get(0)?, numbers))
}

/// The rows of these prints.
pub(super) fn rows(db: &Connection, prints: &[&str], take: &mut dyn FnMut(RawRow)) -> rusqlite::Result<()> {
    // The alphabet's last letter is a z: the four of the seal cannot be above four of them.
    let select = "SELECT fingerprint, epoch, rule, source, hour, count, first, last FROM sighting
                  WHERE fingerprint BETWEEN ?1 AND ?1 || 'zzzz'";
    let mut select = db.prepare_cached(select)?;
    for print in prints {
        let mut rows = select.query([print])?;
        while let Some(row) = rows.next()? {
            take(raw(row)?);
        }
    }
    Ok(())
}

/// What was looked at, by source.
pub(super) fn covered(db: &Connection) -> rusqlite::Result<Vec<Covered>> {
    let select = "SELECT source.id, source.node, namespace, name, pruned.before FROM source
                  LEFT JOIN pruned ON pruned.node = source.node ORDER BY namespace, name, source.node";
    let mut select = db.prepare(select)?;
    let rows = select.query_map([], |row| {
        let source = SourceId::new(&row.get::<_, String>(3)?);
        let covered =
            Covered { node: row.get(1)?, namespace: row.get(2)?, source, hours: Vec::new(), pruned: row.get(4)? };
        Ok((row.get::<_, i64>(0)?, covered))
    })?;
    let mut hours =
        db.prepare("SELECT hour, lines, bytes, withheld, lost FROM coverage WHERE source = ?1 ORDER BY hour")?;
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

/// What the file holds.
pub(super) fn info(db: &Connection) -> rusqlite::Result<Info> {
    let mut info = Info {
        schema: db.pragma_query_value(None, "user_version", |row| row.get(0))?,
        node: db.query_row("SELECT value FROM meta WHERE key = 'node'", [], |row| row.get(0))?,
        pruned_before: db.query_row("SELECT max(before) FROM pruned", [], |row| row.get(0))?,
        ..Info::default()
    };
    let sums =
        "SELECT count(*), count(DISTINCT substr(fingerprint, 1, 20)), coalesce(sum(count), 0), min(first), max(last)
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
        (info.lines, info.withheld, info.lost) = (unsigned(row.get(0)?), unsigned(row.get(1)?), unsigned(row.get(2)?));
        Ok(())
    })?;
    Ok(info)
}
