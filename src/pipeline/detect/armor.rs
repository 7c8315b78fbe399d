//! Private keys over several lines: from the line that begins one, or from a body that tells itself, to where its rows end.
//!
//! A row is told by where the first one stands and how long it is, so that it may have any prefix (a time, a container runtime's tag,
//! a quote, a comment's sign) and lines of others may stand between. Only rows go, and what stands between those that follow each
//! other. What is never closed is followed as long as rows come, and given up after [`MAX_FOREIGN`] lines without one.

mod shape;

use std::cell::Cell;

pub use self::shape::Shape;

use crate::model::Span;
use crate::pipeline::fingerprint;

/// A first row is no shorter: the body of the shortest private key there is takes 64 characters.
const MIN_ROW: usize = 40;
/// A body that is known by its beginning alone is no shorter.
const MIN_BODY: usize = 60;
/// Lines between two rows, or between the last row and the end, that are neither.
const MAX_FOREIGN: usize = 16;
/// The same before the first row, headers excepted: a line that only speaks of a key is not waited with for long.
const MAX_BEFORE: usize = 3;
/// Headers of a block.
const MAX_HEADERS: usize = 12;
/// What a patch puts before each line that it adds; base64 has it, too.
const SIGN: u8 = b'+';
/// The label between `BEGIN` and the dashes is no longer.
const MAX_LABEL: usize = 48;

/// A block as far as it could be followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Armor {
    /// Rows that follow each other without a foreign line, each group as one span.
    pub groups: Vec<Span>,
    /// The rows' own characters, each row closed by a newline.
    pub rows: Vec<u8>,
    /// Where it would go on, when the text ended before it did.
    pub open: Option<Option<Shape>>,
}

/// The line that begins a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Where in its line its dashes begin.
    column: usize,
    /// The offset of the next line.
    next: usize,
    /// How many rows there are, where the line says so.
    count: Option<usize>,
}

/// What stands before the number of a private key's rows in a PuTTY key file.
pub const COUNTED: &str = "Private-Lines: ";
/// Of how many digits that number is at most.
const COUNT_DIGITS: usize = 4;

/// Whether the words `PRIVATE KEY`, or [`COUNTED`], that end at `end` stand in a line that begins a block and holds nothing of its body; if
/// so, where they do.
///
/// `rows` is what is known of the line's rows: to look for one behind each of very many such words would be quadratic.
pub fn begins(text: &[u8], end: usize, line: Span, rows: &mut Rows) -> Option<Begun> {
    let before = &text[line.start().max(end.saturating_sub(MAX_LABEL))..end];
    if before.ends_with(COUNTED.as_bytes()) {
        let digits = text[end..line.end()].iter().take(COUNT_DIGITS).take_while(|b| b.is_ascii_digit()).count();
        let count = std::str::from_utf8(&text[end..end + digits]).ok()?.parse().ok().filter(|count| *count > 0)?;
        let column = end - COUNTED.len() - line.start();
        let begun = Begun { column, next: next_line(text, line), count: Some(count) };
        return (!rows.stands_behind(text, end + digits, line)).then_some(begun);
    }
    let label = memchr::memmem::rfind(before, b"BEGIN ")?;
    let dashes = before[..label].trim_ascii_end();
    let known = before[label..].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ');
    if !known || !dashes.ends_with(b"----") {
        return None;
    }
    let rest = &text[end..line.end()];
    let rest = rest.strip_prefix(b" BLOCK").unwrap_or(rest);
    let rest = rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b"----")?;
    // What ends on the same line is the other form, with rows parted by escapes; and so is what has its body there, or a mark in the
    // body's place.
    let behind = line.end() - rest.len();
    if rows.are_closed_behind(text, behind, line) {
        return None;
    }
    let dashes = dashes.iter().rev().take_while(|b| **b == b'-').count();
    let column = end - before.len() + label - line.start();
    let begun = Begun { column: column.saturating_sub(dashes), next: next_line(text, line), count: None };
    (!rows.stands_behind(text, behind, line)).then_some(begun)
}

