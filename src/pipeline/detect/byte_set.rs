//! Sets of bytes: the positions of a trigger, and how likely a log is to have them there.

/// A set of bytes: one position of a trigger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteSet {
    words: [u64; 4],
    /// See [`ByteSet::weight`]: a function of the bytes, kept because derivation asks for it all the time.
    weight: u16,
}

impl ByteSet {
    /// The set of these bytes.
    pub fn new(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut words = [0; 4];
        bytes.into_iter().for_each(|byte| words[usize::from(byte >> 6)] |= 1 << (byte & 63));
        Self::of_words(words)
    }

    /// The set of the bytes from the first to the last one of each range.
    pub fn of_ranges(ranges: impl Iterator<Item = (u8, u8)>) -> Self {
        let mut words = [0; 4];
        for (first, last) in ranges.filter(|(first, last)| first <= last) {
            for (word, base) in words.iter_mut().zip([0, 64, 128, 192]) {
                // Those from `first` on, without those behind `last`, as far as they are in this word.
                let from = |byte: u16| u64::MAX.checked_shl(u32::from(byte.saturating_sub(base))).unwrap_or(0);
                *word |= from(u16::from(first)) & !from(u16::from(last) + 1);
            }
        }
        Self::of_words(words)
    }

    /// The set of the bytes whose bits are set, 64 of them in each word.
    pub fn of_words(words: [u64; 4]) -> Self {
        let mut set = Self { words, weight: 0 };
        let likely: f32 = LIKELIHOODS.iter().map(|(bytes, each)| set.shared(bytes) as f32 * each).sum();
        set.weight = (-likely.clamp(1e-3, 1.0).log2() * 256.0) as u16;
        set
    }

    /// How unlikely one of its bytes is at a place in a log, in 1/256 bit.
    pub fn weight(&self) -> u32 {
        u32::from(self.weight)
    }

    /// How many of its bytes are among these.
    fn shared(&self, bytes: &[u64; 4]) -> u32 {
        self.words.iter().zip(bytes).map(|(word, bytes)| (word & bytes).count_ones()).sum()
    }

    /// A bit for each byte, 64 of them in each word.
    pub fn words(&self) -> [u64; 4] {
        self.words
    }

    /// Whether `byte` is in the set.
    pub fn contains(&self, byte: u8) -> bool {
        self.words[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    /// How many bytes at the front of `text` are in the set.
    pub fn run(&self, text: &[u8]) -> usize {
        // Some at a time without a branch: of what follows each other in a token, nothing is foreseen.
        let (some, _) = text.as_chunks::<8>();
        let whole = some.iter().take_while(|some| some.iter().fold(true, |all, byte| all & self.contains(*byte)));
        let so_far = whole.count() * 8;
        let rest = &text[so_far..];
        so_far + rest.iter().position(|byte| !self.contains(*byte)).unwrap_or(rest.len())
    }

    /// How many bytes are in the set.
    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// The bytes of the set, ascending.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.words.iter().zip([0u8, 64, 128, 192]).flat_map(|(&word, base)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as u8)?;
                rest &= rest - 1;
                Some(base + bit)
            })
        })
    }

    /// The byte, where there is only one.
    pub fn only(&self) -> Option<u8> {
        if self.len() == 1 { self.bytes().next() } else { None }
    }

    /// Whether it is one letter in both its cases.
    pub fn is_case_pair(&self) -> bool {
        // Letters are in the second word, the two cases of one 32 bits apart.
        let [low, letters, others @ ..] = self.words;
        let (upper, lower) = (letters & LETTERS, letters >> 32 & LETTERS);
        letters.count_ones() == 2 && upper == lower && upper != 0 && low == 0 && others == [0; 2]
    }
}

/// `A` to `Z` in the lower half of a set's second word, `a` to `z` in the upper one.
const LETTERS: u64 = 0x07ff_fffe;

/// How likely each of some bytes is at a place in a log. A rough table: only the order of the sums matters.
const LIKELIHOODS: [([u64; 4], f32); 8] = {
    let blank = words(b" ");
    let frequent = words(b"eationrs");
    let letters = [0, LETTERS << 32 & !frequent[1], 0, 0];
    let first_digits = words(b"01");
    let digits = words(b"23456789");
    let capitals = [0, LETTERS, 0, 0];
    let marks = words(b".-:/=_\",");
    let rest = [!(blank[0] | first_digits[0] | digits[0] | marks[0]), !(LETTERS << 32 | LETTERS | marks[1]), !0, !0];
    [
        (blank, 0.12),
        (frequent, 0.045),
        (letters, 0.02),
        (first_digits, 0.04),
        (digits, 0.025),
        (capitals, 0.008),
        (marks, 0.018),
        (rest, 0.004),
    ]
};

/// The words of a set of these bytes.
const fn words(bytes: &[u8]) -> [u64; 4] {
    let (mut words, mut at) = ([0; 4], 0);
    while at < bytes.len() {
        words[(bytes[at] >> 6) as usize] |= 1 << (bytes[at] & 63);
        at += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_likelihood() {
        for byte in 0..=255 {
            let of = LIKELIHOODS.iter().filter(|(bytes, _)| ByteSet::new([byte]).shared(bytes) == 1);
            assert_eq!(of.count(), 1, "{byte}");
        }
        assert!(ByteSet::new(*b"a").weight() < ByteSet::new(*b"z").weight());
        assert!(ByteSet::new(*b"az").weight() < ByteSet::new(*b"a").weight());
    }

    #[test]
    fn ranges_hold_what_is_between_their_ends() {
        for ranges in [
            &[(0, 255)][..],
            &[(b'0', b'9'), (b'A', b'Z')],
            &[(63, 64), (127, 128), (191, 192)],
            &[(255, 255)],
            &[(9, 3)],
        ] {
            let all = ranges.iter().flat_map(|&(first, last)| first..=last);
            assert_eq!(ByteSet::of_ranges(ranges.iter().copied()), ByteSet::new(all), "{ranges:?}");
        }
    }

    #[test]
    fn a_run_ends_at_the_first_other_byte() {
        let set = ByteSet::new(b'a'..=b'z');
        for length in 0..40 {
            let run = vec![b'q'; length];
            assert_eq!(set.run(&run), length);
            assert_eq!(set.run(&[&run[..], b"-", &run].concat()), length);
        }
    }

    #[test]
    fn one_letter_in_both_cases_is_a_pair() {
        let is_pair = |bytes: &[u8]| ByteSet::new(bytes.iter().copied()).is_case_pair();
        assert!((b'a'..=b'z').all(|letter| is_pair(&[letter, letter.to_ascii_uppercase()])));
        for other in [&b"a"[..], b"ab", b"aB", b"aAb", b"[{", b"@`", b"aA0"] {
            assert!(!is_pair(other), "{}", other.escape_ascii());
        }
    }
}
