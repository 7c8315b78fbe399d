//! The leading bits of a tag as lower-case Crockford base32.

use crate::model::Fingerprint;

/// Characters that 128 bits fill: 25 of 5 bits each, with 3 bits left over.
const MAX_CHARS: usize = 25;
/// Characters of 5 bits each that 64 bits hold.
const WORD_CHARS: usize = 12;

/// Writes the first `5 * N` bits of `tag` as `N` characters, most significant bits first.
///
/// `N` is at most 25, checked when compiled: that is what the first 16 bytes of a tag hold.
#[inline]
pub(super) fn leading<const N: usize>(tag: &[u8; 32]) -> [u8; N] {
    const { assert!(N <= MAX_CHARS) };
    let bits = tag.first_chunk().map_or(0, |head| u128::from_be_bytes(*head));
    let mut text = [0; N];
    // As many characters at a time as a word of the processor holds.
    for (number, some) in text.chunks_mut(WORD_CHARS).enumerate() {
        let word = ((bits << (5 * WORD_CHARS * number)) >> u64::BITS) as u64;
        for (at, slot) in some.iter_mut().enumerate() {
            *slot = Fingerprint::ALPHABET[(word >> (59 - 5 * at)) as usize & 31];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_taken_from_the_front_five_at_a_time() {
        let mut tag = [0u8; 32];
        assert_eq!(&leading::<20>(&tag), b"00000000000000000000");
        tag[0] = 0b1000_0100;
        tag[1] = 0b0100_0000;
        assert_eq!(&leading::<4>(&tag), b"gh00");
        assert_eq!(&leading::<25>(&[0xff; 32]), &[b'z'; 25]);
    }

    #[test]
    fn a_shorter_text_begins_a_longer_one() {
        let tag: [u8; 32] = std::array::from_fn(|i| (i * 37 + 11) as u8);
        assert_eq!(leading::<4>(&tag)[..], leading::<20>(&tag)[..4]);
    }
}
