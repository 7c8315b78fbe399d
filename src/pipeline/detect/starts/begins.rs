//! Where words begin and escapes stand in a block, sixteen bytes in one comparison: byte by byte, what is guessed of each next one costs
//! more than all that is then done with it.

use wide::i8x16;

use crate::pipeline::detect::boundary;

/// Bytes that are told apart at a time, as a word has bits.
pub const AT_ONCE: usize = u64::BITS as usize;
/// So many times as many are a strip: what is told of one is still near when it is asked for.
pub const CHUNKS: usize = 64;
/// Bytes of a strip.
pub const STRIP: usize = CHUNKS * AT_ONCE;
/// Bytes of one comparison.
const LANES: usize = 16;
/// Bytes beside those of words that a match may begin with: where there are more, it is no use to tell them apart.
const OTHERS: usize = 4;

/// What begins a match beside a word.
#[derive(Clone, Copy, Debug)]
pub struct Begins {
    others: [i8x16; OTHERS],
}

/// What is told of the bytes of a strip.
#[derive(Clone, Debug)]
pub struct Strip {
    /// Where a word begins, or one of the other bytes stands, and no word goes on: a bit for each byte, the first one's lowest.
    pub begins: [u64; CHUNKS],
    /// Where an escape begins.
    pub escapes: [u64; CHUNKS],
    /// The number of each byte's class, and of those behind.
    classes: [[u8; AT_ONCE]; CHUNKS + 1],
}

impl Default for Strip {
    fn default() -> Self {
        Self { begins: [0; CHUNKS], escapes: [0; CHUNKS], classes: [[0; AT_ONCE]; CHUNKS + 1] }
    }
}

impl Strip {
    /// The number of the window that begins at this place of the strip.
    #[inline]
    pub fn window_at(&self, at: usize) -> usize {
        let classes = self.classes.as_flattened()[at..].first_chunk().map_or(0, |classes| u64::from_le_bytes(*classes));
        // Three bits of each byte, put together in pairs, and these in pairs.
        let pairs = (classes | classes >> 5) & 0x003f_003f_003f_003f;
        let fours = (pairs | pairs >> 10) & 0x0000_0fff_0000_0fff;
        (fours | fours >> 20) as usize & (WINDOWS - 1)
    }
}

/// What bytes are told apart by. Numbers, dates, times and addresses differ in how many of which follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class(u8);

/// Bits of a class's number.
const CLASS_BITS: usize = 3;
/// Bits of a window's number, so that a table with a bit for each stays near the processor: the classes of six bytes, and the lowest bit of
/// the seventh's, which tells digits from letters.
const WINDOW_BITS: usize = 19;
/// Bytes of a window.
pub const WINDOW: usize = WINDOW_BITS.div_ceil(CLASS_BITS);
/// As many windows as there are.
pub const WINDOWS: usize = 1 << WINDOW_BITS;

impl Class {
    /// All of them.
    pub const ALL: [Self; 1 << CLASS_BITS] =
        [Self(0), Self::DIGIT, Self::HEX_LETTER, Self::COLON, Self::LETTER, Self::HYPHEN, Self::DOT, Self::SPACE];
    const DIGIT: Self = Self(1);
    const HEX_LETTER: Self = Self(2);
    const COLON: Self = Self(3);
    const LETTER: Self = Self(4);
    const HYPHEN: Self = Self(5);
    const DOT: Self = Self(6);
    const SPACE: Self = Self(7);

    /// The class of a byte.
    pub fn of(byte: u8) -> Self {
        match byte {
            b'0'..=b'9' => Self::DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => Self::HEX_LETTER,
            b'g'..=b'z' | b'G'..=b'Z' => Self::LETTER,
            b':' => Self::COLON,
            b'-' => Self::HYPHEN,
            b'.' => Self::DOT,
            b' ' => Self::SPACE,
            _ => Self(0),
        }
    }

    /// Its number, its place in [`Class::ALL`].
    pub fn number(self) -> u8 {
        self.0
    }

