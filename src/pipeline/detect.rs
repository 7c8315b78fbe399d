//! Bytes -> ordered, disjoint matches: scan, confirm, validate, resolve.
//!
//! - A block of whole frames is scanned at once for the triggers of all rules; a block without a hit costs nothing more.
//! - A hit is confirmed by its rule in a bounded window that never leaves the hit's line.
//! - What inkprint wrote itself is left alone: a mark is a wall that no match, no near word and no key crosses.
//! - A hit of an encoded form has the text around it decoded, and searched by the same rules ([`encoded`]).
//! - Where candidates overlap, every byte of their union goes, under the most specific rule's name.

pub mod action;
pub mod allow;
mod armor;
pub mod boundary;
mod byte_set;
mod candidate;
pub mod context;
mod database;
pub mod decode;
pub mod encoded;
mod finder;
mod group;
mod guarded;
mod letters;
mod linear;
mod partial;
pub mod pattern;
pub mod personal;
pub mod placeholder;
mod rare;
mod resolve;
pub mod rule;
mod seek;
mod sieve;
mod slow;
mod specificity;
mod starts;
pub mod trigger;
pub mod validator;
pub mod who;

use std::collections::BTreeSet;

use self::candidate::Compiled;
use self::context::ContextWords;
use self::database::Database;
use self::encoded::Codec;
use self::guarded::{Guarded, Uses};
use self::partial::Runtime;
use self::pattern::Pattern;
use self::rare::RareBytes;
use self::rule::{Form, Near, Pack, Rule, RuleSet};
use self::slow::SlowRules;
use self::starts::Starts;
use self::trigger::{Literal, Placed, RareTriggers, Reach, Trigger};
use super::fingerprint;

pub use self::armor::{Shape, may_be_armor};
pub use self::candidate::Refusal;
pub use self::context::Written;
pub use self::database::{DatabaseError, MAX_SCAN, looked_for};
pub use self::finder::{Finder, Found, Part};
pub use self::pattern::MAX_SECRET;
pub use self::resolve::{Canonical, Match, Matches, Open};

/// What a trigger's hit leads to.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// The rule's pattern begins at this distance before the hit's end.
    Pattern { rule: usize, reach: Reach },
    /// The rule's pattern may begin behind this word.
    Near { rule: usize },
    /// The tail of a telling key ends so many bytes before the trigger does.
    Key { rule: usize, behind: usize },
    /// The name of an `Authorization` header; the trigger's length in bytes.
    Header { rule: usize, len: usize },
    /// A bare scheme word.
    Scheme { rule: usize },
    /// `://`.
    Url { rule: usize },
    /// The words that end the label of a line which begins a private key, or that come before the number of its rows.
    Armor { rule: usize },
    /// A part of a message that a container runtime has cut into lines.
    Partial(Runtime),
    /// The beginning of a private key's body, so many bytes long.
    Body { rule: usize, len: usize },
    /// What may be a secret written in a codec: the region around is decoded and searched.
    Encoded(Codec),
    /// A trigger of a pattern, percent-encoded: the region around is decoded and searched.
    PercentEncoded,
    /// The start of something that inkprint wrote.
    Written,
}

/// How a rule's secrets are found, for `rules lint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CostClass {
    /// By triggers in the common database.
    Fast(Vec<Trigger>),
    /// By a byte that few lines hold, and the triggers that begin with it.
    Byte(Vec<Trigger>),
    /// Tried where words begin.
    Starts,
    /// By its whole expression in a second database.
    Slow,
}

/// All rules in force, compiled: immutable, shared by all workers.
#[derive(Debug)]
pub struct Detector {
    rules: Vec<Compiled>,
    words: ContextWords,
    literals: Vec<Literal>,
    /// By position of the literal.
    guarded: Vec<Vec<Guarded>>,
    /// By position of the literal: whether a rule's pattern is among its uses.
    begins_patterns: Vec<bool>,
    /// The position of the literal that all begins with which inkprint wrote.
    written: Option<u32>,
    database: Database,
    /// Whether text in base64 is looked for.
    packed: bool,
    rare: RareBytes,
    starts: Option<Starts>,
    slow: Option<SlowRules>,
    /// The rule for private keys over several lines.
    armor: Option<usize>,
}

