//! What rules cost, and what is weak about them: by which triggers each is found, and which of these fire for nothing.

use std::collections::BTreeMap;
use std::fmt;

use crate::pipeline::detect::context::ContextWords;
use crate::pipeline::detect::rule::{Form, Rule, RuleSet};
use crate::pipeline::detect::trigger::{Literal, Trigger};
use crate::pipeline::detect::{CostClass, cost_class, placed_triggers};

/// A trigger less rare than this, in bits, has its rule tried at places that have nothing to do with it: several times in a
/// megabyte of log.
const WEAK: f32 = 15.0;
/// A near word less rare than this stands somewhere in most logs, so that it is hardly a gate.
const COMMON_NEAR: f32 = 12.0;
/// With fewer examples, one form of what the rule finds is tried and no other.
const FEW_EXAMPLES: usize = 2;

/// By what a rule's secrets are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// By triggers in the pattern itself.
    Pattern,
    /// By the words that must stand before.
    NearWords,
    /// By the key, header or URL that stands before.
    Context,
    /// By a byte that few lines hold.
    RareByte,
    /// Tried where words begin.
    Starts,
    /// By its whole expression, in the second database.
    Expression,
}

impl FoundBy {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::NearWords => "near words",
            Self::Context => "context",
            Self::RareByte => "rare byte",
            Self::Starts => "word starts",
            Self::Expression => "expression",
        }
    }
}

/// What could be better about a rule.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// No trigger is telling enough.
    Slow,
    /// A trigger that occurs in logs all the time.
    WeakTrigger {
        /// As a person reads it.
        trigger: String,
        /// How rare it is.
        bits: f32,
    },
    /// Something of any length stands before the trigger.
    OpenStart(String),
    /// A near word that stands in most logs.
    CommonNear(String),
    /// Nothing says where the format comes from.
    NoReferences,
    /// It says of itself that it has no examples.
    Untested,
    /// So few examples that most forms are not tried.
    FewExamples(usize),
    /// Nothing says what the rule must leave alone.
    NoCounterexamples,
}

impl Warning {
    /// A short name that stays the same, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::WeakTrigger { .. } => "weak-trigger",
            Self::OpenStart(_) => "open-start",
            Self::CommonNear(_) => "common-near",
            Self::NoReferences => "no-references",
            Self::Untested => "untested",
            Self::FewExamples(_) => "few-examples",
            Self::NoCounterexamples => "no-counterexamples",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow => f.write_str(
                "slow: no part of the pattern is telling enough for a trigger; give it a literal, or near words",
            ),
            Self::WeakTrigger { trigger, bits } => {
                write!(f, "trigger {trigger:?} is common ({bits:.0} bits): the pattern will be tried often")
            }
            Self::OpenStart(trigger) => {
                write!(
                    f,
                    "what stands before trigger {trigger:?} has no greatest length: each one is searched from the line's start"
                )
            }
            Self::CommonNear(word) => write!(f, "near word {word:?} stands in most logs: it is hardly a gate"),
            Self::NoReferences => f.write_str("no references: nobody can check the format"),
            Self::Untested => f.write_str(
                "untested: nothing shows that it finds what it should; add examples and take `untested` out",
            ),
            Self::FewExamples(1) => f.write_str("one example: give at least two that differ"),
            Self::FewExamples(count) => write!(f, "{count} examples: give more that differ"),
            Self::NoCounterexamples => f.write_str("no counterexamples: nothing says what it must leave alone"),
        }
    }
}

/// One rule, looked at.
#[derive(Clone, Debug)]
pub struct Linted<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// By what it is found.
    pub found_by: FoundBy,
    /// Its triggers, as a person reads them.
    pub triggers: Vec<String>,
    /// How rare the least rare of them is, in bits; `None` without one.
    pub bits: Option<f32>,
    /// What could be better.
    pub warnings: Vec<Warning>,
}

/// A literal by which several rules are found: one hit, and each of them is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// As a person reads it.
    pub literal: String,
    /// By how many rules it is used.
    pub rules: usize,
}

/// All rules, looked at.
#[derive(Clone, Debug)]
pub struct Report<'r> {
    /// In the set's order.
    pub rules: Vec<Linted<'r>>,
    /// Literals for the engine in all.
    pub literals: usize,
    /// Those that several rules use, the most used first.
    pub shared: Vec<Shared>,
}

impl Report<'_> {
    /// The number of warnings.
    pub fn warnings(&self) -> usize {
        self.rules.iter().map(|linted| linted.warnings.len()).sum()
    }

    /// How many rules are found by triggers.
    pub fn fast(&self) -> usize {
        self.rules.iter().filter(|linted| linted.found_by != FoundBy::Expression).count()
    }
}

/// Looks at every rule of `set`.
pub fn lint(set: &RuleSet) -> Report<'_> {
    let mut users: BTreeMap<Literal, usize> = BTreeMap::new();
    let rules = set.rules.iter().map(|rule| lint_rule(rule, &set.words, &mut users)).collect();
    let shared = users.iter().filter(|(_, rules)| **rules > 1);
    let mut shared: Vec<Shared> = shared.map(|(literal, &rules)| Shared { literal: display(literal), rules }).collect();
    shared.sort_by(|a, b| b.rules.cmp(&a.rules).then_with(|| a.literal.cmp(&b.literal)));
    Report { rules, literals: users.len(), shared }
}