    /// What a byte of this class at this place of a window adds to the window's number.
    pub fn at(self, place: usize) -> usize {
        usize::from(self.0) << (CLASS_BITS * place) & (WINDOWS - 1)
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

    /// Tells the bytes of `text` apart, at most a [`STRIP`] of them and as many more as a window may reach; `before` is the byte before them.
    pub fn tell(&self, text: &[[u8; AT_ONCE]], before: Option<u8>, strip: &mut Strip) {
        let mut before = before.is_some_and(boundary::is_word);
        for (at, (bytes, classes)) in text.iter().zip(&mut strip.classes).enumerate() {
            let (begins, escapes) = self.told(bytes, &mut before, classes);
            if at < CHUNKS {
                strip.begins[at] = begins;
                strip.escapes[at] = escapes;
            }
        }
    }

    /// Where words and where escapes begin in these bytes; their classes go to `classes`.
    #[inline]
    fn told(&self, bytes: &[u8; AT_ONCE], before: &mut bool, classes: &mut [u8; AT_ONCE]) -> (u64, u64) {
        let (mut words, mut others, mut escapes) = (0, 0, 0);
        let lanes = bytes.as_chunks::<LANES>().0.iter().zip(classes.as_chunks_mut::<LANES>().0);
        for ((lanes, classes), at) in lanes.zip((0..).step_by(LANES)) {
            let bytes: i8x16 = bytemuck::must_cast(*lanes);
            let is = |byte: u8| bytes.simd_eq(i8x16::splat(byte as i8));
            // Signed, so that what is no ASCII is below all.
            let within = |bytes: i8x16, first: u8, last: u8| {
                bytes.simd_gt(i8x16::splat(first as i8 - 1)) & bytes.simd_lt(i8x16::splat(last as i8 + 1))
            };
            let bits = |lanes: i8x16| u64::from(lanes.to_bitmask() as u16) << at;
            let number = |lanes: i8x16, class: Class| lanes & i8x16::splat(class.0 as i8);
            let lower = bytes | i8x16::splat(0x20);
            let (letter, digit) = (within(lower, b'a', b'z'), within(bytes, b'0', b'9'));
            let behind_f = letter & lower.simd_gt(i8x16::splat(b'f' as i8));
            *classes = bytemuck::must_cast(
                number(letter, Class::HEX_LETTER) ^ number(behind_f, Class(Class::HEX_LETTER.0 ^ Class::LETTER.0))
                    | number(digit, Class::DIGIT)
                    | number(is(b':'), Class::COLON)
                    | number(is(b'-'), Class::HYPHEN)
                    | number(is(b'.'), Class::DOT)
                    | number(is(b' '), Class::SPACE),
            );
            words |= bits(letter | digit | is(b'_'));
            others |= bits(self.others.iter().fold(i8x16::splat(0), |all, other| all | bytes.simd_eq(*other)));
            escapes |= bits(is(b'\\') | is(b'%') | is(b'['));
        }
        let going_on = words << 1 | u64::from(*before);
        *before = boundary::is_word(bytes[AT_ONCE - 1]);
        ((words | others) & !going_on, escapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[[u8; AT_ONCE]], before: Option<u8>) -> Strip {
        let mut strip = Strip::default();
        Begins::new(b"+(").expect("few").tell(text, before, &mut strip);
        strip
    }

    #[test]
    fn every_byte_is_told_apart_at_every_place() {
        for byte in 0..=255u8 {
            for at in 0..AT_ONCE {
                let mut bytes = [b' '; AT_ONCE];
                bytes[at] = byte;
                let bit = |holds: bool| u64::from(holds) << at;
                let strip = told(&[bytes], None);
                let begins = boundary::is_word(byte) || matches!(byte, b'+' | b'(');
                assert_eq!(strip.begins[0], bit(begins), "{byte} at {at}");
                assert_eq!(strip.escapes[0], bit(matches!(byte, b'\\' | b'%' | b'[')), "{byte} at {at}");
                bytes[..at].fill(b'x');
                let going_on = told(&[bytes], Some(b'_'));
                assert_eq!(going_on.begins[0], 0, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn windows_go_on_in_the_next_bytes() {
        let text = b"1a:-x._ Z+f.";
        for at in [0, 1, AT_ONCE - 7, AT_ONCE - 3, AT_ONCE - 1] {
            let mut bytes = [[b'_'; AT_ONCE]; 2];
            bytes.as_flattened_mut()[at..at + text.len()].copy_from_slice(text);
            let strip = told(&bytes, None);
            for from in 0..=text.len() - WINDOW {
                let window = text[from..from + WINDOW].iter().enumerate();
                let expected = window.fold(0, |all, (place, byte)| all | Class::of(*byte).at(place));
                assert_eq!(strip.window_at(at + from), expected, "{from} from {at}");
            }
        }
    }

    #[test]
    fn digits_are_told_from_letters_at_the_last_place_of_a_window() {
        let last = |byte: u8| Class::of(byte).at(WINDOW - 1);
        assert!(b"0189".iter().all(|byte| last(*byte) != 0));
        assert!(b"abfgzAZ_".iter().all(|byte| last(*byte) == 0));
    }

    #[test]
    fn a_class_has_its_place_among_all() {
        assert!(Class::ALL.iter().enumerate().all(|(at, class)| usize::from(class.number()) == at));
    }

    #[test]
    fn too_many_others_are_not_told_apart() {
        assert!(Begins::new(b"+(:/").is_some());
        assert!(Begins::new(b"+(:/#").is_none());
    }
}
