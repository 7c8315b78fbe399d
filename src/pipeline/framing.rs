//! Chunks -> blocks of whole lines, and windows of lines that are over the limit. No I/O: the caller reads into it.
//!
//! - What comes out does not depend on how the input was cut into chunks: a line is over the limit when its first `max_line`
//!   bytes hold no newline, and its windows are filled to the brim before they are handed out.
//! - Memory is bounded by `max_line`: no more than that is ever held.
//! - A half-read line is no block yet; whole lines are handed out as soon as they are there.

/// The longest line that is handled whole, unless a configuration says otherwise: 1 MiB.
pub const MAX_LINE: usize = 1 << 20;
/// A line cannot be limited to less than this: windows must overlap by more than the longest secret.
pub const MIN_MAX_LINE: usize = 256 << 10;
/// So many bytes of a long line that are already passed on stay before a window: what stands before a secret (a key, a near word,
/// a webhook's host) must be in sight.
pub const CONTEXT: usize = 8 << 10;

/// What is ready to be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// The first so many bytes are whole lines; at the input's end, the last one may lack its newline.
    Lines(usize),
    /// A part of a line over the limit.
    Window(Window),
}

/// A window of a line that is over the limit, as offsets in [`Intake::bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The bytes before this were passed on already and are context.
    pub start: usize,
    /// Offset behind its last byte.
    pub end: usize,
    /// Whether the line ends here.
    pub last: bool,
}

/// Collects chunks until frames are whole.
#[derive(Debug)]
pub struct Intake {
    /// All of it is initialised; the first `filled` bytes are input.
    buffer: Vec<u8>,
    filled: usize,
    /// No newline lies before this.
    searched: usize,
    /// In a long line: the bytes before this were passed on already.
    passed_on: usize,
    long: bool,
    max_line: usize,
}

impl Intake {
    /// An empty intake; lines over `max_line` bytes (at least [`MIN_MAX_LINE`]) come in windows.
    pub fn new(max_line: usize) -> Self {
        let max_line = max_line.max(MIN_MAX_LINE);
        Self { buffer: Vec::new(), filled: 0, searched: 0, passed_on: 0, long: false, max_line }
    }

    /// Where to read the next chunk to: at most `chunk` bytes, never past the limit. Never empty while [`next`](Self::next) says
    /// that there is nothing to take.
    pub fn spare(&mut self, chunk: usize) -> &mut [u8] {
        let end = (self.filled + chunk).min(self.max_line);
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }

    /// Takes note of a read into [`spare`](Self::spare).
    pub fn advance(&mut self, read: usize) {
        self.filled += read;
        debug_assert!(self.filled <= self.max_line);
    }

    /// What has been read and not been taken.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// What can be taken now. With `ended` (there is no more input) whatever is left can.
    pub fn next(&mut self, ended: bool) -> Option<Frames> {
        let newline = if self.long {
            memchr::memchr(b'\n', &self.buffer[self.searched..self.filled])
        } else {
            memchr::memrchr(b'\n', &self.buffer[self.searched..self.filled])
        };
        let newline = newline.map(|at| self.searched + at + 1);
        let full = self.filled == self.max_line;
        if newline.is_none() {
            self.searched = self.filled;
        }
        match (self.long, newline) {
            (false, Some(end)) => Some(Frames::Lines(end)),
            (false, None) if full && !ended => {
                self.long = true;
                Some(Frames::Window(Window { start: 0, end: self.filled, last: false }))
            }
            (false, None) => (ended && self.filled > 0).then_some(Frames::Lines(self.filled)),
            (true, Some(end)) => Some(Frames::Window(Window { start: self.passed_on, end, last: true })),
            (true, None) if full || ended => Some(Frames::Window(Window { start: self.passed_on, end: self.filled, last: ended })),
            (true, None) => None,
        }
    }

    /// Takes the first `len` bytes, whole lines by [`Frames::Lines`], out into `block`, whose memory is reused.
    pub fn take_lines(&mut self, len: usize, block: &mut Vec<u8>) {
        // The block's old bytes stay where they are and become room to read into: clearing them would mean to fill it anew.
        let rest = self.filled - len;
        if block.len() < rest {
            block.resize(rest, 0);
        }
        block[..rest].copy_from_slice(&self.buffer[len..self.filled]);
        std::mem::swap(block, &mut self.buffer);
        block.truncate(len);
        self.filled = rest;
        self.searched = rest;
    }

