//! A record as it stands in a segment: a header, then the bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | the segment's salt: random, and known from the segment's name |
//! | 8..16 | the record's sequence number |
//! | 16..24 | when it was appended, in milliseconds of Unix time |
//! | 24..28 | how many bytes follow the header |
//! | 28 | its kind: 0 lines, 1 message |
//! | 29..32 | zero |
//! | 32..36 | CRC-32 of the bytes |
//! | 36..40 | CRC-32 of the header up to here |
//!
//! Numbers are little-endian. No log can hold the salt, since nobody knows it before it is written: wherever it is found with a header
//! that is whole, a record begins, however much before it is damaged.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::PieceKind;

/// Bytes of a header.
pub(super) const HEADER: usize = 40;

/// The most bytes behind a header. What claims more is damaged.
pub(super) const LONGEST: u32 = 64 << 20;

/// The random bytes that every record of a segment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt(pub(super) u64);

impl Salt {
    pub(super) fn bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// What a record says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sequence: u64,
    pub(super) time: SystemTime,
    pub(super) length: u32,
    pub(super) kind: PieceKind,
    checksum: u32,
}

impl Header {
    /// The header of a record of these bytes.
    pub(super) fn of(sequence: u64, time: SystemTime, kind: PieceKind, bytes: &[u8], length: u32) -> Self {
        Self { sequence, time, length, kind, checksum: crc32fast::hash(bytes) }
    }

    pub(super) fn encode(&self, salt: Salt) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let since = self.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        header[..8].copy_from_slice(&salt.bytes());
        header[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        header[16..24].copy_from_slice(&milliseconds.to_le_bytes());
        header[24..28].copy_from_slice(&self.length.to_le_bytes());
        header[28] = match self.kind {
            PieceKind::Lines => 0,
            PieceKind::Message => 1,
        };
        header[32..36].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&header[..36]);
        header[36..].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// The header that `bytes` begins with, if it is whole and of this segment.
    pub(super) fn decode(bytes: &[u8], salt: Salt) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        if header[..8] != salt.bytes() || crc32fast::hash(&header[..36]) != four(header, 36) {
            return None;
        }
        let kind = match header[28] {
            0 => PieceKind::Lines,
            1 => PieceKind::Message,
            _ => return None,
        };
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(eight(header, 16))).unwrap_or(UNIX_EPOCH);
        Some(Self { sequence: eight(header, 8), time, length: four(header, 24), kind, checksum: four(header, 32) })
    }

    /// Whether these are the bytes that it was written for.
    pub(super) fn fits(&self, bytes: &[u8]) -> bool {
        crc32fast::hash(bytes) == self.checksum
    }
}

/// The number at `at`, which four bytes follow.
pub(super) fn four(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// The number at `at`, which eight bytes follow.
pub(super) fn eight(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_what_it_was() {
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let header = Header::of(0x0102, time, PieceKind::Message, b"one\ntwo\n", 8).encode(Salt(0x1122_3344_5566_7788));
        let expected: [u8; HEADER] = [
            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 2, 1, 0, 0, 0, 0, 0, 0, 0x7b, 0x68, 0xe5, 0xcf, 0x8b, 1, 0,
            0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(header[..32], expected[..32]);
        assert_eq!(four(&header, 32), crc32fast::hash(b"one\ntwo\n"));
        assert_eq!(four(&header, 36), crc32fast::hash(&header[..36]));
    }

    #[test]
    fn no_header_is_read_from_damaged_bytes() {
        let salt = Salt(7);
        let written = Header::of(9, UNIX_EPOCH, PieceKind::Lines, b"x\n", 2);
        let whole = written.encode(salt);
        assert_eq!(Header::decode(&whole, salt), Some(written));
        assert_eq!(Header::decode(&whole, Salt(8)), None);
        for bit in 0..HEADER * 8 {
            let mut damaged = whole;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&damaged, salt), None, "bit {bit}");
        }
        for end in 0..HEADER {
            assert_eq!(Header::decode(&whole[..end], salt), None);
        }
    }
}
