//! How long a connection may keep others waiting in the midst of a line.
//!
//! Two things are held in the midst of a line: memory, by one that is longer than what is always allowed; and the output, by one over
//! `max_line` that is passed on in windows. Neither does harm while nobody else wants it. When somebody does, a sender that is
//! silent for too long, or whose line takes too long, loses the rest of its line: what was not passed on is withheld, and a mark
//! tells how much. Time in which the sink keeps the connection waiting does not count.

use std::time::{Duration, Instant};

/// The limits while others wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The longest silence.
    pub silence: Duration,
    /// The longest time for all of it.
    pub total: Duration,
}

impl Patience {
    /// With the output, for which everybody waits.
    pub const OUTPUT: Self = Self { silence: Duration::from_secs(1), total: Duration::from_secs(10) };
    /// With memory, for which only long lines wait, and only where there are many of them.
    pub const MEMORY: Self = Self { silence: Duration::from_secs(10), total: Duration::from_secs(60) };
}

/// Measures how long something has been held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hold {
    since: Option<Instant>,
    excused: Duration,
}

impl Hold {
    /// Held, or not (any longer).
    pub fn set(&mut self, held: bool, now: Instant) {
        if !held {
            *self = Self::default();
        } else if self.since.is_none() {
            self.since = Some(now);
        }
    }

    /// Time that does not count.
    pub fn excuse(&mut self, time: Duration) {
        if self.since.is_some() {
            self.excused += time;
        }
    }

    /// Time that counts.
    pub fn lasted(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since).saturating_sub(self.excused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_senders_time_counts() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut hold = Hold::default();
        hold.excuse(Duration::from_secs(9));
        hold.set(true, start);
        hold.excuse(Duration::from_secs(3));
        hold.set(true, after(4));
        assert_eq!(hold.lasted(after(10)), Duration::from_secs(7));
        hold.set(false, after(10));
        assert_eq!(hold.lasted(after(20)), Duration::ZERO);
    }
}
