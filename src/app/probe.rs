//! What is measured when somebody asks: how much is held, for how long, and whether the service can do its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use super::sinks::Sink;
use crate::control::reload::ExpiryOf;
use crate::pipeline::source::Shared;
use crate::pipeline::source::memory::Memory;
use crate::pipeline::spool::{Health, Stats};
use crate::pipeline::tls::Part;

/// The parts that are looked at.
pub(super) struct Probed {
    sinks: Vec<Sink>,
    memory: Arc<Memory>,
    shared: Arc<Shared>,
    listening: Arc<AtomicBool>,
    certificates: Vec<ExpiryOf>,
}

impl Probed {
    pub(super) fn new(sinks: &[Sink], memory: Arc<Memory>, shared: Arc<Shared>, listening: Arc<AtomicBool>) -> Self {
        Self { sinks: sinks.to_vec(), memory, shared, listening, certificates: Vec::new() }
    }

    /// The same, which looks at these certificates too.
    pub(super) fn with_certificates(mut self, certificates: Vec<ExpiryOf>) -> Self {
        self.certificates = certificates;
        self
    }

    /// Whether it can take lines and pass them on, or why not.
    pub(super) fn ready(&self) -> Result<(), String> {
        if !self.listening.load(Ordering::Relaxed) {
            return Err("not accepting connections".to_owned());
        }
        self.sinks.iter().try_for_each(Sink::ready)
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
        for part in Part::ALL {
            let ends = self.certificates.iter().filter_map(|expiry| expiry().of(part));
            if let Some(end) = ends.min() {
                describe_gauge!(
                    "inkprint_certificate_expiry_timestamp_seconds",
                    Unit::Seconds,
                    "When the first certificate, authority or revocation list that is in force runs out, in seconds since 1970."
                );
                gauge!("inkprint_certificate_expiry_timestamp_seconds", "part" => part.as_str()).set(end as f64);
            }
        }
        let mut buffered = self.memory.held();
        for Sink { name, queue, spool, .. } in &self.sinks {
            let (labels, used) = ([("sink", name.clone())], queue.used());
            buffered += used;
            gauge!("inkprint_sink_queue_bytes", &labels).set(used as f64);
            let mut oldest = queue.oldest().map_or(0.0, |since| since.elapsed().as_secs_f64());
            if let Some(stats) = spool.as_ref().map(|spool| spool.stats()) {
                let age = stats.oldest.and_then(|since| since.elapsed().ok()).unwrap_or_default();
                oldest = oldest.max(age.as_secs_f64());
                measure_spool(&labels, &stats);
            }
            gauge!("inkprint_sink_oldest_unsent_seconds", &labels).set(oldest);
            counter!("inkprint_sink_dropped_lines_total", &labels).absolute(queue.dropped().lines);
        }
        gauge!("inkprint_buffered_bytes").set(buffered as f64);
        let standing = self.shared.standing.borrow();
        gauge!("inkprint_config_generation").set(standing.generation as f64);
        describe_gauge!(
            "inkprint_scan_seconds",
            Unit::Seconds,
            "Time that all threads together have spent on finding and replacing since the start."
        );
        gauge!("inkprint_scan_seconds").set(standing.meters.totals().cleaning().as_secs_f64());
        if let Some(activated) = standing.key_activated {
            describe_gauge!("inkprint_key_age_seconds", Unit::Seconds, "Age of the key epoch that makes marks.");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            gauge!("inkprint_key_age_seconds").set((now - activated as f64).max(0.0));
        }
    }
}

fn measure_spool(labels: &[(&'static str, String); 1], stats: &Stats) {
    describe_gauge!("inkprint_spool_bytes", Unit::Bytes, "Bytes of the disk that the sink's spool uses, by sink.");
    describe_gauge!("inkprint_spool_limit_bytes", Unit::Bytes, "Bytes of the disk that it may use, by sink.");
    describe_gauge!("inkprint_spool_records", "Records in the spool that were not delivered, by sink.");
    describe_counter!("inkprint_spool_corrupt_records_total", "Records of the spool found damaged, and lost, by sink.");
    describe_counter!("inkprint_spool_syncs_total", "Syncs of records, by sink.");
    describe_gauge!(
        "inkprint_spool_sync_seconds",
        Unit::Seconds,
        "Time that all syncs of records have taken since the start, by sink."
    );
    describe_gauge!("inkprint_spool_healthy", "1 while the spool takes records in, by sink.");
    gauge!("inkprint_spool_bytes", labels).set(stats.bytes as f64);
    gauge!("inkprint_spool_limit_bytes", labels).set(stats.limit as f64);
    gauge!("inkprint_spool_records", labels).set(stats.records as f64);
    counter!("inkprint_spool_corrupt_records_total", labels).absolute(stats.damaged);
    counter!("inkprint_spool_syncs_total", labels).absolute(stats.syncs);
    gauge!("inkprint_spool_sync_seconds", labels).set(stats.sync_time.as_secs_f64());
    gauge!("inkprint_spool_healthy", labels).set(if stats.health == Health::Good && !stats.full { 1.0 } else { 0.0 });
}
