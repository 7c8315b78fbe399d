//! The proof of triggers: what matches a rule's pattern holds one of its triggers, so nothing is missed for want of one.

use inkprint::model::Span;
use inkprint::pipeline::detect::pattern::{Matcher, Pattern};
use inkprint::pipeline::detect::rule::{Form, Pack, Rule};
use inkprint::pipeline::detect::{CostClass, Detector, Finder, Refusal, cost_class, placed_triggers};

use super::builtin;
use super::generate::{Random, generate};

/// Strings for each rule.
const STRINGS: usize = 200;

/// A line that holds a string of a pattern, and where a rule finds its secret there.
struct Sample {
    line: Vec<u8>,
    whole: Span,
    secret: Span,
}

/// Lines for `rule`, each with what a single look of its own regular expression finds at the string's start.
///
/// Strings that are no match in a line (a last `\b` behind a hyphen, say) are made anew.
fn samples(rule: &Rule, pattern: &Pattern) -> Vec<Sample> {
    let matcher = pattern.compile().expect("the built-in patterns compile");
    let mut cache = matcher.create_cache();
    let mut random = Random::new(rule.id.as_str());
    let mut samples = Vec::new();
    for _ in 0..STRINGS * 20 {
        let mut line = before(rule, &mut random);
        let start = line.len();
        generate(pattern.hir(), &mut random, &mut line);
        line.extend_from_slice([&b" "[..], b"\" x", b"", b"' and so on"][random.below(4)]);
        if let Some(sample) = found_at(&matcher, &mut cache, line, start) {
            samples.push(sample);
        }
        if samples.len() == STRINGS {
            break;
        }
    }
    samples
}

fn found_at(
    matcher: &Matcher,
    cache: &mut inkprint::pipeline::detect::pattern::Cache,
    line: Vec<u8>,
    start: usize,
) -> Option<Sample> {
    let found = matcher.at(cache, &line, Span::new(start, line.len()))?;
    Some(Sample { whole: found.whole, secret: found.secret, line })
}

/// What stands before the string: a near word where the rule asks for one, and what is no part of a word.
fn before(rule: &Rule, random: &mut Random) -> Vec<u8> {
    let mut line = [&b""[..], b"2026-01-31 level=info ", b"{\"a\":1,\"b\":\""][random.below(3)].to_vec();
    if let Some(near) = &rule.near {
        line.extend_from_slice(near.words[random.below(near.words.len())].as_bytes());
        line.push(b' ');
    }
    line.extend_from_slice([&b""[..], b"(", b"\\n", b"%20", b"\x1b[32m"][random.below(5)]);
    line
}

fn pattern_rules(rules: &[Rule]) -> impl Iterator<Item = (&Rule, &Pattern)> {
    rules.iter().filter_map(|rule| match &rule.form {
        Form::Pattern(pattern) => Some((rule, pattern)),
        _ => None,
    })
}

#[test]
fn whatever_matches_a_pattern_holds_one_of_its_triggers() {
    let rules = builtin().rules;
    let mut faults = String::new();
    for (rule, pattern) in pattern_rules(&rules) {
        let placed = placed_triggers(rule);
        if placed.is_empty() {
            continue;
        }
        let samples = samples(rule, pattern);
        if samples.len() < STRINGS {
            faults += &format!("{}: rule {}: only {} strings\n", rule.origin, rule.id, samples.len());
        }
        let missed = samples.iter().find(|sample| {
            let text = &sample.line[sample.whole.range()];
            !(1..=text.len()).any(|end| {
                placed.iter().any(|placed| {
                    let fits = placed.reach.min <= end && placed.reach.max.is_none_or(|max| end <= max);
                    fits && placed.trigger.matches_before(text, end)
                })
            })
        });
        if let Some(sample) = missed {
            let text = sample.line[sample.whole.range()].escape_ascii();
            let triggers: Vec<_> = placed.iter().map(|placed| placed.trigger.to_display()).collect();
            faults += &format!("{}: rule {}: none of {triggers:?} in {text}\n", rule.origin, rule.id);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// A near word may be the trigger only where it is a gate too: then no match stands without it.
#[test]
fn rules_found_by_near_words_demand_them() {
    let set = builtin();
    for (rule, _) in pattern_rules(&set.rules) {
        let CostClass::Fast(triggers) = cost_class(rule, &set.words) else { continue };
        if placed_triggers(rule).is_empty() {
            let near = rule.near.as_ref().unwrap_or_else(|| panic!("{}: what is {} found by?", rule.origin, rule.id));
            for word in near.words.iter().map(|word| word.as_bytes()) {
                let fires =
                    (1..=word.len()).any(|end| triggers.iter().any(|trigger| trigger.matches_before(word, end)));
                assert!(fires, "{}: rule {}: no trigger for a near word", rule.origin, rule.id);
            }
        }
    }
}

#[test]
fn whatever_matches_a_pattern_is_found_or_refused_by_a_gate() {
    let detector = Detector::new(builtin()).expect("the engine takes every rule");
    let mut finder = Finder::new(&detector).expect("there is memory");
    let rules: Vec<Rule> = detector.rules().cloned().collect();
    let mut faults = String::new();
    for (index, rule) in rules.iter().enumerate() {
        let Form::Pattern(pattern) = &rule.form else { continue };
        let samples = samples(rule, pattern);
        let mut block = Vec::new();
        let mut secrets = Vec::new();
        for sample in &samples {
            secrets.push(sample.secret.shifted(block.len()));
            block.extend_from_slice(&sample.line);
            block.push(b'\n');
        }
        let found = finder.explain(&block).expect("it scans");
        let missed: Vec<_> = (0..samples.len())
            .filter(|&at| {
                !found.iter().any(|found| {
                    // Of a command's argument the rest may go, too.
                    let is_secret = found.span == secrets[at]
                        || (rule.pack == Pack::Context
                            && found.span.start() == secrets[at].start()
                            && found.span.covers(secrets[at]));
                    found.rule == index && is_secret && found.refusal != Some(Refusal::Boundary)
                })
            })
            .collect();
        if let Some(&first) = missed.first() {
            let line = samples[first].line.escape_ascii();
            faults +=
                &format!("{}: rule {}: {} of {} missed: {line}\n", rule.origin, rule.id, missed.len(), samples.len());
        }
        // What a gate does not refuse is gone from the block.
        let matches = finder.find(&block).expect("it scans").all;
        let left = found
            .iter()
            .find(|found| found.refusal.is_none() && !matches.iter().any(|matched| matched.span.covers(found.span)));
        if left.is_some() {
            faults += &format!("{}: rule {}: found but left\n", rule.origin, rule.id);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
