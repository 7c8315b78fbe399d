//! The pack of personal data: what finding costs, and what marking costs where a log is full of addresses.

use std::time::Duration;

use inkprint::pipeline::detect::Finder;
use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::worker::Worker;
use serde_json::json;

use super::log::Log;
use super::measure::{Contestant, side_by_side};
use super::section::{Section, Unit};
use super::{SIZE, policy};

const ROUNDS: usize = 11;
const LIMIT: Duration = Duration::from_secs(60);
/// What the pack must reach on one core, in MB/s.
const BOUND: f64 = 300.0;

/// The pack alone and beside the default ones, on a log in which about every third line has the address of a host.
pub fn by_part() -> Section {
    let columns = [
        ("rules", Unit::Text),
        ("number", Unit::Count),
        ("matches", Unit::Count),
        ("find", Unit::Rate),
        ("worker", Unit::Rate),
    ];
    let about = "A log without secrets, but with addresses of hosts: *find* is detection alone, *worker* writes the marks, too.";
    let mut section = Section::new("personal", "Personal data", about, &columns);
    let log = Log::given("INKPRINT_BENCH_CLEAN_LOG", SIZE).unwrap_or_else(|| Log::generate(SIZE, None));
    let blocks = log.blocks();
    let chosen = |only: &[&str]| {
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        RuleSet::builtin().and_then(|set| set.selected(&only, &[])).expect("the built-in rules are sound")
    };
    for (name, set) in [("personal", chosen(&["personal"])), ("all packs", chosen(&["tokens", "context", "personal"]))]
    {
        let policy = policy(set);
        let (mut worker, mut out) = (Worker::new(&policy).expect("a worker"), Vec::new());
        let mut finder = Finder::new(&policy.detector).expect("a finder");
        let find = Contestant::new("find", None, || {
            blocks.iter().map(|block| finder.find(block).expect("it scans").all.len() as u64).sum()
        });
        let work = Contestant::new("worker", None, || {
            for block in &blocks {
                worker.redact(block, &mut out);
            }
            worker.take_tally().matches_total()
        });
        let times = side_by_side(ROUNDS, LIMIT, vec![find, work]);
        let [find, work] = [&times[0], &times[1]].map(|times| times.rate(log.text.len()));
        section.row([
            json!(name),
            json!(policy.detector.rules().len()),
            json!(times[1].count),
            json!(find),
            json!(work),
        ]);
        if name == "personal" {
            section.at_least("personal alone, worker", BOUND, Unit::Rate, work);
        }
    }
    section
}
