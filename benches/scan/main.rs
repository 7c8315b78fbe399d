//! How fast one thread finds secrets, in process: by density of secrets, by number of rules, by length of line; and what stands alone.
//!
//! `cargo bench --bench scan [-- [--json FILE] [SECTION…]]`. Every figure is processor time of the thread, so that it says the same on
//! a busy machine as far as such a figure can; whatever is compared runs in turn; and each contestant states what it must count.
//!
//! INKPRINT_BENCH_LOG names a log to measure in the place of the generated one where secrets are rare, INKPRINT_BENCH_CLEAN_LOG
//! one in the place of that without secrets.

mod density;
mod hostile;
mod lines;
mod log;
mod measure;
mod personal;
#[path = "../../tests/promises/pieces.rs"]
mod pieces;
mod rules;
mod section;
mod single;

use std::sync::Arc;

use inkprint::model::{KeyEpoch, NamespaceSalt, SecretKey};
use inkprint::pipeline::detect::Detector;
use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::fingerprint::MarkKeys;
use inkprint::pipeline::policy::Policy;

use self::section::Section;

/// The least that a figure is taken over.
const SIZE: usize = 64 << 20;

/// Measures what one section says.
type Measure = fn() -> Section;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut json, mut wanted) = (None, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = Some(arguments.next().expect("--json needs a file")),
            _ => wanted.push(argument),
        }
    }
    let all: [(&str, Measure); 9] = [
        ("density", density::by_density),
        ("bare", density::bare_scans),
        ("rules", rules::by_number),
        ("packs", rules::by_pack),
        ("personal", personal::by_part),
        ("lines", lines::by_length),
        ("hostile", hostile::lines),
        ("marks", single::marks),
        ("start", single::start),
    ];
    let mut sections = Vec::new();
    for (name, measure) in all {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            let section = measure();
            section.print();
            sections.push(section);
        }
    }
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&sections).expect("sections are JSON");
        std::fs::write(&file, text + "\n").unwrap_or_else(|error| panic!("cannot write {file}: {error}"));
    }
}

/// The built-in rules that are on by default.
fn default_rules() -> RuleSet {
    let builtin = RuleSet::builtin().expect("the built-in rules are sound");
    builtin.selected(&[], &[]).expect("no names, none unknown")
}

/// A policy of these rules, with keys that are no secret.
fn policy(rules: RuleSet) -> Policy {
    let keys = mark_keys();
    let detector = Detector::new(rules).expect("the rules compile");
    Policy { detector: Arc::new(detector), live_keys: vec![keys.clone()], keys, allow: None }
}

fn mark_keys() -> MarkKeys {
    let epoch = KeyEpoch::new(1).expect("one is an epoch");
    MarkKeys::derive(epoch, &SecretKey::new([7; SecretKey::LEN]), &NamespaceSalt::new([9; NamespaceSalt::LEN]))
}
