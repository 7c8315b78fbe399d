//! Where a finder's candidates meet the allow list, before overlaps are resolved.

use std::ops::Range;

use super::{AllowList, MAX_ALLOWED, Scope};
use crate::model::{Secret, Span};
use crate::pipeline::detect::candidate::Candidate;
use crate::pipeline::detect::resolve::{Canonical, Match};
use crate::pipeline::detect::{Detector, decode};

/// A secret that stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Its place.
    pub span: Span,
    /// Index of the entry that allows it.
    pub entry: usize,
    /// Index of the rule that found it.
    pub rule: usize,
}

/// One finder's view of an allow list.
#[derive(Debug)]
pub struct Gate<'d> {
    list: &'d AllowList,
    /// The entries that hold for the input at hand.
    pub scope: Scope,
    /// The keys by which candidates were found.
    keys: Vec<(Range<usize>, Span)>,
    /// What was let through in the block at hand.
    passed: Vec<Allowed>,
}

impl<'d> Gate<'d> {
    /// A gate that lets through what `list` allows for an input without a name.
    pub fn new(list: &'d AllowList) -> Self {
        Self { list, scope: Scope::default(), keys: Vec::new(), passed: Vec::new() }
    }

    /// Forgets the last block.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.passed.clear();
    }

    /// Another gate of the same list, for a text that stands inside of the block or across its lines.
    pub fn again(&self) -> Self {
        Self { scope: self.scope.clone(), ..Self::new(self.list) }
    }

    /// Takes over what such a gate has let through: it stands somewhere in `span`.
    pub fn take_over(&mut self, passed: &[Allowed], span: Span) {
        self.passed.extend(passed.iter().map(|allowed| Allowed { span, ..*allowed }));
    }

    /// Takes note that these candidates, by their numbers, stand behind `key`.
    pub fn note_key(&mut self, candidates: Range<usize>, key: Span) {
        if !candidates.is_empty() {
            self.keys.push((candidates, key));
        }
    }

    /// Whether what is written in so many bytes can be allowed at all. What cannot hides what stands deep inside it.
    pub fn may_pass(written: usize) -> bool {
        written <= 2 * MAX_ALLOWED
    }

    /// Takes out of `candidates`, in the order in which they were found, what the list allows.
    pub fn filter(
        &mut self,
        detector: &Detector,
        candidates: &mut Vec<Candidate>,
        block: &[u8],
        decoded: &[Secret<'static>],
    ) {
        let (mut at, mut next_key) = (0, 0);
        let Self { list, scope, keys, passed } = self;
        candidates.retain(|candidate| {
            let number = at;
            at += 1;
            while keys.get(next_key).is_some_and(|(numbers, _)| numbers.end <= number) {
                next_key += 1;
            }
            if !Self::may_pass(candidate.span.len()) {
                return true;
            }
            let key = keys.get(next_key).filter(|(numbers, _)| numbers.contains(&number));
            let secret = match candidate.canonical {
                Canonical::Written(written) => decode::canonical(&block[candidate.span.range()], written),
                Canonical::Decoded(at) => Secret::borrowed(decoded[at].expose()),
            };
            let key = key.map(|(_, key)| &block[key.range()]);
            let entry = list.judge(candidate.rule, detector.rule(candidate.rule), &secret, key, scope);
            passed.extend(entry.map(|entry| Allowed { span: candidate.span, entry, rule: candidate.rule }));
            entry.is_none()
        });
    }

    /// What was let through, each stretch of an entry once.
    ///
    /// A stretch of which another rule has taken a part stays as it is in name only: it does not count.
    pub fn settle(&mut self, matches: &[Match]) {
        let goes = |span: Span| {
            let next = matches.partition_point(|found| found.span.end() <= span.start());
            matches.get(next).is_some_and(|found| found.span.start() < span.end())
        };
        self.passed.sort_unstable_by_key(|passed| (passed.entry, passed.span.start(), passed.span.end()));
        let mut last: Option<(usize, Span)> = None;
        self.passed.retain(|passed| {
            let again = last.is_some_and(|(entry, span)| entry == passed.entry && passed.span.start() < span.end());
            if !again {
                last = Some((passed.entry, passed.span));
            }
            !again && !goes(passed.span)
        });
    }

    /// See [`Allowed`].
    pub fn passed(&self) -> &[Allowed] {
        &self.passed
    }
}