fn lint_rule<'r>(rule: &'r Rule, words: &ContextWords, users: &mut BTreeMap<Literal, usize>) -> Linted<'r> {
    let placed = placed_triggers(rule);
    let mut warnings = Vec::new();
    let (found_by, triggers) = match (cost_class(rule, words), &rule.form) {
        (CostClass::Slow, _) => (FoundBy::Expression, Vec::new()),
        (CostClass::Starts, _) => (FoundBy::Starts, Vec::new()),
        (CostClass::Byte(triggers), _) => (FoundBy::RareByte, triggers),
        (CostClass::Fast(triggers), Form::Pattern(_)) if placed.is_empty() => (FoundBy::NearWords, triggers),
        (CostClass::Fast(triggers), Form::Pattern(_)) => (FoundBy::Pattern, triggers),
        (CostClass::Fast(triggers), _) => (FoundBy::Context, triggers),
    };
    let for_engine: &[Trigger] = if found_by == FoundBy::RareByte { &[] } else { &triggers };
    let mut literals: Vec<Literal> = for_engine.iter().flat_map(|trigger| trigger.anchor().literals).collect();
    literals.sort();
    literals.dedup();
    literals.into_iter().for_each(|literal| *users.entry(literal).or_default() += 1);

    let weakest = triggers.iter().min_by(|a, b| a.bits().total_cmp(&b.bits()));
    if found_by == FoundBy::Expression {
        warnings.push(Warning::Slow);
    }
    // Telling keys are common words by nature, and what stands behind them refuses nearly all of them at once.
    if let Some(trigger) =
        weakest.filter(|trigger| !matches!(found_by, FoundBy::Context | FoundBy::RareByte) && trigger.bits() < WEAK)
    {
        warnings.push(Warning::WeakTrigger { trigger: trigger.to_display(), bits: trigger.bits() });
    }
    warnings.extend(
        placed
            .iter()
            .find(|placed| placed.reach.max.is_none())
            .map(|placed| Warning::OpenStart(placed.trigger.to_display())),
    );
    let near = rule.near.iter().flat_map(|near| &near.words);
    let common = near.filter(|word| Trigger::literal(word, true).literal_bits() < COMMON_NEAR);
    warnings.extend(common.map(|word| Warning::CommonNear(word.clone())));
    if rule.references.is_empty() && matches!(rule.form, Form::Pattern(_)) {
        warnings.push(Warning::NoReferences);
    }
    if rule.untested {
        warnings.push(Warning::Untested);
    } else if rule.examples.len() < FEW_EXAMPLES {
        warnings.push(Warning::FewExamples(rule.examples.len()));
    }
    if rule.counterexamples.is_empty() {
        warnings.push(Warning::NoCounterexamples);
    }
    let bits = weakest.map(Trigger::bits);
    Linted { rule, found_by, triggers: triggers.iter().map(Trigger::to_display).collect(), bits, warnings }
}

fn display(literal: &Literal) -> String {
    String::from_utf8(literal.bytes.clone()).unwrap_or_else(|_| literal.bytes.escape_ascii().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builtin(ids: &[&str]) -> RuleSet {
        let mut set = RuleSet::builtin().expect("the built-in rules load");
        set.rules.retain(|rule| ids.contains(&rule.id.as_str()));
        set
    }

    #[test]
    fn what_a_rule_is_found_by_is_told() {
        let set = builtin(&["github-pat", "password", "ethereum-private-key"]);
        let report = lint(&set);
        let found_by =
            |id: &str| report.rules.iter().find(|linted| linted.rule.id.as_str() == id).map(|linted| linted.found_by);
        assert_eq!(found_by("github-pat"), Some(FoundBy::Pattern));
        assert_eq!(found_by("ethereum-private-key"), Some(FoundBy::NearWords));
        assert_eq!(found_by("password"), Some(FoundBy::Context));
    }

    #[test]
    fn weak_points_are_told() {
        let mut set = builtin(&["github-pat"]);
        let rule = &mut set.rules[0];
        rule.form = Form::Pattern(crate::pipeline::detect::pattern::Pattern::parse("[0-9a-f]{32}").expect("valid"));
        rule.references.clear();
        rule.counterexamples.clear();
        rule.examples.truncate(1);
        let names: Vec<_> = lint(&set).rules[0].warnings.iter().map(Warning::name).collect();
        assert_eq!(names, ["slow", "no-references", "few-examples", "no-counterexamples"]);
    }

    #[test]
    fn a_literal_of_several_rules_is_counted() {
        let mut set = builtin(&["github-pat"]);
        let mut twin = set.rules[0].clone();
        twin.id = crate::model::RuleId::new("twin").expect("an id");
        set.rules.push(twin);
        assert_eq!(lint(&set).shared, [Shared { literal: "ghp_".to_owned(), rules: 2 }]);
    }
}
