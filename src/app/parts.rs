//! What a service is put together from.

use std::fs::File;
use std::sync::Arc;

use tokio::sync::watch;

use crate::pipeline::queue::WhenFull;
use crate::pipeline::sink::{self, peer};
use crate::pipeline::source::{self, Datagrams, Listener, file, http};
use crate::pipeline::spool::Spool;
use crate::pipeline::tls::Acceptor;

/// A source.
pub struct SourcePart {
    /// How it is served.
    pub settings: source::Settings,
    /// Where its bytes come from.
    pub input: Input,
    /// Bytes a second at most.
    pub rate: Option<u64>,
    /// Where its connections must be TLS sessions.
    pub tls: Option<Acceptor>,
    /// Its sinks, by their place among all; at least one.
    pub sinks: Vec<usize>,
}

/// Where a source's bytes come from. Whatever is listened on was bound before: an address in use is told at once.
pub enum Input {
    /// Connections.
    Listener(Listener),
    /// Requests.
    Http(Listener, http::Settings),
    /// Datagrams.
    Datagrams(Datagrams),
    /// Files, as they grow.
    Files(file::Settings),
    /// Standard input.
    Stdin,
}

/// A sink.
pub struct SinkPart {
    /// Its name, for the log and the metrics.
    pub name: String,
    /// Where its bytes go.
    pub output: Output,
    /// What becomes of lines while it is full.
    pub when_full: WhenFull,
    /// The disk behind its queue.
    pub spool: Option<Arc<Spool>>,
}

/// Where cleaned lines go.
pub enum Output {
    /// To a descriptor: standard output.
    File(File),
    /// To a peer.
    Peer(peer::Settings),
    /// To a file that is synced and rotated; opened again whenever the number changes.
    Rotated(sink::file::Settings, watch::Receiver<u64>),
    /// To an HTTP server.
    Http(Box<sink::http::Settings>),
}