    /// Takes note that a window was passed on up to `to`; of what is before, [`CONTEXT`] bytes stay in sight.
    pub fn pass_on(&mut self, window: Window, to: usize) {
        debug_assert!(window.start <= to && to <= window.end);
        if window.last {
            debug_assert_eq!(to, window.end);
            self.buffer.copy_within(window.end..self.filled, 0);
            self.filled -= window.end;
            (self.passed_on, self.long, self.searched) = (0, false, 0);
            return;
        }
        let keep = to.saturating_sub(CONTEXT);
        self.buffer.copy_within(keep..self.filled, 0);
        self.filled -= keep;
        self.passed_on = to - keep;
        self.searched = self.filled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in chunks of `chunk` bytes and passes every window on to `overlap` bytes before its end.
    fn run(input: &[u8], chunk: usize, overlap: usize) -> (Vec<u8>, Vec<Frames>, usize) {
        let (mut intake, mut out, mut seen, mut most) = (Intake::new(0), Vec::new(), Vec::new(), 0);
        let (mut rest, mut block) = (input, Vec::new());
        loop {
            while let Some(frames) = intake.next(rest.is_empty()) {
                seen.push(frames);
                match frames {
                    Frames::Lines(len) => {
                        intake.take_lines(len, &mut block);
                        out.extend_from_slice(&block);
                    }
                    Frames::Window(window) => {
                        let to = if window.last { window.end } else { window.end - overlap };
                        out.extend_from_slice(&intake.bytes()[window.start..to]);
                        intake.pass_on(window, to);
                    }
                }
            }
            if rest.is_empty() {
                return (out, seen, most);
            }
            let spare = intake.spare(chunk);
            let read = spare.len().min(rest.len());
            assert!(read > 0, "an intake that wants more has room for it");
            spare[..read].copy_from_slice(&rest[..read]);
            intake.advance(read);
            rest = &rest[read..];
            most = most.max(intake.filled);
        }
    }

    #[test]
    fn lines_come_as_soon_as_they_are_whole() {
        let mut intake = Intake::new(0);
        for (text, expected) in [(&b"ab"[..], None), (b"c\nd", Some(Frames::Lines(4)))] {
            intake.spare(16)[..text.len()].copy_from_slice(text);
            intake.advance(text.len());
            assert_eq!(intake.next(false), expected);
        }
        let mut block = Vec::new();
        intake.take_lines(4, &mut block);
        assert_eq!((&block[..], intake.bytes()), (&b"abc\n"[..], &b"d"[..]));
        assert_eq!(intake.next(true), Some(Frames::Lines(1)));
    }

    #[test]
    fn every_byte_comes_out_once_whatever_the_chunks() {
        let mut input = Vec::new();
        for len in [0, 10, MIN_MAX_LINE - 1, MIN_MAX_LINE, 3 * MIN_MAX_LINE + 17, 5] {
            input.extend(std::iter::repeat_n(b'a' + (len % 7) as u8, len));
            input.push(b'\n');
        }
        input.extend_from_slice(b"no newline");
        let whole = run(&input, MIN_MAX_LINE, 1000);
        assert_eq!(whole.0, input);
        let windows = |seen: &[Frames]| seen.iter().filter(|f| matches!(f, Frames::Window(_))).copied().collect::<Vec<_>>();
        for chunk in [1013, 65536, 100_001] {
            let split = run(&input, chunk, 1000);
            assert_eq!(split.0, input);
            assert_eq!(windows(&split.1), windows(&whole.1), "windows do not depend on chunks of {chunk}");
        }
    }

    #[test]
    fn an_endless_line_is_held_to_the_limit() {
        let (out, _, most) = run(&vec![b'x'; 10 * MIN_MAX_LINE], 8192, 4096);
        assert_eq!(out.len(), 10 * MIN_MAX_LINE);
        assert!(most <= MIN_MAX_LINE);
    }
}
