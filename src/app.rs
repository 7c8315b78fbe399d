//! The service: what is started and in which order, how the parts are joined, and in which order they stop.
//!
//! Start: the admin side; the sinks; the lanes; last, the sources. Stop: no more is accepted or read; the lanes end with their
//! inputs; the queues are closed; each sink ends when its queue is empty. What is not done within the time to drain is told by its
//! amount.

mod admin;
mod budget;
pub(crate) mod listeners;
mod parts;
mod probe;
mod serve;
mod sinks;
mod sources;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::admin::AdminPart;
pub use self::budget::{Budget, BudgetError};
pub use self::parts::{Input, Output, SinkPart, SourcePart};
pub use self::serve::serve;

use self::probe::Probed;
use self::sinks::Sink;
use crate::control::metrics::Metrics;
use crate::control::notify;
use crate::pipeline::queue::Amount;
use crate::pipeline::source::memory::Memory;
use crate::pipeline::source::{self, Lane, Shared};
use crate::pipeline::standing::Standing;

/// While the service stops, it is looked so often whether what is left can only wait.
const LOOK: Duration = Duration::from_millis(100);

/// How the service runs.
pub struct Service {
    /// Threads that read and clean, at least one.
    pub threads: usize,
    /// Bytes for the queues and for unfinished lines.
    pub budget: Budget,
    /// The longest line that any source handles whole.
    pub max_line: usize,
    /// How long what was read may take to be passed on, after the word to stop.
    pub drain_timeout: Duration,
    /// What is in force; another takes its place on a reload.
    pub standing: watch::Receiver<Arc<Standing>>,
    /// Where counts go.
    pub metrics: Metrics,
    /// Where lines come from, at least one.
    pub sources: Vec<SourcePart>,
    /// Where they go, at least one.
    pub sinks: Vec<SinkPart>,
    /// Where metrics and health are served.
    pub admin: Option<AdminPart>,
}

/// How a part of the service ended.
pub(crate) type Ended = (&'static str, anyhow::Result<()>);

/// Runs the service until `shutdown` is done or every source has ended, and gives what could not be passed on in time.
///
/// # Errors
/// When a part cannot be started, or fails.
pub fn run(service: Service, shutdown: impl Future<Output = ()>) -> anyhow::Result<Amount> {
    let Service { threads, budget, max_line, drain_timeout, standing, metrics, sources, sinks, admin } = service;
    ensure!(!sources.is_empty() && !sinks.is_empty(), "a service needs a source and a sink");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start a runtime")?;
    let memory = Arc::new(Memory::new(budget.lines, max_line));
    let listening = Arc::new(AtomicBool::new(false));
    let shared = Arc::new(Shared { standing, memory: Arc::clone(&memory), stop: CancellationToken::new() });
    let (ends, mut ended) = mpsc::unbounded_channel();

    let each = budget.queue / sinks.len();
    let sinks: Vec<Sink> =
        sinks.into_iter().map(|part| Sink::start(part, each, &metrics, &ends)).collect::<anyhow::Result<_>>()?;
    if let Some(part) = admin {
        let probed = Probed::new(&sinks, Arc::clone(&memory), Arc::clone(&shared), Arc::clone(&listening));
        admin::spawn(part, metrics.clone(), probed).context("cannot serve the admin address")?;
    }

    let mut lanes = Vec::new();
    for number in 0..threads.max(1) {
        let (lane, jobs) = Lane::new();
        let shared = Arc::clone(&shared);
        part("lane", &ends, move || Ok(source::run(number, jobs, shared)?))?;
        lanes.push(lane);
    }
    drop(ends);

    let mut lanes_running = lanes.len();
    runtime.block_on(async {
        let sources = sources::start(sources, &sinks, &metrics, lanes, Arc::clone(&shared))?;
        listening.store(true, Ordering::Relaxed);
        notify::ready("lines are taken and passed on");
        let failed = tokio::select! {
            () = shutdown => Ok(()),
            Some((part, outcome)) = ended.recv() => Err(outcome.err().unwrap_or_else(|| anyhow!("the {part} ended by itself"))),
            outcome = sources.run() => outcome,
            () = stay_alive() => Ok(()),
        };
        listening.store(false, Ordering::Relaxed);
        failed?;
        notify::stopping();
        tracing::info!("stopping: what was read is passed on");
        shared.stop.cancel();
        let drained = tokio::time::timeout(drain_timeout, async {
            loop {
                let (part, outcome) = tokio::select! {
                    Some(end) = ended.recv() => end,
                    () = tokio::time::sleep(LOOK), if lanes_running == 0 && sinks.iter().all(Sink::rests) => break,
                    else => break,
                };
                outcome?;
                lanes_running -= usize::from(part == "lane");
                if lanes_running == 0 {
                    sinks.iter().for_each(Sink::close);
                }
            }
            anyhow::Ok(())
        });
        let mut left = Amount::default();
        match drained.await {
            Ok(outcome) => outcome?,
            Err(_) => {
                sinks.iter().for_each(|sink| left.add(sink.left()));
                left.bytes += memory.held() as u64;
            }
        }
        Ok(left)
    })
}

/// Tells the service manager, where it watches, that this runtime's work goes on; for ever.
async fn stay_alive() {
    let Some(period) = notify::watched() else { return std::future::pending().await };
    loop {
        tokio::time::sleep(period).await;
        notify::alive();
    }
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
