//! A rule with its automaton, and the gates that a candidate must pass.

use std::sync::OnceLock;

use super::database::DatabaseError;
use super::pattern::{Matcher, PatternMatch};
use super::placeholder;
use super::resolve::Canonical;
use super::rule::{Form, Near, Pack, Rule};
use super::validator;
use crate::model::Span;

/// A rule, and its automaton once it had a candidate.
#[derive(Debug)]
pub struct Compiled {
    /// The rule.
    pub rule: Rule,
    /// Whether its pattern must begin where a word does; `false` for rules without one.
    pub wants_boundary: bool,
    /// Built when first needed: most runs meet a handful of all rules.
    pub matcher: OnceLock<Matcher>,
}

impl Compiled {
    /// Takes a rule; its automaton is left for later.
    pub fn new(rule: Rule) -> Self {
        let wants_boundary = matches!(&rule.form, Form::Pattern(pattern) if pattern.wants_boundary());
        Self { rule, wants_boundary, matcher: OnceLock::new() }
    }

    /// The automaton of a pattern rule.
    ///
    /// # Errors
    /// [`DatabaseError::Scan`] when it cannot be built; the block must then be withheld.
    pub fn matcher(&self) -> Result<&Matcher, DatabaseError> {
        if let Some(matcher) = self.matcher.get() {
            return Ok(matcher);
        }
        let Form::Pattern(pattern) = &self.rule.form else {
            return Err(DatabaseError::Scan(format!("rule {} has no pattern", self.rule.id)));
        };
        let matcher =
            pattern.compile().map_err(|error| DatabaseError::Scan(format!("rule {}: {error}", self.rule.id)))?;
        Ok(self.matcher.get_or_init(|| matcher))
    }
}

/// A confirmed and validated candidate, before overlaps are resolved.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// What goes, as offsets in the block.
    pub span: Span,
    /// Index of the rule.
    pub rule: usize,
    /// How specific the rule is: the greater, the more.
    pub rank: Rank,
    /// Where its canonical secret comes from.
    pub canonical: Canonical,
    /// See [`super::context::Value::add_quotes`].
    pub add_quotes: Option<u8>,
    /// See [`super::resolve::Match::continues`].
    pub continues: bool,
}

/// The order in which rules give their name to an overlap: pack, then what a checksum confirmed, then length, then how much the
/// pattern says of such a match. What is equal in all of these goes to the rule that was loaded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pack: Pack,
    confirmed: bool,
    length: usize,
    specificity: u32,
}

impl Rank {
    /// The rank of a match of `rule` over `secret`.
    pub fn new(rule: &Rule, secret: &[u8]) -> Self {
        let confirmed = rule.validate.iter().any(|validator| validator.is_checksum() && validator.passes(secret));
        let specificity = match &rule.form {
            Form::Pattern(pattern) => pattern.specificity(secret.len()),
            _ => 0,
        };
        Self { pack: rule.pack, confirmed, length: secret.len(), specificity }
    }
}

/// Why a candidate was refused; shown by `rules explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A word begins earlier: the match would be the tail of something else.
    Boundary,
    /// It is a stand-in such as `xxxx`.
    Placeholder,
    /// Its entropy is below the rule's least.
    Entropy,
    /// A required validator says no.
    Validator(validator::Validator),
    /// None of the words stands near by.
    Near,
    /// The key is a telling one, but what stands there is no secret, or nothing does.
    Value,
}

/// Whether a pattern's match passes the rule's gates. `reach_back` is the first offset of `line` that near words may stand at.
pub fn admit(rule: &Rule, line: &[u8], found: PatternMatch, reach_back: usize) -> Result<(), Refusal> {
    let secret = &line[found.secret.range()];
    let is_placeholder = match rule.pack {
        // What such a pattern finds is known by what stands around it, as the value of a key is.
        Pack::Context => placeholder::is_placeholder_value(secret),
        _ => placeholder::is_placeholder_token(secret),
    };
    if is_placeholder {
        return Err(Refusal::Placeholder);
    }
    if rule.entropy.is_some_and(|least| validator::bits_per_character(secret) < least) {
        return Err(Refusal::Entropy);
    }
    if let Some(&validator) = rule.require.iter().find(|validator| !validator.passes(secret)) {
        return Err(Refusal::Validator(validator));
    }
    match &rule.near {
        Some(near) if !near_word(near, line, reach_back, found.secret.start()) => Err(Refusal::Near),
        _ => Ok(()),
    }
}

fn near_word(near: &Near, line: &[u8], reach_back: usize, secret: usize) -> bool {
    let from = secret.saturating_sub(near.reach()).max(reach_back.min(secret));
    let before = line[from..secret].to_ascii_lowercase();
    near.words.iter().any(|word| {
        memchr::memmem::rfind(&before, word.as_bytes())
            .is_some_and(|at| before.len() - (at + word.len()) <= near.within)
    })
}
