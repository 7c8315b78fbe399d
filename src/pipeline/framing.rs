//! Chunks -> blocks of whole lines, and windows of lines that are over the limit. No I/O: the caller reads into it.
//!
//! - What comes out does not depend on how the input was cut into chunks: a line is over the limit when its first `max_line`
//!   bytes hold no newline, and its windows are filled to the brim before they are handed out.
//! - Memory is bounded by `max_line`: no more than that is ever held.
//! - A half-read line is no block yet; whole lines are handed out as soon as they are there.

mod decoder;

use bytes::BufMut as _;
use bytes::buf::Limit;

pub use self::decoder::{Decoder, Frame, Framing};

/// The longest line that is handled whole, unless a configuration says otherwise: 1 MiB.
pub const MAX_LINE: usize = 1 << 20;
/// A line cannot be limited to less than this: windows must overlap by more than the longest secret.
pub const MIN_MAX_LINE: usize = 256 << 10;
/// So many bytes of a long line that are already passed on stay before a window: what stands before a secret (a key, a near word,
/// a webhook's host) must be in sight.
pub const CONTEXT: usize = 8 << 10;
/// Memory of this size is not worth giving back.
const SMALL: usize = 512;
/// What is held and not more than this is copied for each read; of more, the copies would cost more than memory of its own.
const MOVABLE: usize = 32 << 10;

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
    /// The first `filled` bytes are input.
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

    /// As [`spare`](Self::spare) and [`advance`](Self::advance) in one, with memory that was `lent`: reads up to `limit` bytes, and
    /// no further than the longest line, to where no byte was written before. Little is held by a connection that waits, so that
    /// what is held is copied to the lent memory if that is large and this is not; [`settle`](Self::settle) gives it back.
    pub fn fill<T>(&mut self, limit: usize, lent: &mut Vec<u8>, read: impl FnOnce(&mut Limit<&mut Vec<u8>>) -> T) -> T {
        let limit = limit.min(self.max_line - self.filled);
        let end = self.filled + limit;
        self.buffer.truncate(self.filled);
        if self.buffer.capacity() < end && lent.capacity() >= end && self.filled <= MOVABLE {
            lent.clear();
            lent.extend_from_slice(&self.buffer);
            std::mem::swap(&mut self.buffer, lent);
        }
        self.buffer.reserve_exact(limit);
        let outcome = read(&mut (&mut self.buffer).limit(limit));
        self.filled = self.buffer.len();
        outcome
    }

    /// Holds what is held in no more memory than it needs; larger memory goes into `lent` where that has less.
    pub fn settle(&mut self, lent: &mut Vec<u8>) {
        self.buffer.truncate(self.filled);
        if self.buffer.capacity() <= self.filled.saturating_mul(2).max(SMALL) && self.filled > 0 {
            return;
        }
        let mut whole = std::mem::replace(&mut self.buffer, Vec::with_capacity(self.filled));
        self.buffer.extend_from_slice(&whole);
        if whole.capacity() > lent.capacity() {
            whole.clear();
            *lent = whole;
        }
    }

    /// Drops what is held; how much of it had not been passed on. What comes next is taken for a line's beginning.
    pub fn drop_all(&mut self) -> usize {
        let dropped = self.filled - self.passed_on;
        self.buffer = Vec::new();
        (self.filled, self.searched, self.passed_on, self.long) = (0, 0, 0, false);
        dropped
    }

    /// Drops what is held up to the first newline and this too, and gives the number of bytes before it; `None`, and nothing
    /// dropped, when there is no newline. Only between frames, when no byte of the line was passed on.
    pub fn drop_line(&mut self) -> Option<usize> {
        debug_assert!(self.passed_on == 0 && !self.long);
        let newline = memchr::memchr(b'\n', self.bytes())?;
        self.buffer.copy_within(newline + 1..self.filled, 0);
        self.filled -= newline + 1;
        self.searched = 0;
        Some(newline)
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.filled
    }

    /// Bytes of memory for what is held.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// What has been read and not been taken.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Whether a line over the limit has begun to be handed out and has not ended.
    pub fn in_long_line(&self) -> bool {
        self.long
    }

    /// The same, parted into what was passed on and is context, and the rest.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes().split_at(self.passed_on)
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
            (true, None) if full || ended => {
                Some(Frames::Window(Window { start: self.passed_on, end: self.filled, last: ended }))
            }
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
        let windows =
            |seen: &[Frames]| seen.iter().filter(|f| matches!(f, Frames::Window(_))).copied().collect::<Vec<_>>();
        for chunk in [1013, 65536, 100_001] {
            let split = run(&input, chunk, 1000);
            assert_eq!(split.0, input);
            assert_eq!(windows(&split.1), windows(&whole.1), "windows do not depend on chunks of {chunk}");
        }
    }

    #[test]
    fn lent_memory_comes_back_and_what_is_held_stays() {
        let (mut intake, mut lent, mut block) = (Intake::new(0), Vec::with_capacity(100_000), Vec::new());
        let mut out = Vec::new();
        let input: Vec<u8> =
            (0..300_000u32).map(|n| if n % 701 == 700 { b'\n' } else { b'a' + (n % 26) as u8 }).collect();
        for chunk in input.chunks(60_000) {
            intake.fill(60_000, &mut lent, |into| into.put_slice(chunk));
            if let Some(Frames::Lines(len)) = intake.next(false) {
                intake.take_lines(len, &mut block);
                out.extend_from_slice(&block);
            }
            intake.settle(&mut lent);
            assert!(intake.held() < 701 && intake.capacity() <= 2 * 701, "{} in {}", intake.held(), intake.capacity());
            if block.capacity() > lent.capacity() {
                std::mem::swap(&mut block, &mut lent);
            }
            assert!(lent.capacity() >= 60_000);
        }
        out.extend_from_slice(intake.bytes());
        assert_eq!(out, input);
    }

    #[test]
    fn what_is_dropped_is_counted() {
        let mut intake = Intake::new(0);
        intake.fill(100, &mut Vec::new(), |into| into.put_slice(b"rest\nnext line\nhalf"));
        assert_eq!((intake.drop_line(), intake.bytes()), (Some(4), &b"next line\nhalf"[..]));
        assert_eq!(intake.next(false), Some(Frames::Lines(10)));
        intake.take_lines(10, &mut Vec::new());
        assert_eq!((intake.drop_line(), intake.drop_all(), intake.capacity()), (None, 4, 0));
        assert_eq!(intake.next(true), None);
    }

    #[test]
    fn an_endless_line_is_held_to_the_limit() {
        let (out, _, most) = run(&vec![b'x'; 10 * MIN_MAX_LINE], 8192, 4096);
        assert_eq!(out.len(), 10 * MIN_MAX_LINE);
        assert!(most <= MIN_MAX_LINE);
    }
}
