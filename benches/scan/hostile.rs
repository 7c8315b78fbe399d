//! Lines of a megabyte that are made to slow a redactor down, against every rule there is: what the worst of them costs.

use std::time::Duration;

use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::worker::Worker;
use serde_json::json;

use super::log::{Log, Random};
use super::measure::thread_time;
use super::pieces::{PIECES, line};
use super::policy;
use super::section::{Section, Unit};

const LENGTH: usize = 1_000_000;
/// Each piece all over a line, then so many lines of two pieces in turn, or of many.
const MIXED: usize = 120;
/// A line is cleaned so often; its fastest time counts, as the machine may be busy.
const TIMES: usize = 2;
/// What all lines together must reach, in MB/s, and what one of them may take.
const RATE: f64 = 50.0;
const SLOWEST: Duration = Duration::from_millis(50);
/// The processor time a byte, in terms of that on a log with a secret in every tenth line.
const BESIDE: f64 = 3.0;

/// Every line once.
pub fn lines() -> Section {
    let columns = [
        ("lines", Unit::Text),
        ("number", Unit::Count),
        ("speed", Unit::Rate),
        ("slowest", Unit::Milliseconds),
        ("the slowest repeats", Unit::Text),
    ];
    let about = "Lines of 1 MB, all packs, in processor time of one thread: triggers without matches, near matches, nests and marks, one piece all \
                 over the line, two in turn, or many. The usual log has a secret in every tenth line.";
    let mut section = Section::new("hostile", "Hostile lines", about, &columns);
    let every: Vec<String> = ["tokens", "context", "personal"].map(str::to_owned).into();
    let rules = RuleSet::builtin().and_then(|set| set.selected(&every, &[])).expect("the built-in rules are sound");
    let policy = policy(rules);
    let (mut worker, mut out) = (Worker::new(&policy).expect("a worker"), Vec::new());
    let mut time = |text: &[u8]| {
        let once = |_| {
            let started = thread_time();
            worker.redact(text, &mut out);
            thread_time() - started
        };
        (0..TIMES).map(once).min().expect("it ran")
    };
    let log = Log::generate(16 << 20, Some(10));
    let usual: Duration = log.blocks().iter().map(|block| time(block)).sum();
    let a_byte = usual.as_secs_f64() / log.text.len() as f64;
    section.row([json!("usual log"), json!(null), json!(1e-6 / a_byte), json!(null), json!("-")]);
    let mut random = Random::new();
    let mut choices = || -> Vec<u8> { (0..64).map(|_| random.below(256) as u8).collect() };
    let (mut all, mut bytes, mut worst) = (Duration::ZERO, 0, Duration::ZERO);
    for (name, numbers) in [("one piece", 0..PIECES.len()), ("two and more", PIECES.len()..PIECES.len() + MIXED)] {
        let (mut sum, mut slowest) = (Duration::ZERO, (Duration::ZERO, String::new()));
        let count = numbers.len();
        for number in numbers {
            let text = line(number, LENGTH, &choices());
            let took = time(&text);
            sum += took;
            if took > slowest.0 {
                slowest = (took, text[..60].escape_ascii().to_string());
            }
        }
        let milliseconds = slowest.0.as_secs_f64() * 1e3;
        let rate = (count * LENGTH) as f64 / sum.as_secs_f64() / 1e6;
        section.row([json!(name), json!(count), json!(rate), json!(milliseconds), json!(slowest.1)]);
        (all, bytes, worst) = (all + sum, bytes + count * LENGTH, worst.max(slowest.0));
    }
    let each = all.as_secs_f64() / bytes as f64;
    section.at_least("all hostile lines", RATE, Unit::Rate, 1e-6 / each);
    let bound = SLOWEST.as_secs_f64() * 1e3;
    section.at_most("the slowest line", bound, Unit::Milliseconds, worst.as_secs_f64() * 1e3);
    section.at_most("time a byte beside the usual log", BESIDE, Unit::Ratio, each / a_byte);
    section
}
