//! The metrics of one source, labelled with its name.

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::pipeline::tally::Tally;

/// Handles to them.
#[derive(Clone)]
pub struct SourceMeters {
    lines: Counter,
    bytes: Counter,
    /// Connections that are open.
    pub connections: Gauge,
    /// Connections that were ever accepted.
    pub connections_total: Counter,
    /// Beginnings of messages that could not be one's.
    pub frame_faults: Counter,
    /// Datagrams that the system dropped.
    pub datagrams_dropped: Counter,
}

impl SourceMeters {
    /// Registers the metrics of the source of this name with the recorder that is in force.
    pub fn new(name: &str) -> Self {
        describe_counter!("inkprint_source_lines_total", "Lines cleaned, by source.");
        describe_counter!("inkprint_source_bytes_total", Unit::Bytes, "Bytes read and scanned, by source.");
        describe_gauge!("inkprint_source_connections", "Connections that are open, by source.");
        describe_counter!("inkprint_source_connections_total", "Connections that were ever accepted, by source.");
        describe_counter!(
            "inkprint_source_frame_errors_total",
            "Messages that did not begin as the source's framing asks for, by source: taken for lines."
        );
        describe_counter!(
            "inkprint_source_datagrams_dropped_total",
            "Datagrams that the system dropped before they could be read, by source."
        );
        let labels = [("source", name.to_owned())];
        Self {
            lines: counter!("inkprint_source_lines_total", &labels),
            bytes: counter!("inkprint_source_bytes_total", &labels),
            connections: gauge!("inkprint_source_connections", &labels),
            connections_total: counter!("inkprint_source_connections_total", &labels),
            frame_faults: counter!("inkprint_source_frame_errors_total", &labels),
            datagrams_dropped: counter!("inkprint_source_datagrams_dropped_total", &labels),
        }
    }

    /// Adds what a worker has counted.
    pub fn publish(&self, tally: &Tally) {
        self.lines.increment(tally.lines);
        self.bytes.increment(tally.bytes_in);
    }
}
