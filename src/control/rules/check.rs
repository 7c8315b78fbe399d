//! Whether rules do what they say: every example is found, no counterexample is.
//!
//! A rule is tried twice. Alone, in a detector of its own, so that no other rule can find the secret in its place; and beside all
//! others, where each byte that it takes alone must go as well.

use std::fmt;

use crate::model::{RuleId, Span};
use crate::pipeline::detect::rule::{Origin, Rule, RuleSet};
use crate::pipeline::detect::{DatabaseError, Detector, Finder};

/// What a rule did with one of its own texts that it should not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failing {
    /// An example in which the rule finds nothing.
    Missed,
    /// An example in which the rule finds something, but all rules together leave part of it.
    Left,
    /// A counterexample in which the rule finds something.
    Matched,
}

/// A text of a rule that did not do as it should. Examples are public, so it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule.
    pub rule: RuleId,
    /// Where the rule stands.
    pub origin: Origin,
    /// What went wrong.
    pub failing: Failing,
    /// The example or counterexample.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.failing {
            Failing::Missed => "the rule does not find its example",
            Failing::Left => "all rules together leave part of what the rule finds in its example",
            Failing::Matched => "the rule finds something in its counterexample",
        };
        write!(f, "{}: rule {:?}: {what}: {}", self.origin, self.rule.as_str(), self.text)
    }
}

/// What came of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rules tried.
    pub rules: usize,
    /// Examples tried.
    pub examples: usize,
    /// Counterexamples tried.
    pub counterexamples: usize,
    /// What went wrong, in the rules' order.
    pub failures: Vec<Failure>,
}

/// Tries every rule of `set` on its own examples and counterexamples.
///
/// # Errors
/// [`DatabaseError`] when the engine does not take a rule, which is no fault of its examples.
pub fn check(set: &RuleSet) -> Result<Outcome, DatabaseError> {
    let together = Detector::new(set.clone())?;
    let mut together = Finder::new(&together)?;
    let mut outcome = Outcome::default();
    for rule in &set.rules {
        let alone = Detector::new(RuleSet { rules: vec![rule.clone()], words: set.words.clone() })?;
        let mut alone = Finder::new(&alone)?;
        let fail = |failing, text: &str| failure(rule, failing, text);
        for example in &rule.examples {
            let taken = spans(&mut alone, example)?;
            if taken.is_empty() {
                outcome.failures.push(fail(Failing::Missed, example));
            } else {
                let gone = spans(&mut together, example)?;
                if !taken.iter().all(|span| gone.iter().any(|wider| wider.covers(*span))) {
                    outcome.failures.push(fail(Failing::Left, example));
                }
            }
        }
        for counterexample in &rule.counterexamples {
            if !spans(&mut alone, counterexample)?.is_empty() {
                outcome.failures.push(fail(Failing::Matched, counterexample));
            }
        }
        outcome.rules += 1;
        outcome.examples += rule.examples.len();
        outcome.counterexamples += rule.counterexamples.len();
    }
    Ok(outcome)
}

fn failure(rule: &Rule, failing: Failing, text: &str) -> Failure {
    Failure { rule: rule.id.clone(), origin: rule.origin.clone(), failing, text: text.to_owned() }
}

/// What goes out of `text`; a match of nothing would change nothing, so it is none.
fn spans(finder: &mut Finder<'_>, text: &str) -> Result<Vec<Span>, DatabaseError> {
    let matches = finder.find(text.as_bytes())?.all;
    Ok(matches.iter().map(|found| found.span).filter(|span| !span.range().is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_is_told() {
        let mut set = RuleSet::builtin().expect("the built-in rules load");
        set.rules.retain(|rule| rule.id.as_str() == "github-pat");
        let rule = &mut set.rules[0];
        let (good, bad) = (rule.examples[0].clone(), rule.counterexamples[0].clone());
        (rule.examples, rule.counterexamples) = (vec![good.clone(), bad.clone()], vec![bad.clone(), good.clone()]);
        let outcome = check(&set).expect("the engine takes it");
        let failing: Vec<_> = outcome.failures.iter().map(|failure| (failure.failing, failure.text.clone())).collect();
        assert_eq!(failing, [(Failing::Missed, bad), (Failing::Matched, good)]);
        assert_eq!((outcome.rules, outcome.examples, outcome.counterexamples), (1, 2, 2));
    }
}
