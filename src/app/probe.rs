//! What is measured when somebody asks: how much is held, for how long, and whether the service can do its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use tokio::sync::watch;

use super::sinks::Sink;
use crate::pipeline::queue::Queue;
use crate::pipeline::source::Shared;
use crate::pipeline::source::memory::Memory;

/// The parts that are looked at.
pub(super) struct Probed {
    sinks: Vec<(String, Arc<Queue>, watch::Receiver<bool>)>,
    memory: Arc<Memory>,
    shared: Arc<Shared>,
    listening: Arc<AtomicBool>,
}

impl Probed {
    pub(super) fn new(sinks: &[Sink], memory: Arc<Memory>, shared: Arc<Shared>, listening: Arc<AtomicBool>) -> Self {
        let sinks = sinks.iter().map(|sink| (sink.name.clone(), Arc::clone(&sink.queue), sink.up.clone())).collect();
        Self { sinks, memory, shared, listening }
    }

    /// Whether it can take lines and pass them on, or why not.
    pub(super) fn ready(&self) -> Result<(), String> {
        if !self.listening.load(Ordering::Relaxed) {
            return Err("not accepting connections".to_owned());
        }
        let down = self.sinks.iter().find(|(_, _, up)| !*up.borrow());
        down.map_or(Ok(()), |(name, _, _)| Err(format!("the sink {name} is not connected")))
    }

    /// Sets the metrics.
    pub(super) fn measure(&self) {
        describe_gauge!("inkprint_buffered_bytes", Unit::Bytes, "Memory that holds log not passed on yet.");
        describe_gauge!("inkprint_sink_queue_bytes", Unit::Bytes, "Memory that holds log for the sink, by sink.");
        describe_gauge!(
            "inkprint_sink_oldest_unsent_seconds",
            Unit::Seconds,
            "Age of what has waited longest for the sink, by sink."
        );
        describe_counter!(
            "inkprint_sink_dropped_lines_total",
            "Lines dropped for want of room, where the configuration asks for that, by sink."
        );
        describe_gauge!("inkprint_config_generation", "Grows with each reload that was put in force.");
        let mut buffered = self.memory.held();
        for (name, queue, _) in &self.sinks {
            let (labels, used) = ([("sink", name.clone())], queue.used());
            buffered += used;
            gauge!("inkprint_sink_queue_bytes", &labels).set(used as f64);
            let oldest = queue.oldest().map_or(0.0, |since| since.elapsed().as_secs_f64());
            gauge!("inkprint_sink_oldest_unsent_seconds", &labels).set(oldest);
            counter!("inkprint_sink_dropped_lines_total", &labels).absolute(queue.dropped().lines);
        }
        gauge!("inkprint_buffered_bytes").set(buffered as f64);
        let standing = self.shared.standing.borrow();
        gauge!("inkprint_config_generation").set(standing.generation as f64);
        if let Some(activated) = standing.key_activated {
            describe_gauge!("inkprint_key_age_seconds", Unit::Seconds, "Age of the key epoch that makes marks.");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            gauge!("inkprint_key_age_seconds").set((now - activated as f64).max(0.0));
        }
    }
}