impl Detector {
    /// Derives the triggers of `set` and compiles them.
    ///
    /// # Errors
    /// [`DatabaseError`] when the engine does not take them.
    pub fn new(set: RuleSet) -> Result<Self, DatabaseError> {
        let mut uses = Uses::default();
        let (mut rare, mut starts, mut slow, mut fast) = (RareBytes::default(), Vec::new(), Vec::new(), Vec::new());
        for (at, rule) in set.rules.iter().enumerate() {
            match way(at, rule, &set.words) {
                Way::Triggers(uses) => fast.extend(uses),
                Way::Byte(triggers) if rare.takes(&triggers) => rare.add(at, triggers),
                Way::Starts(pattern) if starts.len() < starts::MAX_RULES => {
                    starts.push((at, pattern, &rule.not_after[..]))
                }
                _ => slow.push(at),
            }
        }
        let starts = (!starts.is_empty()).then(|| Starts::new(starts.into_iter()));
        let patterns = fast.iter().any(|(_, used)| matches!(used, Use::Pattern { .. }));
        let keys = fast.iter().any(|(_, used)| matches!(used, Use::Key { .. }));
        let encoded = encoded::triggers(keys);
        // Of what has a form of its own: more literals slow the engine down for every log.
        let is_token = |used: &Use| matches!(used, Use::Pattern { rule, .. } if set.rules[*rule].pack == Pack::Tokens);
        let of_tokens =
            fast.iter().filter(|(_, used)| is_token(used)).flat_map(|(trigger, _)| trigger.anchor().literals);
        let escaped: BTreeSet<Literal> = of_tokens.filter_map(|literal| encoded::percent(&literal)).collect();
        fast.into_iter().for_each(|(trigger, used)| uses.add(trigger, used));
        uses.add(Trigger::literal(std::str::from_utf8(fingerprint::PREFIX).unwrap_or_default(), false), Use::Written);
        for runtime in [Runtime::Cri, Runtime::Docker] {
            let triggers = runtime.triggers().iter().map(|text| Trigger::literal(text, false));
            triggers.for_each(|trigger| uses.add(trigger, Use::Partial(runtime)));
        }
        let escaped = escaped.into_iter().map(|literal| (literal, Use::PercentEncoded));
        let encoded = encoded.into_iter().map(|(literal, codec)| (literal, Use::Encoded(codec)));
        encoded.chain(escaped).for_each(|(literal, used)| uses.add_literal(literal, used));
        let (literals, guarded) = uses.into_literals();
        let is_used = |uses: &Vec<Guarded>, fits: fn(&Use) -> bool| uses.iter().any(|guarded| fits(&guarded.used));
        let begins_patterns =
            guarded.iter().map(|uses| is_used(uses, |used| matches!(used, Use::Pattern { .. }))).collect();
        let written = guarded.iter().position(|uses| is_used(uses, |used| matches!(used, Use::Written)));
        let written = written.map(|at| at as u32);
        let slow = if slow.is_empty() { None } else { Some(SlowRules::compile(&set.rules, slow)?) };
        let armor = set.rules.iter().position(|rule| matches!(rule.form, Form::Armor { .. }));
        let rules = set.rules.into_iter().map(Compiled::new).collect();
        let database = Database::compile(&literals)?;
        let packed = patterns || keys;
        Ok(Self {
            rules,
            words: set.words,
            literals,
            guarded,
            begins_patterns,
            written,
            database,
            packed,
            rare,
            starts,
            slow,
            armor,
        })
    }

