//! How a block's rows stand in their lines, by which a row is told from other base64.

use super::{SIGN, runs};
use crate::model::Span;

/// A prefix may differ by so many bytes from line to line: times with fractions are not all of one length.
const DRIFT: usize = 12;

/// How a block's rows stand in their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    column: usize,
    length: usize,
    before: Option<u8>,
    behind: Option<u8>,
    /// So many more rows there are, where that is known.
    pub(super) left: Option<usize>,
}

impl Shape {
    pub(super) fn of(line: &[u8], row: Span) -> Self {
        Self {
            column: row.start(),
            length: row.len(),
            before: row.start().checked_sub(1).map(|at| line[at]),
            behind: line.get(row.end()).copied(),
            left: None,
        }
    }

    /// The same, with so many rows still to come.
    pub(super) fn with_left(self, left: Option<usize>) -> Self {
        Self { left, ..self }
    }

    /// The run without a prefix that is itself of the alphabet, as the `+` of a patch: there, the place is what to go by.
    pub(super) fn own(self, run: Span) -> Span {
        match self.before {
            Some(SIGN) if self.column > 0 && run.covers(Span::new(self.column - 1, self.column)) => {
                Span::new(self.column, run.end().max(self.column))
            }
            _ => run,
        }
    }

    /// Whether a run that the block's end stands directly behind is its last row, `before` characters behind the first one's start.
    pub(super) fn ends_with(self, line: &[u8], run: Span, before: usize) -> bool {
        !run.is_empty()
            && run.start().abs_diff(self.column) <= DRIFT
            && Self::of(line, run).before == self.before
            && run.len() <= self.length
            && (before + run.len()).is_multiple_of(4)
    }

    /// The row of this shape in a line, `before` characters behind the first one's start. The last row may be shorter, as long as it
    /// makes whole groups of four of all; it stands where the others do, or is the `last` line of its block.
    pub(super) fn row_in(self, line: &[u8], before: usize, last: impl Fn() -> bool) -> Option<Span> {
        let from = self.column.saturating_sub(DRIFT);
        runs(line, from).map(|run| self.own(run)).take_while(|run| run.start() <= self.column + DRIFT).find(|run| {
            let here = Self::of(line, *run);
            let shorter = run.len() < self.length && (before + run.len()).is_multiple_of(4);
            // A dash is behind a row whose block ends there, or which is no row; and behind the year that a line of others begins with.
            let shorter = shorter && self.behind != Some(b'-');
            // A sign or an escape alone leaves nothing: a mark for that would be one too many.
            !run.is_empty()
                && run.start() >= from
                && here.before == self.before
                && here.behind == self.behind
                && (run.len() == self.length || (shorter && (run.start() == self.column || last())))
        })
    }
}
