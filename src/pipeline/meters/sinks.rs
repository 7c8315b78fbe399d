//! The metrics of one sink, labelled with its name.

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};

/// Handles to them.
#[derive(Clone)]
pub struct SinkMeters {
    /// Bytes that the sink holds.
    pub bytes: Counter,
    /// Batches that the sink holds.
    pub batches: Counter,
    /// 1 while the sink can take lines.
    pub up: Gauge,
    /// Connections after the first.
    pub reconnects: Counter,
    /// Batches that were sent once more.
    pub retries: Counter,
    /// Lines that the peer refused for good, and that were put aside.
    pub dead_letters: Counter,
}

impl SinkMeters {
    /// Registers the metrics of the sink of this name with the recorder that is in force.
    pub fn new(name: &str) -> Self {
        describe_counter!("inkprint_sink_bytes_total", Unit::Bytes, "Bytes of lines handed on, by sink.");
        describe_counter!("inkprint_sink_batches_total", "Batches handed on, by sink.");
        describe_gauge!("inkprint_sink_up", "1 while the sink can take lines, by sink.");
        describe_counter!("inkprint_sink_reconnects_total", "Connections after the first, by sink.");
        describe_counter!("inkprint_sink_retries_total", "Batches that were sent once more, by sink.");
        describe_counter!(
            "inkprint_sink_dead_letter_lines_total",
            "Lines that the peer refused for good and that were put aside, by sink."
        );
        let labels = [("sink", name.to_owned())];
        Self {
            bytes: counter!("inkprint_sink_bytes_total", &labels),
            batches: counter!("inkprint_sink_batches_total", &labels),
            up: gauge!("inkprint_sink_up", &labels),
            reconnects: counter!("inkprint_sink_reconnects_total", &labels),
            retries: counter!("inkprint_sink_retries_total", &labels),
            dead_letters: counter!("inkprint_sink_dead_letter_lines_total", &labels),
        }
    }
}
