//! What the rules make of a line: which of them meet it, which are refused and why, and which gives its name where several find
//! the same.
//!
//! An explanation holds places and verdicts, and no byte of the line; showing the line is for the caller to decide, and
//! [`Explanation::masked`] tells what must not be shown.

use crate::model::{RuleId, Span};
use crate::pipeline::detect::rule::Rule;
use crate::pipeline::detect::validator::{Validator, bits_per_character};
use crate::pipeline::detect::{DatabaseError, Detector, Finder, Found, Match, Refusal};

/// What became of what a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes, under the rule's own name.
    Redacted,
    /// It goes, under the name of another rule, which is the more specific one.
    RedactedAs(RuleId),
    /// The rule leaves it; another one takes it.
    RefusedButRedactedAs(Refusal, RuleId),
    /// It stays.
    Refused(Refusal),
}

impl Verdict {
    /// Why the rule leaves it, if it does.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Redacted | Self::RedactedAs(_) => None,
            Self::RefusedButRedactedAs(refusal, _) | Self::Refused(refusal) => Some(*refusal),
        }
    }

    /// The rule under whose name it goes, if it does and that is another one.
    pub fn named_by(&self) -> Option<&RuleId> {
        match self {
            Self::RedactedAs(rule) | Self::RefusedButRedactedAs(_, rule) => Some(rule),
            Self::Redacted | Self::Refused(_) => None,
        }
    }
}

/// A validator's word on a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validated {
    /// Which.
    pub validator: Validator,
    /// Whether the rule demands it; otherwise it only raises confidence.
    pub required: bool,
    /// Whether the secret passes.
    pub passes: bool,
}

/// A rule that met a line.
#[derive(Clone, Debug)]
pub struct Meeting<'d> {
    /// The rule.
    pub rule: &'d Rule,
    /// The secret's place in the line; the key's, where it leads to no secret.
    pub span: Span,
    /// The key before it, for rules that go by keys.
    pub key: Option<Span>,
    /// What became of it.
    pub verdict: Verdict,
    /// Bits for each character of the secret; `None` where there is none.
    pub entropy: Option<f32>,
    /// What the rule's validators say.
    pub validators: Vec<Validated>,
}

/// A line, explained.
#[derive(Clone, Debug)]
pub struct Explanation<'d> {
    /// Every rule that met it, by place.
    pub meetings: Vec<Meeting<'d>>,
    /// What may be a secret, ascending and disjoint: all that goes, and what was refused besides.
    pub masked: Vec<Span>,
}

/// Explains lines under one set of rules.
#[derive(Debug)]
pub struct Explainer<'d> {
    detector: &'d Detector,
    finder: Finder<'d>,
}

impl<'d> Explainer<'d> {
    /// An explainer with its own working memory.
    ///
    /// # Errors
    /// [`DatabaseError::Scratch`] when there is no memory for it.
    pub fn new(detector: &'d Detector) -> Result<Self, DatabaseError> {
        Ok(Self { detector, finder: Finder::new(detector)? })
    }

    /// What the rules make of `line`.
    ///
    /// # Errors
    /// [`DatabaseError`] when it could not be scanned.
    pub fn explain(&mut self, line: &[u8]) -> Result<Explanation<'d>, DatabaseError> {
        let found = self.finder.explain(line)?;
        let matches = self.finder.find(line)?.all;
        let meetings: Vec<Meeting<'d>> =
            found.iter().map(|found| meeting(self.detector, matches, found, line)).collect();
        let refused = found.iter().filter(|found| found.refusal.is_some()).map(|found| match found.key {
            Some(key) => behind_key(line, key),
            None => found.span,
        });
        let masked = union(matches.iter().map(|found| found.span).chain(refused).collect());
        Ok(Explanation { meetings, masked })
    }
}

