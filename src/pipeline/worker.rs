//! One worker: blocks of whole frames in, cleaned blocks out. Fails closed: what could not be scanned is withheld.

use std::panic::AssertUnwindSafe;

use zeroize::Zeroize as _;

use super::bridger::{Bridger, Bridging};
use super::detect::action::Action;
use super::detect::allow::{Allowed, Scope};
use super::detect::{DatabaseError, Finder, MAX_SECRET, Match, Part, Shape, may_be_armor};
use super::detention::{Detaining, Detention, Kept};
use super::fingerprint::{Reason, Written, write_withheld, written_at};
use super::framing::Window;
use super::policy::Policy;
use super::report::{Report, Reporter};
use super::rewrite::{Changed, Style, rewrite, rewrite_lines};
use super::tally::Tally;
use super::witness::{Witness, Witnessing};
use crate::model::{Fingerprint, Secret, SourceId, Span};

/// The end of a long line's window that waits for the next one: a secret that begins before it is whole.
const OVERLAP: usize = 2 * MAX_SECRET;

/// A block's changed lines are searched again at most so often: each round has work only where the one before uncovered something.
const MAX_ROUNDS: usize = 8;

/// More than this is not kept waiting for what may go on behind a block: it is cleaned as it stands, and what follows is taken for
/// more of the same.
const MAX_CARRIED: usize = 128 << 10;

/// The end of a stream's blocks so far: lines that belong together with what follows, such as half of a private key.
#[derive(Debug, Default)]
pub struct Carry {
    lines: Vec<u8>,
    /// How the rows of a key go on whose first part was cleaned already.
    shape: Option<Shape>,
}

impl Carry {
    /// Whether nothing waits and nothing goes on.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.shape.is_none()
    }

    /// Bytes that wait.
    pub fn held(&self) -> usize {
        self.lines.len()
    }

    /// Whether rows of a key go on whose first part was cleaned already: what follows is only known by what was before.
    pub fn goes_on(&self) -> bool {
        self.shape.is_some()
    }
}

impl Drop for Carry {
    fn drop(&mut self) {
        self.lines.zeroize();
    }
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was found: pass the block on as it is.
    Unchanged,
    /// The cleaned block is in the output buffer.
    Rewritten,
}

