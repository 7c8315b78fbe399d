//! Segments: the files that records are appended to, and how records are found in one again, damaged or not.

use std::io;
use std::ops::Range;
use std::time::SystemTime;

use memchr::memmem;

use super::record::{HEADER, Header, LONGEST, Salt};
use super::storage::StoredFile;
use crate::model::PieceKind;

/// What is read at once, unless a single record is longer.
const CHUNK: usize = 512 << 10;
/// What a disk cannot read is passed over in pieces of this size.
const PAGE: usize = 4096;
/// What every segment's name ends with.
const SUFFIX: &str = ".spool";

/// A segment's name: all that must be known of it before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Segments are numbered in the order in which they were made.
    pub(super) number: u64,
    /// The sequence number that its first record has, or would have.
    pub(super) first: u64,
    pub(super) salt: Salt,
}

impl Name {
    pub(super) fn text(self) -> String {
        format!("{:016x}-{:016x}-{:016x}{SUFFIX}", self.number, self.first, self.salt.0)
    }

    /// Reads a name; `None` where it is that of another file.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix(SUFFIX)?.split('-').map(|part| u64::from_str_radix(part, 16));
        let mut next = || parts.next()?.ok();
        let name = Self { number: next()?, first: next()?, salt: Salt(next()?) };
        (name.text() == text).then_some(name)
    }
}

/// A record that was read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) sequence: u64,
    pub(super) time: SystemTime,
    pub(super) kind: PieceKind,
    pub(super) bytes: Vec<u8>,
}

/// Where to read in a segment.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) salt: Salt,
    /// The bytes of it that count.
    pub(super) bytes: Range<u64>,
    /// The sequence numbers that are looked for there.
    pub(super) records: Range<u64>,
}

/// What was read at a place.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// In order; what is missing between their numbers is damaged.
    pub(super) found: Vec<Found>,
    /// Where to go on.
    pub(super) offset: u64,
    /// Whether the place was read to its end.
    pub(super) ended: bool,
    /// Behind the highest sequence number that stands there, also of damaged records.
    pub(super) behind: u64,
    /// Whether something stands behind that which is neither zeros nor the beginning of a record.
    pub(super) remains: bool,
}

/// Reads records from the start of `place` on: about [`CHUNK`] bytes of it, and at least one record where there is one.
///
/// # Errors
/// Where the file's length cannot be told. What the disk cannot read is taken for damaged.
pub(super) fn read(file: &dyn StoredFile, place: &Place) -> io::Result<Read> {
    let mut scan = Scan::new(place);
    let mut wanted = CHUNK;
    loop {
        let (longer, last) = scan.step(file, wanted)?;
        if !scan.read.found.is_empty() || last {
            return Ok(scan.read);
        }
        wanted = longer.unwrap_or(CHUNK).max(CHUNK);
    }
}

/// What stands at `place`, of which nothing is kept: only [`Read::behind`] and [`Read::remains`] are told.
///
/// # Errors
/// As [`read`].
pub(super) fn survey(file: &dyn StoredFile, place: &Place) -> io::Result<Read> {
    let mut scan = Scan::new(place);
    let mut wanted = CHUNK;
    loop {
        let (longer, last) = scan.step(file, wanted)?;
        scan.read.found.clear();
        if last {
            return Ok(scan.read);
        }
        wanted = longer.unwrap_or(CHUNK).max(CHUNK);
    }
}

/// Finds records in the bytes of a place, as they come.
struct Scan<'p> {
    place: &'p Place,
    read: Read,
    expected: u64,
    /// Up to here what is no whole record is known to be part of a damaged one.
    explained: u64,
}

impl<'p> Scan<'p> {
    fn new(place: &'p Place) -> Self {
        let (offset, expected) = (place.bytes.start, place.records.start);
        Self { place, read: Read { offset, behind: expected, ..Read::default() }, expected, explained: offset }
    }

    /// Reads so many bytes and takes the records out of them; gives how many the next one needs, and whether this was the end.
    fn step(&mut self, file: &dyn StoredFile, wanted: usize) -> io::Result<(Option<usize>, bool)> {
        let left = usize::try_from(self.place.bytes.end.saturating_sub(self.read.offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; wanted.min(left)];
        let length = read_over_faults(file, self.read.offset, &mut bytes)?;
        self.read.ended = length < wanted || left <= wanted;
        Ok((self.scan(&bytes[..length], self.read.ended), self.read.ended))
    }

    /// Takes all records out of `bytes`, which stand where it is to go on, and moves that on. `last` says that nothing follows; else
    /// gives how many bytes the record needs that goes on behind these.
    fn scan(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
        let start = self.read.offset;
        // What could be the beginning of a header stays for the next time.
        let held = if last { bytes.len() } else { bytes.len().saturating_sub(HEADER - 1) };
        let mut at = 0;
        while at < bytes.len() {
            let Some(header) = Header::decode(&bytes[at..], self.place.salt) else {
                let next = next_salt(bytes, at + 1, self.place.salt).unwrap_or(held.max(at));
                self.pass_over(start + at as u64, &bytes[at..next]);
                if next == at {
                    break;
                }
                at = next;
                continue;
            };
            let body = at + HEADER;
            let end = body.saturating_add(header.length as usize);
            if end > bytes.len() && !last && header.length <= LONGEST {
                self.read.offset = start + at as u64;
                return Some(end - at);
            }
            let whole = bytes.get(body..end);
            if whole.is_some() && self.place.records.contains(&header.sequence) {
                self.read.behind = self.read.behind.max(header.sequence + 1);
                self.read.remains = false;
            }
            self.explained = self.explained.max(start + end as u64);
            match whole.filter(|body| header.fits(body)) {
                Some(body) => {
                    // Others are whole and of no use: written again in the next segment.
                    if (self.expected..self.place.records.end).contains(&header.sequence) {
                        self.expected = header.sequence + 1;
                        self.read.found.push(Found::new(&header, body));
                    }
                    at = end;
                }
                // Where bytes were lost its length leads astray: the next record is searched for, not jumped to.
                None => at = next_salt(bytes, body, self.place.salt).unwrap_or(held.max(body)),
            }
        }
        self.read.offset = start + at as u64;
        None
    }

    /// Takes note of bytes at `offset` that are no record.
    fn pass_over(&mut self, offset: u64, bytes: &[u8]) {
        let explained = usize::try_from(self.explained.saturating_sub(offset)).unwrap_or(usize::MAX);
        let unexplained = bytes.get(explained..).unwrap_or_default();
        self.read.remains |= unexplained.len() >= HEADER && unexplained.iter().any(|byte| *byte != 0);
    }
}

impl Found {
    fn new(header: &Header, body: &[u8]) -> Self {
        Self { sequence: header.sequence, time: header.time, kind: header.kind, bytes: body.to_vec() }
    }
}

/// Where the salt is next, from `from` on.
fn next_salt(bytes: &[u8], from: usize, salt: Salt) -> Option<usize> {
    memmem::find(bytes.get(from..)?, &salt.bytes()).map(|found| from + found)
}

/// Reads at `offset`; pages that the disk cannot give are zeros, so that only their records are lost.
fn read_over_faults(file: &dyn StoredFile, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
    if let Ok(read) = file.read_at(offset, bytes) {
        return Ok(read);
    }
    let there = usize::try_from(file.size()?.saturating_sub(offset)).unwrap_or(usize::MAX);
    let length = there.min(bytes.len());
    for (number, page) in bytes[..length].chunks_mut(PAGE).enumerate() {
        if file.read_at(offset + (number * PAGE) as u64, page).is_err() {
            page.fill(0);
        }
    }
    Ok(length)
}
