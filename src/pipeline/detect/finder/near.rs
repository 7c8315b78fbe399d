//! Starts around triggers that do not tell the place: those that follow each other closely are tried together, each once.
//!
//! A search that finds nothing reads some way beyond its last start. A line full of triggers would be read so for each of them.

use super::Finder;
use super::walls::Line;
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::rule::{Form, Near, Rule};

/// The starts that are to be tried in one line.
#[derive(Debug)]
pub(super) struct NearBy {
    line: Line,
    /// By rule: the first and the last start.
    starts: Vec<Option<(usize, usize)>>,
    /// The rules that have some.
    rules: Vec<usize>,
}

impl NearBy {
    pub(super) fn new(rules: usize) -> Self {
        Self { line: Line::default(), starts: vec![None; rules], rules: Vec::new() }
    }

    /// Forgets the block before, which may have been left in the middle.
    pub(super) fn begin(&mut self) {
        self.rules.drain(..).for_each(|rule| self.starts[rule] = None);
        self.line = Line { start: usize::MAX, end: usize::MAX };
    }
}

impl Finder<'_> {
    /// A word that a match may stand behind ends at `end`.
    pub(super) fn confirm_near(
        &mut self,
        block: &[u8],
        line: Line,
        end: usize,
        rule: usize,
    ) -> Result<(), DatabaseError> {
        let detector = self.detector;
        // A longer word that holds this one may end further on; and the match may begin in the word, or before it, as
        // long as its secret does not: `privateKey=…`.
        let Rule { near, form: Form::Pattern(pattern), .. } = &detector.rules[rule].rule else { return Ok(()) };
        let first = pattern.max_before_secret().map_or(line.start, |most| end.saturating_sub(most).max(line.start));
        let last = end + near.as_ref().map_or(0, Near::reach);
        self.look_near(block, line, rule, first, last)
    }

    /// Takes note that matches of `rule` may begin from `first` to `last`.
    pub(super) fn look_near(
        &mut self,
        block: &[u8],
        line: Line,
        rule: usize,
        first: usize,
        last: usize,
    ) -> Result<(), DatabaseError> {
        if line.start != self.near_by.line.start {
            self.search_near(block)?;
            self.near_by.line = line;
        }
        match &mut self.near_by.starts[rule] {
            Some((from, until)) if first <= *until + 1 => (*from, *until) = (first.min(*from), last.max(*until)),
            Some(starts) => {
                let (from, until) = std::mem::replace(starts, (first, last));
                self.search(block, line, rule, from, until)?;
            }
            empty => {
                *empty = Some((first, last));
                self.near_by.rules.push(rule);
            }
        }
        Ok(())
    }

    /// Tries all starts that were noted.
    pub(super) fn search_near(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        while let Some(rule) = self.near_by.rules.pop() {
            if let Some((first, last)) = self.near_by.starts[rule].take() {
                self.search(block, self.near_by.line, rule, first, last)?;
            }
        }
        Ok(())
    }
}