fn meeting<'d>(detector: &'d Detector, matches: &[Match], found: &Found, line: &[u8]) -> Meeting<'d> {
    let rule = detector.rule(found.rule);
    let gone = matches.iter().find(|gone| gone.span.covers(found.span));
    let other = gone.filter(|gone| gone.rule != found.rule).map(|gone| detector.rule(gone.rule).id.clone());
    let verdict = match (found.refusal, other) {
        (None, None) => Verdict::Redacted,
        (None, Some(name)) => Verdict::RedactedAs(name),
        (Some(refusal), Some(name)) => Verdict::RefusedButRedactedAs(refusal, name),
        (Some(refusal), None) => Verdict::Refused(refusal),
    };
    let secret = (found.refusal != Some(Refusal::Value)).then(|| &line[found.span.range()]);
    let validated = |required| {
        move |&validator: &Validator| {
            secret.map(|secret| Validated { validator, required, passes: validator.passes(secret) })
        }
    };
    let validators = rule
        .require
        .iter()
        .filter_map(validated(true))
        .chain(rule.validate.iter().filter_map(validated(false)))
        .collect();
    Meeting { rule, span: found.span, key: found.key, verdict, entropy: secret.map(bits_per_character), validators }
}

/// What stands behind a key that leads to no secret. That verdict may be the mistake which is being looked for, so it is not shown
/// either.
fn behind_key(line: &[u8], key: Span) -> Span {
    let rest = &line[key.end()..];
    let is_joint = |byte: &&u8| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b':' | b'=' | b'>' | b']' | b' ' | b'\t');
    let start = key.end() + rest.iter().take_while(is_joint).count();
    let quote = line[..start].last().copied().filter(|byte| start > key.end() && matches!(byte, b'"' | b'\'' | b'`'));
    let ends = |byte: &&u8| match quote {
        Some(quote) => **byte == quote,
        None => matches!(**byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\r'),
    };
    let length = line[start..].iter().take_while(|byte| **byte != b'\n' && !ends(byte)).count();
    Span::new(start, start + length)
}

/// The same bytes as disjoint spans, ascending.
pub(super) fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.is_empty());
    spans.sort();
    let mut all: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match all.last_mut() {
            Some(last) if span.start() <= last.end() => *last = last.union(span),
            _ => all.push(span),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::rule::RuleSet;

    fn explained(line: &str) -> Vec<(String, Verdict, Option<String>)> {
        let detector = Detector::new(RuleSet::builtin().expect("they load")).expect("they compile");
        let explanation = Explainer::new(&detector).expect("memory").explain(line.as_bytes()).expect("it scans");
        let key = |meeting: &Meeting<'_>| meeting.key.map(|key| line[key.range()].to_owned());
        explanation
            .meetings
            .iter()
            .map(|meeting| (meeting.rule.id.to_string(), meeting.verdict.clone(), key(meeting)))
            .collect()
    }

    #[test]
    fn the_rule_that_names_an_overlap_is_told() {
        let all = explained("DB_PASSWORD=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");
        let name = RuleId::new("github-pat").expect("an id");
        assert!(all.contains(&("github-pat".to_owned(), Verdict::Redacted, None)), "{all:?}");
        assert!(
            all.contains(&("password".to_owned(), Verdict::RedactedAs(name), Some("DB_PASSWORD".to_owned()))),
            "{all:?}"
        );
    }

    #[test]
    fn refusals_are_told_with_their_reason() {
        for (line, rule, refusal) in [
            ("t=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "github-pat", Refusal::Placeholder),
            ("a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", "github-pat", Refusal::Boundary),
            ("password=${DB_PASSWORD}", "password", Refusal::Value),
            ("Authorization: Bearer $TOKEN", "authorization", Refusal::Value),
        ] {
            let all = explained(line);
            assert!(
                all.iter().any(|(id, verdict, _)| id == rule && *verdict == Verdict::Refused(refusal)),
                "{line}: {all:?}"
            );
        }
    }

    #[test]
    fn what_was_refused_is_masked_too() {
        let detector = Detector::new(RuleSet::builtin().expect("they load")).expect("they compile");
        let line = b"password: notAsecret1? \"token\":\"see the manual\" k=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";
        let explanation = Explainer::new(&detector).expect("memory").explain(line).expect("it scans");
        let masked: Vec<_> =
            explanation.masked.iter().map(|span| String::from_utf8_lossy(&line[span.range()])).collect();
        assert_eq!(masked, ["notAsecret1?", "see the manual", "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"]);
    }
}
