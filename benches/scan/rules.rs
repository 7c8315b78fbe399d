//! By number of rules, and by pack.

use std::path::Path;
use std::time::Duration;

use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::policy::Policy;
use inkprint::pipeline::worker::Worker;
use regex_syntax::hir::{self, Class, Hir, HirKind};
use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use super::log::Log;
use super::measure::{Contestant, Spread, side_by_side};
use super::section::{Section, Unit};
use super::{SIZE, default_rules, policy};

const ROUNDS: usize = 21;
const LIMIT: Duration = Duration::from_secs(90);

const COLUMNS: &[(&str, Unit)] = &[
    ("rules", Unit::Text),
    ("number", Unit::Count),
    ("literals", Unit::Count),
    ("matches", Unit::Count),
    ("worker", Unit::Rate),
    ("time", Unit::Ratio),
    ("from", Unit::Ratio),
    ("to", Unit::Ratio),
];

/// Half of the rules, all, and twice as many, on a log without secrets.
pub fn by_number() -> Section {
    let mut section = Section::new(
        "rules",
        "By number of rules",
        "A log without secrets. *Half* is every second rule of both packs; *doubled* is each rule once more under another id, with the \
         letters of its literals, key words and near words exchanged for such as are about as frequent, so that the engine has another \
         trigger to look for. The time is that of all rules' = 1, round by round, with its quartiles.",
        COLUMNS,
    );
    let mut half = default_rules();
    let mut number = 0;
    half.rules.retain(|_| {
        number += 1;
        number % 2 == 1
    });
    let sets = [("half", half), ("all", default_rules()), ("doubled", doubled())];
    let times = run(&mut section, sets, "all");
    section.at_most("doubled beside all, time", 1.15, Unit::Ratio, times[2].median);
    section
}

/// Each pack alone, and both.
pub fn by_pack() -> Section {
    let about = "A log without secrets. The time is that of both packs' = 1, round by round, with its quartiles.";
    let mut section = Section::new("packs", "By pack", about, COLUMNS);
    let only = |pack: &str| default_rules().selected(&[pack.to_owned()], &[]).expect("a pack of this name");
    run(&mut section, [("tokens", only("tokens")), ("context", only("context")), ("both", default_rules())], "both");
    section
}

/// Measures the sets side by side, a row each; their times in terms of the one called `unit`.
fn run<const N: usize>(section: &mut Section, sets: [(&str, RuleSet); N], unit: &str) -> Vec<Spread> {
    let given = Log::given("INKPRINT_BENCH_CLEAN_LOG", SIZE);
    let log = given.unwrap_or_else(|| Log::generate(SIZE, None));
    let blocks = log.blocks();
    let policies: Vec<(&str, Policy)> = sets.into_iter().map(|(name, set)| (name, policy(set))).collect();
    let contestants = policies.iter().map(|(name, policy)| {
        let (mut worker, mut out) = (Worker::new(policy).expect("a worker"), Vec::new());
        let blocks = &blocks;
        Contestant::new(name, log.secrets, move || {
            for block in blocks {
                worker.redact(block, &mut out);
            }
            worker.take_tally().matches_total()
        })
    });
    let times = side_by_side(ROUNDS, LIMIT, contestants.collect());
    let base = policies.iter().position(|(name, _)| *name == unit).expect("one of the sets");
    let mut spreads = Vec::new();
    for ((name, policy), own) in policies.iter().zip(&times) {
        let time = times[base].speed_beside(own);
        let (rules, literals) = (policy.detector.rules().len(), policy.detector.literals().len());
        let figures: [Value; 7] = [
            json!(rules),
            json!(literals),
            json!(own.count),
            json!(own.rate(log.text.len())),
            json!(time.median),
            json!(time.low),
            json!(time.high),
        ];
        section.row([json!(name)].into_iter().chain(figures));
        spreads.push(time);
    }
    spreads
}

/// The built-in rules, and each of them once more with other triggers. Those that go by a form have no literal of their own to
/// change and stay single.
fn doubled() -> RuleSet {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut added, mut number) = (Vec::new(), 0);
    for (name, text) in pattern_files() {
        let mut file: Table = text.parse().expect("the built-in rules are TOML");
        file.remove("context");
        if let Some(Toml::Array(rules)) = file.get_mut("rule") {
            rules.retain(|rule| rule.get("form").is_none());
            for rule in rules {
                number += 1;
                alter(rule.as_table_mut().expect("a rule is a table"), number);
            }
        }
        let path = folder.path().join(name);
        std::fs::write(&path, file.to_string()).expect("a rule file");
        added.push(path);
    }
    let builtin = RuleSet::builtin().expect("the built-in rules are sound");
    let doubled = builtin.extended(folder.path()).expect("the altered rules are sound");
    doubled.selected(&[], &[]).expect("no names, none unknown")
}

fn pattern_files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the folder of the built-in rules")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a rule file is text"))
        })
        .collect();
    files.sort();
    files
}

fn alter(rule: &mut Table, number: usize) {
    rule.insert("id".to_owned(), Toml::String(format!("second-{number}")));
    for (field, value) in rule.iter_mut() {
        match (field.as_str(), value) {
            ("pattern", Toml::String(pattern)) => *pattern = altered_pattern(pattern),
            ("keys" | "near", Toml::Array(words)) => {
                for word in words {
                    if let Toml::String(word) = word {
                        *word = word.bytes().map(|byte| char::from(neighbour(byte))).collect();
                    }
                }
            }
            _ => {}
        }
    }
}

/// The pattern with the letters and digits of its literals exchanged.
fn altered_pattern(pattern: &str) -> String {
    let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
    let hir = altered(&parser.parse(pattern).expect("a built-in pattern is sound"));
    let mut text = String::new();
    hir::print::Printer::new().print(&hir, &mut text).expect("a string takes it");
    text
}

fn altered(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(literal) => Hir::literal(literal.0.iter().copied().map(neighbour).collect::<Vec<u8>>()),
        HirKind::Class(class) => altered_letter(class).unwrap_or_else(|| hir.clone()),
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(altered(&repetition.sub))),
        HirKind::Capture(capture) => {
            Hir::capture(hir::Capture { sub: Box::new(altered(&capture.sub)), ..capture.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(altered).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(altered).collect()),
    }
}

/// A letter in either case is a literal, too.
fn altered_letter(class: &Class) -> Option<Hir> {
    let Class::Bytes(class) = class else { return None };
    let [upper, lower] = class.ranges() else { return None };
    let letter = lower.start();
    let both = letter.is_ascii_lowercase()
        && lower.len() == 1
        && upper.len() == 1
        && upper.start() == letter.to_ascii_uppercase();
    both.then(|| {
        let range = |byte| hir::ClassBytesRange::new(byte, byte);
        let other = neighbour(letter);
        Hir::class(Class::Bytes(hir::ClassBytes::new([range(other.to_ascii_uppercase()), range(other)])))
    })
}

/// Another byte of the same sort that is about as frequent in a log.
fn neighbour(byte: u8) -> u8 {
    const RINGS: [&[u8]; 3] = [b"eaoiu", b"tnsrhldcmpfgwybvkxjqz", b"0123456789"];
    let lower = byte.to_ascii_lowercase();
    let next = RINGS.iter().find_map(|ring| {
        let at = ring.iter().position(|other| *other == lower)?;
        Some(ring[(at + 1) % ring.len()])
    });
    match next {
        None => byte,
        Some(next) if byte.is_ascii_uppercase() => next.to_ascii_uppercase(),
        Some(next) => next,
    }
}
