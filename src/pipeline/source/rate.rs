//! A limit on how fast a source is read, over all its connections together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So much may be read at once after a time of silence, as a part of what may be read in a second.
const BURST: f64 = 1.0;

/// A token bucket that may be overdrawn: what was read is read, and the next read waits until it is paid for.
#[derive(Debug)]
pub struct Rate {
    /// Bytes a second.
    limit: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Bytes that may be read; below zero, what was read too much.
    level: f64,
    at: Instant,
}

impl Rate {
    /// A limit of so many bytes a second, at least one.
    pub fn new(limit: u64, now: Instant) -> Self {
        let limit = limit.max(1) as f64;
        Self { limit, bucket: Mutex::new(Bucket { level: limit * BURST, at: now }) }
    }

    /// Takes note of a read.
    pub fn spend(&self, bytes: usize, now: Instant) {
        self.fill(now, |level| level - bytes as f64);
    }

    /// How long to wait before the next read.
    pub fn wait(&self, now: Instant) -> Duration {
        let level = self.fill(now, |level| level);
        Duration::from_secs_f64((-level / self.limit).max(0.0))
    }

    fn fill(&self, now: Instant, change: impl FnOnce(f64) -> f64) -> f64 {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * self.limit;
        bucket.level = change((bucket.level + gained).min(self.limit * BURST));
        bucket.at = bucket.at.max(now);
        bucket.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_too_much_is_waited_for() {
        let start = Instant::now();
        let rate = Rate::new(1000, start);
        rate.spend(1000, start);
        assert_eq!(rate.wait(start), Duration::ZERO);
        rate.spend(500, start);
        assert_eq!(rate.wait(start), Duration::from_millis(500));
        assert_eq!(rate.wait(start + Duration::from_millis(500)), Duration::ZERO);
        rate.spend(1000, start + Duration::from_secs(100));
        assert_eq!(
            rate.wait(start + Duration::from_secs(100)),
            Duration::ZERO,
            "silence is saved up for a second only"
        );
    }
}
