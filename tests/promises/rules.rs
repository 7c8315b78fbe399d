/// Strings that match a pattern.
mod generate;
/// The proof that no match is missed for want of a trigger.
mod triggers;

use inkprint::control::rules::check::check;
use inkprint::pipeline::detect::rule::RuleSet;

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
