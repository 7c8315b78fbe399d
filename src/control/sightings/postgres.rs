//! An index in a database of PostgreSQL: for a fleet, whose nodes all write to it.
//!
//! - A flush is one transaction. Its number is written in it, so that one of which nobody knows whether it arrived can be sent again and
//!   counts once.
//! - Rows are written in the order of their key: nodes that write the same ones wait for each other, and never in a circle.
//! - The connection is made when it is needed, and again after it was lost. Neither making it nor a flush waits without end.

mod merge;
mod query;
mod schema;
mod session;

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, GenericClient, Transaction};

use self::session::Session;
use super::backend::{Backend, Give, NamesById, RawRow, Take, signed};
use super::merge::Rows;
use super::place::Address;
use super::query::{Covered, Info};
use super::{Covering, SightingsError};
use crate::model::{Coverage, Namespace, RuleId, Sighting, SourceId};

/// Rows in one statement.
const CHUNK: usize = 8192;

/// For one flush; a server that takes longer counts as away.
const FLUSH_LIMIT: Duration = Duration::from_secs(30);

/// Writers of which nothing was heard for so long, in seconds, will not send a flush again.
const WRITER_KEPT: i64 = 7 * 86_400;

/// Times that a transaction which was given up for another's sake is tried in all.
const TRIES: usize = 5;

/// A database.
pub(super) struct Index {
    address: Address,
    /// Its state changes also when something is only read.
    session: RefCell<Option<Session>>,
    /// Whether the tables are made where they are not there.
    writes: bool,
    /// The name of the database for itself, once it is known.
    node: String,
    /// Of this process among all that write.
    writer: String,
    ids: Ids,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("address", &self.address.to_string()).finish_non_exhaustive()
    }
}

/// The numbers of rules and sources, as far as they are known.
#[derive(Debug, Default)]
struct Ids {
    rules: HashMap<RuleId, i64>,
    sources: HashMap<(Namespace, SourceId), i64>,
}

