//! A rule with its automaton, and the gates that a candidate must pass.

use std::cmp::Ordering;
use std::sync::OnceLock;

use super::action::Action;
use super::context::Written;
use super::database::DatabaseError;
use super::decode;
use super::encoded::Layer;
use super::pattern::{Matcher, PatternMatch};
use super::personal;
use super::placeholder;
use super::resolve::Canonical;
use super::rule::{Encoding, Form, Kind, Near, Pack, Rule};
use super::validator;
use crate::model::{Secret, Span};

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
    /// The text that it was found in.
    pub origin: Origin,
}

/// The text that a candidate was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The block as it stands.
    Block,
    /// What a codec of this layer makes of a part of it.
    Decoded(Layer),
    /// A message that was put together from its parts.
    Message,
}

impl Candidate {
    /// The order in which candidates are joined. Those that are equal in it give the same match: the order in which they were found must
    /// decide nothing, as it depends on what else is in the block.
    pub fn order(&self, other: &Self, decoded: &[Secret<'static>]) -> Ordering {
        let place = |candidate: &Self| (candidate.span.start(), candidate.span.end());
        // Of two that are the same but for what they are a part of, the one with a mark of its own comes first.
        let kind = |candidate: &Self| {
            let &Self { rule, continues, canonical, origin, rank, add_quotes, .. } = candidate;
            (rule, continues, matches!(canonical, Canonical::Decoded(_)), origin, rank, add_quotes)
        };
        let by_secret = || match (self.canonical, other.canonical) {
            (Canonical::Written(one), Canonical::Written(two)) => one.cmp(&two),
            (Canonical::Decoded(one), Canonical::Decoded(two)) => decoded[one].expose().cmp(decoded[two].expose()),
            _ => Ordering::Equal,
        };
        place(self).cmp(&place(other)).then_with(|| kind(self).cmp(&kind(other))).then_with(by_secret)
    }

    /// Whether this one, of two that overlap, gives the match its name and its canonical secret.
    ///
    /// What was found by decoding explains what it covers: the same bytes, read as they stand, are but an encoded text to a rule
    /// that knows nothing of it. A structured token that has a packed text for its body is an exception, as `eyJ…` has; so is a value of
    /// whose place it is known how it is written, as in a query: to undo more than that would make another secret of it.
    ///
    /// Who searched a message as one saw all that is found in one of its parts alone, and more: what that covers is but a piece of
    /// it, however well the piece can be read.
    pub fn outranks(&self, other: &Self) -> bool {
        match (self.origin, other.origin) {
            (Origin::Message, Origin::Message) => self.rank > other.rank,
            (Origin::Message, _) if self.span.covers(other.span) => true,
            (_, Origin::Message) if other.span.covers(self.span) => false,
            (Origin::Decoded(_), Origin::Decoded(_)) => self.rank > other.rank,
            (Origin::Decoded(layer), _) => self.explains(layer, other),
            (_, Origin::Decoded(layer)) => !other.explains(layer, self),
            _ => self.rank > other.rank,
        }
    }

    fn explains(&self, layer: Layer, plain: &Self) -> bool {
        if !self.span.covers(plain.span) {
            return self.rank > plain.rank;
        }
        let of_its_own = match layer {
            Layer::Packed if plain.span.covers(self.span) => plain.rank.pack == Pack::Tokens,
            _ => false,
        };
        let knows_its_spelling = match plain.canonical {
            Canonical::Written(Written::Raw) | Canonical::Decoded(_) => false,
            Canonical::Written(Written::Basic) => true,
            Canonical::Written(_) => layer != Layer::Packed,
        };
        !(of_its_own || (knows_its_spelling && self.rank.pack < Pack::Tokens))
    }
}

/// The order in which rules give their name to an overlap: pack, then what a checksum confirmed, then length, then how much the
/// pattern says of such a match. What is equal in all of these goes to the rule that was loaded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pack: Pack,
    confirmed: bool,
    length: usize,
    specificity: u32,
    action: Action,
}

impl Rank {
    /// The rank of a match of `rule` over `secret`.
    pub fn new(rule: &Rule, secret: &[u8]) -> Self {
        let confirmed = rule.validate.iter().any(|validator| validator.is_checksum() && validator.passes(secret));
        let specificity = match &rule.form {
            Form::Pattern(pattern) => pattern.specificity(secret.len()),
            _ => 0,
        };
        Self { pack: rule.pack, confirmed, length: secret.len(), specificity, action: rule.action }
    }

