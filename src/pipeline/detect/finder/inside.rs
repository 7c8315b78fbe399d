//! The search of decoded texts: the same rules, by a finder of their own, and the way back to the bytes that go.

use std::collections::BTreeMap;

use super::Finder;
use super::walls::Line;
use crate::model::{Secret, Span};
use crate::pipeline::detect::candidate::{Candidate, Origin, Rank};
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::encoded::packed::{self, Packed};
use crate::pipeline::detect::encoded::{Codec, Layer, MAX_DEPTH};
use crate::pipeline::detect::resolve::Canonical;
use crate::pipeline::detect::rule::Pack;

/// What one worker knows of the regions of its block.
#[derive(Debug, Default)]
pub(super) struct Inside<'d> {
    /// The finder of decoded texts, made for the first of them.
    finder: Option<Box<Finder<'d>>>,
    /// So many codecs are undone already.
    depth: u8,
    /// By codec: where each region that was decoded ends and begins. They do not come in order: what stands in base64 is looked into last, and
    /// by then lines behind it were.
    regions: [BTreeMap<usize, usize>; Codec::SLOTS],
    /// Bytes of the line at hand that were decoded, and where that line begins.
    decoded: usize,
    line: usize,
    /// For a text that was decoded itself: so many may be, of all of it, as the line around it has left.
    left: Option<usize>,
}

/// In a line of so many bytes, and some for short ones, only so many times as many are decoded, all layers together: enough for whatever
/// is written by accident, and an end to what is written to keep us busy.
const MOST_DECODED: usize = 32;
const SOME: usize = 4 * 1024;

impl<'d> Inside<'d> {
    /// That of another finder, as deep as this one.
    pub(super) fn another(&self) -> Self {
        Self { depth: self.depth, ..Self::default() }
    }

    /// From now on, the text is a part of one that was decoded, if the text of `other` is: no more of it may be.
    pub(super) fn stand_in_for(&mut self, other: &Self) {
        self.left = other.left.map(|left| left.saturating_sub(other.decoded));
    }

    /// Counts what was decoded on behalf of this one, as far as that is limited by a text that was decoded itself.
    pub(super) fn count(&mut self, other: &Self) {
        if self.left.is_some() {
            self.decoded += other.decoded;
        }
    }

    /// The finder of decoded texts, once there was one.
    #[cfg(test)]
    pub(super) fn finder(&self) -> Option<&Finder<'d>> {
        self.finder.as_deref()
    }

    /// Forgets the block before.
    pub(super) fn begin(&mut self) {
        self.regions.iter_mut().for_each(BTreeMap::clear);
        (self.decoded, self.line) = (0, usize::MAX);
    }

    /// How many bytes of `line` may be decoded.
    fn most(&mut self, line: Line) -> usize {
        self.left.unwrap_or_else(|| {
            if self.line != line.start {
                (self.decoded, self.line) = (0, line.start);
            }
            (line.end - line.start).saturating_add(SOME).saturating_mul(MOST_DECODED)
        })
    }

    /// Whether the text that ends at `end` was decoded.
    pub(super) fn has_read(&self, codec: Codec, end: usize) -> bool {
        self.regions[codec.slot(end)].range(end..).next().is_some_and(|(_, start)| *start < end)
    }

    /// Where the last region ends that was decoded before the text that ends at `end`.
    fn read_before(&self, codec: Codec, end: usize) -> usize {
        self.regions[codec.slot(end)].range(..end).next_back().map_or(0, |(end, _)| *end)
    }
}

impl<'d> Finder<'d> {
    /// Decodes what stands in base64 and is no part of a token that goes whole: a web token's own parts are nobody's secrets.
    pub(super) fn look_into_packed(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        let packed = std::mem::take(&mut self.packed);
        let tokens: Vec<Span> = if packed.is_empty() { Vec::new() } else { self.tokens() };
        // A line may hold very many of them: where it ends is looked for once.
        let mut line = Line::default();
        for &Packed { end, phase } in &packed {
            let next = tokens.partition_point(|token| token.end() < end);
            let goes = tokens.get(next).is_some_and(|token| token.start() + packed::SHORTEST <= end);
            if !goes && !self.walls.hold(end) {
                if !line.holds(end) {
                    line = Line::around(block, end);
                }
                self.look_inside(block, line, end, Codec::Base64 { phase })?;
            }
        }
        self.packed = packed;
        Ok(())
    }

