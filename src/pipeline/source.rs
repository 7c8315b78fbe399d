//! Where bytes enter.
//!
//! - Order is kept within an input (a connection, a file). Lines of different inputs never mix, however long.
//! - Lines end with a newline; one that an input leaves unended when it ends is passed on with a newline of its own.
//! - Nothing read is dropped, and memory is bounded: while there is no room behind, no more is read, and the senders are held back.
//! - An idle connection holds no buffer: it is read into memory that its lane's inputs share, and keeps only the line that has begun.
//!
//! ```text
//! listener --least busy lane--> lane: a thread, its runtime, its workers --cleaned lines--> outlet --> a queue for each sink
//!                                 +-- connection: wait for input, take turns, read, clean, push
//! ```
//!
//! Reading and cleaning a chunk is one piece of work on one thread: no hand-over between, and no worker waits for another. Who waits
//! for what, and why nobody waits for ever: [`memory`], [`patience`], `connection`.

mod connection;
mod datagram;
pub mod file;
pub mod http;
mod inlet;
mod interruptible;
pub mod lane;
mod listener;
pub mod memory;
pub mod patience;
mod place;
mod rate;
mod relayed;
mod stdin;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use self::http::Http;
pub use datagram::{Datagrams, receive};
pub use interruptible::Interruptible;
pub use lane::{Jobs, Lane, LaneError, run};
pub use listener::{Listener, accept};
pub use rate::Rate;
pub use relayed::Relayed;
pub use stdin::stdin;

use self::lane::Bench;
use self::memory::Memory;
use self::patience::Patience;
use super::framing::Framing;
use super::meters::SourceMeters;
use super::outlet::Outlet;
use super::standing::{Standing, TenantIndex};
use super::tls::{Acceptor, TlsMeters};
use crate::model::SourceId;

/// What all lanes share.
pub struct Shared {
    /// What is in force.
    pub standing: watch::Receiver<Arc<Standing>>,
    /// What unfinished lines may take.
    pub memory: Arc<Memory>,
    /// Stop reading.
    pub stop: CancellationToken,
}

/// How a source's inputs are served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name, for the log and the metrics.
    pub name: String,
    /// The namespace of its fingerprints.
    pub tenant: TenantIndex,
    /// What the index calls every input; without it, each is called by its peer's address or path.
    pub label: Option<SourceId>,
    /// How messages are told apart.
    pub framing: Framing,
    /// Lines over so many bytes come in windows.
    pub max_line: usize,
    /// So many connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// A connection on which nothing came for so long is closed.
    pub idle_timeout: Option<Duration>,
    /// How long a connection may take to say who it is, or what length its message has.
    pub header_timeout: Duration,
    /// How long a line may keep others waiting for the output.
    pub output: Patience,
    /// How long a line may keep others waiting for memory.
    pub memory: Patience,
}

/// TLS at a source.
#[derive(Clone)]
pub struct Tls {
    /// Does the handshakes.
    pub acceptor: Acceptor,
    /// Counts those that failed.
    pub meters: TlsMeters,
}

/// One source: its settings, and where it leads.
pub struct Source {
    /// How its inputs are served.
    pub settings: Settings,
    /// Where cleaned lines go.
    pub outlet: Outlet,
    /// Where its counts go.
    pub meters: SourceMeters,
    /// How fast it may be read.
    pub rate: Option<Rate>,
    /// Where its connections must be TLS sessions.
    pub tls: Option<Tls>,
    /// Where its connections speak HTTP.
    pub http: Option<Arc<Http>>,
    /// One for each lane: one input at a time reads and pushes, first come first served, so that no more than one cleaned piece waits
    /// for a queue. Whoever has a line open in the output needs no turn: those before it wait for just that line's end.
    turns: Vec<Semaphore>,
}

impl Source {
    /// A source of which so many lanes serve inputs.
    pub fn new(settings: Settings, outlet: Outlet, meters: SourceMeters, lanes: usize) -> Self {
        let turns = (0..lanes).map(|_| Semaphore::new(1)).collect();
        Self { settings, outlet, meters, rate: None, tls: None, http: None, turns }
    }

    /// The same, read no faster than this.
    pub fn limited(mut self, rate: Option<Rate>) -> Self {
        self.rate = rate;
        self
    }

    /// The same, with TLS.
    pub fn secured(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// The same, with connections that speak HTTP.
    pub fn answering(mut self, http: Option<Http>) -> Self {
        self.http = http.map(Arc::new);
        self
    }

    fn turn(&self, bench: &Bench) -> &Semaphore {
        &self.turns[bench.lane]
    }
}
