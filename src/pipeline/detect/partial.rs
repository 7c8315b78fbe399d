//! Records that a container runtime has cut into several lines: CRI's `P` and `F` lines, and the lines of Docker's json-file driver.
//!
//! A runtime cuts messages at 16 KiB, wherever that is, and other messages of the same container's other stream may stand between the
//! parts. The parts of one message are put together here, to be searched as one; what is found leads back to the parts.
//!
//! Sources: the CRI log format (kubernetes/design-proposals, kubelet-cri-logging: `time stream tags content`, tags parted by `:`,
//! the first of them `P` or `F`), and Docker's json-file log driver, where a part is an entry whose `log` has no newline at its end.

use crate::model::Span;

/// No more than this is put together, in bytes: a message of 1 MiB.
const MAX_JOINED: usize = 1 << 20;
/// A message has no more parts.
const MAX_PARTS: usize = 128;
/// So many lines of others may stand between two parts: more than a runtime ever puts there, as the rows of a private key among them are one
/// line once a mark stands for them. What is too far apart when it is cleaned would be near enough when it is looked at again.
const MAX_BETWEEN: usize = 512;
/// What stands before the content of a CRI line is no longer.
const MAX_HEADER: usize = 96;

/// Which runtime's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// containerd, CRI-O, Podman.
    Cri,
    /// Docker's json-file driver.
    Docker,
}

impl Runtime {
    /// How many there are.
    pub const COUNT: usize = 2;

    /// What stands in every line that may be a part; every entry of Docker's has it, so see [`may_go_on`](Self::may_go_on).
    pub fn triggers(self) -> &'static [&'static str] {
        match self {
            Self::Cri => &[" stdout P", " stderr P"],
            Self::Docker => &[DOCKER_STREAM],
        }
    }

    /// A quick test of what stands before a trigger that ends at `end`.
    pub fn may_go_on(self, block: &[u8], end: usize) -> bool {
        match self {
            Self::Cri => true,
            Self::Docker => !ends_in_newline(&block[..end - DOCKER_STREAM.len()]),
        }
    }
}

/// What stands behind the content of Docker's entries.
const DOCKER_STREAM: &str = "\",\"stream\":\"std";

/// One line of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    /// Where the content stands; of Docker, without its quotes, and without the newline that ends the message: what stands for a secret must
    /// not take that with it, or what follows would be read as more of the message.
    content: Span,
    /// Whether it came from standard error.
    stderr: bool,
    /// Whether the message goes on in a later line.
    partial: bool,
}

/// The parts of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The contents of all parts, one behind the other.
    pub text: Vec<u8>,
    /// Where each part stands in the block.
    parts: Vec<Span>,
    /// What the runtime wrote around each part: from the newline before it, and to the one behind.
    pub frames: Vec<Span>,
    /// The offset of the last part's line.
    pub last_line: usize,
    /// Whether the last part was still to come when the block ended.
    pub open: bool,
}

impl Message {
    /// Where in the block the bytes stand that `span` takes in the text: one piece in each part that it touches.
    pub fn pieces(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let mut start = 0;
        self.parts.iter().filter_map(move |part| {
            let here = Span::new(start, start + part.len());
            start = here.end();
            let (from, to) = (span.start().max(here.start()), span.end().min(here.end()));
            (from < to).then(|| Span::new(from - here.start(), to - here.start()).shifted(part.start()))
        })
    }
}

/// Whether `line` is a part that goes on in another line; if so, whether it came from standard error.
pub fn goes_on(runtime: Runtime, line: &[u8]) -> Option<bool> {
    record(runtime, line).filter(|record| record.partial).map(|record| record.stderr)
}

/// Puts the message together whose first part is the line `[start, end)` of `block`; `None`, when that is no part of one, or no other
/// part follows and none is awaited.
pub fn message(block: &[u8], runtime: Runtime, line: Span) -> Option<Message> {
    let first = record(runtime, &block[line.range()])?;
    if !first.partial {
        return None;
    }
    let mut message = Message { open: true, ..Message::default() };
    message.take(block, line, first);
    let (mut at, mut between) = (line.end() + 1, 0);
    while at < block.len() && message.open && between <= MAX_BETWEEN {
        let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |newline| at + newline);
        let line = Span::new(at, end);
        match record(runtime, &block[line.range()]) {
            Some(next) if next.stderr == first.stderr => {
                message.open = next.partial;
                message.take(block, line, next);
                between = 0;
                if message.text.len() >= MAX_JOINED || message.parts.len() >= MAX_PARTS {
                    message.open = false;
                }
            }
            _ => between += 1,
        }
        at = end + 1;
    }
    message.open &= between <= MAX_BETWEEN;
    (message.parts.len() > 1 || message.open).then_some(message)
}

impl Message {
    fn take(&mut self, block: &[u8], line: Span, record: Record) {
        let content = record.content.shifted(line.start());
        self.text.extend_from_slice(&block[content.range()]);
        self.parts.push(content);
        let before = Span::new(line.start().saturating_sub(1), content.start());
        let behind = Span::new(content.end(), line.end());
        self.frames.extend([before, behind].into_iter().filter(|frame| !frame.is_empty()));
        self.last_line = line.start();
    }
}

