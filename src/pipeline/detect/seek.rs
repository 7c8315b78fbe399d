//! Where in a text matches of one pattern may begin, told by the byte of theirs that is rarest in logs: the `_` of `ptr_`, the full
//! stop of `s.`. The processor compares many bytes at a time with it, where a look at each start is a guess of its own.

use super::byte_set::ByteSet;
use super::pattern::Pattern;
use super::starts;

/// Bytes that are looked for at a time.
const MOST: usize = 3;
/// Bytes of a match that are looked at before it is tried.
const FIRST: usize = 6;
/// In 1/256 bit: one byte in 32, of what is more frequent it is as quick to look at each.
const RARE: u32 = 5 * 256;

/// A byte that every match has at the same place, and what may be there in its stead.
#[derive(Clone, Debug)]
pub struct Seek {
    /// Bytes of a match before it.
    before: usize,
    bytes: [u8; MOST],
    /// What the first bytes of a match may be.
    first: [ByteSet; FIRST],
}

impl Seek {
    /// By which byte the matches of `pattern` are best looked for; `None` where all are frequent, or at no one place.
    pub fn new(pattern: &Pattern) -> Option<Self> {
        let places = starts::places(pattern.hir());
        let fits = |set: &ByteSet| (1..=MOST as u32).contains(&set.len()) && set.weight() >= RARE;
        let (before, set) =
            places.iter().enumerate().filter(|(_, set)| fits(set)).max_by_key(|(_, set)| set.weight())?;
        let last = set.bytes().last()?;
        let mut bytes = [last; MOST];
        bytes.iter_mut().zip(set.bytes()).for_each(|(slot, byte)| *slot = byte);
        Some(Self { before, bytes, first: *places.first_chunk()? })
    }

    /// The places from `first` to `last` at which a match may begin in `text`, ascending.
    pub fn starts(&self, text: &[u8], first: usize, last: usize) -> impl Iterator<Item = usize> {
        let end = last.saturating_add(self.before + 1).min(text.len());
        let [one, two, three] = self.bytes;
        let sought = text.get(first + self.before..end).unwrap_or_default();
        let starts = memchr::memchr3_iter(one, two, three, sought).map(move |at| first + at);
        starts.filter(|start| self.first.iter().zip(&text[*start..]).all(|(set, byte)| set.contains(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seek(pattern: &str) -> Option<Seek> {
        Seek::new(&Pattern::parse(pattern).expect("valid"))
    }

    #[test]
    fn the_rarest_byte_is_looked_for() {
        for (pattern, before, bytes) in [
            (r"\bptr_[0-9a-z]{20}", 3, b"___"),
            (r"\b[sbr]\.[0-9A-Za-z]{24}", 1, b"..."),
            (r"\b[MNO][0-9A-Za-z]{23}\.[a-z]", 0, b"MNO"),
            (r"(?:Q|Z)x{3,9}", 0, b"QZZ"),
        ] {
            let seek = seek(pattern).expect("a rare byte");
            assert_eq!((seek.before, &seek.bytes), (before, bytes), "{pattern}");
        }
        for pattern in [r"[0-9a-f]{40}", r"\brest[0-9a-z]", r"[a-z]{2,9}_x"] {
            assert!(seek(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn starts_are_within_their_bounds() {
        let seek = seek(r"\bk_[0-9a-z]").expect("a rare byte");
        let starts = |first, last| seek.starts(b"k_1 k_2 k_ x_1 k_", first, last).collect::<Vec<_>>();
        assert_eq!(starts(0, 20), [0, 4, 15]);
        assert_eq!(starts(0, 4), [0, 4]);
        assert!(starts(1, 3).is_empty() && starts(16, 19).is_empty() && starts(20, usize::MAX).is_empty());
        assert_eq!(starts(4, 7), [4]);
    }
}
