//! One worker: blocks of whole frames in, cleaned blocks out. Fails closed: what could not be scanned is withheld.

mod carry;
mod rounds;
mod window;
mod withheld;

use std::panic::AssertUnwindSafe;

use zeroize::Zeroize as _;

pub use self::carry::Carry;
pub use self::window::WindowOutcome;
use super::bridger::{Bridger, Bridging};
use super::detect::allow::{Allowed, Scope};
use super::detect::{DatabaseError, Finder, Match, Part};
use super::detention::{Detaining, Detention};
use super::fingerprint::{Written, written_at};
use super::policy::Policy;
use super::report::{Report, Reporter};
use super::rewrite::{Changed, Style};
use super::tally::Tally;
use super::witness::{Witness, Witnessing};
use crate::model::{Fingerprint, Secret, SourceId, Span};

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
    /// The tally before the last block.
    before: Tally,
    counts_lines: bool,
    style: Style,
    /// The lines of the block at hand that changed, cleaned; kept for its memory.
    changed: Changed,
    reporter: Option<Reporter>,
    /// What the reporter is to be told of the text at hand; kept for its memory.
    rewritten: Vec<(Match, Option<Fingerprint>)>,
    witness: Option<Witness>,
    bridger: Option<Bridger>,
    detention: Option<Detention>,
}

impl<'p> Worker<'p> {
    /// A worker with its own working memory.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is no memory for it.
    pub fn new(policy: &'p Policy) -> Result<Self, DatabaseError> {
        let tally = Tally::new(policy.detector.rules().len());
        Ok(Self {
            policy,
            finder: Finder::new(&policy.detector)?.allowing(policy.allow.as_deref()),
            before: tally.clone(),
            tally,
            counts_lines: false,
            style: Style::Plain,
            changed: Changed::default(),
            reporter: None,
            rewritten: Vec::new(),
            witness: None,
            bridger: None,
            detention: None,
        })
    }

    /// The same worker, which also counts lines: a pass over every byte, so only where somebody reads the count.
    pub fn counting_lines(mut self, counts: bool) -> Self {
        self.counts_lines = counts;
        self
    }

    /// The same worker, which writes marks in this style.
    pub fn styled(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// The same worker, which takes note of every match, for an input that begins now.
    pub fn reporting(mut self) -> Self {
        self.reporter = Some(Reporter::default());
        self
    }

    /// The same worker, which tells an index of what it sees, and counts lines for that.
    pub fn witnessed(mut self, witnessing: Option<&Witnessing>) -> Self {
        if let Some(witnessing) = witnessing {
            self.witness = Some(Witness::new(witnessing, self.policy.detector.rules().map(|rule| rule.id.clone())));
            self.counts_lines = true;
        }
        self
    }

    /// The same worker, which links the prints that a secret has in the live epochs.
    pub fn bridging(mut self, bridging: Option<&Bridging>) -> Self {
        self.bridger = bridging.and_then(|bridging| Bridger::new(bridging, &self.policy.live_keys));
        self
    }

    /// The same worker, which hands lines that it withholds to a quarantine.
    pub fn detaining(mut self, detaining: Option<&Detaining>) -> Self {
        self.detention = detaining.map(Detention::new);
        self
    }

    /// How many bytes of a withheld line are wanted.
    pub fn keeps(&self) -> usize {
        self.detention.as_ref().map_or(0, Detention::most)
    }

    /// Hands what was seen since the last call to the index, and what was withheld to the quarantine, as of `source`; waits while
    /// they have no room. To be called before the counts are taken.
    pub fn hand_over(&mut self, source: &SourceId) {
        if let Some(detention) = &mut self.detention {
            detention.hand_over(source);
        }
        if let Some(witness) = &mut self.witness {
            witness.hand_over(source, &self.tally);
        }
        if let Some(bridger) = &mut self.bridger {
            bridger.hand_over();
        }
    }

    /// What was found since the last call, where [`reporting`](Self::reporting) was asked for.
    pub fn take_reports(&mut self) -> Vec<Report> {
        self.reporter.as_mut().map(Reporter::take).unwrap_or_default()
    }

    /// The policy in force.
    pub fn policy(&self) -> &'p Policy {
        self.policy
    }

    /// What is cleaned from now on comes from the input of this scope.
    pub fn enter(&mut self, scope: &Scope) {
        self.finder.enter(scope);
    }

    /// Cleans a block of whole frames that nothing follows. On [`Outcome::Rewritten`] the result replaces what `out` held.
    pub fn redact(&mut self, block: &[u8], out: &mut Vec<u8>) -> Outcome {
        self.redact_part(block, Part::default(), &mut Carry::default(), out)
    }

