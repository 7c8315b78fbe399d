//! The metrics of one source that answers HTTP requests, labelled with its name.

use metrics::{Counter, counter, describe_counter};

/// Handles to them.
#[derive(Clone)]
pub struct HttpMeters {
    refused: Vec<(&'static str, Counter)>,
}

impl HttpMeters {
    /// Registers the metrics of the source of this name with the recorder that is in force, for each reason of a refusal.
    pub fn new(name: &str, reasons: &[&'static str]) -> Self {
        describe_counter!(
            "inkprint_source_refused_total",
            "Requests that were not answered with 200, by source and reason."
        );
        let count = |reason: &&'static str| {
            (*reason, counter!("inkprint_source_refused_total", "source" => name.to_owned(), "reason" => *reason))
        };
        Self { refused: reasons.iter().map(count).collect() }
    }

    /// Counts a request that was refused.
    pub fn refused(&self, reason: &'static str) {
        if let Some((_, counter)) = self.refused.iter().find(|(known, _)| *known == reason) {
            counter.increment(1);
        }
    }
}
