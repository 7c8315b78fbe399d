//! One queue of numbered records, in each of the stores.

use std::path::Path;
use std::sync::Arc;

use crate::Outcome;
use crate::model::Piece;
use crate::pipeline::spool;

/// The largest any of them may get, where it can be told.
const LIMIT: u64 = 4 << 30;

/// A queue of records that are numbered from 0.
pub trait Store: Sized {
    /// What it is called.
    const NAME: &str;

    /// Opens it in a directory that is there.
    fn open(directory: &Path) -> Outcome<Self>;

    /// Appends records, of which the first has this number, and returns once all are synced.
    fn append(&mut self, first: u64, records: &[Vec<u8>]) -> Outcome<()>;

    /// The next records behind those that were read, so many at most.
    fn read(&mut self, most: usize) -> Outcome<Vec<Vec<u8>>>;

    /// All that were read are delivered.
    fn delete(&mut self) -> Outcome<()>;

    /// Nothing more is appended.
    fn finish(&mut self) {}
}

/// The spool.
pub struct Spool {
    runtime: tokio::runtime::Runtime,
    spool: Arc<spool::Spool>,
    read: usize,
}

impl Store for Spool {
    const NAME: &str = "spool";

    fn open(directory: &Path) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let settings = spool::Settings { directory: directory.to_owned(), max_bytes: LIMIT };
        Ok(Self { runtime, spool: spool::Spool::open(&settings)?.0, read: 0 })
    }

    fn append(&mut self, _: u64, records: &[Vec<u8>]) -> Outcome<()> {
        self.runtime.block_on(async {
            let mut appends = tokio::task::JoinSet::new();
            for bytes in records.iter().cloned() {
                let spool = Arc::clone(&self.spool);
                appends.spawn(async move { spool.append(Piece::lines(bytes)).await });
            }
            while let Some(outcome) = appends.join_next().await {
                outcome??;
            }
            Ok(())
        })
    }

    fn read(&mut self, most: usize) -> Outcome<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        while records.len() < most && (self.read as u64) < self.spool.stats().records {
            let Some(record) = self.runtime.block_on(self.spool.next()) else { break };
            records.push(record.bytes.clone());
            self.read += 1;
        }
        Ok(records)
    }

    fn delete(&mut self) -> Outcome<()> {
        for _ in 0..std::mem::take(&mut self.read) {
            self.spool.done();
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.spool.close();
    }
}

/// SQLite, with a write-ahead log that is synced at every commit, and pages given back by and by.
pub struct Sqlite {
    connection: rusqlite::Connection,
    next: i64,
}

impl Store for Sqlite {
    const NAME: &str = "sqlite";

    fn open(directory: &Path) -> Outcome<Self> {
        let connection = rusqlite::Connection::open(directory.join("queue.sqlite"))?;
        connection.execute_batch(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA journal_size_limit = 4194304;
             CREATE TABLE IF NOT EXISTS queue (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;",
        )?;
        Ok(Self { connection, next: -1 })
    }

    fn append(&mut self, first: u64, records: &[Vec<u8>]) -> Outcome<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO queue VALUES (?, ?)")?;
            for (number, bytes) in (first as i64..).zip(records) {
                insert.execute((number, bytes))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn read(&mut self, most: usize) -> Outcome<Vec<Vec<u8>>> {
        let mut select =
            self.connection.prepare_cached("SELECT number, bytes FROM queue WHERE number > ? ORDER BY number LIMIT ?")?;
        let mut rows = select.query((self.next, most as i64))?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            self.next = row.get(0)?;
            records.push(row.get(1)?);
        }
        Ok(records)
    }

    fn delete(&mut self) -> Outcome<()> {
        self.connection.prepare_cached("DELETE FROM queue WHERE number <= ?")?.execute([self.next])?;
        let mut vacuum = self.connection.prepare_cached("PRAGMA incremental_vacuum")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }
}

/// redb, with a durable transaction for each group.
pub struct Redb {
    database: redb::Database,
    next: u64,
}

const TABLE: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("queue");

impl Store for Redb {
    const NAME: &str = "redb";