/// What was seen of a line's rows so far, going from its start to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rows {
    /// The line's end.
    line: usize,
    /// The first row behind where it was last looked for: its start.
    next: Option<usize>,
    /// The end of the line in which edges and marks were looked for, and where the last of them begins.
    closed_line: usize,
    last_close: Option<usize>,
}

impl Rows {
    /// Whether a run that may be a row begins in the line at `from` or behind.
    fn stands_behind(&mut self, text: &[u8], from: usize, line: Span) -> bool {
        let is_known = self.line == line.end() && self.next.is_none_or(|next| next >= from);
        if !is_known {
            let next = runs(&text[from..line.end()], 0).find(|run| run.len() >= MIN_ROW);
            (self.line, self.next) = (line.end(), next.map(|run| from + run.start()));
        }
        self.next.is_some()
    }

    /// Whether a block begins or ends in the line at `from` or behind, or was cleaned there.
    fn are_closed_behind(&mut self, text: &[u8], from: usize, line: Span) -> bool {
        if self.closed_line != line.end() {
            let inner = &text[line.range()];
            let edges = EDGES.iter().filter_map(|edge| memchr::memmem::rfind(inner, edge));
            let last = edges.chain(marks(inner).last()).max();
            (self.closed_line, self.last_close) = (line.end(), last.map(|at| line.start() + at));
        }
        self.last_close.is_some_and(|last| last >= from)
    }
}

/// Whether a line may be a row of a private key.
pub fn may_be_armor(line: &[u8]) -> bool {
    runs(line, 0).any(|run| run.len() >= MIN_ROW)
}

/// Follows a block that [`begins`] has found. Where a mark stands before the first row, the block was cleaned before, and what else is in
/// it was no row then.
pub fn follow(text: &[u8], Begun { column, next, count }: Begun) -> Armor {
    let mut walk = Walk::new(Some(column), None, MAX_FOREIGN);
    walk.left = count;
    walk.lines(text, next);
    walk.armor
}

/// Follows a block of which the text begins with more rows.
pub fn resume(text: &[u8], shape: Shape) -> Armor {
    let mut walk = Walk::new(None, Some(shape), MAX_FOREIGN);
    (walk.confirmed, walk.left) = (true, shape.left);
    walk.lines(text, 0);
    walk.armor
}

/// Follows a body whose first row begins at `start` of a line, as long as each line is a row; nothing, when that is no body. Unless
/// it `goes_on`, its first row is all that is looked at.
pub fn follow_body(text: &[u8], start: usize, line: Span, goes_on: bool) -> Armor {
    let before = &text[line.start()..start];
    let after_escape = matches!(before, [.., b'\\', b'n' | b'r' | b't']);
    if before.last().is_some_and(is_row) && !after_escape {
        return Armor::default();
    }
    let inner = &text[line.range()];
    let row = runs(&inner[start - line.start()..], 0).next().map(|row| row.shifted(start - line.start()));
    let Some(row) = row.filter(|row| row.start() == start - line.start() && row.len() >= MIN_BODY) else {
        return Armor::default();
    };
    let shape = Shape::of(inner, row);
    let mut walk = Walk::new(None, Some(shape), 0);
    walk.take(text, row.shifted(line.start()));
    if goes_on {
        walk.lines(text, next_line(text, line));
    }
    walk.armor
}

struct Walk {
    armor: Armor,
    /// Where the line that begins the block has its dashes.
    column: Option<usize>,
    shape: Option<Shape>,
    /// So many lines may stand between two rows.
    most: usize,
    foreign: usize,
    headers: usize,
    /// So many rows are still to come, where that is known.
    left: Option<usize>,
    /// Of all rows.
    characters: usize,
    /// The line before was a row, or blank behind one.
    joined: bool,
    /// A second row has the shape of the first.
    confirmed: bool,
    /// The body's padding has come: no row follows.
    padded: bool,
}

