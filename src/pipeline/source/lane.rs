//! A lane: a thread with a runtime of its own, a worker for each namespace, and the inputs that take turns with them.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use super::Shared;
use crate::pipeline::detect::DatabaseError;
use crate::pipeline::standing::{OwnedWorker, Standing, TenantIndex};
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

/// What is to be served on a lane, from its beginning to its end.
pub(super) type Job = Box<dyn FnOnce(Rc<Bench>) -> LocalBoxFuture<'static, ()> + Send>;

/// The end of a lane that takes inputs; the lane ends after it, with its last input.
#[derive(Clone, Debug)]
pub struct Lane {
    jobs: mpsc::UnboundedSender<Job>,
    inputs: Arc<AtomicUsize>,
}

/// The end that a lane runs on.
pub struct Jobs {
    jobs: mpsc::UnboundedReceiver<Job>,
    inputs: Arc<AtomicUsize>,
}

impl Lane {
    /// Both ends of a new lane. What waits between them is bounded by the sources' limits on connections.
    pub fn new() -> (Self, Jobs) {
        let (send, receive) = mpsc::unbounded_channel();
        let inputs = Arc::new(AtomicUsize::new(0));
        (Self { jobs: send, inputs: Arc::clone(&inputs) }, Jobs { jobs: receive, inputs })
    }

    /// Gives the job to the lane of `lanes` that has the fewest inputs.
    pub(super) fn give(lanes: &[Self], job: Job) {
        if let Some(lane) = lanes.iter().min_by_key(|lane| lane.inputs.load(Ordering::Relaxed)) {
            lane.inputs.fetch_add(1, Ordering::Relaxed);
            // A lane that ended early has ended the program.
            let _ = lane.jobs.send(job);
        }
    }
}

/// What a lane's inputs share. All of it is used between two waits only.
pub struct Bench {
    /// The lane's number, from 0.
    pub(super) lane: usize,
    pub(super) tools: RefCell<Tools>,
    pub(super) shared: Arc<Shared>,
}

/// The workers and their memory.
pub(super) struct Tools {
    standing: watch::Receiver<Arc<Standing>>,
    current: Arc<Standing>,
    workers: Vec<OwnedWorker>,
    pub(super) buffers: Buffers,
}

/// Memory that all inputs of a lane use in turn.
#[derive(Default)]
pub(super) struct Buffers {
    /// Whole lines that were not cleaned yet.
    pub(super) block: Vec<u8>,
    /// What was cleaned.
    pub(super) out: Vec<u8>,
    /// What lines are read into.
    pub(super) lent: Vec<u8>,
    /// What is read from inputs whose messages are no lines.
    pub(super) raw: Vec<u8>,
}

impl Tools {
    fn new(shared: &Shared) -> Result<Self, LaneError> {
        let mut standing = shared.standing.clone();
        let current = Arc::clone(&standing.borrow_and_update());
        let workers = workers(&current)?;
        Ok(Self { standing, current, workers, buffers: Buffers::default() })
    }

    /// Takes up what is in force by now. What was in force stays when there is no memory for the new.
    fn refresh(&mut self) {
        if !self.standing.has_changed().unwrap_or(false) {
            return;
        }
        let next = Arc::clone(&self.standing.borrow_and_update());
        match workers(&next) {
            Ok(workers) => (self.workers, self.current) = (workers, next),
            Err(error) => {
                tracing::error!(%error, generation = next.generation, "cannot take up the new rules: the old ones stay");
            }
        }
    }

    /// What is in force on this lane, as of now.
    pub(super) fn current(&mut self) -> &Arc<Standing> {
        self.refresh();
        &self.current
    }

    /// Uses a tenant's worker.
    pub(super) fn with<R>(&mut self, tenant: TenantIndex, work: impl FnOnce(&mut Worker<'_>, &mut Buffers) -> R) -> R {
        let buffers = &mut self.buffers;
        self.workers[tenant].with_dependent_mut(|_, worker| work(worker, buffers))
    }
}

fn workers(standing: &Standing) -> Result<Vec<OwnedWorker>, DatabaseError> {
    standing.tenants.iter().map(OwnedWorker::of).collect()
}

/// Runs a lane on this thread until its other end is gone and its inputs are done.
///
/// # Errors
/// [`LaneError`] at the start only.
pub fn run(lane: usize, mut jobs: Jobs, shared: Arc<Shared>) -> Result<(), LaneError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(LaneError::Runtime)?;
    let bench = Rc::new(Bench { lane, tools: RefCell::new(Tools::new(&shared)?), shared });
    let mut standing = bench.shared.standing.clone();
    runtime.block_on(async {
        let mut inputs = FuturesUnordered::new();
        let mut open = true;
        while open || !inputs.is_empty() {
            tokio::select! {
                job = jobs.jobs.recv(), if open => match job {
                    Some(job) => inputs.push(job(Rc::clone(&bench))),
                    None => open = false,
                },
                Some(()) = inputs.next(), if !inputs.is_empty() => {
                    jobs.inputs.fetch_sub(1, Ordering::Relaxed);
                }
                // An idle lane must not hold keys that are no longer in force.
                Ok(()) = standing.changed() => bench.tools.borrow_mut().refresh(),
            }
        }
    });
    Ok(())
}
