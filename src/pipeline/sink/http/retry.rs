//! How long to wait before a request is sent once more.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// However long a server asks to be left alone, it is asked again after this.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// The bounds of the waiting time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The longest first wait.
    pub first: Duration,
    /// The longest of all.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(60) }
    }
}

/// Counts attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    retry: Retry,
    attempts: u32,
}

impl Backoff {
    pub(super) fn new(retry: Retry) -> Self {
        Self { retry, attempts: 0 }
    }

    /// Any time up to the bound, which doubles with each attempt: senders that failed together do not come back together. At least as
    /// long as the server has asked for.
    pub(super) fn delay(&mut self, asked: Option<Duration>) -> Duration {
        let bound = self.retry.first.saturating_mul(1 << self.attempts.min(16)).min(self.retry.longest);
        self.attempts = self.attempts.saturating_add(1);
        // Without a random number all wait the longest: slower, not wrong.
        let part = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
        match asked {
            Some(asked) => asked.min(LONGEST_ASKED) + self.retry.first.mul_f64(part),
            None => bound.mul_f64(part),
        }
    }

    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// The value of `Retry-After`: seconds, or a date.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_bounded_and_what_is_asked_for_is_kept() {
        let mut backoff = Backoff::new(Retry::default());
        for attempt in 0..40 {
            let bound = Duration::from_millis(500 << attempt.min(10)).min(Duration::from_secs(60));
            let delay = backoff.delay(None);
            assert!(delay <= bound, "{attempt}: {delay:?}");
        }
        let asked = Duration::from_secs(7);
        let delay = backoff.delay(Some(asked));
        assert!(delay >= asked && delay <= asked + Duration::from_millis(500));
        assert!(backoff.delay(Some(Duration::MAX)) < LONGEST_ASKED + Duration::from_secs(1));
        backoff.reset();
        assert!(backoff.delay(None) <= Duration::from_millis(500));
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().expect("a time");
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(" 0 ", now), Some(Duration::ZERO));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!([retry_after("soon", now), retry_after("-1", now), retry_after("", now)], [None, None, None]);
    }
}