    fn open(directory: &Path) -> Outcome<Self> {
        let database = redb::Database::create(directory.join("queue.redb"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(TABLE)?;
        transaction.commit()?;
        Ok(Self { database, next: 0 })
    }

    fn append(&mut self, first: u64, records: &[Vec<u8>]) -> Outcome<()> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (number, bytes) in (first..).zip(records) {
                table.insert(number, bytes.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn read(&mut self, most: usize) -> Outcome<Vec<Vec<u8>>> {
        use redb::ReadableDatabase as _;
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let mut records = Vec::new();
        for entry in table.range(self.next..)?.take(most) {
            let (number, bytes) = entry?;
            self.next = number.value() + 1;
            records.push(bytes.value().to_vec());
        }
        Ok(records)
    }

    fn delete(&mut self) -> Outcome<()> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(TABLE)?.retain_in(..self.next, |_, _| false)?;
        Ok(transaction.commit()?)
    }
}

/// fjall, with large values apart, as its documentation advises for them.
pub struct Fjall {
    database: fjall::Database,
    queue: fjall::Keyspace,
    deleted: u64,
    next: u64,
}

impl Store for Fjall {
    const NAME: &str = "fjall";

    fn open(directory: &Path) -> Outcome<Self> {
        let database = fjall::Database::builder(directory).open()?;
        let queue = database.keyspace("queue", || {
            fjall::KeyspaceCreateOptions::default().with_kv_separation(Some(fjall::KvSeparationOptions::default()))
        })?;
        Ok(Self { database, queue, deleted: 0, next: 0 })
    }

    fn append(&mut self, first: u64, records: &[Vec<u8>]) -> Outcome<()> {
        let mut batch = self.database.batch().durability(Some(fjall::PersistMode::SyncData));
        for (number, bytes) in (first..).zip(records) {
            batch.insert(&self.queue, number.to_be_bytes(), bytes.as_slice());
        }
        Ok(batch.commit()?)
    }

    fn read(&mut self, most: usize) -> Outcome<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        for entry in self.queue.range(self.next.to_be_bytes()..).take(most) {
            let (number, bytes) = entry.into_inner()?;
            self.next = u64::from_be_bytes(number.as_ref().try_into()?) + 1;
            records.push(bytes.to_vec());
        }
        Ok(records)
    }

    fn delete(&mut self) -> Outcome<()> {
        let mut batch = self.database.batch().durability(Some(fjall::PersistMode::SyncData));
        for number in self.deleted..self.next {
            batch.remove(&self.queue, number.to_be_bytes());
        }
        self.deleted = self.next;
        Ok(batch.commit()?)
    }
}

/// mrecordlog, which is to sync at every append.
pub struct Mrecordlog {
    runtime: tokio::runtime::Runtime,
    log: mrecordlog::MultiRecordLog,
    next: u64,
}

impl Store for Mrecordlog {
    const NAME: &str = "mrecordlog";

    fn open(directory: &Path) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let log = runtime.block_on(async {
            let mut log = mrecordlog::MultiRecordLog::open(directory).await?;
            if !log.queue_exists("queue") {
                log.create_queue("queue").await?;
            }
            Outcome::Ok(log)
        })?;
        Ok(Self { runtime, log, next: 0 })
    }

    fn append(&mut self, _: u64, records: &[Vec<u8>]) -> Outcome<()> {
        let records = records.iter().map(Vec::as_slice);
        self.runtime.block_on(self.log.append_records("queue", None, records))?;
        Ok(())
    }

    fn read(&mut self, most: usize) -> Outcome<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        for (number, bytes) in self.log.range("queue", self.next..).map_err(|_| "there is no queue")?.take(most) {
            self.next = number + 1;
            records.push(bytes.into_owned());
        }
        Ok(records)
    }

    fn delete(&mut self) -> Outcome<()> {
        if self.next > 0 {
            self.runtime.block_on(self.log.truncate("queue", self.next - 1))?;
        }
        Ok(())
    }
}