    /// Cleans the next block of a stream, behind what `carry` kept of those before. Unless the stream has `ended`, lines that belong
    /// together with what follows are kept there again.
    pub fn redact_next(&mut self, carry: &mut Carry, block: &[u8], ended: bool, out: &mut Vec<u8>) -> Outcome {
        self.before.clone_from(&self.tally);
        if let Some(witness) = &mut self.witness {
            witness.mark();
        }
        if let Some(detention) = &mut self.detention {
            detention.mark();
        }
        let part = Part { resumes: carry.shape.take(), goes_on: !ended };
        if carry.lines.is_empty() {
            return self.redact_part(block, part, carry, out);
        }
        let mut lines = std::mem::take(&mut carry.lines);
        lines.extend_from_slice(block);
        if self.redact_part(&lines, part, carry, out) == Outcome::Unchanged {
            out.extend_from_slice(&lines);
        }
        lines.zeroize();
        Outcome::Rewritten
    }

    /// Takes back what the last [`redact_next`](Self::redact_next) counted: its result was not used.
    pub fn undo(&mut self) {
        std::mem::swap(&mut self.tally, &mut self.before);
        if let Some(witness) = &mut self.witness {
            witness.undo();
        }
        if let Some(detention) = &mut self.detention {
            detention.undo();
        }
    }

    fn redact_part(&mut self, block: &[u8], part: Part, carry: &mut Carry, out: &mut Vec<u8>) -> Outcome {
        out.clear();
        self.rewritten.clear();
        let (outcome, block) = match caught(|| self.clean(block, part, carry, out)) {
            Some((outcome, end)) => (outcome, &block[..end]),
            None => {
                *carry = Carry::default();
                self.clean_each_line(block, out);
                (Outcome::Rewritten, block)
            }
        };
        self.count(block, block.last().is_some_and(|last| *last != b'\n'));
        if let Some(reporter) = &mut self.reporter {
            reporter.follow(block, Span::new(0, block.len()), &self.rewritten);
        }
        self.tally.bytes_out += match outcome {
            Outcome::Unchanged => block.len(),
            Outcome::Rewritten => out.len(),
        } as u64;
        outcome
    }

    fn count(&mut self, bytes: &[u8], open: bool) {
        if self.counts_lines {
            self.tally.lines += memchr::memchr_iter(b'\n', bytes).count() as u64 + u64::from(open);
        }
        self.tally.bytes_in += bytes.len() as u64;
    }

    /// The counts since the last call.
    pub fn take_tally(&mut self) -> Tally {
        if let Some(witness) = &mut self.witness {
            witness.taken();
        }
        self.tally.take()
    }
}

/// Counts a match that was replaced, keeps it where somebody wants a report, and tells the witness. A secret without a mark is seen too.
fn note<'a>(
    tally: &'a mut Tally,
    rewritten: &'a mut Vec<(Match, Option<Fingerprint>)>,
    reports: bool,
    policy: &'a Policy,
    (mut witness, mut bridger): (Option<&'a mut Witness>, Option<&'a mut Bridger>),
) -> impl FnMut(&Match, &Secret<'_>, Option<Fingerprint>) + 'a {
    move |found, secret, fingerprint| {
        tally.matches[found.rule] += 1;
        if let Some(witness) = &mut witness {
            let unmarked = || policy.keys.fingerprint(&policy.detector.rule(found.rule).id, secret);
            witness.saw(fingerprint.unwrap_or_else(unmarked), found.rule, policy.keys.epoch());
        }
        if let Some(bridger) = &mut bridger {
            bridger.saw(secret);
        }
        if reports {
            rewritten.push((*found, fingerprint));
        }
    }
}

/// Counts the marks that came in, by whether their seal is ours.
fn verify(block: &[u8], walls: &[Span], policy: &Policy, tally: &mut Tally, mut witness: Option<&mut Witness>) {
    for wall in walls {
        if let Some((Written::Mark(mark), _)) = written_at(&block[wall.range()]) {
            if policy.live_keys.iter().any(|keys| keys.verify(&mark)) {
                tally.marks += 1;
                if let Some(witness) = &mut witness {
                    witness.saw_mark(&mark);
                }
            } else {
                tally.unverified_marks += 1;
            }
        }
    }
}

/// Counts what an allow list lets through and ends in `range`.
fn let_pass(allowed: &[Allowed], range: Span, tally: &mut Tally) {
    for allowed in
        allowed.iter().filter(|allowed| range.start() < allowed.span.end() && allowed.span.end() <= range.end())
    {
        tally.allow(allowed.entry);
    }
}

/// What `clean` gives; `None` where it failed for whatever reason, a fault of this program included: that is said in the log, and
/// what could not be scanned is not passed on.
fn caught<T>(clean: impl FnOnce() -> Result<T, DatabaseError>) -> Option<T> {
    // A finder is emptied before each search, so that one which was left in the middle does no harm.
    match std::panic::catch_unwind(AssertUnwindSafe(clean)) {
        Ok(Ok(cleaned)) => Some(cleaned),
        Ok(Err(error)) => {
            tracing::error!(%error, "a text could not be scanned");
            None
        }
        Err(_) => {
            tracing::error!("a text could not be scanned for a fault in the program itself");
            None
        }
    }
}