    /// What the rule does with what it finds; the last in the order, so that it decides nothing.
    pub fn action(&self) -> Action {
        self.action
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
    /// What stands directly before it makes it a part of something else.
    Before,
    /// None of the words stands near by.
    Near,
    /// The key is a telling one, but what stands there is no secret, or nothing does.
    Value,
}

fn is_placeholder(rule: &Rule, secret: &[u8]) -> bool {
    match rule.pack {
        // What such a pattern finds is known by what stands around it, as the value of a key is.
        Pack::Context => placeholder::is_placeholder_value(secret),
        _ => placeholder::is_placeholder_token(secret),
    }
}

/// Whether a pattern's match passes the rule's gates. `reach_back` is the first offset of `line` that near words may stand at.
pub fn admit(rule: &Rule, line: &[u8], found: PatternMatch, reach_back: usize) -> Result<(), Refusal> {
    let secret = &line[found.secret.range()];
    // Of a number with a check digit its own sum says whether it is one; there are telephone numbers of one digit.
    if rule.kind == Kind::Personal {
        if is_part_of_another(rule, line, found) {
            return Err(Refusal::Before);
        }
    } else if is_placeholder(rule, secret) {
        return Err(Refusal::Placeholder);
    }
    if found.whole.start().checked_sub(1).is_some_and(|before| rule.not_after.contains(&line[before])) {
        return Err(Refusal::Before);
    }
    if rule.entropy.is_some_and(|least| validator::bits_per_character(secret) < least) {
        return Err(Refusal::Entropy);
    }
    if let Some(&validator) = rule.require.iter().find(|validator| !validator.passes(secret)) {
        return Err(Refusal::Validator(validator));
    }
    match &rule.near {
        Some(near) => {
            let apart = rule.kind == Kind::Personal;
            let stands = near_word(near, line, reach_back, found.secret.start(), apart);
            if stands { Ok(()) } else { Err(Refusal::Near) }
        }
        None => Ok(()),
    }
}

/// Whether a key's value passes the rule's gates.
pub fn admit_value(rule: &Rule, text: &[u8], written: Written) -> bool {
    if rule.entropy.is_none() && rule.require.is_empty() {
        return true;
    }
    let secret = decode::canonical(text, written);
    let secret = secret.expose();
    rule.entropy.is_none_or(|least| validator::bits_per_character(secret) >= least)
        && rule.require.iter().all(|validator| validator.passes(secret))
}

/// Whether personal data would be cut out of an escape, a URL's user-info or a product's version.
fn is_part_of_another(rule: &Rule, line: &[u8], found: PatternMatch) -> bool {
    let start = found.whole.start();
    personal::begins_in_escape(line, start)
        || (rule.encoding == Some(Encoding::Email) && personal::in_user_info(line, start))
        || (rule.encoding == Some(Encoding::Ip) && personal::is_product_version(line, found.secret))
}

/// Words shorter than this are a part of many others (`sin` of `using`).
const SHORT_WORD: usize = 5;

/// Whether one of the words stands near by; with `apart`, a short one must be a word of its own.
fn near_word(near: &Near, line: &[u8], reach_back: usize, secret: usize, apart: bool) -> bool {
    let from = secret.saturating_sub(near.reach()).max(reach_back.min(secret));
    let before = &line[from..secret];
    near.words.iter().any(|word| {
        let Some((first, rest)) = word.as_bytes().split_first() else { return false };
        // The window is short, so that a search by the first letter in both its cases is sooner over than one that must prepare.
        let begins = memchr::memchr2_iter(*first, first.to_ascii_uppercase(), before).rev();
        let whole =
            |at: &usize| before.get(at + 1..at + word.len()).is_some_and(|text| text.eq_ignore_ascii_case(rest));
        let mut near_by = begins.filter(whole).take_while(|at| before.len() - (at + word.len()) <= near.within);
        if !apart || word.len() >= SHORT_WORD {
            return near_by.next().is_some();
        }
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
        near_by.any(|at| {
            // `userSin=` is one, too.
            let end = at + word.len();
            let joined = at > 0 && is_letter(before.get(at - 1)) && !before[at].is_ascii_uppercase();
            let goes_on = is_letter(before.get(end)) && !before[end].is_ascii_uppercase();
            !joined && !goes_on
        })
    })
}