    /// The rule at a match's index.
    ///
    /// # Panics
    /// When `at` is no index of this detector's rules.
    pub fn rule(&self, at: usize) -> &Rule {
        &self.rules[at].rule
    }

    /// All rules, in the order of their indexes.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// Whether a block in which no trigger occurs holds nothing.
    fn has_only_triggers(&self) -> bool {
        self.rare.is_empty() && self.starts.is_none() && self.slow.is_none()
    }

    /// What the engine looks for: a bare scan for the same is the bound that a bench measures this against.
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// All that the engine's literal matcher is given, with what no log holds.
    pub fn looked_for(&self) -> Vec<Literal> {
        looked_for(&self.literals)
    }
}

/// How `rule` is found.
pub fn cost_class(rule: &Rule, words: &ContextWords) -> CostClass {
    match way(0, rule, words) {
        Way::Triggers(uses) => CostClass::Fast(uses.into_iter().map(|(trigger, _)| trigger).collect()),
        Way::Byte(triggers) => CostClass::Byte(triggers.placed.into_iter().map(|placed| placed.trigger).collect()),
        Way::Starts(_) => CostClass::Starts,
        Way::Slow => CostClass::Slow,
    }
}

/// The triggers that `rule` is found by which lie in the match itself, with their place in it; none for a rule that is found by the
/// words or keys before it, or by its whole expression.
pub fn placed_triggers(rule: &Rule) -> Vec<Placed> {
    let uses = match way(0, rule, &ContextWords::default()) {
        Way::Triggers(uses) => uses,
        Way::Byte(triggers) => return triggers.placed,
        Way::Starts(_) | Way::Slow => return Vec::new(),
    };
    let placed = uses.into_iter().filter_map(|(trigger, used)| match used {
        Use::Pattern { reach, .. } => Some(Placed { trigger, reach }),
        _ => None,
    });
    placed.collect()
}

/// How the places of a rule's candidates are come by.
enum Way<'r> {
    /// The engine looks for triggers, each of which leads to something.
    Triggers(Vec<(Trigger, Use)>),
    /// A byte that few lines hold begins one of these.
    Byte(RareTriggers),
    /// Where a word begins that this pattern may match.
    Starts(&'r Pattern),
    /// By the whole expression.
    Slow,
}

fn way<'r>(at: usize, rule: &'r Rule, words: &ContextWords) -> Way<'r> {
    let Form::Pattern(pattern) = &rule.form else {
        return uses(at, rule, words).map_or(Way::Slow, Way::Triggers);
    };
    // Only where the starts are looked at anyway: for one rule alone that would cost more than any near word.
    let poor_near = rule.near.as_ref().filter(|_| rule.pack == Pack::Personal).is_some_and(|near| {
        near.words.len() > MANY_NEAR || literal_bits(near_triggers(near).iter()) < trigger::USABLE_NEAR
    });
    // Of most rules it need not be known, and at every start that takes longer than all else here.
    let can_be_tried = || starts::can_be_tried(pattern);
    match uses(at, rule, words) {
        // Common words, or many of them, cost more hits than the numbers that they tell of cost looks.
        Some(uses) if !(poor_near && can_be_tried() && uses.iter().all(|(_, used)| used.is_near())) => {
            Way::Triggers(uses)
        }
        _ => match trigger::derive_rare(pattern.hir()) {
            Some(triggers) => Way::Byte(triggers),
            None if can_be_tried() => Way::Starts(pattern),
            None => Way::Slow,
        },
    }
}

/// More near words than this are too many for the engine.
const MANY_NEAR: usize = 12;

