//! One record of the journal: a line of JSON in one fixed spelling.
//!
//! ```text
//! {"seq":2,"time":"2026-01-02T03:04:05Z","kind":"start","details":{…},"prev":"…64 hex…","hash":"…64 hex…"}
//! ```
//!
//! `hash` is the SHA-256 of every byte of the line before `,"hash":`; `prev` is the `hash` of the record before, and 64 zeros in the
//! first. Members stand in this order without spaces, and a line feed ends the line, so that a program can check a record by
//! its bytes, without reading JSON.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::entry::Entry;

/// The most bytes of a record, its line feed included.
pub const MAX_RECORD: usize = 64 << 10;

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first record has in the place of the hash of the one before.
    pub const ZERO: Self = Self([0; 32]);

    /// Takes the bytes of a hash.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 lower-case hex digits.
    fn parse(hex: &[u8]) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        let (pairs, []) = hex.as_chunks::<2>() else { return None };
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The line of a record, its line feed included, and its hash.
///
/// # Errors
/// When the details cannot be written as JSON.
pub(super) fn encode(
    seq: u64,
    time: Timestamp,
    entry: &Entry,
    prev: Hash,
) -> Result<(Vec<u8>, Hash), serde_json::Error> {
    let written = serde_json::to_string(entry)?;
    // The entry is an object with the members `kind` and `details`, which stand in the record beside the others.
    let members = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let mut line = format!("{{\"seq\":{seq},\"time\":\"{time}\",{members},\"prev\":\"{prev}\"");
    let hash = Hash::of(line.as_bytes());
    line += &format!(",\"hash\":\"{hash}\"}}\n");
    Ok((line.into_bytes(), hash))
}

const PREV: &[u8] = b",\"prev\":\"";
const HASH: &[u8] = b"\",\"hash\":\"";
const END: &[u8] = b"\"}";
const HEX: usize = 64;

/// A record as its line says, its own hash not yet checked.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was made, as written.
    pub time: &'a str,
    /// What it is about.
    pub kind: &'a str,
    /// More about that, as JSON.
    pub details: &'a str,
    /// The hash of the record before, as written here.
    pub prev: Hash,
    /// Its own hash, as written here.
    pub hash: Hash,
    /// What the hash is of.
    hashed: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a line without its line feed; `None` where it is not spelled as a record is.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_suffix(END)?;
        let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(HEX)?)?;
        let rest = rest.strip_suffix(HASH)?;
        let hashed = &line[..rest.len() + 1];
        let (rest, prev) = rest.split_at_checked(rest.len().checked_sub(HEX)?)?;
        let rest = std::str::from_utf8(rest.strip_suffix(PREV)?).ok()?;
        let (seq, rest) = rest.strip_prefix("{\"seq\":")?.split_once(",\"time\":\"")?;
        let (time, rest) = rest.split_once("\",\"kind\":\"")?;
        let (kind, details) = rest.split_once("\",\"details\":")?;
        let number: u64 = seq.parse().ok().filter(|_| !seq.starts_with(['0', '+']))?;
        Some(Self { seq: number, time, kind, details, prev: Hash::parse(prev)?, hash: Hash::parse(hash)?, hashed })
    }

    /// Whether its hash is that of its bytes.
    pub fn is_intact(&self) -> bool {
        Hash::of(self.hashed) == self.hash
    }

    /// When it was made; `None` where that is no time.
    pub fn time(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    /// What it says; `None` where this program does not know its kind or its details.
    pub fn entry(&self) -> Option<Entry> {
        serde_json::from_str(&format!("{{\"kind\":\"{}\",\"details\":{}}}", self.kind, self.details)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::journal::entry::Recovered;

    const GOLDEN: &str = "{\"seq\":7,\"time\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"recovered\",\"details\":{\"bytes\":12},\
        \"prev\":\"0707070707070707070707070707070707070707070707070707070707070707\",\
        \"hash\":\"3e9aef5aa4b979d3d25595dfafc5abce41dad678062adc2b414f791100235540\"}\n";

    fn golden() -> (Vec<u8>, Hash) {
        let time = "2026-01-02T03:04:05.678Z".parse().expect("a time");
        encode(7, time, &Entry::Recovered(Recovered { bytes: 12 }), Hash::new([7; 32])).expect("JSON")
    }

    #[test]
    fn a_record_has_these_bytes() {
        assert_eq!(String::from_utf8(golden().0).expect("text"), GOLDEN);
    }

    #[test]
    fn a_record_is_read_back_and_no_byte_of_it_can_be_changed() {
        let (mut line, hash) = golden();
        line.pop();
        let record = Record::parse(&line).expect("a record");
        assert_eq!((record.seq, record.kind, record.details), (7, "recovered", "{\"bytes\":12}"));
        assert_eq!((record.prev, record.hash), (Hash::new([7; 32]), hash));
        assert!(record.is_intact());
        assert_eq!(record.entry(), Some(Entry::Recovered(Recovered { bytes: 12 })));
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut changed = line.clone();
                changed[at] ^= 1 << bit;
                assert!(Record::parse(&changed).is_none_or(|record| !record.is_intact()), "{at} {bit}");
            }
            assert!(Record::parse(&line[..at]).is_none());
        }
        assert!(serde_json::from_slice::<serde_json::Value>(&line).is_ok());
    }
}
