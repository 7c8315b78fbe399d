//! The metrics of one source that follows files, labelled with its name.

use metrics::{Gauge, Unit, describe_gauge, gauge};

/// Handles to them.
#[derive(Clone)]
pub struct FileMeters {
    /// Files that are followed.
    pub files: Gauge,
    /// Bytes in them that the sinks do not hold yet.
    pub lag: Gauge,
}

impl FileMeters {
    /// Registers the metrics of the source of this name with the recorder that is in force.
    pub fn new(name: &str) -> Self {
        describe_gauge!("inkprint_source_files", "Files that are followed, by source.");
        describe_gauge!(
            "inkprint_source_lag_bytes",
            Unit::Bytes,
            "Bytes in followed files that the sinks do not hold yet, by source."
        );
        let labels = [("source", name.to_owned())];
        Self { files: gauge!("inkprint_source_files", &labels), lag: gauge!("inkprint_source_lag_bytes", &labels) }
    }
}
