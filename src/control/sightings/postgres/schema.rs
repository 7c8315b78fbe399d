//! The tables, as `docs/sightings.md` shows them: those of a file, in the schema that the connection uses.
//!
//! Rows do not refer to names by foreign keys: a name is never deleted, and each check would lock the row of a name that all nodes use.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::super::SCHEMA;

/// One step for each version: from the one before it.
const STEPS: [&str; SCHEMA as usize] = [r#"
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE rule (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE source (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  node text NOT NULL,
  namespace text NOT NULL,
  name text NOT NULL,
  UNIQUE (node, namespace, name)
);
CREATE TABLE sighting (
  fingerprint text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL,
  rule bigint NOT NULL,
  source bigint NOT NULL,
  hour bigint NOT NULL,
  count bigint NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  PRIMARY KEY (fingerprint, rule, source, hour)
) WITH (fillfactor = 80);
CREATE TABLE coverage (
  source bigint NOT NULL,
  hour bigint NOT NULL,
  lines bigint NOT NULL,
  bytes bigint NOT NULL,
  withheld bigint NOT NULL,
  lost bigint NOT NULL,
  PRIMARY KEY (source, hour)
) WITH (fillfactor = 80);
CREATE TABLE pruned (node text PRIMARY KEY, before bigint NOT NULL);
CREATE TABLE writer (id text PRIMARY KEY, flush bigint NOT NULL, at bigint NOT NULL);
CREATE VIEW sightings AS
  SELECT 'ink1-' || rule.name || '-k' || epoch || '-' || fingerprint AS mark, fingerprint, rule.name AS rule, epoch,
         source.namespace AS namespace, source.name AS source, source.node AS node, to_timestamp(hour) AT TIME ZONE 'UTC' AS hour,
         count, to_timestamp(first) AT TIME ZONE 'UTC' AS first, to_timestamp(last) AT TIME ZONE 'UTC' AS last
  FROM sighting JOIN rule ON rule.id = sighting.rule JOIN source ON source.id = sighting.source;
CREATE VIEW covered AS
  SELECT source.namespace AS namespace, source.name AS source, source.node AS node, to_timestamp(hour) AT TIME ZONE 'UTC' AS hour,
         lines, bytes, withheld, lost
  FROM coverage JOIN source ON source.id = coverage.source;
"#];

/// Takes note of a writer's flush; of one that has arrived before, no row is changed.
pub(super) const FLUSHED: &str = "
INSERT INTO writer (id, flush, at) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET flush = excluded.flush, at = excluded.at WHERE writer.flush < excluded.flush";

/// Adds sightings to those of their hours.
pub(super) const ADD_SIGHTINGS: &str = "
INSERT INTO sighting (fingerprint, epoch, rule, source, hour, count, first, last)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (fingerprint, rule, source, hour) DO UPDATE SET
  count = sighting.count + excluded.count, first = least(sighting.first, excluded.first),
  last = greatest(sighting.last, excluded.last)";

/// Adds to what is covered of hours.
pub(super) const ADD_COVERAGE: &str = "
INSERT INTO coverage (source, hour, lines, bytes, withheld, lost)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
ON CONFLICT (source, hour) DO UPDATE SET
  lines = coverage.lines + excluded.lines, bytes = coverage.bytes + excluded.bytes,
  withheld = coverage.withheld + excluded.withheld, lost = coverage.lost + excluded.lost";

/// Takes the later state of rows of another index; the count of an hour only grows where it is written.
pub(super) const MERGE_SIGHTINGS: &str = "
INSERT INTO sighting (fingerprint, epoch, rule, source, hour, count, first, last)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
ON CONFLICT (fingerprint, rule, source, hour) DO UPDATE SET
  count = greatest(sighting.count, excluded.count), first = least(sighting.first, excluded.first),
  last = greatest(sighting.last, excluded.last)";

/// The same for what is covered.
pub(super) const MERGE_COVERAGE: &str = "
INSERT INTO coverage (source, hour, lines, bytes, withheld, lost)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
ON CONFLICT (source, hour) DO UPDATE SET
  lines = greatest(coverage.lines, excluded.lines), bytes = greatest(coverage.bytes, excluded.bytes),
  withheld = greatest(coverage.withheld, excluded.withheld), lost = greatest(coverage.lost, excluded.lost)";

/// What all that make the tables of one database lock; any number that nobody else uses.
const LOCK: i64 = 0x696e_6b70_7269_6e74;

/// The tables' version; 0 where there are none, nothing where somebody else's are there.
pub(super) async fn version(client: &Client) -> Result<Option<i64>, Error> {
    // Of the schema that tables are made in: another one behind it may hold somebody else's.
    let tables = "SELECT count(*), count(*) FILTER (WHERE relname = 'meta') FROM pg_class
                  WHERE relnamespace = current_schema()::regnamespace
                    AND relname IN ('meta', 'rule', 'source', 'sighting', 'coverage', 'pruned', 'writer', 'sightings', 'covered')";
    let row = client.query_one(tables, &[]).await?;
    match (row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?) {
        (0, _) => return Ok(Some(0)),
        (_, 0) => return Ok(None),
        _ => {}
    }
    let meta =
        "SELECT (SELECT value FROM meta WHERE key = 'application'), (SELECT value FROM meta WHERE key = 'schema')";
    let row = match client.query_one(meta, &[]).await {
        Ok(row) => row,
        // A table of this name and other columns is somebody else's.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = |at: usize| row.try_get::<_, Option<String>>(at).ok().flatten();
    let version = text(1).and_then(|version| version.parse().ok());
    Ok(version.filter(|version| *version > 0 && text(0).as_deref() == Some("inkprint")))
}

/// Makes the tables, and brings them to [`SCHEMA`]; another process may be faster.
pub(super) async fn migrate(client: &mut Client) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let there =
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = 'meta'";
    if transaction.query_one(there, &[]).await?.try_get::<_, i64>(0)? == 0 {
        for step in STEPS {
            transaction.batch_execute(step).await?;
        }
        let insert = "INSERT INTO meta VALUES ('application', 'inkprint'), ('schema', $1),
                      ('node', substr(replace(gen_random_uuid()::text, '-', ''), 1, 16))";
        transaction.execute(insert, &[&SCHEMA.to_string()]).await?;
    }
    transaction.commit().await
}

/// The name of the database for itself.
pub(super) async fn node(client: &Client) -> Result<String, Error> {
    client.query_one("SELECT value FROM meta WHERE key = 'node'", &[]).await?.try_get(0)
}
