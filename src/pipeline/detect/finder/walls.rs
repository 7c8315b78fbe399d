//! Lines: the marks that stand in them already, across which nothing is looked for, and which of them are in doubt.

use std::cell::Cell;

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

/// The marks and notes in a block that inkprint wrote itself, ascending: no match, no near word and no key crosses one.
#[derive(Debug, Default)]
pub(super) struct Walls {
    spans: Vec<Span>,
    /// The wall that was asked for last: hits come mostly in order, and in a line full of marks each of them asks.
    hint: Cell<usize>,
}

/// The next wall is mostly one of so many behind the last one.
const CLOSE: usize = 4;

impl Walls {
    /// Forgets the block before.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.hint.set(0);
    }

    pub(super) fn as_slice(&self) -> &[Span] {
        &self.spans
    }

    /// Leaves out those that end behind `end`.
    pub(super) fn end_at(&mut self, end: usize) {
        self.spans.retain(|wall| wall.end() <= end);
        self.hint.set(0);
    }

    /// The index of the first wall that ends behind `at`.
    fn first_behind(&self, at: usize) -> usize {
        let is_before = |wall: usize| self.spans.get(wall).is_some_and(|wall| wall.end() <= at);
        let hint = self.hint.get();
        let close =
            if hint == 0 || is_before(hint - 1) { (hint..hint + CLOSE).find(|wall| !is_before(*wall)) } else { None };
        let found = close.unwrap_or_else(|| self.spans.partition_point(|wall| wall.end() <= at));
        self.hint.set(found);
        found
    }

    /// The first wall that ends behind `at`.
    pub(super) fn behind(&self, at: usize) -> Option<Span> {
        if self.spans.is_empty() { None } else { self.spans.get(self.first_behind(at)).copied() }
    }

    /// Whether a trigger that ends at `end` ends in a wall.
    pub(super) fn hold(&self, end: usize) -> bool {
        self.behind(end - 1).is_some_and(|wall| wall.start() < end)
    }

    /// Whether there is one in `span`, or a part of one.
    pub(super) fn reach_into(&self, span: Span) -> bool {
        self.behind(span.start()).is_some_and(|wall| wall.start() < span.end())
    }

    /// The part of a line between the walls around `at`.
    pub(super) fn between(&self, line: Line, at: usize) -> Line {
        if self.spans.is_empty() {
            return line;
        }
        let next = self.first_behind(at);
        let start = next.checked_sub(1).map_or(line.start, |before| self.spans[before].end().max(line.start));
        let end = self.spans.get(next).map_or(line.end, |wall| wall.start().clamp(start, line.end));
        Line { start, end }
    }
}

impl Finder<'_> {
    pub(super) fn find_walls(&mut self, block: &[u8], hits: &[Hit]) {
        let walls = &mut self.walls.spans;
        for hit in hits {
            if Some(hit.literal) == self.detector.written {
                let start = hit.end as usize - fingerprint::PREFIX.len();
                if walls.last().is_none_or(|wall| wall.end() <= start)
                    && let Some((_, len)) = fingerprint::written_at(&block[start..])
                {
                    walls.push(Span::new(start, start + len));
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wall_is_found_in_whatever_order_it_is_asked_for(
            steps in prop::collection::vec((0usize..4, 1usize..5), 0..40),
            asked in prop::collection::vec(1usize..200, 1..60),
        ) {
            let mut walls = Walls::default();
            let mut at = 0;
            for (gap, length) in steps {
                walls.spans.push(Span::new(at + gap, at + gap + length));
                at += gap + length;
            }
            let naive = |from: usize, to: usize| walls.spans.iter().any(|wall| wall.start() < to && from < wall.end());
            for end in asked {
                prop_assert_eq!(walls.hold(end), naive(end - 1, end));
                prop_assert_eq!(walls.reach_into(Span::new(end, end + 3)), naive(end, end + 3));
                prop_assert_eq!(walls.behind(end), walls.spans.iter().copied().find(|wall| wall.end() > end));
            }
        }
    }
}
