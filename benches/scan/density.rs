//! By density of secrets, beside a bare scan of the engine for the same literals: what everything around the engine costs.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use inkprint::model::SourceId;
use inkprint::pipeline::detect::trigger::Literal;
use inkprint::pipeline::framing::MAX_LINE;
use inkprint::pipeline::pipe::{self, Input, Settings};
use inkprint::pipeline::policy::Policy;
use inkprint::pipeline::rewrite::Style;
use inkprint::pipeline::tally::Tally;
use inkprint::pipeline::worker::Worker;
use serde_json::json;
use vectorscan_rs::{BlockDatabase, Flag, Pattern, Scan};

use super::log::Log;
use super::measure::{Contestant, side_by_side};
use super::section::{Section, Unit};
use super::{SIZE, default_rules, policy};

const ROUNDS: usize = 15;
const LIMIT: Duration = Duration::from_secs(60);

/// What the program adds to the rules' literals to set the engine's stride: the bare scan must have it, too.
const PACER: &str = "\\x01[\\x02\\x03]";

/// The rules of both packs at each density.
pub fn by_density() -> Section {
    let mut section = Section::new(
        "density",
        "By density of secrets",
        "One thread, blocks of 256 KiB, both packs. *Engine* is a bare Vectorscan scan of the same blocks for the same literals, \
         *worker* finds, confirms and rewrites, *pipe* also takes the log in and cuts it into blocks. The share is the worker's speed \
         beside the engine's, round by round, with its quartiles.",
        &[
            ("secrets", Unit::Text),
            ("matches", Unit::Count),
            ("engine", Unit::Rate),
            ("worker", Unit::Rate),
            ("worker, wall", Unit::Rate),
            ("pipe", Unit::Rate),
            ("share", Unit::Ratio),
            ("from", Unit::Ratio),
            ("to", Unit::Ratio),
        ],
    );
    let policy = policy(default_rules());
    let bare = bare_database(&policy.detector.looked_for(), true);
    let given = Log::given("INKPRINT_BENCH_LOG", SIZE);
    let named = if given.is_some() { "given log" } else { "1 in 1,000 lines" };
    let rare = given.unwrap_or_else(|| Log::generate(SIZE, Some(1000)));
    let generated = |period| Log::generate(SIZE, period);
    let logs = [
        ("none", generated(None)),
        (named, rare),
        ("1 in 100 lines", generated(Some(100))),
        ("1 in 10 lines", generated(Some(10))),
        ("every line", generated(Some(1))),
    ];
    for (name, log) in &logs {
        let blocks = log.blocks();
        let (mut worker, mut out) = (Worker::new(&policy).expect("a worker"), Vec::new());
        let clean = || {
            blocks.iter().for_each(|block| {
                worker.redact(block, &mut out);
            });
            worker.take_tally().matches_total()
        };
        let times = side_by_side(
            ROUNDS,
            LIMIT,
            vec![
                Contestant::new("engine", None, || scan(&bare, &blocks)),
                Contestant::new("worker", log.secrets, clean),
                Contestant::new("pipe", log.secrets, || through_pipe(&policy, &log.text).matches_total()),
            ],
        );
        let [engine, worker, pipe] = &times[..] else { unreachable!("three contestants") };
        let share = worker.speed_beside(engine);
        let bytes = log.text.len();
        section.row([
            json!(name),
            json!(worker.count),
            json!(engine.rate(bytes)),
            json!(worker.rate(bytes)),
            json!(worker.wall_rate(bytes)),
            json!(pipe.rate(bytes)),
            json!(share.median),
            json!(share.low),
            json!(share.high),
        ]);
        if *name == named {
            section.at_least("secrets in 1 of 1,000 lines, worker", 1500.0, Unit::Rate, worker.rate(bytes));
            section.at_least("secrets in 1 of 1,000 lines, worker beside engine", 0.5, Unit::Ratio, share.median);
        }
    }
    section
}

/// The engine alone, with what the program adds and without: which of them is the bare scan to be held against.
pub fn bare_scans() -> Section {
    let mut section = Section::new(
        "bare",
        "The engine alone",
        "On the log without secrets. The program gives the engine literals that no log holds beside its own, to set its stride and to have it \
         part its groups; the bare scan that it is held against has them, too. Whether they are of use with the present rules is seen here.",
        &[("literals", Unit::Text), ("hits", Unit::Count), ("engine", Unit::Rate), ("beside", Unit::Ratio)],
    );
    let detector = policy(default_rules()).detector;
    let whole = bare_database(&detector.looked_for(), true);
    let (paced, own) = (bare_database(detector.literals(), true), bare_database(detector.literals(), false));
    let log = Log::generate(SIZE, None);
    let blocks = log.blocks();
    let databases = [("as in the program", &whole), ("without ballast", &paced), ("the rules' own", &own)];
    let scans = databases.map(|(name, database)| Contestant::new(name, None, || scan(database, &blocks)));
    let times = side_by_side(ROUNDS, LIMIT, scans.into());
    for ((name, _), own) in databases.iter().zip(&times) {
        section.row([
            json!(name),
            json!(own.count),
            json!(own.rate(log.text.len())),
            json!(own.speed_beside(&times[0]).median),
        ]);
    }
    section
}

fn bare_database(literals: &[Literal], paced: bool) -> BlockDatabase {
    let literals = literals.iter().map(|literal| {
        let text: String = literal.bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        (text, if literal.caseless { Flag::DOTALL | Flag::CASELESS } else { Flag::DOTALL })
    });
    let pacer = paced.then(|| (PACER.to_owned(), Flag::DOTALL | Flag::SOM_LEFTMOST));
    let patterns = literals
        .chain(pacer)
        .enumerate()
        .map(|(at, (text, flags))| Pattern::new(text.into_bytes(), flags, Some(at as u32)));
    BlockDatabase::new(patterns.collect()).expect("the literals compile")
}

/// Scans every block and counts the hits.
fn scan(database: &BlockDatabase, blocks: &[&[u8]]) -> u64 {
    let mut scanner = database.create_scanner().expect("a scanner");
    let mut hits = 0;
    for block in blocks {
        let count = |_, _, _, _| {
            hits += 1;
            Scan::Continue
        };
        scanner.scan(block, count).expect("the engine scans");
    }
    hits
}

/// Cleans a whole log on this thread, as the program does, into nowhere.
pub fn through_pipe(policy: &Policy, text: &Arc<[u8]>) -> Tally {
    let text = text.clone();
    let input = Input {
        name: "log".to_owned(),
        source: "log".to_owned(),
        id: SourceId::new("log"),
        open: Box::new(move || Ok(Box::new(Cursor::new(text)))),
    };
    let settings = Settings {
        threads: 1,
        max_line: MAX_LINE,
        counts_lines: false,
        style: Style::Plain,
        witnessing: None,
        bridging: None,
        detaining: None,
    };
    let tally =
        pipe::run(policy, settings, vec![input], ("nowhere", &mut std::io::sink()), &|_| {}).expect("the pipe runs");
    assert_eq!(tally.withheld.total(), 0, "nothing is withheld");
    tally
}
