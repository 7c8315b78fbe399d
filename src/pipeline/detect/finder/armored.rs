//! Private keys over several lines.

use zeroize::Zeroize as _;

use super::Finder;
use super::walls::Line;
use crate::model::{Secret, Span};
use crate::pipeline::detect::armor::{self, Armor};
use crate::pipeline::detect::decode;
use crate::pipeline::detect::resolve::{Canonical, Open};

impl Finder<'_> {
    /// The words that end the label of a private key's first line end at `end`.
    pub(super) fn confirm_label(&mut self, block: &[u8], line: Line, end: usize, rule: usize) {
        // What several of them in a line begin is the same.
        let span = Span::new(line.start, line.end);
        if end > self.armored
            && self.followed != Some(line.end)
            && let Some(begun) = armor::begins(block, end, span, &mut self.rows)
        {
            self.followed = Some(line.end);
            let armor = armor::follow(block, begun);
            self.push_armor(block, rule, line.start, armor);
        }
    }

    /// What a private key's body begins with, of `len` bytes, ends at `end`.
    pub(super) fn confirm_body(&mut self, block: &[u8], line: Line, end: usize, rule: usize, len: usize) {
        // A body of another key may stand between a key's rows.
        let mut latest = self.candidates.iter().rev().take(64);
        let taken = latest.any(|c| c.rule == rule && c.span.covers(Span::new(end - 1, end)));
        if !taken {
            let first = self.followed_body != Some(line.end);
            let armor = armor::follow_body(block, end - len, Span::new(line.start, line.end), first);
            if !armor.groups.is_empty() {
                self.followed_body = Some(line.end);
            }
            self.push_armor(block, rule, line.start, armor);
        }
    }

    /// Takes a private key over several lines, which begins in the line at `start`.
    pub(super) fn push_armor(&mut self, block: &[u8], rule: usize, start: usize, mut armor: Armor) {
        if let Some(shape) = armor.open.filter(|_| self.part.goes_on) {
            let first = self.open.is_none_or(|open| start < open.at);
            if first {
                self.open = Some(Open { at: start, shape });
            }
        }
        let Some(last) = armor.groups.last() else { return };
        self.armored = last.end();
        self.joined.push(Span::new(start, last.end()));
        self.decoded.push(Secret::owned(decode::armor(&armor.rows).expose().to_vec()));
        armor.rows.zeroize();
        let canonical = Canonical::Decoded(self.decoded.len() - 1);
        for span in armor.groups {
            self.push(block, rule, span, canonical, None);
        }
    }
}
