//! Bytes of a connection whose messages do not end with a newline, into frames. No I/O, and no limit on how the bytes were cut.
//!
//! - Octet counting (RFC 6587, 3.4.1): `LENGTH SP MESSAGE`, where the length has no leading zero. A newline behind a message, inside the
//!   count or not, is not of it.
//! - NUL: a message ends with a zero byte, and may have newlines in it.
//! - Automatic, for syslog: what begins with a length and `<` is octet-counted, everything else is a line (RFC 6587, 3.4.2).
//! - What cannot be a length is no message's beginning: up to the next newline it is taken for a line, and counted as a fault. Nothing is
//!   dropped, and no frame is joined with another.
//! - At most `max_frame` bytes of a message are held; a longer one comes in parts, and from the first one on nothing of it is held: who
//!   puts the parts together holds them already.

use memchr::memchr;

/// The longest length that is believed, in digits: beyond it, frames would be as long as the address space.
const MAX_DIGITS: usize = 10;

/// How messages are told apart on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Each line is one; a CR before the newline is of it.
    #[default]
    Lines,
    /// Each ends with a zero byte.
    Nul,
    /// Each begins with its length.
    OctetCounting,
    /// Octet counting where a message begins with a length, lines elsewhere.
    Auto,
}

/// What the decoder found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message without a newline in it.
    Line(&'a [u8]),
    /// A message with newlines in it.
    Message(&'a [u8]),
    /// A part of a message that is longer than the limit; it ends with the part that is `last`.
    Part {
        /// The part's bytes.
        bytes: &'a [u8],
        /// Whether the message ends with it.
        last: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between messages. What is held is the beginning of a length.
    Header,
    /// In a message of which so many bytes are to come.
    Counted(u64),
    /// In a message that ends with this byte.
    Until(u8),
}

/// Takes a connection's bytes, and gives its frames.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    max_frame: usize,
    state: State,
    /// What is held of the present frame, or of its length.
    held: Vec<u8>,
    /// Parts of the present frame were given.
    in_parts: bool,
    /// What is held was given, and goes at the next call.
    given: bool,
    faults: u64,
}

impl Decoder {
    /// A decoder that holds at most so many bytes.
    pub fn new(framing: Framing, max_frame: usize) -> Self {
        let state = match framing {
            Framing::Lines => State::Until(b'\n'),
            Framing::Nul => State::Until(0),
            Framing::OctetCounting | Framing::Auto => State::Header,
        };
        Self {
            framing,
            max_frame: max_frame.max(MAX_DIGITS + 2),
            state,
            held: Vec::new(),
            in_parts: false,
            given: false,
            faults: 0,
        }
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        if self.given { 0 } else { self.held.len() }
    }

    /// Memory for what is held, in bytes.
    pub fn capacity(&self) -> usize {
        self.held.capacity()
    }

    /// Whether a frame has begun.
    pub fn in_frame(&self) -> bool {
        self.held() > 0 || self.in_parts
    }

    /// Whether a length has begun and not ended.
    pub fn in_header(&self) -> bool {
        self.state == State::Header && self.held() > 0
    }

    /// Beginnings that could not be a message's, since the last call.
    pub fn take_faults(&mut self) -> u64 {
        std::mem::take(&mut self.faults)
    }

    /// The next frame of `input`, from which what was looked at is taken away; `None` when all of it was, and more is needed.
    pub fn next<'f, 'i: 'f>(&'f mut self, input: &mut &'i [u8]) -> Option<Frame<'f>> {
        self.forget();
        loop {
            match self.state {
                State::Header => self.read_header(input)?,
                State::Counted(left) => {
                    let room = self.max_frame - self.held.len();
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    if len as u64 == left && len <= room {
                        self.state = State::Header;
                        return Some(self.complete(split(input, len)));
                    }
                    if len < room && (!self.in_parts || len == 0) {
                        self.hold(split(input, len));
                        self.state = State::Counted(left - len as u64);
                        return None;
                    }
                    let len = len.min(room);
                    self.state = State::Counted(left - len as u64);
                    return Some(self.part(split(input, len)));
                }
                State::Until(delimiter) => {
                    let room = self.max_frame - self.held.len();
                    let window = &input[..input.len().min(room)];
                    if let Some(len) = memchr(delimiter, window) {
                        let bytes = split(input, len);
                        split(input, 1);
                        if self.framing != Framing::Nul {
                            self.state = State::Header;
                        }
                        return Some(self.complete(bytes));
                    }
                    let len = window.len();
                    if len < room && (!self.in_parts || len == 0) {
                        self.hold(split(input, len));
                        return None;
                    }
                    return Some(self.part(split(input, len)));
                }
            }
        }
    }

    /// What is left of a frame when the connection has ended.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        self.forget();
        if self.in_frame() {
            // A length of which nothing came is passed on as it stands.
            let shortened = matches!(self.state, State::Counted(_)) || self.framing == Framing::OctetCounting;
            self.faults += u64::from(shortened);
            return Some(self.complete(&[]));
        }
        None
    }

    /// Looks for a length. `None` when more is needed.
    fn read_header(&mut self, input: &mut &[u8]) -> Option<()> {
        loop {
            let byte = *input.first()?;
            let digits = self.held.len() - usize::from(self.held.ends_with(b" "));
            if self.held.ends_with(b" ") {
                // Only in automatic framing: what follows the length must begin a syslog message.
                self.state = if byte == b'<' { self.counted() } else { State::Until(b'\n') };
                return Some(());
            }
            match byte {
                b'1'..=b'9' if digits == 0 => {}
                b'0'..=b'9' if (1..MAX_DIGITS).contains(&digits) => {}
                b'\n' if digits == 0 => {
                    split(input, 1);
                    continue;
                }
                b' ' if digits > 0 && self.framing == Framing::OctetCounting => {
                    split(input, 1);
                    self.state = self.counted();
                    return Some(());
                }
                b' ' if digits > 0 => {}
                _ => {
                    self.faults += u64::from(self.framing == Framing::OctetCounting);
                    self.state = State::Until(b'\n');
                    return Some(());
                }
            }
            self.hold(split(input, 1));
        }
    }

    /// The length that is held, which was seen to be one.
    fn counted(&mut self) -> State {
        let length = self.held.iter().filter(|byte| byte.is_ascii_digit());
        let length = length.fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        self.held.clear();
        State::Counted(length)
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.given) {
            if self.held.capacity() > 2 * MAX_DIGITS {
                self.held = Vec::new();
            }
            self.held.clear();
        }
    }

    /// The frame that ends with `rest`.
    fn complete<'a>(&'a mut self, rest: &'a [u8]) -> Frame<'a> {
        let frame = self.join(rest);
        if std::mem::take(&mut self.in_parts) {
            return Frame::Part { bytes: self.given_or(frame), last: true };
        }
        let bytes = self.given_or(frame);
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if memchr(b'\n', bytes).is_some() { Frame::Message(bytes) } else { Frame::Line(bytes) }
    }

    fn part<'a>(&'a mut self, more: &'a [u8]) -> Frame<'a> {
        self.in_parts = true;
        let part = self.join(more);
        Frame::Part { bytes: self.given_or(part), last: false }
    }

    /// `rest` itself when nothing else is held.
    fn join<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        if self.held.is_empty() {
            return Some(rest);
        }
        self.hold(rest);
        self.given = true;
        None
    }

    fn given_or<'a>(&'a self, bytes: Option<&'a [u8]>) -> &'a [u8] {
        bytes.unwrap_or(&self.held)
    }
}

