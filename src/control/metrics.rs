//! The recorder behind the metrics, and their text for Prometheus.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::pipeline::meters::{ForwardMeters, Meters};
use crate::pipeline::policy::Policy;

/// What is asked for at each reading: the memory in use for log, in bytes.
pub type Buffered = Box<dyn Fn() -> usize + Send + Sync>;

/// Records metrics and renders them. Nothing is global: several can live in one process.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    buffered: Buffered,
}

impl Metrics {
    /// A recorder, and the data path's handles to it; those of the peer with `forwards`.
    pub fn new(policy: &Policy, forwards: bool) -> (Self, Meters, Option<ForwardMeters>) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let (meters, forward) = with_local_recorder(&recorder, || {
            describe_gauge!("inkprint_build_info", "1, with the version of the program.");
            gauge!("inkprint_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
            describe_gauge!("process_start_time_seconds", Unit::Seconds, "Start of the process in seconds since 1970.");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            gauge!("process_start_time_seconds").set(now.as_secs_f64());
            describe_gauge!("inkprint_buffered_bytes", Unit::Bytes, "Memory that holds log not passed on yet.");
            (Meters::new(policy), forwards.then(ForwardMeters::new))
        });
        (Self { recorder, handle, buffered: Box::new(|| 0) }, meters, forward)
    }

    /// The same, which asks `buffered` at each reading.
    pub fn measuring(mut self, buffered: Buffered) -> Self {
        self.buffered = buffered;
        self
    }

    /// All metrics as text.
    pub fn render(&self) -> String {
        with_local_recorder(&self.recorder, || gauge!("inkprint_buffered_bytes").set((self.buffered)() as f64));
        self.handle.render()
    }
}