/// What became of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOutcome {
    /// The window is dealt with up to here: an offset in the intake's bytes.
    pub to: usize,
    /// A secret goes on beyond all bounds: the rest of the line must be withheld.
    pub endless: bool,
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

    /// Cleans a block, and its changed lines again until nothing more is found in them: with a mark in the place of a secret, what
    /// stands beside it may look otherwise than before, and redacting twice shall be redacting once. Reports are of the first round.
    ///
    /// Gives how much of the block that was, too: the rest waits in `carry`.
    fn clean(
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
    fn clean_each_line(&mut self, block: &[u8], out: &mut Vec<u8>) {
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

    /// Cleans a window of a long line. The result replaces what `out` held, and stands for the bytes from the window's start to
    /// the offset returned; the rest comes again, with the next window.
    pub fn redact_window(&mut self, bytes: &[u8], window: Window, out: &mut Vec<u8>) -> WindowOutcome {
        out.clear();
        let text = &bytes[..window.end];
        let Some(matches) = caught(|| self.finder.find(text)) else {
            return WindowOutcome { to: window.start, endless: true };
        };
        let (mut to, mut endless) =
            if window.last { (window.end, false) } else { cut(matches.all, matches.walls, window) };
        // Of a line that should go whole, a part may have been passed on: from here on nothing more of it is.
        let drops = |found: &&Match| {
            found.action == Action::DropLine && found.span.end() > window.start && found.span.start() < to
        };
        if let Some(found) = matches.all.iter().find(drops) {
            (to, endless) = (found.span.start().max(window.start), true);
        }
        let passed = |end: usize| end > window.start && end <= to;
        let walls: Vec<Span> = matches.walls.iter().copied().filter(|wall| passed(wall.end())).collect();
        verify(text, &walls, self.policy, &mut self.tally, self.witness.as_mut());
        let range = Span::new(window.start, to);
        let_pass(matches.allowed, range, &mut self.tally);
        self.rewritten.clear();
        let policy = self.policy;
        let counted = note(
            &mut self.tally,
            &mut self.rewritten,
            self.reporter.is_some(),
            policy,
            (self.witness.as_mut(), self.bridger.as_mut()),
        );
        rewrite(text, range, matches, policy, self.style, out, counted);
        if let Some(reporter) = &mut self.reporter {
            reporter.follow(text, range, &self.rewritten);
        }
        self.count(&bytes[window.start..to], window.last && !text.ends_with(b"\n"));
        self.tally.bytes_out += out.len() as u64;
        WindowOutcome { to, endless }
    }

    /// Counts a long line's rest, `bytes` long, as withheld, and appends what stands for it. What was `kept` of it goes to the
    /// quarantine, if there is one.
    pub fn withhold_rest(&mut self, bytes: u64, newline: bool, kept: Kept, out: &mut Vec<u8>) {
        let before = out.len();
        write_withheld(Reason::Oversized, bytes, out);
        if newline {
            out.push(b'\n');
        }
        if let Some(reporter) = &mut self.reporter {
            reporter.follow_withheld(bytes, newline);
        }
        self.tally.withhold(Reason::Oversized);
        if let Some(detention) = &mut self.detention {
            detention.take(Reason::Oversized, bytes, kept);
        }
        self.tally.lines += u64::from(self.counts_lines);
        self.tally.bytes_in += bytes + u64::from(newline);
        self.tally.bytes_out += (out.len() - before) as u64;
    }

    /// Cleans a line that was withheld for this reason, as it was kept: behind `before` bytes of context, and with `lost` bytes missing
    /// at its end. What still cannot be told from a secret is withheld again. The result replaces what `out` held.
    pub fn redact_again(&mut self, reason: Reason, kept: &[u8], before: usize, lost: u64, out: &mut Vec<u8>) {
        let before = before.min(kept.len());
        let window = Window { start: before, end: kept.len(), last: lost == 0 };
        // A row of a private key cannot be told from others without the lines around it.
        let to = if reason == Reason::ScanFailed && may_be_armor(&kept[before..]) {
            out.clear();
            before
        } else {
            self.redact_window(kept, window, out).to
        };
        let rest = (kept.len() - to) as u64 + lost;
        if rest > 0 {
            write_withheld(reason, rest, out);
            self.tally.withhold(reason);
        }
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

/// How far a window that is not its line's last may be passed on, and whether a secret in it has no end.
fn cut(matches: &[Match], walls: &[Span], window: Window) -> (usize, bool) {
    let mut to = window.end.saturating_sub(OVERLAP).max(window.start);
    if let Some(wall) = walls.iter().find(|wall| wall.start() < to && to < wall.end()) {
        to = wall.end();
    }
    for found in matches.iter().map(|found| found.span) {
        if found.start() >= to || found.end() <= to {
            continue;
        }
        if found.end() < window.end {
            to = found.end();
        } else if found.start() > window.start {
            // It may go on: all of it comes again, with more behind it.
            to = found.start();
        } else {
            return (found.start().max(window.start), true);
        }
    }
    (to, false)
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

/// Puts the withheld form in the place of a line, and keeps its ending; the line itself goes to the quarantine, if there is one. A syslog
/// message stays one: its priority, which is a small number, goes into a header that says nothing else (RFC 5424, 6.2).
fn withhold_line(line: &[u8], reason: Reason, tally: &mut Tally, detention: Option<&mut Detention>, out: &mut Vec<u8>) {
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    if !body.is_empty() {
        if let Some(priority) = syslog_priority(body) {
            out.extend_from_slice(format!("<{priority}>1 - - - - - - ").as_bytes());
        }
        write_withheld(reason, body.len() as u64, out);
        tally.withhold(reason);
        if let Some(detention) = detention {
            let mut kept = Kept::default();
            kept.add(body, detention.most());
            detention.take(reason, body.len() as u64, kept);
        }
    }
    out.extend_from_slice(&line[body.len()..]);
}

/// The number that a syslog message begins with, in angle brackets.
fn syslog_priority(line: &[u8]) -> Option<u8> {
    let digits = line.strip_prefix(b"<")?;
    let digits = &digits[..memchr::memchr(b'>', &digits[..digits.len().min(4)])?];
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok().filter(|priority| *priority <= 191)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withheld_syslog_message_stays_one() {
        let withheld = |line: &[u8]| {
            let mut out = Vec::new();
            withhold_line(line, Reason::ScanFailed, &mut Tally::new(0), None, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(withheld(b"<34>1 - host app - - - x\n"), "<34>1 - - - - - - ink1-withheld-scan-failed-24\n");
        for other in [&b"plain"[..], b"<192>x", b"<034>x", b"<3a>x", b"<1234>x", b"<>x", b"<34"] {
            let expected = format!("ink1-withheld-scan-failed-{}", other.len());
            assert_eq!(withheld(other), expected);
        }
    }
}
