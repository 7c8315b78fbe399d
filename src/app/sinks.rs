//! Starts a sink: its queue, and the thread that hands on what is in it.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::{mpsc, watch};

use super::Ended;
use super::parts::{Output, SinkPart};
use crate::control::metrics::Metrics;
use crate::pipeline::feed::Feed;
use crate::pipeline::meters::SinkMeters;
use crate::pipeline::queue::{Amount, Queue};
use crate::pipeline::sink;

/// A sink that runs.
pub(super) struct Sink {
    pub(super) name: String,
    pub(super) queue: Arc<Queue>,
    /// Whether it can take lines.
    pub(super) up: watch::Receiver<bool>,
}

impl Sink {
    /// Starts the sink, with a queue of so many bytes.
    pub(super) fn start(
        part: SinkPart,
        queue: usize,
        metrics: &Metrics,
        ends: &mpsc::UnboundedSender<Ended>,
    ) -> anyhow::Result<Self> {
        let SinkPart { name, output, when_full } = part;
        let meters = metrics.record(|| SinkMeters::new(&name));
        let queue = Arc::new(Queue::new(queue).when_full(when_full));
        let feed = Feed::Queue(Arc::clone(&queue));
        let (tell, up) = watch::channel(matches!(output, Output::File(_)));
        super::part("sink", ends, move || run(&feed, output, &tell, &meters))?;
        Ok(Self { name, queue, up })
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// What was not handed on.
    pub(super) fn left(&self) -> Amount {
        self.queue.left()
    }
}

fn run(feed: &Feed, output: Output, up: &watch::Sender<bool>, meters: &SinkMeters) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start a runtime")?;
    runtime.block_on(async {
        match output {
            Output::File(file) => sink::stdout::run(feed, file, meters).await.context("cannot write standard output"),
            Output::Peer(settings) => {
                sink::peer::run(feed, &settings, up, meters).await;
                Ok(())
            }
        }
    })
}
