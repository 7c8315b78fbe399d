//! Matches of patterns: where their triggers say that they begin, or wherever they may.

use super::walls::Line;
use super::{Finder, Found};
use crate::model::Span;
use crate::pipeline::detect::candidate::{Refusal, admit};
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::encoded::Codec;
use crate::pipeline::detect::pattern::PatternMatch;
use crate::pipeline::detect::resolve::Canonical;
use crate::pipeline::detect::rule::{Form, Kind, Pack};
use crate::pipeline::detect::trigger::Reach;
use crate::pipeline::detect::{boundary, context, decode, personal};

impl Finder<'_> {
    pub(super) fn confirm_pattern(
        &mut self,
        block: &[u8],
        line: Line,
        end: usize,
        rule: usize,
        reach: Reach,
    ) -> Result<(), DatabaseError> {
        let segment = self.walls.between(line, end - 1);
        if end < segment.start + reach.min {
            return Ok(());
        }
        let last = end - reach.min;
        if reach.max == Some(reach.min) {
            return self.confirm_at(block, line, segment, rule, last);
        }
        let first = reach.max.map_or(segment.start, |max| end.saturating_sub(max).max(segment.start));
        // Of an address only the longest goes: each at sign is looked at by itself.
        if self.detector.rules[rule].rule.kind == Kind::Personal {
            return self.search(block, line, rule, first, last);
        }
        self.look_near(block, line, rule, first, last)
    }

    /// Confirms a match that can only begin at `start`.
    pub(super) fn confirm_at(
        &mut self,
        block: &[u8],
        line: Line,
        segment: Line,
        rule: usize,
        start: usize,
    ) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let compiled = &detector.rules[rule];
        let Form::Pattern(pattern) = &compiled.rule.form else { return Ok(()) };
        let text = &block[line.start..line.end];
        let begins = !pattern.wants_boundary() || boundary::begins_word(text, start - line.start);
        if !begins && self.seen.is_none() {
            return Ok(());
        }
        let matcher = compiled.matcher()?;
        let cache = self.caches[rule].get_or_insert_with(|| matcher.create_cache());
        let limit = segment.end.min(start.saturating_add(pattern.max_len()).saturating_add(1));
        let window = Span::new(start - line.start, limit - line.start);
        match matcher.at(cache, text, window) {
            Some(found) if begins => self.consider(block, line, segment, rule, found)?,
            Some(found) => {
                let span = found.secret.shifted(line.start);
                self.refuse(Found { rule, span, key: None, refusal: Some(Refusal::Boundary) });
            }
            None => {}
        }
        Ok(())
    }

    /// Confirms every match that begins from `first` to `last`, each start tried: an earlier one does not hide a later one.
    pub(super) fn search(
        &mut self,
        block: &[u8],
        line: Line,
        rule: usize,
        first: usize,
        last: usize,
    ) -> Result<(), DatabaseError> {
        let (detector, explains) = (self.detector, self.seen.is_some());
        let compiled = &detector.rules[rule];
        let Form::Pattern(pattern) = &compiled.rule.form else { return Ok(()) };
        let text = &block[line.start..line.end];
        let any_start = explains || !pattern.wants_boundary();
        let hidden = !any_start && boundary::may_hide_starts(text, first - line.start, last + 1 - line.start);
        let may_begin = |at: usize| {
            any_start
                || at.checked_sub(1).is_none_or(|before| !boundary::is_word(text[before]))
                || (hidden && boundary::may_begin_word(text, at))
        };
        let mut start = first;
        while start <= last.min(line.end) {
            let segment = self.walls.between(line, start);
            let matcher = compiled.matcher()?;
            let cache = self.caches[rule].get_or_insert_with(|| matcher.create_cache());
            let limit = segment.end.min(last.saturating_add(pattern.max_len()).saturating_add(1));
            if start < limit {
                let window = Span::new(start - line.start, limit - line.start);
                if let Some(found) = matcher.find_from(cache, text, window, last - line.start, may_begin) {
                    start = found.whole.start() + line.start + 1;
                    if !pattern.wants_boundary() || boundary::begins_word(text, found.whole.start()) {
                        let so_far = self.candidates.len();
                        self.consider(block, line, segment, rule, found)?;
                        // Of an address, what begins later with the same at sign is only a part of it.
                        let has_last = found.whole.end() + line.start > last;
                        if compiled.rule.kind == Kind::Personal && has_last && self.candidates.len() > so_far {
                            break;
                        }
                    } else {
                        let span = found.secret.shifted(line.start);
                        self.refuse(Found { rule, span, key: None, refusal: Some(Refusal::Boundary) });
                    }
                    continue;
                }
            }
            // Nothing more before the next wall; go on behind it.
            match self.walls.behind(start.max(segment.end)) {
                Some(wall) if wall.end() <= last => start = wall.end(),
                _ => break,
            }
        }
        Ok(())
    }

    pub(super) fn consider(
        &mut self,
        block: &[u8],
        line: Line,
        segment: Line,
        rule: usize,
        found: PatternMatch,
    ) -> Result<(), DatabaseError> {
        let of = &self.detector.rules[rule].rule;
        let text = &block[line.start..line.end];
        let found = match of.pack {
            // Up to the next mark: none is a part of an argument.
            Pack::Context => {
                let text = &text[..segment.end - line.start];
                PatternMatch { secret: context::whole_argument(text, found.whole, found.secret), ..found }
            }
            _ => found,
        };
        let span = found.secret.shifted(line.start);
        if span.is_empty() {
            return Ok(());
        }
        // What such a pattern finds is known by what stands around it, so words are no more values of it than of a key.
        let is_word = of.pack == Pack::Context && self.detector.words.is_no_value(&block[span.range()]);
        let refusal = match admit(of, text, found, segment.start - line.start) {
            Ok(()) if is_word => Refusal::Value,
            Ok(()) => {
                let written = match of.encoding {
                    Some(encoding) => encoding.written(),
                    None => decode::written_token(&block[span.range()]),
                };
                let canonical = Canonical::Written(written);
                let is_personal = of.kind == Kind::Personal;
                let add_quotes = if is_personal { personal::json_quotes(text, found.secret) } else { None };
                self.push(block, rule, span, canonical, add_quotes);
                // An escape ends what the pattern can read, and may be in the midst of the secret.
                if !is_personal && let Some(codec) = Codec::going_on(block, span) {
                    self.look_inside(block, line, span.end(), codec)?;
                }
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        // With a mark in the place of a token in it, what is left of a value may be judged otherwise.
        if refusal == Refusal::Placeholder || (of.pack == Pack::Context && refusal != Refusal::Near) {
            self.doubts.push(line.start);
        }
        self.refuse(Found { rule, span, key: None, refusal: Some(refusal) });
        Ok(())
    }
}
