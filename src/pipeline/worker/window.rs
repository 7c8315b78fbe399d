//! Lines that are too long to be cleaned at once: window by window, and what is withheld of them.

use super::{Worker, caught, let_pass, note, verify};
use crate::model::Span;
use crate::pipeline::detect::action::Action;
use crate::pipeline::detect::{MAX_SECRET, Match, may_be_armor};
use crate::pipeline::detention::Kept;
use crate::pipeline::fingerprint::{Reason, write_withheld};
use crate::pipeline::framing::Window;
use crate::pipeline::rewrite::rewrite;

/// The end of a long line's window that waits for the next one: a secret that begins before it is whole.
const OVERLAP: usize = 2 * MAX_SECRET;

/// What became of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOutcome {
    /// The window is dealt with up to here: an offset in the intake's bytes.
    pub to: usize,
    /// A secret goes on beyond all bounds: the rest of the line must be withheld.
    pub endless: bool,
}

impl Worker<'_> {
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
