//! The tables, as `docs/sightings.md` shows them to whoever asks by hand.

use rusqlite::Connection;

use super::SCHEMA;

/// Stands in the file's header: `inkp`.
pub(super) const APPLICATION: i64 = 0x696e_6b70;

/// One step for each version: from the one before it.
const STEPS: [&str; SCHEMA as usize] = ["
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rule (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE source (
  id INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (node, namespace, name)
);
CREATE TABLE sighting (
  fingerprint TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  rule INTEGER NOT NULL REFERENCES rule,
  source INTEGER NOT NULL REFERENCES source,
  hour INTEGER NOT NULL,
  count INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (fingerprint, rule, source, hour)
) WITHOUT ROWID;
CREATE TABLE coverage (
  source INTEGER NOT NULL REFERENCES source,
  hour INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  withheld INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  PRIMARY KEY (source, hour)
) WITHOUT ROWID;
CREATE TABLE pruned (node TEXT PRIMARY KEY, before INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIEW sightings AS
  SELECT 'ink1-' || rule.name || '-k' || epoch || '-' || fingerprint AS mark, fingerprint, rule.name AS rule, epoch,
         source.namespace AS namespace, source.name AS source, source.node AS node, datetime(hour, 'unixepoch') AS hour, count,
         datetime(first, 'unixepoch') AS first, datetime(last, 'unixepoch') AS last
  FROM sighting JOIN rule ON rule.id = sighting.rule JOIN source ON source.id = sighting.source;
CREATE VIEW covered AS
  SELECT source.namespace AS namespace, source.name AS source, source.node AS node, datetime(hour, 'unixepoch') AS hour,
         lines, bytes, withheld, lost
  FROM coverage JOIN source ON source.id = coverage.source;
"];

/// Adds a sighting to those of its hour.
pub(super) const ADD_SIGHTING: &str = "
INSERT INTO sighting (fingerprint, epoch, rule, source, hour, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO UPDATE SET
  count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)";

/// Adds to what is covered of an hour.
pub(super) const ADD_COVERAGE: &str = "
INSERT INTO coverage (source, hour, lines, bytes, withheld, lost) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET
  lines = lines + excluded.lines, bytes = bytes + excluded.bytes, withheld = withheld + excluded.withheld,
  lost = lost + excluded.lost";

/// Takes the later state of a row of another file; the count of an hour only grows where it is written.
pub(super) const MERGE_SIGHTING: &str = "
INSERT INTO sighting (fingerprint, epoch, rule, source, hour, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO UPDATE SET
  count = max(count, excluded.count), first = min(first, excluded.first), last = max(last, excluded.last)";

/// The same for what is covered.
pub(super) const MERGE_COVERAGE: &str = "
INSERT INTO coverage (source, hour, lines, bytes, withheld, lost) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET
  lines = max(lines, excluded.lines), bytes = max(bytes, excluded.bytes), withheld = max(withheld, excluded.withheld),
  lost = max(lost, excluded.lost)";

/// Brings the tables to [`SCHEMA`]; a new file is called `node`. To be called in a transaction: another process may have been faster.
///
/// # Errors
/// What SQLite says.
pub(super) fn migrate(db: &Connection, node: u64) -> rusqlite::Result<()> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or_default();
    for step in STEPS.iter().skip(done) {
        db.execute_batch(step)?;
    }
    if done == 0 {
        db.execute("INSERT INTO meta (key, value) VALUES ('node', ?1)", [format!("{node:016x}")])?;
        db.pragma_update(None, "application_id", APPLICATION)?;
    }
    db.pragma_update(None, "user_version", SCHEMA)
}
