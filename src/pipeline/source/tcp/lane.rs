//! A lane: a thread with a runtime of its own, one worker, and the connections that take turns with it.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Shared;
use super::connection::Connection;
use crate::model::SourceId;
use crate::pipeline::detect::DatabaseError;
use crate::pipeline::policy::Policy;
use crate::pipeline::queue::ProducerId;
use crate::pipeline::worker::Worker;

/// Why a lane cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaneError {
    /// No runtime.
    #[error("cannot start a runtime: {0}")]
    Runtime(#[source] io::Error),
    /// No worker.
    #[error(transparent)]
    Worker(#[from] DatabaseError),
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Incoming {
    pub(super) socket: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// The end of a lane that takes connections; the lane ends after it, with its last connection.
#[derive(Debug)]
pub struct Lane {
    incoming: mpsc::UnboundedSender<Incoming>,
    connections: Arc<AtomicUsize>,
}

/// The end that a lane runs on.
#[derive(Debug)]
pub struct Incomings {
    incoming: mpsc::UnboundedReceiver<Incoming>,
    connections: Arc<AtomicUsize>,
}

impl Lane {
    /// Both ends of a new lane. What waits between them is bounded by the limit on connections.
    pub fn new() -> (Self, Incomings) {
        let (send, receive) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        (Self { incoming: send, connections: Arc::clone(&connections) }, Incomings { incoming: receive, connections })
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn give(&mut self, incoming: Incoming) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        // A lane that ended early has ended the program.
        let _ = self.incoming.send(incoming);
    }
}

/// What a lane's connections share. All of it is used between two waits only, the turn excepted.
pub(super) struct Bench<'p> {
    pub(super) tools: RefCell<Tools<'p>>,
    /// One at a time reads and pushes, first come first served; so no more than one cleaned piece waits for the queue. Who has the
    /// output's line open needs no turn: those before it wait for just that line's end.
    pub(super) turn: Semaphore,
}

/// The worker and its memory.
pub(super) struct Tools<'p> {
    pub(super) worker: Worker<'p>,
    pub(super) block: Vec<u8>,
    pub(super) out: Vec<u8>,
    /// What connections are read into.
    pub(super) lent: Vec<u8>,
}

/// Numbers connections over all lanes.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Runs a lane on this thread until its other end is gone and its connections are done.
///
/// # Errors
/// [`LaneError`] at the start only.
pub fn run(mut incomings: Incomings, policy: &Policy, shared: &Shared) -> Result<(), LaneError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(LaneError::Runtime)?;
    let worker = Worker::new(policy)?.counting_lines(true).witnessed(shared.witnessing.as_ref());
    let tools = RefCell::new(Tools { worker, block: Vec::new(), out: Vec::new(), lent: Vec::new() });
    let bench = Bench { tools, turn: Semaphore::new(1) };
    runtime.block_on(async {
        let mut connections = FuturesUnordered::new();
        let mut open = true;
        while open || !connections.is_empty() {
            tokio::select! {
                incoming = incomings.incoming.recv(), if open => match incoming {
                    Some(incoming) => connections.push(serve(incoming, &bench, shared, &incomings.connections)),
                    None => open = false,
                },
                Some(()) = connections.next(), if !connections.is_empty() => {}
            }
        }
    });
    Ok(())
}

async fn serve(incoming: Incoming, bench: &Bench<'_>, shared: &Shared, count: &AtomicUsize) {
    let Incoming { socket, address, _permit } = incoming;
    let id = ProducerId(NEXT.fetch_add(1, Ordering::Relaxed));
    shared.meters.connections.increment(1);
    tracing::debug!(connection = id.0, %address, "connection opened");
    // A peer of IPv4 has one address, also where it comes by a socket of IPv6.
    let peer = address.ip().to_canonical().to_string();
    let scope = bench.tools.borrow().worker.policy().scope(&peer);
    let source = shared.id.clone().unwrap_or_else(|| SourceId::new(&peer));
    match Connection::new(socket, id, bench, shared, (scope, source)) {
        Ok(connection) => match connection.serve().await {
            Ok(()) => tracing::debug!(connection = id.0, "connection ended"),
            Err(error) => tracing::debug!(connection = id.0, %error, "connection broke off"),
        },
        Err(error) => tracing::warn!(connection = id.0, %error, "cannot use a connection"),
    }
    shared.meters.connections.decrement(1);
    count.fetch_sub(1, Ordering::Relaxed);
}
