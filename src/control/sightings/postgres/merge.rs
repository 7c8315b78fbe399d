//! What is taken over from another index, and what is taken out.

use std::collections::HashMap;

use tokio_postgres::{Client, Error};

use super::super::backend::{Give, Take};
use super::super::merge::{PART, Part, Rows};
use super::query::raw;
use super::session::failed;
use super::{Index, SightingsError, WRITER_KEPT, now, put_coverage, put_sightings, rule_id, schema, source_id};
use crate::model::Fingerprint;

/// Gives all that the database holds, as it is at one time.
pub(super) fn export(index: &Index, take: &mut Take<'_>) -> Result<(), SightingsError> {
    let mut session = index.session()?;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
                 DECLARE seen NO SCROLL CURSOR FOR SELECT fingerprint, epoch, rule, source, hour, count, first, last FROM sighting;
                 DECLARE looked NO SCROLL CURSOR FOR SELECT source, hour, lines, bytes, withheld, lost FROM coverage";
    session.run(None, async |client| client.batch_execute(begin).await)?;
    let mut all = || {
        let mut rows = |select: &str| session.run(None, async |client| client.query(select, &[]).await);
        let fault = |error: Error| failed(&index.address.to_string(), &error);
        for row in rows("SELECT id, name FROM rule")? {
            let rule = || Ok(Part::Rule(row.try_get(0)?, row.try_get(1)?));
            take(rule().map_err(fault)?)?;
        }
        for row in rows("SELECT id, node, namespace, name FROM source")? {
            let source = || Ok(Part::Source(row.try_get(0)?, [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?]));
            take(source().map_err(fault)?)?;
        }
        let fetch = format!("FETCH {PART} FROM seen");
        loop {
            let rows = rows(&fetch)?;
            if rows.is_empty() {
                break;
            }
            take(Part::Sightings(rows.iter().map(raw).collect::<Result<_, _>>().map_err(fault)?))?;
        }
        let fetch = format!("FETCH {PART} FROM looked");
        loop {
            let rows = rows(&fetch)?;
            if rows.is_empty() {
                break;
            }
            let covered = rows.iter().map(|row| {
                let mut numbers = [0; 6];
                for (at, number) in numbers.iter_mut().enumerate() {
                    *number = row.try_get(at)?;
                }
                Ok(numbers)
            });
            take(Part::Coverage(covered.collect::<Result<_, _>>().map_err(fault)?))?;
        }
        for row in rows("SELECT node, before FROM pruned")? {
            let pruned = || Ok(Part::Pruned(row.try_get(0)?, row.try_get(1)?));
            take(pruned().map_err(fault)?)?;
        }
        Ok(())
    };
    let outcome = all();
    session.run(None, async |client| client.batch_execute("COMMIT").await)?;
    outcome
}

/// Takes over what is given, in one transaction.
pub(super) fn import(index: &mut Index, give: &mut Give<'_>) -> Result<Rows, SightingsError> {
    index.connect()?;
    let mut session = index.session()?;
    session.run(None, async |client| client.batch_execute("BEGIN").await)?;
    let mut taken = Taken::default();
    let outcome = give(&mut |part| session.run(None, async |client| taken.take(client, part).await));
    let end = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
    session.run(None, async |client| client.batch_execute(end).await)?;
    outcome.map(|()| taken.rows)
}

/// What was taken over so far: numbers there -> numbers here.
#[derive(Default)]
struct Taken {
    rules: HashMap<i64, i64>,
    sources: HashMap<i64, i64>,
    rows: Rows,
}

impl Taken {
    async fn take(&mut self, client: &Client, part: Part) -> Result<(), Error> {
        let place = |map: &HashMap<i64, i64>, id: i64| map.get(&id).copied().unwrap_or(id);
        match part {
            Part::Rule(id, name) => drop(self.rules.insert(id, rule_id(client, &name).await?)),
            Part::Source(id, [node, namespace, name]) => {
                self.sources.insert(id, source_id(client, [&node, &namespace, &name]).await?);
            }
            Part::Sightings(mut rows) => {
                for (_, numbers) in &mut rows {
                    numbers[1] = place(&self.rules, numbers[1]);
                    numbers[2] = place(&self.sources, numbers[2]);
                }
                put_sightings(client, schema::MERGE_SIGHTINGS, &rows).await?;
                self.rows.sightings += rows.len() as u64;
            }
            Part::Coverage(mut rows) => {
                for numbers in &mut rows {
                    numbers[0] = place(&self.sources, numbers[0]);
                }
                put_coverage(client, schema::MERGE_COVERAGE, &rows).await?;
                self.rows.coverage += rows.len() as u64;
            }
            Part::Pruned(node, before) => {
                let insert = "INSERT INTO pruned VALUES ($1, $2)
                              ON CONFLICT (node) DO UPDATE SET before = greatest(pruned.before, excluded.before)";
                client.execute(insert, &[&node, &before]).await?;
            }
        }
        Ok(())
    }
}

/// Deletes hours before `time`, and writers that are long gone.
pub(super) fn prune(index: &mut Index, time: i64) -> Result<Rows, SightingsError> {
    let mark = "INSERT INTO pruned SELECT DISTINCT node, $1::bigint FROM source ORDER BY node
                ON CONFLICT (node) DO UPDATE SET before = greatest(pruned.before, excluded.before)";
    index.write(None, async |transaction| transaction.execute(mark, &[&time]).await)?;
    let mut rows = Rows::default();
    for letter in Fingerprint::ALPHABET {
        let (from, to) = (char::from(*letter).to_string(), char::from(letter + 1).to_string());
        let delete = "DELETE FROM sighting WHERE fingerprint >= $1 AND fingerprint < $2 AND hour < $3";
        rows.sightings +=
            index.write(None, async |transaction| transaction.execute(delete, &[&from, &to, &time]).await)?;
    }
    let delete = "DELETE FROM coverage WHERE hour < $1";
    rows.coverage = index.write(None, async |transaction| transaction.execute(delete, &[&time]).await)?;
    let gone = now() - WRITER_KEPT;
    let delete = "DELETE FROM writer WHERE at < $1";
    index.write(None, async |transaction| transaction.execute(delete, &[&gone]).await)?;
    Ok(rows)
}
