//! Lines: the marks that stand in them already, across which nothing is looked for, and which of them are in doubt.

use super::Finder;
use crate::model::Span;
use crate::pipeline::detect::database::Hit;
use crate::pipeline::fingerprint;

/// The line that hits are being confirmed in, as offsets in the block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Line {
    /// The line that holds the byte before `end`, without its newline.
    pub(super) fn around(block: &[u8], end: usize) -> Self {
        let start = memchr::memrchr(b'\n', &block[..end - 1]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &block[end - 1..]).map_or(block.len(), |at| at + end - 1);
        Self { start, end }
    }

    /// Whether the byte before `end` lies in the line.
    pub(super) fn holds(self, end: usize) -> bool {
        self.start < end && end <= self.end
    }
}

impl Finder<'_> {
    pub(super) fn find_walls(&mut self, block: &[u8], hits: &[Hit]) {
        for hit in hits {
            if Some(hit.literal) == self.detector.written {
                let start = hit.end as usize - fingerprint::PREFIX.len();
                if self.walls.last().is_none_or(|wall| wall.end() <= start)
                    && let Some((_, len)) = fingerprint::written_at(&block[start..])
                {
                    self.walls.push(Span::new(start, start + len));
                }
            }
        }
    }

    /// The wall that a trigger ending at `end` lies in.
    pub(super) fn wall_at(&self, end: usize) -> Option<Span> {
        if self.walls.is_empty() {
            return None;
        }
        let next = self.walls.partition_point(|wall| wall.end() < end);
        self.walls.get(next).copied().filter(|wall| wall.start() < end)
    }

    /// The part of a line between the walls around `at`.
    pub(super) fn between_walls(&self, line: Line, at: usize) -> Line {
        if self.walls.is_empty() {
            return line;
        }
        let next = self.walls.partition_point(|wall| wall.end() <= at);
        let start = next.checked_sub(1).map_or(line.start, |before| self.walls[before].end().max(line.start));
        let end = self.walls.get(next).map_or(line.end, |wall| wall.start().clamp(start, line.end));
        Line { start, end }
    }

    /// Tells the matches of lines in which something was refused for its context.
    pub(super) fn doubt(&mut self, block: &[u8]) {
        // They come line by line from each of the searches, one search behind the other.
        if !self.doubts.is_sorted() {
            self.doubts.sort_unstable();
        }
        let mut doubts = self.doubts.iter().copied().peekable();
        // A line may hold very many matches: where it ends is looked for once.
        let mut line = Line::default();
        for found in &mut self.matches {
            while let Some(doubt) = doubts.peek().copied() {
                if line.start != doubt || line.end == 0 {
                    line = Line { start: doubt, end: Line::around(block, doubt + 1).end };
                }
                if line.end >= found.span.start() {
                    break;
                }
                doubts.next();
            }
            found.doubtful = doubts.peek().is_some_and(|doubt| *doubt <= found.span.start());
        }
    }
}
