//! Counts as numbers, for the journal: metrics can only be written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::pipeline::fingerprint::Reason;
use crate::pipeline::tally::Tally;

/// What was done since the start.
#[derive(Debug, Default)]
pub struct Totals {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    matches: AtomicU64,
    marks: AtomicU64,
    unverified_marks: AtomicU64,
    withheld: [AtomicU64; Reason::ALL.len()],
    cleaning_nanos: AtomicU64,
}

/// [`Totals`] at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Secrets found.
    pub matches: u64,
    /// Marks of our own that came in.
    pub marks: u64,
    /// Marks with another seal that came in.
    pub unverified_marks: u64,
    /// Withheld lines by reason, in the order of [`Reason::ALL`].
    pub withheld: [u64; Reason::ALL.len()],
}

impl Totals {
    /// Adds what a worker has counted.
    pub fn add(&self, tally: &Tally) {
        let add = |to: &AtomicU64, number: u64| {
            if number > 0 {
                to.fetch_add(number, Ordering::Relaxed);
            }
        };
        add(&self.bytes_in, tally.bytes_in);
        add(&self.bytes_out, tally.bytes_out);
        add(&self.matches, tally.matches_total());
        add(&self.marks, tally.marks);
        add(&self.unverified_marks, tally.unverified_marks);
        for (to, reason) in self.withheld.iter().zip(Reason::ALL) {
            add(to, tally.withheld.by_reason(reason));
        }
    }

    /// Adds time that a worker was busy.
    pub fn add_cleaning(&self, time: Duration) {
        self.cleaning_nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Time that all workers together were busy.
    pub fn cleaning(&self) -> Duration {
        Duration::from_nanos(self.cleaning_nanos.load(Ordering::Relaxed))
    }

    /// What they are now.
    pub fn sums(&self) -> Sums {
        let get = |from: &AtomicU64| from.load(Ordering::Relaxed);
        Sums {
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            matches: get(&self.matches),
            marks: get(&self.marks),
            unverified_marks: get(&self.unverified_marks),
            withheld: self.withheld.each_ref().map(get),
        }
    }
}