/// The triggers of a rule and what a hit of each leads to; `None` when it has no usable one.
fn uses(at: usize, rule: &Rule, words: &ContextWords) -> Option<Vec<(Trigger, Use)>> {
    let literal = |text: &str| Trigger::literal(text, true);
    match &rule.form {
        Form::Keys(form) => Some(
            form.triggers(words)
                .into_iter()
                .map(|(trigger, behind)| (trigger, Use::Key { rule: at, behind }))
                .collect(),
        ),
        Form::Authorization => {
            let header = literal("authorization");
            let len = header.len();
            Some(vec![(header, Use::Header { rule: at, len }), (literal("bearer"), Use::Scheme { rule: at })])
        }
        Form::UrlPassword => Some(vec![(Trigger::literal("://", false), Use::Url { rule: at })]),
        Form::Armor { bodies } => {
            let label = Trigger::literal("PRIVATE KEY", false);
            let bodies =
                bodies.iter().map(|body| (Trigger::literal(body, false), Use::Body { rule: at, len: body.len() }));
            let labels = [label, Trigger::literal(armor::COUNTED, false)].map(|label| (label, Use::Armor { rule: at }));
            Some(labels.into_iter().chain(bodies).collect())
        }
        Form::Pattern(pattern) => {
            let own = trigger::derive(pattern.hir());
            let near = rule.near.as_ref().map(near_triggers);
            match (own, near) {
                (Some(own), Some(near))
                    if literal_bits(near.iter()) > literal_bits(own.iter().map(|p| &p.trigger)) + NEAR_MARGIN =>
                {
                    Some(near_uses(at, near))
                }
                (None, Some(near)) => Some(near_uses(at, near)),
                (Some(own), _) => Some(
                    own.into_iter()
                        .map(|Placed { trigger, reach }| (trigger, Use::Pattern { rule: at, reach }))
                        .collect(),
                ),
                (None, None) => None,
            }
        }
    }
}

/// A pattern's own trigger is the better one unless the near words are clearly rarer: it gives the place at once.
const NEAR_MARGIN: f32 = 3.0;

fn literal_bits<'t>(triggers: impl Iterator<Item = &'t Trigger>) -> f32 {
    triggers.map(Trigger::literal_bits).fold(f32::INFINITY, f32::min)
}

/// The near words as triggers, cut to their last letters: the whole word is looked for again at each hit, and the fewer
/// literals there are, the faster is the engine. Names are told by how they end: `locationiq` begins as every location does.
fn near_triggers(near: &Near) -> Vec<Trigger> {
    let cut = |word: &'_ str| -> String {
        let from = word.char_indices().rev().take(NEAR_LETTERS).last().map_or(0, |(at, _)| at);
        let short = &word[from..];
        let common = trigger::COMMON_WORDS.iter().any(|common| common.starts_with(short) || short.starts_with(common));
        if common { word.to_owned() } else { short.to_owned() }
    };
    let holds_another =
        |word: &String| near.words.iter().any(|other| other.len() < word.len() && word.contains(other.as_str()));
    let mut words: Vec<String> = near.words.iter().filter(|word| !holds_another(word)).map(|word| cut(word)).collect();
    words.sort();
    words.dedup();
    words.iter().map(|word| Trigger::literal(word, true)).collect()
}

/// Letters of a near word that the engine looks for: as many as its matcher takes in at once.
const NEAR_LETTERS: usize = 8;

fn near_uses(at: usize, near: Vec<Trigger>) -> Vec<(Trigger, Use)> {
    near.into_iter().map(|trigger| (trigger, Use::Near { rule: at })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that needs more costs every log as much as all others together.
    #[test]
    fn every_rule_that_is_on_by_default_has_a_trigger() {
        let rules = RuleSet::builtin().and_then(|set| set.selected(&[], &[])).expect("the built-in rules are sound");
        let is_poor = |at: usize| !matches!(way(at, &rules.rules[at], &rules.words), Way::Triggers(_) | Way::Byte(_));
        let poor: Vec<_> = (0..rules.rules.len()).filter(|at| is_poor(*at)).map(|at| &rules.rules[at].id).collect();
        assert!(poor.is_empty(), "{poor:?}");
    }
}
