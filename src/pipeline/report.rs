//! What was found where, for a reader who wants to know before anything is changed. Holds no secret.

use super::detect::Match;
use super::detect::action::Action;
use crate::model::{Fingerprint, Span};

/// A match and its place in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Line, from 1.
    pub line: u64,
    /// Column in bytes, from 1.
    pub column: u64,
    /// How many bytes go.
    pub len: usize,
    /// Index of the rule.
    pub rule: usize,
    /// What the mark carries; `None` where the rule's action leaves none.
    pub fingerprint: Option<Fingerprint>,
    /// What is done with it.
    pub action: Action,
}

/// Follows an input from its start and takes note of each match in it.
#[derive(Debug)]
pub struct Reporter {
    reports: Vec<Report>,
    line: u64,
    /// Bytes of the present line before the text at hand.
    column: u64,
}

impl Default for Reporter {
    fn default() -> Self {
        Self { reports: Vec::new(), line: 1, column: 0 }
    }
}

impl Reporter {
    /// Takes note of the part `range` of `text`, and of the matches that were rewritten in it with their fingerprints.
    pub fn follow(&mut self, text: &[u8], range: Span, rewritten: &[(Match, Option<Fingerprint>)]) {
        let mut at = range.start();
        for (found, fingerprint) in rewritten {
            let start = found.span.start().max(range.start());
            self.skip(&text[at..start]);
            at = start;
            self.reports.push(Report {
                line: self.line,
                column: self.column + 1,
                len: found.span.end() - start,
                rule: found.rule,
                fingerprint: *fingerprint,
                action: found.action,
            });
        }
        self.skip(&text[at..range.end()]);
    }

    /// Takes note of bytes that were withheld.
    pub fn follow_withheld(&mut self, bytes: u64, newline: bool) {
        self.column += bytes;
        if newline {
            (self.line, self.column) = (self.line + 1, 0);
        }
    }

    fn skip(&mut self, text: &[u8]) {
        self.line += memchr::memchr_iter(b'\n', text).count() as u64;
        match memchr::memrchr(b'\n', text) {
            Some(newline) => self.column = (text.len() - newline - 1) as u64,
            None => self.column += text.len() as u64,
        }
    }

    /// What was found since the last call.
    pub fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }
}
