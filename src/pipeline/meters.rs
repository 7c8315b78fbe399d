//! The data path's metrics, under the names by which they are known outside.
//!
//! A handle to each is held here, so that no name is looked up where bytes pass; counts come as a worker's [`Tally`], once a batch.

mod files;
mod http;
mod sinks;
mod sources;
mod totals;

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Unit, counter, describe_counter};

pub use self::files::FileMeters;
pub use self::http::HttpMeters;
pub use self::sinks::SinkMeters;
pub use self::sources::SourceMeters;
pub use self::totals::{Sums, Totals};

use super::fingerprint::Reason;
use super::policy::Policy;
use super::tally::Tally;

/// Handles to every metric of the data path.
#[derive(Clone)]
pub struct Meters {
    lines: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    matches: Vec<Counter>,
    allowed: Vec<Counter>,
    dropped_lines: Counter,
    withheld: Vec<(Reason, Counter)>,
    known_marks: Counter,
    unverified_marks: Counter,
    totals: Arc<Totals>,
}

impl Meters {
    /// Registers all metrics, also those of rules that have found nothing yet, with the recorder that is in force.
    /// What is counted is added to `totals` as well.
    pub fn new(policy: &Policy, totals: Arc<Totals>) -> Self {
        describe();
        let marks = |seal: &'static str| counter!("inkprint_marks_total", "seal" => seal);
        Self {
            lines: counter!("inkprint_lines_total"),
            bytes_in: counter!("inkprint_bytes_in_total"),
            bytes_out: counter!("inkprint_bytes_out_total"),
            matches: policy
                .detector
                .rules()
                .map(|rule| counter!("inkprint_matches_total", "rule" => rule.id.to_string()))
                .collect(),
            allowed: policy
                .allow
                .iter()
                .flat_map(|allow| allow.entries())
                .map(|entry| counter!("inkprint_allowed_total", "entry" => entry.origin.to_string()))
                .collect(),
            dropped_lines: counter!("inkprint_dropped_lines_total"),
            withheld: Reason::ALL
                .map(|reason| (reason, counter!("inkprint_withheld_lines_total", "reason" => reason.as_str())))
                .to_vec(),
            known_marks: marks("known"),
            unverified_marks: marks("unverified"),
            totals,
        }
    }

    /// The same counts as numbers.
    pub fn totals(&self) -> Arc<Totals> {
        Arc::clone(&self.totals)
    }

    /// Adds time that a worker was busy.
    pub fn busy(&self, time: Duration) {
        self.totals.add_cleaning(time);
    }

    /// Adds what a worker has counted.
    pub fn publish(&self, tally: &Tally) {
        self.totals.add(tally);
        self.lines.increment(tally.lines);
        self.bytes_in.increment(tally.bytes_in);
        self.bytes_out.increment(tally.bytes_out);
        for (counter, matches) in self.matches.iter().zip(&tally.matches).filter(|(_, matches)| **matches > 0) {
            counter.increment(*matches);
        }
        for (counter, allowed) in self.allowed.iter().zip(&tally.allowed) {
            counter.increment(*allowed);
        }
        self.dropped_lines.increment(tally.dropped_lines);
        for (reason, counter) in &self.withheld {
            counter.increment(tally.withheld.by_reason(*reason));
        }
        self.known_marks.increment(tally.marks);
        self.unverified_marks.increment(tally.unverified_marks);
    }
}

fn describe() {
    describe_counter!("inkprint_lines_total", "Lines cleaned.");
    describe_counter!("inkprint_bytes_in_total", Unit::Bytes, "Bytes read and scanned.");
    describe_counter!("inkprint_bytes_out_total", Unit::Bytes, "Bytes passed on to the output.");
    describe_counter!("inkprint_matches_total", "Secrets found, by rule.");
    describe_counter!("inkprint_allowed_total", "Secrets let through, by the allow list's entry.");
    describe_counter!("inkprint_dropped_lines_total", "Lines dropped whole, as a rule's action asks for.");
    describe_counter!("inkprint_withheld_lines_total", "Lines withheld in whole or in part, by reason.");
    describe_counter!("inkprint_marks_total", "Marks that came in, by whether their seal is of this keyring.");
}
