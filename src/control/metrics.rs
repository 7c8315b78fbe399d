//! The recorder behind the metrics, and their text for Prometheus.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// Measures what is only known when somebody asks, and sets it: called before each reading.
pub type Probe = Box<dyn Fn() + Send + Sync>;

/// Records metrics and renders them. Nothing is global: several can live in one process.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A recorder that knows of the process, and of nothing else yet.
    pub fn new() -> Self {
        let recorder = Arc::new(PrometheusBuilder::new().build_recorder());
        let metrics = Self { handle: recorder.handle(), recorder };
        metrics.record(|| {
            describe_gauge!("inkprint_build_info", "1, with the version of the program.");
            gauge!("inkprint_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
            describe_gauge!("process_start_time_seconds", Unit::Seconds, "Start of the process in seconds since 1970.");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            gauge!("process_start_time_seconds").set(now.as_secs_f64());
        });
        metrics
    }

    /// Does `work`, with this recorder in force for the metrics that it registers or sets.
    pub fn record<T>(&self, work: impl FnOnce() -> T) -> T {
        with_local_recorder(&*self.recorder, work)
    }

    /// All metrics as text, once `probe` has measured.
    pub fn render(&self, probe: &Probe) -> String {
        self.record(probe);
        self.handle.render()
    }
}
