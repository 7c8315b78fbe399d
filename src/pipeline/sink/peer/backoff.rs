//! How long to wait before the next attempt: twice as long each time, and never the same for all.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// Counts attempts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The delay before the next attempt: between a half and the whole of 100 ms, doubled for each attempt so far, up to 10 s.
    pub fn delay(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.attempts.min(16)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        // Without a random number all wait the longest: slower, not wrong.
        let part = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
        whole.div_f64(2.0) + whole.mul_f64(part / 2.0)
    }

    /// The next delay is the first again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        for attempt in 0..40 {
            let whole = Duration::from_millis(100 << attempt.min(16)).min(LONGEST);
            let delay = backoff.delay();
            assert!(whole / 2 <= delay && delay <= whole, "{attempt}: {delay:?}");
        }
        backoff.reset();
        assert!(backoff.delay() <= FIRST);
    }
}
