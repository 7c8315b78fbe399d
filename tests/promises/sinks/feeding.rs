use std::sync::Arc;
use std::thread::{self, JoinHandle};

use inkprint::model::{Piece, PieceKind};
use inkprint::pipeline::feed::Feed;
use inkprint::pipeline::meters::SinkMeters;
use inkprint::pipeline::queue::{Position, ProducerId, Queue};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::super::tcp::service::wait_for;

/// A sink that runs in a thread of its own.
pub struct Running {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    metrics: PrometheusHandle,
    pub up: watch::Receiver<bool>,
}

impl Running {
    /// Runs `sink`, which ends with its feed.
    pub fn start<S, F>(sink: S) -> Self
    where
        S: FnOnce(Feed, watch::Sender<bool>, SinkMeters) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        let recorder = PrometheusBuilder::new().build_recorder();
        let meters = metrics::with_local_recorder(&recorder, || SinkMeters::new("tested"));
        let queue = Arc::new(Queue::new(64 << 20));
        let feed = Feed::Queue(Arc::clone(&queue));
        let (tell, up) = watch::channel(false);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(sink(feed, tell, meters));
        });
        Self { queue, thread: Some(thread), metrics: recorder.handle(), up }
    }

    /// Hands lines over.
    pub fn push(&self, bytes: &[u8]) -> Position {
        self.push_piece(Piece::lines(bytes.to_vec()))
    }

    /// Hands a message over, which ends with a newline that is not of it.
    pub fn push_message(&self, bytes: &[u8]) -> Position {
        self.push_piece(Piece { bytes: bytes.to_vec(), kind: PieceKind::Message })
    }

    fn push_piece(&self, piece: Piece) -> Position {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(self.queue.push(ProducerId(1), piece)).1
    }

    pub fn is_held(&self, position: Position) -> bool {
        self.queue.is_held(position)
    }

    #[track_caller]
    pub fn wait_until_held(&self, position: Position) {
        wait_for("the sink to hold it", || self.is_held(position).then_some(()));
    }

    #[track_caller]
    pub fn wait_until_up(&self, up: bool) {
        wait_for("the sink to change", || (*self.up.borrow() == up).then_some(()));
    }

    /// A metric of the sink.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.metrics.render();
        let name = format!("inkprint_sink_{name}{{sink=\"tested\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_else(|| panic!("{name}: {text}"))
    }

    /// No more comes; the sink must end with what it has.
    #[track_caller]
    pub fn end(mut self) {
        self.queue.close();
        self.thread.take().expect("running").join().expect("no panic");
    }
}