fn record(runtime: Runtime, line: &[u8]) -> Option<Record> {
    match runtime {
        Runtime::Cri => cri(line),
        Runtime::Docker => docker(line),
    }
}

/// `2026-11-22T08:00:00.123456789Z stdout P content`
fn cri(line: &[u8]) -> Option<Record> {
    let header = &line[..line.len().min(MAX_HEADER)];
    let mut blanks = memchr::memchr_iter(b' ', header);
    let (time, stream, tags) = (blanks.next()?, blanks.next()?, blanks.next().unwrap_or(line.len()));
    let is_time = header[..time].len() >= 20 && header[..4].iter().all(u8::is_ascii_digit) && header[4] == b'-';
    let stderr = match &line[time + 1..stream] {
        b"stdout" => false,
        b"stderr" => true,
        _ => return None,
    };
    let tag = line[stream + 1..tags].split(|b| *b == b':').next();
    let partial = match tag {
        Some(b"P") => true,
        Some(b"F") => false,
        _ => return None,
    };
    let content = Span::new(line.len().min(tags + 1), line.len());
    is_time.then_some(Record { content, stderr, partial })
}

/// `{"log":"content","stream":"stdout","time":"…"}`
fn docker(line: &[u8]) -> Option<Record> {
    const START: &[u8] = b"{\"log\":\"";
    line.starts_with(START).then_some(())?;
    let mut at = START.len();
    let end = loop {
        let quote = at + memchr::memchr(b'"', &line[at..])?;
        let backslashes = line[START.len()..quote].iter().rev().take_while(|b| **b == b'\\').count();
        if backslashes.is_multiple_of(2) {
            break quote;
        }
        at = quote + 1;
    };
    let rest = &line[end..];
    let stderr = match rest {
        _ if rest.starts_with(b"\",\"stream\":\"stdout\"") => false,
        _ if rest.starts_with(b"\",\"stream\":\"stderr\"") => true,
        _ => return None,
    };
    let content = Span::new(START.len(), end);
    let ends = ends_in_newline(&line[content.range()]);
    let partial = !content.is_empty() && !ends;
    let content = Span::new(content.start(), end - if ends { NEWLINE.len() } else { 0 });
    Some(Record { content, stderr, partial })
}

/// A newline as JSON strings have it.
const NEWLINE: &str = "\\n";

/// Whether a JSON string ends in an escaped newline.
fn ends_in_newline(content: &[u8]) -> bool {
    let Some(before) = content.strip_suffix(b"n") else { return false };
    before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_line(block: &[u8]) -> Span {
        Span::new(0, memchr::memchr(b'\n', block).unwrap_or(block.len()))
    }

    #[test]
    fn parts_are_put_together_by_stream() {
        let block = b"2026-11-22T08:00:00.1Z stdout P one \n2026-11-22T08:00:00.2Z stderr P xx\n\
                      2026-11-22T08:00:00.3Z stdout F two\n2026-11-22T08:00:00.4Z stdout F three\n";
        let message = message(block, Runtime::Cri, first_line(block)).expect("a message");
        assert_eq!((&message.text[..], message.open), (&b"one two"[..], false));
        let pieces: Vec<&[u8]> = message.pieces(Span::new(2, 6)).map(|piece| &block[piece.range()]).collect();
        assert_eq!(pieces, [&b"e "[..], b"tw"]);
    }

    #[test]
    fn entries_without_a_newline_go_on() {
        let block = br#"{"log":"a \"b\" ","stream":"stdout","time":"2026"}
{"log":"c\\n","stream":"stdout","time":"2026"}
{"log":"d\n","stream":"stdout","time":"2026"}
{"log":"e\n","stream":"stdout","time":"2026"}
"#;
        let message = message(block, Runtime::Docker, first_line(block)).expect("a message");
        assert_eq!(message.text, br#"a \"b\" c\\nd"#);
    }

    #[test]
    fn what_is_whole_is_no_part() {
        for (runtime, block) in [
            (Runtime::Cri, &b"2026-11-22T08:00:00.1Z stdout F one\n"[..]),
            (Runtime::Cri, b"copied stdout P one\n"),
            (Runtime::Docker, br#"{"log":"one\n","stream":"stdout"}"#),
            (Runtime::Docker, br#"{"log":"","stream":"stdout"}"#),
            (Runtime::Docker, br#"{"log":5,"stream":"stdout"}"#),
        ] {
            assert_eq!(message(block, runtime, first_line(block)), None);
        }
    }

    #[test]
    fn parts_may_be_so_many_lines_apart() {
        let joined = |between: usize| {
            let others = "2026-11-22T08:00:00.1Z stderr F x\n".repeat(between);
            let block = format!("2026-11-22T08:00:00.1Z stdout P one \n{others}2026-11-22T08:00:00.1Z stdout F two\n");
            message(block.as_bytes(), Runtime::Cri, first_line(block.as_bytes())).is_some()
        };
        assert!(joined(MAX_BETWEEN) && !joined(MAX_BETWEEN + 1));
    }

    #[test]
    fn the_end_of_a_message_may_still_come() {
        let block = b"2026-11-22T08:00:00.1Z stdout P one \n";
        assert!(message(block, Runtime::Cri, first_line(block)).expect("a message").open);
    }
}
