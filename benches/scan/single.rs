//! What stands alone: the making of a mark, and the start.

use std::time::Duration;

use inkprint::model::{RuleId, Secret};
use inkprint::pipeline::worker::Worker;
use serde_json::json;

use super::measure::{Contestant, Spread, side_by_side};
use super::section::{Section, Unit};
use super::{default_rules, mark_keys, policy};

const MARKS: u64 = 200_000;
const ROUNDS: usize = 21;
const STEPS: [&str; 3] = ["rules read", "triggers compiled", "worker made"];
const LIMIT: Duration = Duration::from_secs(30);

/// Marks over secrets of several lengths.
pub fn marks() -> Section {
    let columns = [("secret", Unit::Text), ("a mark", Unit::Nanoseconds), ("marks a second", Unit::Count)];
    let about = "Print, seal and text of a mark, on one thread.";
    let mut section = Section::new("marks", "Marks", about, &columns);
    let rule = RuleId::new("github-pat").expect("a rule's id");
    let keys = mark_keys();
    for length in [16, 40, 200, 2000] {
        let secret = vec![b's'; length];
        let mut out = Vec::new();
        let write = || {
            let mut written = 0;
            for _ in 0..MARKS {
                out.clear();
                keys.write_mark(&rule, &Secret::borrowed(&secret), &mut out);
                written += u64::from(!out.is_empty());
            }
            written
        };
        let times = side_by_side(ROUNDS, LIMIT, vec![Contestant::new("marks", Some(MARKS), write)]);
        let each = times[0].milliseconds().median / MARKS as f64;
        section.row([json!(format!("{length} B")), json!(each * 1e6), json!(1e3 / each)]);
    }
    section
}

/// From nothing to a worker that is ready.
pub fn start() -> Section {
    let columns =
        [("step", Unit::Text), ("time", Unit::Milliseconds), ("from", Unit::Milliseconds), ("to", Unit::Milliseconds)];
    let about = "With all rules of both packs, in processor time; the quartiles beside it.";
    let mut section = Section::new("start", "Start", about, &columns);
    let rules = default_rules();
    let count = rules.rules.len() as u64;
    let compiled = policy(rules.clone());
    let times = side_by_side(
        ROUNDS,
        LIMIT,
        vec![
            Contestant::new(STEPS[0], Some(count), || default_rules().rules.len() as u64),
            Contestant::new(STEPS[1], Some(count), || policy(rules.clone()).detector.rules().len() as u64),
            Contestant::new(STEPS[2], Some(0), || Worker::new(&compiled).expect("a worker").take_tally().lines),
        ],
    );
    let spreads: Vec<Spread> = times.iter().map(|times| times.milliseconds()).collect();
    for (step, time) in STEPS.iter().zip(&spreads) {
        section.row([json!(step), json!(time.median), json!(time.low), json!(time.high)]);
    }
    let sum = spreads.iter().map(|time| time.median).sum();
    section.at_most("start with all rules", 100.0, Unit::Milliseconds, sum);
    section
}
