//! The search of decoded texts: the same rules, by a finder of their own, and the way back to the bytes that go.

use super::{Finder, Line};
use crate::model::{Secret, Span};
use crate::pipeline::detect::candidate::{Candidate, Rank};
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::encoded::{Codec, Layer, MAX_DEPTH};
use crate::pipeline::detect::resolve::Canonical;

/// What one worker knows of the regions of its block.
#[derive(Debug, Default)]
pub(super) struct Inside<'d> {
    /// The finder of decoded texts, made for the first of them.
    finder: Option<Box<Finder<'d>>>,
    /// So many codecs are undone already.
    depth: u8,
    /// Where each codec's last region ends.
    ends: [usize; Codec::SLOTS],
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

impl Inside<'_> {
    /// Forgets the block before.
    pub(super) fn begin(&mut self) {
        self.ends = [0; Codec::SLOTS];
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
        end <= self.ends[codec.slot()]
    }
}

impl<'d> Finder<'d> {
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
        let around = if codec.layer() == Layer::Packed { self.between_walls(line, end - 1) } else { line };
        let done = self.inside.ends[codec.slot()].max(around.start);
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
            let secret = Secret::owned(matches.canonical(&decoded.text, found).expose().to_vec());
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
                inside: Some(codec.layer()),
            });
        }
        self.inside.ends[codec.slot()] = region.end();
        Ok(())
    }
}
