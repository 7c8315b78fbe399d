//! Where words begin and escapes stand in a block, sixteen bytes in one comparison: byte by byte, what is guessed of each next one costs
//! more than all that is then done with it.

use wide::i8x16;

use crate::pipeline::detect::boundary;

/// Bytes that are told apart at a time, as a word has bits.
pub const AT_ONCE: usize = u64::BITS as usize;
/// Bytes of one comparison.
const LANES: usize = 16;
/// Bytes beside those of words that a match may begin with: where there are more, it is no use to tell them apart.
const OTHERS: usize = 4;

/// What begins a match beside a word.
#[derive(Clone, Copy, Debug)]
pub struct Begins {
    others: [i8x16; OTHERS],
}

/// A bit for each of some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Where a word begins, or one of the other bytes stands, and no word goes on.
    pub begins: u64,
    /// Where an escape begins.
    pub escapes: u64,
    /// Letters.
    letters: u64,
    /// Digits.
    digits: u64,
}

impl Places {
    /// The letters or digits that follow each other from this place on, as far as these bytes go: which of them, and how many.
    #[inline]
    pub fn run_at(&self, at: usize) -> (Class, usize) {
        let is_letter = self.letters >> at & 1 != 0;
        let (class, same) = if is_letter { (Class::Letters, self.letters) } else { (Class::Digits, self.digits) };
        (class, (same >> at).trailing_ones() as usize)
    }
}

/// What a word may begin with some of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// ASCII letters.
    Letters,
    /// ASCII digits.
    Digits,
}

impl Class {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Letters, Self::Digits];

    /// Whether `byte` is one of them.
    pub fn holds(self, byte: u8) -> bool {
        match self {
            Self::Letters => byte.is_ascii_alphabetic(),
            Self::Digits => byte.is_ascii_digit(),
        }
    }
}

impl Begins {
    /// For matches that begin with a word, or with one of `others`; `None` where these are too many.
    pub fn new(others: &[u8]) -> Option<Self> {
        // A letter is told already.
        let mut all = [i8x16::splat(b'a' as i8); OTHERS];
        (others.len() <= OTHERS).then(|| {
            all.iter_mut().zip(others).for_each(|(slot, other)| *slot = i8x16::splat(*other as i8));
            Self { others: all }
        })
    }

    /// Tells the bytes apart; `before` says whether the byte before them is a word's, and then whether the last of them is.
    #[inline]
    pub fn places(&self, bytes: &[u8; AT_ONCE], before: &mut bool) -> Places {
        let (mut letters, mut digits, mut joints, mut others, mut escapes) = (0, 0, 0, 0, 0);
        for (lanes, at) in bytes.as_chunks::<LANES>().0.iter().zip((0..).step_by(LANES)) {
            let bytes: i8x16 = bytemuck::must_cast(*lanes);
            let is = |byte: u8| bytes.simd_eq(i8x16::splat(byte as i8));
            // Signed, so that what is no ASCII is below all.
            let within = |bytes: i8x16, first: u8, last: u8| {
                bytes.simd_gt(i8x16::splat(first as i8 - 1)) & bytes.simd_lt(i8x16::splat(last as i8 + 1))
            };
            let other = self.others.iter().fold(i8x16::splat(0), |all, other| all | bytes.simd_eq(*other));
            let bits = |lanes: i8x16| u64::from(lanes.to_bitmask() as u16) << at;
            letters |= bits(within(bytes | i8x16::splat(0x20), b'a', b'z'));
            digits |= bits(within(bytes, b'0', b'9'));
            joints |= bits(is(b'_'));
            others |= bits(other);
            escapes |= bits(is(b'\\') | is(b'%') | is(b'['));
        }
        let words = letters | digits | joints;
        let going_on = words << 1 | u64::from(*before);
        *before = boundary::is_word(bytes[AT_ONCE - 1]);
        Places { begins: (words | others) & !going_on, escapes, letters, digits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_apart_at_every_place() {
        let begins = Begins::new(b"+(").expect("few");
        for byte in 0..=255u8 {
            for at in 0..AT_ONCE {
                let mut bytes = [b' '; AT_ONCE];
                bytes[at] = byte;
                let bit = |holds: bool| u64::from(holds) << at;
                let mut before = false;
                let places = begins.places(&bytes, &mut before);
                let expected = Places {
                    begins: bit(boundary::is_word(byte) || matches!(byte, b'+' | b'(')),
                    escapes: bit(matches!(byte, b'\\' | b'%' | b'[')),
                    letters: bit(byte.is_ascii_alphabetic()),
                    digits: bit(byte.is_ascii_digit()),
                };
                assert_eq!(places, expected, "{byte} at {at}");
                assert_eq!(before, boundary::is_word(byte) && at == AT_ONCE - 1);
                bytes.copy_within(..at, 0);
                bytes[..at].fill(b'x');
                let places = begins.places(&bytes, &mut true);
                assert_eq!(places.begins & bit(true), if at == 0 || boundary::is_word(b'x') { 0 } else { bit(true) });
            }
        }
    }

    #[test]
    fn runs_are_told_as_far_as_they_end() {
        let mut text = [b' '; AT_ONCE];
        text[..8].copy_from_slice(b"ab12 _x+");
        text[60..].copy_from_slice(b"1234");
        let places = Begins::new(b"+").expect("few").places(&text, &mut false);
        for (at, class, length) in [
            (0, Class::Letters, 2),
            (2, Class::Digits, 2),
            (5, Class::Digits, 0),
            (6, Class::Letters, 1),
            (7, Class::Digits, 0),
        ] {
            assert_eq!(places.run_at(at), (class, length), "{at}");
        }
        assert_eq!(places.run_at(60), (Class::Digits, 4));
    }

    #[test]
    fn too_many_others_are_not_told_apart() {
        assert!(Begins::new(b"+(:/").is_some());
        assert!(Begins::new(b"+(:/#").is_none());
    }
}
