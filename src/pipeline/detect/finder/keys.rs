//! Values of telling keys and headers.

use super::walls::Line;
use super::{Finder, Found};
use crate::model::Span;
use crate::pipeline::detect::allow::Gate;
use crate::pipeline::detect::candidate::{Refusal, admit_value};
use crate::pipeline::detect::context::{self, Value};
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::encoded::{self, Codec};
use crate::pipeline::detect::resolve::Canonical;
use crate::pipeline::detect::rule::Form;

impl Finder<'_> {
    /// The tail of a key is this phrase, of a rule that such keys tell of; its trigger ends at `end`.
    pub(super) fn confirm_key(
        &mut self,
        block: &[u8],
        line: Line,
        (phrase, end): (Span, usize),
        rule: usize,
    ) -> Result<(), DatabaseError> {
        let text = &block[line.start..line.end];
        let detector = self.detector;
        let words = &detector.words;
        let of = &detector.rules[rule].rule;
        if let Form::Keys(form) = &of.form
            && let Some(key) = context::key_ending(text, phrase.start() - line.start, phrase.end() - line.start, words)
            && form.fits_behind(&block[line.start..phrase.start()], key.start)
        {
            // Behind a separator that is written in a codec, so is what ends the value.
            if let Some(codec) = Codec::of_separator(text, key.end) {
                self.look_inside(block, line, line.start + key.end, codec)?;
                if self.inside.has_read(codec, line.start + key.end) {
                    return Ok(());
                }
            }
            let mut values = std::mem::take(&mut self.values);
            context::values(text, key, form, words, &mut values);
            values.retain(|value| admit_value(of, &text[value.span.range()], value.written));
            if values.is_empty() {
                self.look_below(block, line, rule, form, key);
            }
            let spelling = values.iter().find_map(|value| encoded::spelling(&text[value.span.range()]));
            if let Some(codec) = spelling {
                self.look_inside(block, line, end, codec)?;
            }
            if let Some(seen) = &mut self.seen {
                let key = Span::new(key.start, key.end).shifted(line.start);
                let nothing = values.is_empty().then_some(Found {
                    rule,
                    span: key,
                    key: Some(key),
                    refusal: Some(Refusal::Value),
                });
                let found =
                    |value: &Value| Found { rule, span: value.span.shifted(line.start), key: Some(key), refusal: None };
                seen.extend(nothing.into_iter().chain(values.iter().map(found)));
            }
            if let Some(last) = values.last() {
                self.cover(line, last);
            }
            let so_far = self.candidates.len();
            values.drain(..).for_each(|value| self.push_value(block, line, rule, value));
            self.values = values;
            self.note_key(so_far, line, key.start, key.end);
        }
        Ok(())
    }

    /// The name of a header, of `len` bytes, ends at `end`.
    pub(super) fn confirm_header(
        &mut self,
        block: &[u8],
        line: Line,
        end: usize,
        rule: usize,
        len: usize,
    ) -> Result<(), DatabaseError> {
        let (text, at) = (&block[line.start..line.end], end - line.start);
        let detector = self.detector;
        let words = &detector.words;
        let Some(key) = context::key_ending(text, at - len, at, words) else { return Ok(()) };
        if let Some(codec) = Codec::of_separator(text, key.end) {
            self.look_inside(block, line, line.start + key.end, codec)?;
        }
        match context::of_header(text, key, words) {
            Some(value) => {
                let so_far = self.candidates.len();
                self.push_value(block, line, rule, value);
                self.note_key(so_far, line, key.start, key.end);
            }
            None => {
                let key = Span::new(key.start, key.end).shifted(line.start);
                self.refuse(Found { rule, span: key, key: Some(key), refusal: Some(Refusal::Value) });
            }
        }
        Ok(())
    }

    /// Takes a value, of these offsets in its line.
    pub(super) fn push_value(&mut self, block: &[u8], line: Line, rule: usize, value: Value) {
        let span = value.span.shifted(line.start);
        self.push(block, rule, span, Canonical::Written(value.written), value.add_quotes);
    }

    /// Takes note of the key, of these offsets in the line, before the candidates from `so_far` on: entries may name it.
    pub(super) fn note_key(&mut self, so_far: usize, line: Line, start: usize, end: usize) {
        if let Some(gate) = &mut self.gate {
            gate.note_key(so_far..self.candidates.len(), Span::new(start, end).shifted(line.start));
        }
    }

    /// Takes note of a value that is sure to go, which hides what lies deep in it.
    pub(super) fn cover(&mut self, line: Line, value: &Value) {
        if self.gate.is_none() || !Gate::may_pass(value.span.len()) {
            self.covered = value.span.shifted(line.start);
        }
    }
}