/// Takes the first `len` bytes away.
fn split<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(len);
    *input = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Owned {
        Line(Vec<u8>),
        Message(Vec<u8>),
        Part(Vec<u8>, bool),
    }

    /// Takes another frame, and joins it with the part before it: how a message comes in parts depends on how the input was cut.
    fn collect(frames: &mut Vec<Owned>, frame: Frame<'_>) {
        match (frames.last_mut(), owned(frame)) {
            (Some(Owned::Part(before, ended)), Owned::Part(more, last)) if !*ended => {
                before.extend_from_slice(&more);
                *ended = last;
            }
            (_, frame) => frames.push(frame),
        }
    }

    fn owned(frame: Frame<'_>) -> Owned {
        match frame {
            Frame::Line(bytes) => Owned::Line(bytes.to_vec()),
            Frame::Message(bytes) => Owned::Message(bytes.to_vec()),
            Frame::Part { bytes, last } => Owned::Part(bytes.to_vec(), last),
        }
    }

    fn decode(framing: Framing, max: usize, chunks: &[&[u8]]) -> (Vec<Owned>, u64) {
        let mut decoder = Decoder::new(framing, max);
        let mut frames = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(frame) = decoder.next(&mut input) {
                collect(&mut frames, frame);
            }
            assert!(input.is_empty() && decoder.held() <= max.max(MAX_DIGITS + 2));
        }
        if let Some(frame) = decoder.finish() {
            collect(&mut frames, frame);
        }
        (frames, decoder.take_faults())
    }

    fn lines(texts: &[&str]) -> Vec<Owned> {
        texts.iter().map(|text| Owned::Line(text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn octet_counting_with_the_quirks_of_its_senders() {
        let (frames, faults) = decode(Framing::OctetCounting, 100, &[b"3 abc4 def\n\n3 ghi12 one\ntwo\nthre1 x"]);
        let mut expected = lines(&["abc", "def", "ghi"]);
        expected.push(Owned::Message(b"one\ntwo\nthre".to_vec()));
        expected.extend(lines(&["x"]));
        assert_eq!((frames, faults), (expected, 0));
    }

    #[test]
    fn what_is_no_length_is_a_line_and_a_fault() {
        for (input, expected, faults) in [
            (&b"03 abc\n2 ok"[..], &["03 abc", "ok"][..], 1),
            (b"-3 abc\n2 ok", &["-3 abc", "ok"], 1),
            (b"12345678901 abc\n2 ok", &["12345678901 abc", "ok"], 1),
            (b"0 \n2 ok", &["0 ", "ok"], 1),
            (b"3abc\n2 ok", &["3abc", "ok"], 1),
            (b"9 short", &["short"], 1),
            (b"17", &["17"], 1),
        ] {
            assert_eq!(decode(Framing::OctetCounting, 100, &[input]), (lines(expected), faults), "{input:?}");
        }
    }

    #[test]
    fn automatic_framing_takes_each_message_as_it_comes() {
        let input = b"<13>plain line\n12 <14>counted\n404 not found\n<15>last\r\n7 <1>half";
        let expected = lines(&["<13>plain line", "<14>counted", "404 not found", "<15>last\r", "<1>half"]);
        assert_eq!(decode(Framing::Auto, 100, &[input]), (expected, 0));
    }

    #[test]
    fn nul_ends_messages_that_have_newlines_in_them() {
        let (frames, faults) = decode(Framing::Nul, 100, &[b"<13>one\0two\nlines\0\0rest"]);
        let mut expected = lines(&["<13>one"]);
        expected.push(Owned::Message(b"two\nlines".to_vec()));
        expected.extend(lines(&["", "rest"]));
        assert_eq!((frames, faults), (expected, 0));
    }

    #[test]
    fn what_is_longer_than_the_limit_comes_in_parts_of_which_none_is_held() {
        let text: Vec<u8> = (0..50).map(|n| b'a' + n % 26).collect();
        let input = [b"50 ".to_vec(), text.clone(), b"2 ok".to_vec()].concat();
        for cut in [1, 7, 1000] {
            let mut decoder = Decoder::new(Framing::OctetCounting, 20);
            let mut frames = Vec::new();
            for chunk in input.chunks(cut) {
                let mut rest = chunk;
                while let Some(frame) = decoder.next(&mut rest) {
                    collect(&mut frames, frame);
                    assert!(!matches!(frames.last(), Some(Owned::Part(_, false))) || decoder.held() == 0);
                }
                assert!(!decoder.in_parts || decoder.held() == 0, "{cut}");
            }
            assert_eq!(frames, [Owned::Part(text.clone(), true), Owned::Line(b"ok".to_vec())], "{cut}");
        }
    }

    proptest! {
        #[test]
        fn how_the_input_was_cut_does_not_matter(
            input in proptest::collection::vec(prop_oneof![
                3 => Just(b'\n'), 3 => Just(0u8), 3 => Just(b' '), 3 => Just(b'<'), 12 => b'0'..=b'9', 10 => b'a'..=b'z'], 0..120),
            cuts in proptest::collection::vec(0usize..120, 0..6),
            framing in prop_oneof![Just(Framing::Nul), Just(Framing::OctetCounting), Just(Framing::Auto)],
        ) {
            let whole = decode(framing, 30, &[&input]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([input.len()]) {
                chunks.push(&input[from..cut]);
                from = cut;
            }
            prop_assert_eq!(decode(framing, 30, &chunks), whole);
        }
    }
}