impl Index {
    /// Opens a database to write to it, and makes its tables. That it cannot be reached is no error yet.
    pub(super) fn open(address: Address) -> Result<Self, SightingsError> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|_| SightingsError::NoRandomness)?;
        let mut index = Self::new(address, true, format!("{:016x}", u64::from_le_bytes(name)));
        match index.connect() {
            Ok(()) | Err(SightingsError::Away { .. }) => Ok(index),
            Err(error) => Err(error),
        }
    }

    /// Opens a database whose tables are there.
    pub(super) fn open_existing(address: Address) -> Result<Self, SightingsError> {
        let mut index = Self::new(address, false, String::new());
        index.connect()?;
        Ok(index)
    }

    fn new(address: Address, writes: bool, writer: String) -> Self {
        let (session, node, ids) = (RefCell::new(None), String::new(), Ids::default());
        Self { address, session, writes, node, writer, ids }
    }

    /// Connects, unless that is done.
    fn connect(&mut self) -> Result<(), SightingsError> {
        if self.session.get_mut().as_ref().is_some_and(Session::is_open) {
            return Ok(());
        }
        let mut session = Session::open(&self.address)?;
        let foreign = || SightingsError::Foreign { index: self.address.to_string() };
        let version = session.run(Some(FLUSH_LIMIT), async |client| schema::version(client).await)?;
        match version.ok_or_else(foreign)? {
            0 if self.writes => session.run(Some(FLUSH_LIMIT), async |client| schema::migrate(client).await)?,
            0 => return Err(foreign()),
            found if found > super::SCHEMA => {
                let (index, known) = (self.address.to_string(), super::SCHEMA);
                return Err(SightingsError::Newer { index, found, known });
            }
            _ => {}
        }
        self.node = session.run(Some(FLUSH_LIMIT), async |client| schema::node(client).await)?;
        self.ids = Ids::default();
        *self.session.get_mut() = Some(session);
        Ok(())
    }

    fn session(&self) -> Result<RefMut<'_, Session>, SightingsError> {
        let away = || SightingsError::Away { index: self.address.to_string(), error: "not connected".to_owned() };
        RefMut::filter_map(self.session.borrow_mut(), Option::as_mut).map_err(|_| away())
    }

    /// Asks something.
    fn read<T>(&self, ask: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T, SightingsError> {
        self.session()?.run(None, async |client| ask(client).await)
    }

    /// Does something in a transaction, again where it was given up for another's sake.
    fn write<T>(
        &mut self,
        limit: Option<Duration>,
        mut work: impl AsyncFnMut(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, SightingsError> {
        self.connect()?;
        let outcome = self.session()?.run(limit, async |client| {
            let mut tries = 1;
            loop {
                match transact(client, &mut work).await {
                    Err(error) if tries < TRIES && is_passing(&error) => tries += 1,
                    outcome => return outcome,
                }
            }
        });
        if matches!(outcome, Err(SightingsError::Away { .. })) {
            *self.session.get_mut() = None;
        }
        outcome
    }

    /// The number of a rule, which is made if it is not there. Not in the transaction of a flush: two nodes that make the same ones in
    /// another order would wait for each other.
    fn rule(&mut self, rule: &RuleId) -> Result<i64, SightingsError> {
        if let Some(id) = self.ids.rules.get(rule) {
            return Ok(*id);
        }
        let id = self.session()?.run(Some(FLUSH_LIMIT), async |client| rule_id(&*client, rule.as_str()).await)?;
        self.ids.rules.insert(rule.clone(), id);
        Ok(id)
    }

    fn source(&mut self, namespace: &Namespace, source: &SourceId) -> Result<i64, SightingsError> {
        let key = (namespace.clone(), source.clone());
        if let Some(id) = self.ids.sources.get(&key) {
            return Ok(*id);
        }
        let names = [self.node.as_str(), namespace.as_str(), source.as_str()];
        let id = self.session()?.run(Some(FLUSH_LIMIT), async |client| source_id(&*client, names).await)?;
        self.ids.sources.insert(key, id);
        Ok(id)
    }
}

async fn transact<T>(
    client: &mut Client,
    work: &mut impl AsyncFnMut(&Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let transaction = client.transaction().await?;
    let outcome = work(&transaction).await?;
    transaction.commit().await?;
    Ok(outcome)
}

impl Backend for Index {
    fn name(&self) -> String {
        self.address.to_string()
    }

    fn add(
        &mut self,
        number: u64,
        namespace: &Namespace,
        sightings: &mut dyn Iterator<Item = Sighting>,
        coverage: &mut dyn Iterator<Item = Covering<'_>>,
    ) -> Result<(), SightingsError> {
        self.connect()?;
        let mut rows = Vec::new();
        for sighting in sightings {
            let (rule, source) = (self.rule(&sighting.rule)?, self.source(namespace, &sighting.source)?);
            let Sighting { fingerprint, epoch, hour, count, first, last, .. } = sighting;
            let numbers = [epoch.get().into(), rule, source, hour.start(), signed(count), first, last];
            rows.push((fingerprint.as_str().to_owned(), numbers));
        }
        rows.sort_unstable_by(|a: &RawRow, b| (&a.0, &a.1[1..4]).cmp(&(&b.0, &b.1[1..4])));
        let mut covered = Vec::new();
        for (source, hour, coverage) in coverage {
            let Coverage { lines, bytes, withheld, lost } = coverage;
            let source = self.source(namespace, source)?;
            covered.push([source, hour.start(), signed(lines), signed(bytes), signed(withheld), signed(lost)]);
        }
        covered.sort_unstable();
        let (writer, number, now) = (self.writer.clone(), signed(number), now());
        self.write(Some(FLUSH_LIMIT), async |transaction| {
            if transaction.execute(schema::FLUSHED, &[&writer, &number, &now]).await? == 0 {
                // It had arrived; only the answer was lost.
                return Ok(());
            }
            put_sightings(transaction, schema::ADD_SIGHTINGS, &rows).await?;
            put_coverage(transaction, schema::ADD_COVERAGE, &covered).await
        })
    }

    fn export(&self, take: &mut Take<'_>) -> Result<(), SightingsError> {
        merge::export(self, take)
    }

    fn import(&mut self, give: &mut Give<'_>) -> Result<Rows, SightingsError> {
        merge::import(self, give)
    }

    fn prune(&mut self, time: i64) -> Result<Rows, SightingsError> {
        merge::prune(self, time)
    }

    fn forget(&mut self, prints: &[String]) -> Result<u64, SightingsError> {
        self.write(None, async |transaction| {
            let delete = "DELETE FROM sighting USING unnest($1::text[]) AS asked (print)
                          WHERE fingerprint BETWEEN print AND print || 'zzzz'";
            transaction.execute(delete, &[&prints]).await
        })
    }

    fn names(&self) -> Result<NamesById, SightingsError> {
        self.read(query::names)
    }

    fn rows(&self, prints: &[&str], take: &mut dyn FnMut(RawRow)) -> Result<(), SightingsError> {
        self.read(async |client| query::rows(client, prints, take).await)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn coverage(&self) -> Result<Vec<Covered>, SightingsError> {
        self.read(query::covered)
    }

    fn info(&self) -> Result<Info, SightingsError> {
        self.read(query::info)
    }
}

/// The present time in seconds of Unix time.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| signed(time.as_secs()))
}

/// Writes rows by a statement that takes a column in each of its parameters.
async fn put_sightings(client: &impl GenericClient, statement: &str, rows: &[RawRow]) -> Result<(), Error> {
    let statement = client.prepare(statement).await?;
    for chunk in rows.chunks(CHUNK) {
        let fingerprints: Vec<&str> = chunk.iter().map(|(fingerprint, _)| fingerprint.as_str()).collect();
        let [epoch, rule, source, hour, count, first, last] = columns(chunk.iter().map(|(_, numbers)| numbers));
        client.execute(&statement, &[&fingerprints, &epoch, &rule, &source, &hour, &count, &first, &last]).await?;
    }
    Ok(())
}

async fn put_coverage(client: &impl GenericClient, statement: &str, rows: &[[i64; 6]]) -> Result<(), Error> {
    let statement = client.prepare(statement).await?;
    for chunk in rows.chunks(CHUNK) {
        let [source, hour, lines, bytes, withheld, lost] = columns(chunk.iter());
        client.execute(&statement, &[&source, &hour, &lines, &bytes, &withheld, &lost]).await?;
    }
    Ok(())
}

fn columns<'r, const N: usize>(rows: impl Iterator<Item = &'r [i64; N]>) -> [Vec<i64>; N] {
    let mut columns = [const { Vec::new() }; N];
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, number)| column.push(*number));
    }
    columns
}

async fn rule_id(client: &impl GenericClient, name: &str) -> Result<i64, Error> {
    client.execute("INSERT INTO rule (name) VALUES ($1) ON CONFLICT DO NOTHING", &[&name]).await?;
    client.query_one("SELECT id FROM rule WHERE name = $1", &[&name]).await?.try_get(0)
}

/// Of a node, a namespace and a name.
async fn source_id(client: &impl GenericClient, [node, namespace, name]: [&str; 3]) -> Result<i64, Error> {
    let insert = "INSERT INTO source (node, namespace, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    client.execute(insert, &[&node, &namespace, &name]).await?;
    let select = "SELECT id FROM source WHERE node = $1 AND namespace = $2 AND name = $3";
    client.query_one(select, &[&node, &namespace, &name]).await?.try_get(0)
}

/// Whether the transaction was given up, and may succeed when it is tried again.
fn is_passing(error: &Error) -> bool {
    let passing = [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
    error.code().is_some_and(|code| passing.contains(code))
}
