//! The service: what is started and in which order, how the parts are joined, and in which order they stop.
//!
//! Start: the admin side; the sink; the lanes; last, connections are accepted. Stop: no more is accepted or read; the lanes end with
//! their connections; the queue is closed; the sink ends when the queue is empty. What is not done within the time to drain is
//! told by its amount.

mod budget;

use std::fs::File;
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::budget::{Budget, BudgetError};

use crate::control::admin;
use crate::control::metrics::Metrics;
use crate::model::SourceId;
use crate::pipeline::meters::ForwardMeters;
use crate::pipeline::policy::Policy;
use crate::pipeline::queue::{Amount, Queue};
use crate::pipeline::sink;
use crate::pipeline::source::tcp::memory::Memory;
use crate::pipeline::source::tcp::{self, Lane, Shared};
use crate::pipeline::witness::Witnessing;

/// How the service runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads that read and clean, at least one.
    pub threads: usize,
    /// Bytes for the queue and for unfinished lines.
    pub budget: Budget,
    /// How connections are served.
    pub source: tcp::Settings,
    /// How long what was read may take to be passed on, after the word to stop.
    pub drain_timeout: Duration,
    /// Who is told of what is seen.
    pub witnessing: Option<Witnessing>,
    /// What the index calls every peer.
    pub id: Option<SourceId>,
}

/// Where cleaned lines go.
#[derive(Debug)]
pub enum Output {
    /// To a descriptor.
    File(File),
    /// To a peer, a host and port.
    Tcp(String),
}

/// How a part of the service ended.
type Ended = (&'static str, anyhow::Result<()>);

/// Runs the service until `shutdown` is done, and gives what could not be passed on in time.
///
/// # Errors
/// When a part cannot be started, or fails.
pub fn run(
    settings: Settings,
    policy: Arc<Policy>,
    listener: TcpListener,
    admin_listener: Option<TcpListener>,
    output: Output,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<Amount> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start a runtime")?;
    let (metrics, meters, forward) = Metrics::new(&policy, matches!(output, Output::Tcp(_)));
    let queue = Arc::new(Queue::new(settings.budget.queue));
    let memory = Arc::new(Memory::new(settings.budget.lines, settings.source.max_line));
    let (connected, is_connected) = watch::channel(matches!(output, Output::File(_)));
    let listening = Arc::new(AtomicBool::new(false));
    let shared = Shared {
        settings: settings.source,
        queue: Arc::clone(&queue),
        memory: Arc::clone(&memory),
        meters,
        witnessing: settings.witnessing,
        id: settings.id,
        stop: CancellationToken::new(),
    };
    let shared = Arc::new(shared);
    let (ends, mut ended) = mpsc::unbounded_channel();

    if let Some(listener) = admin_listener {
        let (queue, memory) = (Arc::clone(&queue), Arc::clone(&memory));
        let metrics = metrics.measuring(Box::new(move || queue.used() + memory.held()));
        let listening = Arc::clone(&listening);
        let ready = Arc::new(move || match (listening.load(Ordering::Relaxed), *is_connected.borrow()) {
            (false, _) => Err("not accepting connections"),
            (true, false) => Err("not connected to the peer"),
            (true, true) => Ok(()),
        });
        admin::spawn(listener, metrics, ready).context("cannot serve the admin address")?;
    }

    let drained = Arc::clone(&queue);
    part("sink", &ends, move || run_sink(&drained, output, &connected, forward))?;

    let mut lanes = Vec::new();
    for _ in 0..settings.threads.max(1) {
        let (lane, incomings) = Lane::new();
        let (policy, shared) = (Arc::clone(&policy), Arc::clone(&shared));
        part("lane", &ends, move || Ok(tcp::run(incomings, &policy, &shared)?))?;
        lanes.push(lane);
    }
    drop(ends);

    let mut running = lanes.len();
    runtime.block_on(async {
        listening.store(true, Ordering::Relaxed);
        let failed = tokio::select! {
            () = shutdown => Ok(()),
            Some((part, outcome)) = ended.recv() => Err(outcome.err().unwrap_or_else(|| anyhow!("the {part} ended by itself"))),
            accepted = tcp::accept(listener, lanes, &shared) => accepted.context("cannot accept connections"),
        };
        listening.store(false, Ordering::Relaxed);
        failed?;
        tracing::info!("stopping: what was read is passed on");
        shared.stop.cancel();
        let drained = tokio::time::timeout(settings.drain_timeout, async {
            while let Some((part, outcome)) = ended.recv().await {
                outcome?;
                running -= usize::from(part == "lane");
                if running == 0 {
                    queue.close();
                }
            }
            anyhow::Ok(())
        });
        let mut left = Amount::default();
        match drained.await {
            Ok(outcome) => outcome?,
            Err(_) => {
                left = queue.left();
                left.bytes += memory.held() as u64;
            }
        }
        Ok(left)
    })
}

fn run_sink(
    queue: &Queue,
    output: Output,
    connected: &watch::Sender<bool>,
    meters: Option<ForwardMeters>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        match output {
            Output::File(file) => sink::stdout::run(queue, file).await.context("cannot write standard output"),
            Output::Tcp(peer) => {
                sink::tcp::run(queue, &peer, connected, &meters.unwrap_or_default()).await;
                Ok(())
            }
        }
    })
}

/// Starts a part on a thread of its own, which says by `ends` when and how it ended. Nobody joins it: one that is stuck in a write
/// must not keep the process from its end.
fn part(
    name: &'static str,
    ends: &mpsc::UnboundedSender<Ended>,
    run: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let ends = ends.clone();
    let run = move || {
        let outcome =
            std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(anyhow!("the {name} has failed")));
        // With nobody left to hear it, the process is at its end.
        let _ = ends.send((name, outcome));
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).with_context(|| format!("cannot start the {name}"))?;
    Ok(())
}