impl Walk {
    fn new(column: Option<usize>, shape: Option<Shape>, most: usize) -> Self {
        let armor = Armor::default();
        Self {
            armor,
            column,
            shape,
            most,
            foreign: 0,
            headers: 0,
            left: None,
            characters: 0,
            joined: false,
            confirmed: false,
            padded: false,
        }
    }

    fn lines(&mut self, text: &[u8], from: usize) {
        let mut at = from;
        while at < text.len() {
            let line = line_at(text, at);
            if !self.line(text, line) || self.left == Some(0) {
                return;
            }
            at = next_line(text, line);
        }
        self.armor.open = Some(self.shape.map(|shape| shape.with_left(self.left)));
    }

    /// Whether the block may go on behind this line.
    fn line(&mut self, text: &[u8], line: Span) -> bool {
        let inner = &text[line.range()];
        // Where a mark stands, what is beside it is what was left. It may be in the place of a first row that was a value of another rule,
        // too: then nothing tells what a row was.
        let marked = marks(inner).next().is_some();
        if is_edge(inner) {
            if let Some(row) = self.row_before_end(inner).filter(|_| !marked && !self.padded) {
                self.take(text, row.shifted(line.start()));
            }
            return false;
        }
        if marked && self.shape.is_none() {
            return false;
        }
        // Whether it ends the block tells the line behind it, which may still come.
        let undecided = Cell::new(false);
        let row = match self.shape {
            _ if marked => None,
            Some(_) if self.padded => None,
            Some(shape) => shape.row_in(inner, self.characters, || {
                if let Some(left) = self.left {
                    return left == 1;
                }
                let next = next_line(text, line);
                undecided.set(next == text.len());
                next < text.len() && is_edge(&text[line_at(text, next).range()])
            }),
            None => None,
        };
        self.confirmed |= row.is_some();
        // The first row may have been a long value of somebody else's: until a second one has its shape, any other is one, too.
        let first = || runs(inner, 0).find_map(|run| self.first_row(inner, run));
        let may_be_first = !self.confirmed && self.most > 0 && !marked && !self.padded;
        let first = if may_be_first { first() } else { None };
        if first.is_some() {
            self.shape = first.map(|row| Shape::of(inner, row));
        }
        if let Some(row) = row.or(first) {
            self.take(text, row.shifted(line.start()));
            return true;
        }
        if undecided.get() {
            return true;
        }
        // Where rows are of 70 columns, as OpenSSH's, the padding may be a line of its own.
        self.padded |=
            self.shape.is_some() && inner.trim_ascii().iter().all(|b| *b == b'=') && !inner.trim_ascii().is_empty();
        if self.shape.is_some() && self.joined && ends_in_checksum(inner) {
            let end = line.start() + inner.trim_ascii_end().len();
            self.take(text, Span::new(end - CHECKSUM, end));
            return true;
        }
        if self.shape.is_none() && is_header(inner) {
            self.headers += 1;
            return self.headers <= MAX_HEADERS;
        }
        self.joined = false;
        self.foreign += 1;
        self.foreign <= if self.shape.is_some() { self.most } else { MAX_BEFORE }
    }

    /// The last row, where no newline parts it from the dashes of the block's end.
    fn row_before_end(&self, line: &[u8]) -> Option<Span> {
        let edge = ENDS.iter().find_map(|edge| memchr::memmem::find(line, edge))?;
        let before = &line[..edge - line[..edge].iter().rev().take_while(|b| **b == b'-').count()];
        let padding = before.iter().rev().take(2).take_while(|b| **b == b'=').count();
        let run = runs(before, before.len() - padding).next().filter(|run| run.end() == before.len())?;
        match self.shape {
            Some(shape) => Some(shape.own(run)).filter(|run| shape.ends_with(line, *run, self.characters)),
            None => self.first_row(line, run),
        }
    }

