//! Starts a sink: its queue, the disk behind it if there is one, and the thread that hands on what is in them.

use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::Ended;
use super::parts::{Output, SinkPart};
use crate::control::metrics::Metrics;
use crate::pipeline::feed::{self, Feed};
use crate::pipeline::meters::SinkMeters;
use crate::pipeline::queue::{Amount, Queue};
use crate::pipeline::sink;
use crate::pipeline::spool::{Health, Spool};

/// A sink that runs.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) name: String,
    pub(super) queue: Arc<Queue>,
    pub(super) spool: Option<Arc<Spool>>,
    /// Whether what it hands on to can take lines.
    up: watch::Receiver<bool>,
}

impl Sink {
    /// Starts the sink, with a queue of so many bytes.
    pub(super) fn start(
        part: SinkPart,
        queue: usize,
        metrics: &Metrics,
        ends: &mpsc::UnboundedSender<Ended>,
    ) -> anyhow::Result<Self> {
        let SinkPart { name, output, when_full, spool } = part;
        let meters = metrics.record(|| SinkMeters::new(&name));
        let queue = Arc::new(Queue::new(queue).when_full(when_full));
        let feed = match &spool {
            None => Feed::Queue(Arc::clone(&queue)),
            Some(spool) => {
                let (queue, spool, name) = (Arc::clone(&queue), Arc::clone(spool), name.clone());
                let to = Arc::clone(&spool);
                super::part("spool", ends, move || fill(&name, &queue, &spool))?;
                Feed::Spool(to)
            }
        };
        let (tell, up) = watch::channel(matches!(output, Output::File(_)));
        super::part("sink", ends, move || run(&feed, output, &tell, &meters))?;
        Ok(Self { name, queue, spool, up })
    }

    /// Whether it can take lines, or why not. With room on its disk it can, whoever is away behind it.
    pub(super) fn ready(&self) -> Result<(), String> {
        let name = &self.name;
        match self.spool.as_ref().map(|spool| spool.stats()) {
            None if *self.up.borrow() => Ok(()),
            None => Err(format!("the sink {name} is not connected")),
            Some(stats) => match stats.health {
                Health::Failed(reason) => Err(format!("the spool of the sink {name} has failed: {reason}")),
                Health::Waiting(reason) if !*self.up.borrow() => {
                    Err(format!("the sink {name} is not connected, and its spool has no room: {reason}"))
                }
                _ if stats.full && !*self.up.borrow() => {
                    Err(format!("the sink {name} is not connected, and its spool is full"))
                }
                Health::Waiting(_) | Health::Good => Ok(()),
            },
        }
    }

    /// Whether what is left can only wait for another start: it is safe, and there is nobody to hand it to.
    pub(super) fn rests(&self) -> bool {
        self.spool.is_some() && !*self.up.borrow() && self.queue.left() == Amount::default()
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// What was not handed on, and is nowhere else.
    pub(super) fn left(&self) -> Amount {
        self.queue.left()
    }
}

/// Puts the queue on the disk. After a failure of the disk its sources wait until somebody has looked: a restart tries again.
fn fill(name: &str, queue: &Queue, spool: &Spool) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        if let Err(error) = feed::spool(queue, spool, spool.longest()).await {
            tracing::error!(sink = name, %error, "nothing more is taken for this sink: what its sources send waits with them");
            std::future::pending::<()>().await;
        }
        Ok(())
    })
}

fn run(feed: &Feed, output: Output, up: &watch::Sender<bool>, meters: &SinkMeters) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        match output {
            Output::File(file) => sink::stdout::run(feed, file, meters).await.context("cannot write standard output"),
            Output::Peer(settings) => {
                sink::peer::run(feed, &settings, up, meters).await;
                Ok(())
            }
            Output::Rotated(settings, reopen) => Ok(sink::file::run(feed, &settings, reopen, up, meters).await?),
            Output::Http(settings) => Ok(sink::http::run(feed, &settings, up, meters).await?),
        }
    })
}

fn runtime() -> anyhow::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    runtime.context("cannot start a runtime")
}
