//! Splices replacements into a block; what lies between matches is copied as it stands.

use super::detect::action::Action;
use super::detect::{Match, Matches, context};
use super::fingerprint::write_masked;
use super::policy::Policy;
use crate::model::{Fingerprint, Secret, Span};

/// How a mark is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    #[default]
    Plain,
    /// Bold and green, for a terminal.
    Coloured,
}

/// Appends the part `range` of `block` to `out`, with a mark, or what its rule asks for, in the place of each match.
///
/// Of the matches, as [`super::detect::Finder::find`] gives them, one that begins before `range` has been
/// dealt with up to there, so that only the rest of it goes here; one that begins at its end or behind is not touched.
///
/// `done` is told of each match that was replaced, its secret, and the fingerprint in its place. A line cannot be dropped from here: what should
/// make it go is masked.
pub fn rewrite(
    block: &[u8],
    range: Span,
    matches: Matches<'_>,
    policy: &Policy,
    style: Style,
    out: &mut Vec<u8>,
    mut done: impl FnMut(&Match, &Secret<'_>, Option<Fingerprint>),
) {
    let (before, behind): (&[u8], &[u8]) = match style {
        Style::Plain => (b"", b""),
        Style::Coloured => (b"\x1b[1;32m", b"\x1b[0m"),
    };
    let mut copied = range.start();
    for found in matches.all {
        if found.span.end() <= range.start() || found.span.start() >= range.end() {
            continue;
        }
        out.extend_from_slice(&block[copied..found.span.start().max(copied)]);
        copied = found.span.end().min(range.end());
        if found.continues {
            continue;
        }
        let secret = matches.canonical(block, found);
        quote(found.add_quotes, out);
        out.extend_from_slice(before);
        let mut mask = |kept| {
            write_masked(&secret, kept, out);
            None
        };
        let fingerprint = match found.action {
            Action::Mark => Some(policy.keys.write_mark(&policy.detector.rule(found.rule).id, &secret, out)),
            Action::KeepLast(kept) => mask(kept),
            Action::Mask | Action::DropLine => mask(0),
        };
        out.extend_from_slice(behind);
        quote(found.add_quotes, out);
        done(found, &secret, fingerprint);
    }
    out.extend_from_slice(&block[copied..range.end()]);
}

/// Lines in which something else may look like a secret now, as a mark stands beside it.
#[derive(Debug, Default)]
pub struct Changed {
    /// The lines, one behind the other.
    pub text: Vec<u8>,
    /// Each line's place in the output, and in the text.
    lines: Vec<(Span, Span)>,
}

impl Changed {
    /// Forgets all lines.
    pub fn clear(&mut self) {
        self.text.clear();
        self.lines.clear();
    }

    /// Whether it is one line, so that what is found in the text is what is found in the line.
    pub fn is_one_line(&self) -> bool {
        self.lines.len() == 1
    }

    fn push(&mut self, out: &[u8], from: usize) {
        let start = self.text.len();
        self.text.extend_from_slice(&out[from..]);
        self.lines.push((Span::new(from, out.len()), Span::new(start, self.text.len())));
    }

    /// The places in the output of those lines in which something was found, by its place in the text.
    pub fn found(&self, matches: &[Match]) -> Vec<Span> {
        let holds = |text: Span| {
            let next = matches.partition_point(|found| found.span.end() <= text.start());
            matches.get(next).is_some_and(|found| found.span.start() < text.end())
        };
        self.lines.iter().filter(|(_, text)| holds(*text)).map(|(place, _)| *place).collect()
    }
}

/// Appends the whole of `block` to `out`, as [`rewrite`] does. Lines in which something else may look like a secret now, as a mark
/// stands beside it, are added to `changed`. Lines that a rule wants to go whole do, with their newlines: gives their number.
pub fn rewrite_lines(
    block: &[u8],
    matches: Matches<'_>,
    policy: &Policy,
    style: Style,
    out: &mut Vec<u8>,
    changed: &mut Changed,
    mut done: impl FnMut(&Match, &Secret<'_>, Option<Fingerprint>),
) -> u64 {
    let mut dropped = 0;
    let (mut rest, mut copied) = (matches.all, 0);
    while let [first, ..] = rest {
        let from = first.span.start();
        let start = memchr::memrchr(b'\n', &block[copied..from]).map_or(copied, |newline| copied + newline + 1);
        let (line, behind, end) = whole_lines(block, rest);
        out.extend_from_slice(&block[copied..start]);
        if line.iter().any(|found| found.action == Action::DropLine) {
            for found in line.iter().filter(|found| !found.continues) {
                done(found, &matches.canonical(block, found), None);
            }
            let gone = &block[start..end];
            dropped += memchr::memchr_iter(b'\n', gone).count() as u64 + u64::from(!gone.ends_with(b"\n"));
            (rest, copied) = (behind, end);
            continue;
        }
        let cleaned = out.len();
        rewrite(block, Span::new(start, end), Matches { all: line, ..matches }, policy, style, out, &mut done);
        if line.iter().any(|found| may_uncover(block, found)) {
            changed.push(out, cleaned);
        }
        (rest, copied) = (behind, end);
    }
    out.extend_from_slice(&block[copied..]);
    dropped
}

/// The matches that share lines with the first one, those behind them, and where the lines end: a match that begins in the same line
/// may go on in others, as the rows of a key do.
fn whole_lines<'m>(block: &[u8], matches: &'m [Match]) -> (&'m [Match], &'m [Match], usize) {
    let (mut count, mut end) = (0, 0);
    while let Some(next) = matches.get(count).filter(|next| count == 0 || next.span.start() < end) {
        let to = next.span.end();
        if to > end {
            end = memchr::memchr(b'\n', &block[to..]).map_or(block.len(), |newline| to + newline + 1);
        }
        count += 1;
    }
    let (line, behind) = matches.split_at(count);
    (line, behind, end)
}

/// Whether something beside a match may be read otherwise once a mark is in its place.
///
/// A secret of plain characters, with no word's character beside it, has no part in where words, quotes and values begin or end;
/// so a mark, which is such a word itself, changes nothing there. Nor do the slashes inside of one, unless a URL's user-info would
/// end at them. What was refused as a value may be one with a mark in it.
fn may_uncover(block: &[u8], found: &Match) -> bool {
    let part = |byte: u8| PARTS[usize::from(byte)];
    let secret = &block[found.span.range()];
    let parts = secret.iter().fold(PLAIN, |all, byte| all | part(*byte));
    let ends = secret.first().map_or(PLAIN, |byte| part(*byte)) | secret.last().map_or(PLAIN, |byte| part(*byte));
    let beside = [found.span.start().checked_sub(1).map(|at| block[at]), block.get(found.span.end()).copied()];
    found.doubtful
        || found.add_quotes.is_some()
        || parts & OTHER != 0
        || ends != PLAIN
        || (parts & INNER != 0 && context::may_be_in_authority(block, found.span.start()))
        || beside.into_iter().flatten().any(|byte| part(byte) == PLAIN || byte == b'\\')
}

/// Letters, digits, `_`, `-` and `.`.
const PLAIN: u8 = 0;
/// `/` and `+`, of which base64 is full.
const INNER: u8 = 1;
/// Everything else.
const OTHER: u8 = 2;

/// Which of these each byte is. A look-up without branches: the characters of secrets are random.
const PARTS: [u8; 256] = {
    let (mut table, mut byte) = ([OTHER; 256], 0u8);
    while byte < 128 {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
            table[byte as usize] = PLAIN;
        } else if matches!(byte, b'/' | b'+') {
            table[byte as usize] = INNER;
        }
        byte += 1;
    }
    table
};

/// A JSON number's place takes a string: the mark brings quotes at the depth of those around its key.
fn quote(backslashes: Option<u8>, out: &mut Vec<u8>) {
    if let Some(backslashes) = backslashes {
        out.extend(std::iter::repeat_n(b'\\', usize::from(backslashes)));
        out.push(b'"');
    }
}