    /// A run that can be the first row, without a patch's sign.
    fn first_row(&self, line: &[u8], run: Span) -> Option<Span> {
        is_first_row(&line[run.range()]).then(|| match self.column {
            Some(column) if column == run.start() + 1 && line[run.start()] == SIGN => Span::new(column, run.end()),
            _ => run,
        })
    }

    fn take(&mut self, text: &[u8], row: Span) {
        self.armor.rows.extend_from_slice(&text[row.range()]);
        self.armor.rows.push(b'\n');
        self.characters += row.len();
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.padded |= text[row.range()].ends_with(b"=");
        match self.armor.groups.last_mut() {
            Some(group) if self.joined => *group = group.union(row),
            _ => self.armor.groups.push(row),
        }
        (self.joined, self.foreign) = (true, 0);
    }
}

/// Where marks begin in a line.
fn marks(line: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(line, fingerprint::PREFIX).filter(|at| fingerprint::written_at(&line[*at..]).is_some())
}

/// Whether a line ends a block or begins one.
fn is_edge(line: &[u8]) -> bool {
    EDGES.iter().any(|edge| memchr::memmem::find(line, edge).is_some())
}

const ENDS: [&[u8]; 2] = [b"----END ", b"---- END "];
const EDGES: [&[u8]; 4] = [b"----END ", b"---- END ", b"----BEGIN ", b"---- BEGIN "];

/// Whether a run can be the first row: letters of both cases, which tells it from a hash in hexadecimal.
fn is_first_row(run: &[u8]) -> bool {
    run.len() >= MIN_ROW && run.iter().any(u8::is_ascii_uppercase) && run.iter().any(u8::is_ascii_lowercase)
}

/// Length of what closes an OpenPGP block: `=` and four characters (RFC 9580, section 6.1).
const CHECKSUM: usize = 5;

fn ends_in_checksum(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.split_last_chunk::<CHECKSUM>().is_some_and(|(before, [first, rest @ ..])| {
        *first == b'='
            && rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
            && !before.last().is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// `Proc-Type: 4,ENCRYPTED`, `DEK-Info: …`, `Version: …`, behind any prefix, or a blank line.
fn is_header(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty()
        || [
            &b"Proc-Type:"[..],
            b"DEK-Info:",
            b"Version:",
            b"Comment:",
            b"Charset:",
            b"Hash:",
            b"MessageID:",
            b"Subject:",
        ]
        .iter()
        .any(|name| memchr::memmem::find(line, name).is_some())
}

fn is_row(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// The runs of base64's characters in a line, those that end before `from` left out.
fn runs(line: &[u8], from: usize) -> impl Iterator<Item = Span> {
    let back = line[..from.min(line.len())].iter().rev().take_while(|b| is_row(b)).count();
    let mut at = from.min(line.len()) - back;
    std::iter::from_fn(move || {
        at += line[at..].iter().position(is_row)?;
        // An escape's letter is none of the row's: `\nMII…`.
        if at > 0 && line[at - 1] == b'\\' && matches!(line[at], b'n' | b'r' | b't') {
            at += 1;
        }
        let length = line[at..].iter().take_while(|b| is_row(b)).count();
        let padding = line[at + length..].iter().take(2).take_while(|b| **b == b'=').count();
        // What a run is assigned with is none of it: `KEY=MII…`.
        let padding = padding * usize::from(!line.get(at + length + padding).is_some_and(is_row));
        let run = Span::new(at, at + length + padding);
        at = run.end();
        Some(run)
    })
}

/// The line that holds the byte at `at`, without its newline.
fn line_at(text: &[u8], at: usize) -> Span {
    let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
    let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline);
    Span::new(start, end.max(start))
}

fn next_line(text: &[u8], line: Span) -> usize {
    text.len().min(line.end() + 1)
}
