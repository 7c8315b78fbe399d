//! One worker: blocks of whole frames in, cleaned blocks out. Fails closed: what could not be scanned is withheld.

use super::detect::{DatabaseError, Finder};
use super::fingerprint::{Reason, Written, written_at, write_withheld};
use super::policy::Policy;
use super::rewrite::rewrite;
use super::tally::Tally;

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was found: pass the block on as it is.
    Unchanged,
    /// The cleaned block is in the output buffer.
    Rewritten,
}

/// Cleans blocks under one policy; borrows it, so that no scanner outlives its database.
#[derive(Debug)]
pub struct Worker<'p> {
    policy: &'p Policy,
    finder: Finder<'p>,
    tally: Tally,
    counts_lines: bool,
}

impl<'p> Worker<'p> {
    /// A worker with its own working memory.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is no memory for it.
    pub fn new(policy: &'p Policy) -> Result<Self, DatabaseError> {
        let tally = Tally::new(policy.detector.rules().len());
        Ok(Self { policy, finder: Finder::new(&policy.detector)?, tally, counts_lines: false })
    }

    /// The same worker, which also counts lines: a pass over every byte, so only where somebody reads the count.
    pub fn counting_lines(mut self, counts: bool) -> Self {
        self.counts_lines = counts;
        self
    }

    /// Cleans a block of whole frames. On [`Outcome::Rewritten`] the result replaces what `out` held.
    pub fn redact(&mut self, block: &[u8], out: &mut Vec<u8>) -> Outcome {
        out.clear();
        if self.counts_lines {
            let open = block.last().is_some_and(|last| *last != b'\n');
            self.tally.lines += memchr::memchr_iter(b'\n', block).count() as u64 + u64::from(open);
        }
        self.tally.bytes_in += block.len() as u64;
        let outcome = self.clean(block, out);
        self.tally.bytes_out += match outcome {
            Outcome::Unchanged => block.len(),
            Outcome::Rewritten => out.len(),
        } as u64;
        outcome
    }

    fn clean(&mut self, block: &[u8], out: &mut Vec<u8>) -> Outcome {
        let (matches, walls) = match self.finder.find(block) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, bytes = block.len(), "a block could not be scanned and is withheld");
                withhold_lines(block, Reason::ScanFailed, &mut self.tally, out);
                return Outcome::Rewritten;
            }
        };
        for wall in walls {
            if let Some((Written::Mark(mark), _)) = written_at(&block[wall.range()]) {
                if self.policy.live_keys.iter().any(|keys| keys.verify(&mark)) {
                    self.tally.marks += 1;
                } else {
                    self.tally.unverified_marks += 1;
                }
            }
        }
        if matches.is_empty() {
            return Outcome::Unchanged;
        }
        rewrite(block, matches, &self.policy.detector, &self.policy.keys, &mut self.tally, out);
        Outcome::Rewritten
    }

    /// The counts since the last call.
    pub fn take_tally(&mut self) -> Tally {
        self.tally.take()
    }
}

/// Puts the withheld form in the place of each line, and keeps the line endings.
fn withhold_lines(block: &[u8], reason: Reason, tally: &mut Tally, out: &mut Vec<u8>) {
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        if !body.is_empty() {
            write_withheld(reason, body.len() as u64, out);
            tally.withhold(reason);
        }
        out.extend_from_slice(&line[body.len()..]);
    }
}
