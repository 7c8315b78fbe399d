//! A block of whole frames, cleaned until nothing more is found in it.

use super::withheld::withhold_line;
use super::{Carry, Outcome, Worker, caught, let_pass, note, verify};
use crate::model::Span;
use crate::pipeline::detect::{DatabaseError, Part, may_be_armor};
use crate::pipeline::fingerprint::Reason;
use crate::pipeline::rewrite::rewrite_lines;

/// A block's changed lines are searched again at most so often: each round has work only where the one before uncovered something.
const MAX_ROUNDS: usize = 8;

/// More than this is not kept waiting for what may go on behind a block: it is cleaned as it stands, and what follows is taken for
/// more of the same.
const MAX_CARRIED: usize = 128 << 10;

impl Worker<'_> {
    /// Cleans a block, and its changed lines again until nothing more is found in them: with a mark in the place of a secret, what
    /// stands beside it may look otherwise than before, and redacting twice shall be redacting once. Reports are of the first round.
    ///
    /// Gives how much of the block that was, too: the rest waits in `carry`.
    pub(super) fn clean(
        &mut self,
        block: &[u8],
        part: Part,
        carry: &mut Carry,
        out: &mut Vec<u8>,
    ) -> Result<(Outcome, usize), DatabaseError> {
        let (policy, style) = (self.policy, self.style);
        let open = self.finder.find_in(block, part)?.open;
        if let Some(open) = open
            && block.len() - open.at > MAX_CARRIED
        {
            self.finder.find_in(block, Part { goes_on: false, ..part })?;
            carry.shape = open.shape;
        }
        let joins_lines = self.finder.joins_lines();
        let matches = self.finder.found();
        let (block, waiting) = block.split_at(matches.open.map_or(block.len(), |open| open.at));
        if !waiting.is_empty() {
            carry.lines.extend_from_slice(waiting);
            carry.shape = part.resumes.filter(|_| block.is_empty());
        }
        verify(block, matches.walls, policy, &mut self.tally, self.witness.as_mut());
        let_pass(matches.allowed, Span::new(0, block.len()), &mut self.tally);
        if matches.all.is_empty() {
            if waiting.is_empty() {
                return Ok((Outcome::Unchanged, block.len()));
            }
            out.extend_from_slice(block);
            return Ok((Outcome::Rewritten, block.len()));
        }
        // Other parts of a message may be read otherwise once marks stand in one: in which lines, only the whole tells.
        let counted = note(
            &mut self.tally,
            &mut self.rewritten,
            self.reporter.is_some(),
            policy,
            (self.witness.as_mut(), self.bridger.as_mut()),
        );
        self.changed.clear();
        let mut dropped = rewrite_lines(block, matches, policy, style, out, &mut self.changed, counted);
        for _ in 1..MAX_ROUNDS {
            if joins_lines {
                let matches = self.finder.find(out)?;
                if matches.all.is_empty() {
                    break;
                }
                let before = std::mem::take(out);
                self.changed.clear();
                let counted = note(
                    &mut self.tally,
                    &mut self.rewritten,
                    false,
                    policy,
                    (self.witness.as_mut(), self.bridger.as_mut()),
                );
                dropped += rewrite_lines(&before, matches, policy, style, out, &mut self.changed, counted);
                continue;
            }
            if self.changed.text.is_empty() {
                break;
            }
            let again = self.changed.found(self.finder.find(&self.changed.text)?.all);
            let alone = self.changed.is_one_line();
            self.changed.clear();
            if again.is_empty() {
                break;
            }
            // Line by line: what becomes of one must not depend on what else is in the block.
            let (before, mut copied) = (std::mem::take(out), 0);
            for line in again {
                out.extend_from_slice(&before[copied..line.start()]);
                copied = line.end();
                let text = &before[line.range()];
                let matches = if alone { self.finder.found() } else { self.finder.find(text)? };
                let counted = note(
                    &mut self.tally,
                    &mut self.rewritten,
                    false,
                    policy,
                    (self.witness.as_mut(), self.bridger.as_mut()),
                );
                dropped += rewrite_lines(text, matches, policy, style, out, &mut self.changed, counted);
            }
            out.extend_from_slice(&before[copied..]);
        }
        self.tally.dropped_lines += dropped;
        Ok((Outcome::Rewritten, block.len()))
    }

    /// Cleans a block of which something could not be scanned line by line, and withholds each line that cannot be, or that may
    /// be a part of something over several lines.
    pub(super) fn clean_each_line(&mut self, block: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let mut cleaned = Vec::new();
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            cleaned.clear();
            if may_be_armor(line) {
                withhold_line(line, Reason::ScanFailed, &mut self.tally, self.detention.as_mut(), out);
                continue;
            }
            match caught(|| self.clean(line, Part::default(), &mut Carry::default(), &mut cleaned)) {
                Some((Outcome::Unchanged, _)) => out.extend_from_slice(line),
                Some((Outcome::Rewritten, _)) => out.extend_from_slice(&cleaned),
                None => withhold_line(line, Reason::ScanFailed, &mut self.tally, self.detention.as_mut(), out),
            }
        }
    }
}
