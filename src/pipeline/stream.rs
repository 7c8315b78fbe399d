//! One input's frames through one worker: lines as blocks, long lines as windows; endless secrets, and lines given up, withheld.

use bytes::buf::Limit;

use super::detention::Kept;
use super::framing::{Frames, Intake, Window};
use super::worker::{Carry, Outcome, Worker};

/// An input's intake, and what it remembers from one window to the next.
#[derive(Debug)]
pub struct Stream {
    intake: Intake,
    /// Bytes of the present line that are being withheld.
    withheld: Option<u64>,
    /// The rest of the present line is being dropped.
    dropped: Option<Dropped>,
    /// The first bytes of what is being withheld, for the quarantine.
    kept: Kept,
    /// Whole lines that wait for what follows; only where blocks are cleaned here.
    carry: Carry,
}

/// The rest of a line that [`Stream::withhold`] gave up.
#[derive(Clone, Copy, Debug)]
struct Dropped {
    /// Bytes that no mark has told of.
    bytes: u64,
    /// A mark and a newline stand for what came before.
    told: bool,
}

/// What [`Stream::take`] has put where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Whole lines, not cleaned yet, are in `block`: any worker may clean them.
    Block,
    /// A part of a long line, cleaned, is in `out` (possibly nothing).
    Cleaned,
    /// More input is needed, or there is none left.
    Nothing,
}

impl Stream {
    /// A stream whose lines are handled whole up to `max_line` bytes.
    pub fn new(max_line: usize) -> Self {
        Self {
            intake: Intake::new(max_line),
            withheld: None,
            dropped: None,
            kept: Kept::default(),
            carry: Carry::default(),
        }
    }

    /// Where to read the next chunk to; see [`Intake::spare`].
    pub fn spare(&mut self, chunk: usize) -> &mut [u8] {
        self.intake.spare(chunk)
    }

    /// Takes note of a read.
    pub fn advance(&mut self, read: usize) {
        self.intake.advance(read);
    }

    /// Reads into memory that was lent; see [`Intake::fill`].
    pub fn fill<T>(&mut self, limit: usize, lent: &mut Vec<u8>, read: impl FnOnce(&mut Limit<&mut Vec<u8>>) -> T) -> T {
        self.intake.fill(limit, lent, read)
    }

    /// Gives lent memory back; see [`Intake::settle`].
    pub fn settle(&mut self, lent: &mut Vec<u8>) {
        self.intake.settle(lent);
    }

    /// Bytes held that were not taken, or stay in sight before a window.
    pub fn held(&self) -> usize {
        self.intake.held() + self.carry.held() + self.kept.capacity()
    }

    /// Bytes of memory for what is held.
    pub fn capacity(&self) -> usize {
        self.intake.capacity() + self.carry.held() + self.kept.capacity()
    }

    /// Whether whole lines wait for what follows.
    pub fn waits(&self) -> bool {
        self.carry.held() > 0
    }

    /// Cleans the lines that wait for what follows, as nothing has followed for long; whether there were any.
    pub fn clean_waiting(&mut self, worker: &mut Worker<'_>, out: &mut Vec<u8>) -> bool {
        let waits = self.waits();
        if waits {
            worker.redact_next(&mut self.carry, &[], true, out);
        }
        waits
    }

    /// Whether nothing is held that was not taken.
    pub fn is_empty(&self) -> bool {
        self.intake.is_empty() && self.withheld.is_none() && self.dropped.is_none()
    }

    /// Where the input could be begun anew: so many bytes before what was read last, at a line's start, with all before it taken.
    /// `None` in the midst of something that is only known by what was before.
    pub fn resumable(&self) -> Option<usize> {
        let midway =
            self.intake.in_long_line() || self.withheld.is_some() || self.dropped.is_some() || self.carry.goes_on();
        (!midway).then(|| self.held())
    }

    /// Gives the present line up, when [`take`](Self::take) has nothing: what is held of it goes, and so will its rest; a mark tells
    /// how much that was. With `now`, as some of the line was passed on and others wait for its end, a mark and a newline go to
    /// `out` at once for what is held, and another mark will be a line of its own for the rest, if there is any.
    pub fn withhold(&mut self, now: bool, worker: &mut Worker<'_>, out: &mut Vec<u8>) {
        out.clear();
        let (context, rest) = self.intake.parts();
        self.kept.stand_behind(context, worker.keeps());
        self.kept.add(rest, worker.keeps());
        let bytes = self.intake.drop_all() as u64
            + self.withheld.take().unwrap_or(0)
            + self.dropped.map_or(0, |dropped| dropped.bytes);
        if now {
            worker.withhold_rest(bytes, false, std::mem::take(&mut self.kept), out);
            out.push(b'\n');
        }
        self.dropped = Some(Dropped { bytes: if now { 0 } else { bytes }, told: now });
    }