    /// Where tokens stand, by what is known so far; ascending, those that overlap as one.
    fn tokens(&self) -> Vec<Span> {
        let is_token = |c: &&Candidate| {
            self.detector.rules[c.rule].rule.pack == Pack::Tokens && !matches!(c.origin, Origin::Decoded(_))
        };
        let mut spans: Vec<Span> = self.candidates.iter().filter(is_token).map(|c| c.span).collect();
        spans.sort_unstable_by_key(|span| span.start());
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.start() < last.end() => *last = Span::new(last.start(), last.end().max(span.end())),
                _ => joined.push(span),
            }
        }
        joined
    }

    /// Decodes the region around a trigger that ends at `end`, unless that was done, and takes over what is found in it.
    pub(super) fn look_inside(
        &mut self,
        block: &[u8],
        line: Line,
        end: usize,
        codec: Codec,
    ) -> Result<(), DatabaseError> {
        if self.inside.depth == MAX_DEPTH || self.inside.has_read(codec, end) {
            return Ok(());
        }
        let most = self.inside.most(line);
        if self.inside.decoded > most {
            return Ok(());
        }
        // Other texts show a mark as it is, and the search knows it there. In base64 it would be but more characters.
        let around = if codec.layer() == Layer::Packed { self.walls.between(line, end - 1) } else { line };
        let done = self.inside.read_before(codec, end).max(around.start);
        let region = codec.region(block, Span::new(around.start, around.end), end, done);
        self.inside.decoded += region.len();
        self.doubts.push(line.start);
        if let Some(codec) = codec.around(block, region) {
            self.look_inside(block, line, end, codec)?;
        }
        let mut finder = match self.inside.finder.take() {
            Some(finder) => finder,
            None => {
                let mut finder = self.another()?;
                finder.inside.depth = self.inside.depth + 1;
                finder
            }
        };
        finder.inside.left = Some(most.saturating_sub(self.inside.decoded));
        let outcome = self.take_over(block, region, end, codec, &mut finder);
        self.inside.decoded += finder.inside.decoded;
        self.inside.finder = Some(finder);
        outcome
    }

    fn take_over(
        &mut self,
        block: &[u8],
        region: Span,
        end: usize,
        codec: Codec,
        finder: &mut Finder<'d>,
    ) -> Result<(), DatabaseError> {
        let decoded = codec.decode(block, region, end);
        if let Some(gate) = &self.gate {
            finder.enter(&gate.scope);
        }
        let matches = finder.find(&decoded.text)?;
        if let Some(gate) = &mut self.gate {
            gate.take_over(matches.allowed, region);
        }
        let inner: Vec<Span> = matches.all.iter().map(|found| found.span).collect();
        let spans: Vec<Span> = decoded.spans(&inner).into_iter().map(|span| span.shifted(region.start())).collect();
        for (found, span) in matches.all.iter().zip(&spans) {
            let written = &block[span.range()];
            let secret = match codec.can_have_written(written) {
                true => Secret::owned(matches.canonical(&decoded.text, found).expose().to_vec()),
                // A password with percent signs of its own, in a text that is not encoded.
                false => Secret::owned(written.to_vec()),
            };
            let rank = Rank::new(&self.detector.rules[found.rule].rule, secret.expose());
            let canonical = Canonical::Decoded(self.decoded.len());
            self.decoded.push(secret);
            self.candidates.push(Candidate {
                span: *span,
                rule: found.rule,
                rank,
                canonical,
                add_quotes: found.add_quotes.filter(|_| codec.layer() == Layer::Same),
                continues: found.continues,
                origin: Origin::Decoded(codec.layer()),
            });
        }
        self.inside.regions[codec.slot(end)].insert(region.end(), region.start());
        Ok(())
    }
}
