//! Contestants in turn, in one run, by processor time: what disturbs the machine for a while disturbs all of them, and their ratio
//! round by round says more than two figures taken apart.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The processor time that this thread has used.
pub fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a clock does not go below zero")
}

/// One of those that are measured side by side.
pub struct Contestant<'a> {
    name: &'a str,
    /// Does the work once and returns what it counted.
    run: Box<dyn FnMut() -> u64 + 'a>,
    /// What it must count. Where nobody knows, the first run says it, and the others must agree.
    count: Option<u64>,
}

impl<'a> Contestant<'a> {
    pub fn new(name: &'a str, count: Option<u64>, run: impl FnMut() -> u64 + 'a) -> Self {
        Self { name, run: Box::new(run), count }
    }

    fn timed(&mut self) -> Time {
        let (wall, processor) = (Instant::now(), thread_time());
        let counted = (self.run)();
        let time = Time { processor: thread_time() - processor, wall: wall.elapsed() };
        let stated = *self.count.get_or_insert(counted);
        assert_eq!(counted, stated, "a wrong count from {:?}: what was measured did not do its work", self.name);
        time
    }
}

#[derive(Clone, Copy)]
struct Time {
    processor: Duration,
    wall: Duration,
}

/// One contestant's times, a round each.
pub struct Times {
    rounds: Vec<Time>,
    /// What it counted in each of them.
    pub count: u64,
}

/// A median and the quartiles around it.
#[derive(Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

/// Lets the contestants run in turn, after a round that does not count; the order turns, so that none always follows the same one.
///
/// Stops before `rounds` when `limit` has passed, but never before the first.
pub fn side_by_side(rounds: usize, limit: Duration, mut contestants: Vec<Contestant<'_>>) -> Vec<Times> {
    let started = Instant::now();
    let mut all: Vec<Times> = contestants.iter().map(|_| Times { rounds: Vec::new(), count: 0 }).collect();
    for contestant in &mut contestants {
        contestant.timed();
    }
    for round in 0..rounds {
        if round >= 1 && started.elapsed() > limit {
            break;
        }
        for turn in 0..contestants.len() {
            let at = (turn + round) % contestants.len();
            all[at].rounds.push(contestants[at].timed());
        }
    }
    for (times, contestant) in all.iter_mut().zip(&contestants) {
        times.count = contestant.count.unwrap_or(0);
    }
    all
}

impl Times {
    /// MB (10^6 bytes) a second of processor time.
    pub fn rate(&self, bytes: usize) -> f64 {
        spread(self.rounds.iter().map(|time| bytes as f64 / 1e6 / time.processor.as_secs_f64())).median
    }

    /// MB (10^6 bytes) a second on the clock on the wall.
    pub fn wall_rate(&self, bytes: usize) -> f64 {
        spread(self.rounds.iter().map(|time| bytes as f64 / 1e6 / time.wall.as_secs_f64())).median
    }

    /// Milliseconds of processor time.
    pub fn milliseconds(&self) -> Spread {
        spread(self.rounds.iter().map(|time| time.processor.as_secs_f64() * 1e3))
    }

    /// How many times as fast as `other` this one is, from the processor times of each round.
    pub fn speed_beside(&self, other: &Self) -> Spread {
        let pairs = self.rounds.iter().zip(&other.rounds);
        spread(pairs.map(|(own, other)| other.processor.as_secs_f64() / own.processor.as_secs_f64()))
    }
}

fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    Spread { low: at(0.25), median: at(0.5), high: at(0.75) }
}
