//! How often the engine's literal matcher looks closely at a place in a log for nothing, and which literals that comes from.
//!
//! `cargo bench --bench groups -- [--patterns=FOLDER] FILE…`, or with the log that `INKPRINT_BENCH_LOG` names. What the matcher does is worked out here, as it
//! tells nobody: see `src/pipeline/detect/database/ballast.rs`. A place is looked at when for each byte of a group's window some literal of the
//! group has that byte there and, in its lower five bits, the one behind it. A literal is to blame for a look that would not have been without
//! it; what it occurs in is no false look and is not counted.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use inkprint::pipeline::detect::Detector;
use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::detect::trigger::Literal;

/// The matcher's groups.
const GROUPS: usize = 8;
/// So much of each log is read.
const READ: usize = 4 << 20;
/// So many literals of a group are named.
const NAMED: usize = 6;

/// What stands at a place: a byte, and the lower bits of the one behind it, but for the window's last byte.
type Pair = (u8, Option<u8>);

fn main() -> anyhow::Result<()> {
    let mut logs: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if logs.is_empty() {
        logs = vec![std::env::var("INKPRINT_BENCH_LOG").context("no log: name one, or set INKPRINT_BENCH_LOG")?];
    }
    let mut rules = RuleSet::builtin()?;
    for folder in std::env::args().filter_map(|argument| argument.strip_prefix("--patterns=").map(str::to_owned)) {
        rules = rules.extended(folder.as_ref()).map_err(|faults| anyhow::anyhow!("{folder}: {faults}"))?;
    }
    let detector = Detector::new(rules.selected(&[], &[])?)?;
    let groups: Vec<Group> = groups(detector.looked_for()).into_iter().map(Group::new).collect();
    for log in logs {
        let mut text = std::fs::read(&log).with_context(|| format!("cannot read {log}"))?;
        text.truncate(READ);
        println!("{log}: false looks in 1,000 bytes");
        let per_thousand = |count: usize| count as f64 * 1e3 / text.len().max(1) as f64;
        let mut all = 0;
        for group in &groups {
            let looks = group.looks(&text);
            all += looks.count;
            print!("{:3} bytes {:5} literals {:7.2}", group.length, group.literals.len(), per_thousand(looks.count));
            let mut blamed: Vec<_> = looks.blamed.into_iter().collect();
            blamed.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
            for (literal, (count, word)) in blamed.into_iter().take(NAMED) {
                let literal = group.literals[literal].bytes.escape_ascii();
                print!("  {literal} {:.2} ({})", per_thousand(count), word.escape_ascii());
            }
            println!();
        }
        println!("    all {:27.2}", per_thousand(all));
    }
    Ok(())
}

/// The literals as the matcher groups them: by length, then from their last byte on, cut where the sum of `count^1.05 / length^3` is least.
fn groups(mut literals: Vec<Literal>) -> Vec<Vec<Literal>> {
    literals.sort_by_cached_key(|literal| {
        (literal.bytes.len(), literal.bytes.iter().rev().map(u8::to_ascii_lowercase).collect::<Vec<_>>())
    });
    literals.dedup_by(|a, b| a.bytes.eq_ignore_ascii_case(&b.bytes) && a.caseless == b.caseless);
    let count = literals.len();
    let powers: Vec<f64> = (0..=count).map(|number| (number as f64).powf(1.05)).collect();
    let score = |from: usize, to: usize| powers[to - from] / (literals[from].bytes.len() as f64).powi(3);
    // best[n][from]: the least sum for what stands from there on, in n + 1 groups, and where the first of them ends.
    let mut best = vec![(0..count).map(|from| (score(from, count), count)).collect::<Vec<_>>()];
    for more in 1..GROUPS {
        let before = &best[more - 1];
        let cut = |from: usize| {
            (from + 1..count)
                .map(|to| (score(from, to) + before[to].0, to))
                .fold((f64::INFINITY, count), |a, b| if b.0 < a.0 { b } else { a })
        };
        let next = (0..count).map(cut).collect();
        best.push(next);
    }
    let (mut from, mut all) = (0, Vec::new());
    for left in (0..GROUPS).rev().take_while(|_| count > 0) {
        if from < count {
            let to = best[left][from].1;
            all.push(literals[from..to].to_vec());
            from = to;
        }
    }
    all
}

struct Group {
    literals: Vec<Literal>,
    /// Of its shortest literal: what stands before is not compared.
    length: usize,
    /// By place, counted from the last byte: the literals that have a pair there.
    places: Vec<HashMap<Pair, Vec<usize>>>,
}

struct Looks {
    count: usize,
    /// By literal: how many looks it is to blame for, and what stood there at one of them.
    blamed: BTreeMap<usize, (usize, Vec<u8>)>,
}

impl Group {
    fn new(literals: Vec<Literal>) -> Self {
        let length = literals.iter().map(|literal| literal.bytes.len()).min().unwrap_or(0);
        let mut places = vec![HashMap::<Pair, Vec<usize>>::new(); length];
        for (number, literal) in literals.iter().enumerate() {
            let spellings = |byte: u8| {
                let mut both = vec![byte];
                if literal.caseless && byte.is_ascii_alphabetic() {
                    both.push(byte ^ 0x20);
                }
                both
            };
            for (place, pairs) in places.iter_mut().enumerate() {
                let at = literal.bytes.len() - 1 - place;
                let behind: Vec<Option<u8>> = match literal.bytes.get(at + 1) {
                    Some(next) => spellings(*next).into_iter().map(|byte| Some(byte & 31)).collect(),
                    None => vec![None],
                };
                for byte in spellings(literal.bytes[at]) {
                    for behind in &behind {
                        let with = pairs.entry((byte, *behind)).or_default();
                        if with.last() != Some(&number) {
                            with.push(number);
                        }
                    }
                }
            }
        }
        Self { literals, length, places }
    }

    fn looks(&self, text: &[u8]) -> Looks {
        let mut looks = Looks { count: 0, blamed: BTreeMap::new() };
        for end in self.length..=text.len() {
            let window = &text[end - self.length..end];
            let pair = |place: usize| {
                let at = self.length - 1 - place;
                (window[at], window.get(at + 1).map(|next| next & 31))
            };
            let Some(with) =
                (0..self.length).map(|place| self.places[place].get(&pair(place))).collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            let occurs = |literal: &Literal| {
                let there = end.checked_sub(literal.bytes.len()).map(|start| &text[start..end]);
                there.is_some_and(|there| match literal.caseless {
                    true => there.eq_ignore_ascii_case(&literal.bytes),
                    false => there == literal.bytes,
                })
            };
            if with.first().is_some_and(|last| last.iter().any(|number| occurs(&self.literals[*number]))) {
                continue;
            }
            looks.count += 1;
            let mut alone: Vec<usize> = with.iter().filter(|with| with.len() == 1).map(|with| with[0]).collect();
            alone.sort_unstable();
            alone.dedup();
            for literal in alone {
                looks.blamed.entry(literal).or_insert_with(|| (0, window.to_vec())).0 += 1;
            }
        }
        looks
    }
}
