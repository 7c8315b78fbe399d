//! Questions to a database.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, Error, Row};

use super::super::backend::{NamesById, RawRow, unsigned};
use super::super::query::{Covered, Info};
use crate::model::{Coverage, Hour, SourceId};

/// The names of rules and sources.
pub(super) async fn names(client: &Client) -> Result<NamesById, Error> {
    let pairs = async |select: &str| -> Result<Vec<(i64, String)>, Error> {
        client.query(select, &[]).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    };
    Ok((pairs("SELECT id, name FROM rule").await?, pairs("SELECT id, name FROM source").await?))
}

/// A sighting as it stands in the database.
pub(super) fn raw(row: &Row) -> Result<RawRow, Error> {
    let mut numbers = [0; 7];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.try_get(at + 1)?;
    }
    Ok((row.try_get(0)?, numbers))
}

/// The rows of these prints, in one question.
pub(super) async fn rows(client: &Client, prints: &[&str], take: &mut dyn FnMut(RawRow)) -> Result<(), Error> {
    // The alphabet's last letter is a z: the four of the seal cannot be above four of them.
    let select = "SELECT fingerprint, epoch, rule, source, hour, count, first, last
                  FROM unnest($1::text[]) AS asked (print) JOIN sighting ON fingerprint BETWEEN print AND print || 'zzzz'";
    let mut rows = pin!(client.query_raw(select, [&prints]).await?);
    while let Some(row) = rows.try_next().await? {
        take(raw(&row)?);
    }
    Ok(())
}

/// What was looked at, by source.
pub(super) async fn covered(client: &Client) -> Result<Vec<Covered>, Error> {
    let select = "SELECT source.id, source.node, namespace, name, pruned.before, hour, lines, bytes, withheld, lost
                  FROM source LEFT JOIN pruned ON pruned.node = source.node LEFT JOIN coverage ON coverage.source = source.id
                  ORDER BY namespace, name, source.node, source.id, hour";
    let mut rows = pin!(client.query_raw::<_, &str, _>(select, []).await?);
    let (mut all, mut last) = (Vec::<Covered>::new(), None);
    while let Some(row) = rows.try_next().await? {
        let id: i64 = row.try_get(0)?;
        if last != Some(id) {
            last = Some(id);
            all.push(Covered {
                node: row.try_get(1)?,
                namespace: row.try_get(2)?,
                source: SourceId::new(row.try_get(3)?),
                hours: Vec::new(),
                pruned: row.try_get(4)?,
            });
        }
        let hour: Option<i64> = row.try_get(5)?;
        if let (Some(hour), Some(covered)) = (hour, all.last_mut()) {
            let count = |at: usize| row.try_get::<_, i64>(at).map(unsigned);
            let coverage = Coverage { lines: count(6)?, bytes: count(7)?, withheld: count(8)?, lost: count(9)? };
            covered.hours.push((Hour::of(hour), coverage));
        }
    }
    Ok(all)
}

/// What the database holds.
pub(super) async fn info(client: &Client) -> Result<Info, Error> {
    let mut info = Info::default();
    let select =
        "SELECT (SELECT value FROM meta WHERE key = 'schema')::bigint, (SELECT value FROM meta WHERE key = 'node'),
                  (SELECT max(before) FROM pruned)";
    let row = client.query_one(select, &[]).await?;
    (info.schema, info.node, info.pruned_before) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let sums = "SELECT count(*), count(DISTINCT substr(fingerprint, 1, 20)), coalesce(sum(count), 0)::bigint, min(first), max(last)
                FROM sighting";
    let row = client.query_one(sums, &[]).await?;
    (info.rows, info.fingerprints) = (unsigned(row.try_get(0)?), unsigned(row.try_get(1)?));
    (info.sightings, info.first, info.last) = (unsigned(row.try_get(2)?), row.try_get(3)?, row.try_get(4)?);
    let row = client.query_one("SELECT count(*), count(DISTINCT node) FROM source", &[]).await?;
    (info.sources, info.nodes) = (unsigned(row.try_get(0)?), unsigned(row.try_get(1)?));
    let sums =
        "SELECT coalesce(sum(lines), 0)::bigint, coalesce(sum(withheld), 0)::bigint, coalesce(sum(lost), 0)::bigint
                FROM coverage";
    let row = client.query_one(sums, &[]).await?;
    (info.lines, info.withheld) = (unsigned(row.try_get(0)?), unsigned(row.try_get(1)?));
    info.lost = unsigned(row.try_get(2)?);
    Ok(info)
}