    /// Takes what is whole: lines go to `block` as they are, for a worker to clean; windows of a long line are cleaned here, in
    /// order, and go to `out`. With `ended`, whatever is left is taken.
    pub fn take(&mut self, ended: bool, worker: &mut Worker<'_>, block: &mut Vec<u8>, out: &mut Vec<u8>) -> Taken {
        if let Some(dropped) = self.dropped {
            return self.drop_rest(dropped, ended, worker, out);
        }
        match self.intake.next(ended) {
            None => self.finish_withheld(ended, worker, out),
            Some(Frames::Lines(len)) => {
                self.intake.take_lines(len, block);
                Taken::Block
            }
            Some(Frames::Window(window)) => {
                self.clean_window(window, worker, out);
                Taken::Cleaned
            }
        }
    }

    /// As [`take`](Self::take), and cleans lines at once: `out` then holds the result, or `block` does where nothing was found.
    pub fn take_cleaned(
        &mut self,
        ended: bool,
        worker: &mut Worker<'_>,
        block: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Taken {
        match self.take(ended, worker, block, out) {
            Taken::Block => {
                if worker.redact_next(&mut self.carry, block, ended && self.intake.is_empty(), out)
                    == Outcome::Unchanged
                {
                    std::mem::swap(block, out);
                }
                Taken::Cleaned
            }
            Taken::Cleaned if self.waits() => {
                // A line of many windows is the end of what waited.
                let window = std::mem::take(out);
                self.clean_waiting(worker, out);
                out.extend_from_slice(&window);
                Taken::Cleaned
            }
            Taken::Nothing if ended && self.clean_waiting(worker, out) => Taken::Cleaned,
            taken => taken,
        }
    }

    /// Drops the rest of a line that was given up, and closes it where it ends.
    fn drop_rest(&mut self, dropped: Dropped, ended: bool, worker: &mut Worker<'_>, out: &mut Vec<u8>) -> Taken {
        let rest = self.intake.bytes();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.kept.add(&rest[..end], worker.keeps());
        let line = self.intake.drop_line();
        let bytes = dropped.bytes + line.unwrap_or_else(|| self.intake.drop_all()) as u64;
        if line.is_none() && !ended {
            self.dropped = Some(Dropped { bytes, ..dropped });
            return Taken::Nothing;
        }
        out.clear();
        self.dropped = None;
        if bytes > 0 || !dropped.told {
            worker.withhold_rest(bytes, line.is_some(), std::mem::take(&mut self.kept), out);
        }
        Taken::Cleaned
    }

    fn clean_window(&mut self, window: Window, worker: &mut Worker<'_>, out: &mut Vec<u8>) {
        let Some(withheld) = self.withheld else {
            let outcome = worker.redact_window(self.intake.bytes(), window, out);
            if outcome.endless {
                self.withheld = Some(0);
                self.pass_on_withheld(Window { start: outcome.to, ..window }, worker, out);
            } else {
                self.intake.pass_on(window, outcome.to);
            }
            return;
        };
        out.clear();
        self.withheld = Some(withheld);
        self.pass_on_withheld(window, worker, out);
    }

    /// Passes nothing of the window on, and closes the withheld line where it ends.
    fn pass_on_withheld(&mut self, window: Window, worker: &mut Worker<'_>, out: &mut Vec<u8>) {
        let text = &self.intake.bytes()[window.start..window.end];
        let newline = window.last && text.ends_with(b"\n");
        let body = &text[..text.len() - usize::from(newline)];
        let so_far = self.withheld.unwrap_or(0) + body.len() as u64;
        self.kept.stand_behind(&self.intake.bytes()[..window.start], worker.keeps());
        self.kept.add(body, worker.keeps());
        self.intake.pass_on(window, window.end);
        self.withheld = Some(so_far);
        if window.last {
            worker.withhold_rest(so_far, newline, std::mem::take(&mut self.kept), out);
            self.withheld = None;
        }
    }

    /// A withheld line that ends with the input, just where a window did.
    fn finish_withheld(&mut self, ended: bool, worker: &mut Worker<'_>, out: &mut Vec<u8>) -> Taken {
        match self.withheld {
            Some(bytes) if ended => {
                out.clear();
                worker.withhold_rest(bytes, false, std::mem::take(&mut self.kept), out);
                self.withheld = None;
                Taken::Cleaned
            }
            _ => Taken::Nothing,
        }
    }
}
