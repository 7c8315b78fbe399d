/// The commands as they are typed.
mod commands;
/// What a change of rules does, told before it is deployed.
mod diff;
/// Rule files of the user's, and the options that choose rules.
mod files;
/// Strings that match a pattern.
mod generate;
/// Rules of other tools.
mod import;
/// The proof that no match is missed for want of a trigger.
mod triggers;

use std::collections::HashSet;

use inkprint::control::rules::check::check;
use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::detect::{Detector, Finder};

fn builtin() -> RuleSet {
    RuleSet::builtin().expect("the built-in rules load")
}

#[test]
fn every_builtin_rule_finds_its_examples_and_no_counterexample() {
    let outcome = check(&builtin()).expect("the engine takes every rule");
    let told: String = outcome.failures.iter().map(|failure| format!("{failure}\n")).collect();
    assert!(outcome.failures.is_empty(), "{} failures:\n{told}", outcome.failures.len());
    assert!(outcome.examples >= 2 * outcome.rules, "{} examples for {} rules", outcome.examples, outcome.rules);
}

/// Several rules share shapes: the most specific gives its name, and no rule is so wide of it that it never does.
#[test]
fn every_rule_names_what_it_finds_in_one_of_its_examples() {
    let detector = Detector::new(builtin()).expect("the engine takes every rule");
    let mut finder = Finder::new(&detector).expect("there is memory");
    for (index, rule) in detector.rules().enumerate() {
        let named = rule.examples.iter().any(|example| {
            let matches = finder.find(example.as_bytes()).expect("it scans").all;
            matches.iter().any(|found| found.rule == index)
        });
        assert!(named, "{}: rule {}: every example goes under another name", rule.origin, rule.id);
    }
}

#[test]
fn the_more_specific_rule_names_an_overlap() {
    let detector = Detector::new(builtin()).expect("the engine takes every rule");
    let mut finder = Finder::new(&detector).expect("there is memory");
    let stripe = format!("sk_live_51{}", "aB3xK9mQ2zLp".repeat(9));
    let gitlab = "glcbt-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MTIyIiwiZXhwIjoxNzk1fQ.mR8sKq2Zx0LwB7nVdT4yQ1";
    for (line, rule) in [
        (stripe.as_str(), "stripe-secret-key"),
        ("key sk_live_70d44c9c80f1573eea856fe71a08b99454647de8", "paystack-secret-key"),
        ("key sk_live_ZB6pyUjpkzeanFNIKKCHjhfA", "sk-live-key"),
        (gitlab, "gitlab-ci-job-jwt"),
        ("password=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", "github-pat"),
    ] {
        let matches = finder.find(line.as_bytes()).expect("it scans").all;
        let names: Vec<_> = matches.iter().map(|found| detector.rule(found.rule).id.as_str()).collect();
        assert_eq!(names, [rule], "{line}");
    }
}

#[test]
fn the_fields_of_every_builtin_rule_are_sound() {
    let set = builtin();
    let ids: HashSet<&str> = set.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids.len(), set.rules.len(), "an id is used twice");
    for rule in &set.rules {
        let place = format!("{}: rule {}", rule.origin, rule.id);
        assert!(rule.description.len() >= 8 && !rule.description.ends_with('.'), "{place}: description");
        assert!(
            rule.references.iter().all(|link| link.starts_with("https://") || link.starts_with("http://")),
            "{place}: references"
        );
        let texts: Vec<&String> = rule.examples.iter().chain(&rule.counterexamples).collect();
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "{place}: a text stands there twice");
        assert!(!rule.counterexamples.is_empty(), "{place}: counterexamples");
        let near: Vec<&String> = rule.near.iter().flat_map(|near| &near.words).collect();
        assert_eq!(near.iter().collect::<HashSet<_>>().len(), near.len(), "{place}: a near word stands there twice");
    }
}
