//! Sets of bytes: the positions of a trigger, and how likely a log is to have them there.

/// A set of bytes: one position of a trigger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteSet {
    words: [u64; 4],
    /// How unlikely one of its bytes is at a place in a log, in 1/256 bit: a function of the bytes, kept because derivation
    /// asks for it all the time.
    weight: u16,
}

impl ByteSet {
    /// The set of these bytes.
    pub fn new(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut words = [0; 4];
        bytes.into_iter().for_each(|byte| words[usize::from(byte >> 6)] |= 1 << (byte & 63));
        let mut set = Self { words, weight: 0 };
        let likely: f32 = set.bytes().map(byte_likelihood).sum();
        set.weight = (-likely.clamp(1e-3, 1.0).log2() * 256.0) as u16;
        set
    }

    /// How unlikely one of its bytes is at a place in a log, in bits.
    pub fn bits(&self) -> f32 {
        f32::from(self.weight) / 256.0
    }

    /// Whether `byte` is in the set.
    pub fn contains(&self, byte: u8) -> bool {
        self.words[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
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
        self.len() == 2 && self.bytes().all(|byte| byte.is_ascii_alphabetic()) && {
            let mut bytes = self.bytes().map(|byte| byte.to_ascii_lowercase());
            bytes.next() == bytes.next()
        }
    }
}

/// How likely a byte is at a place in a log. A rough table: only the order of the sums matters.
fn byte_likelihood(byte: u8) -> f32 {
    match byte {
        b' ' => 0.12,
        b'e' | b'a' | b't' | b'i' | b'o' | b'n' | b'r' | b's' => 0.045,
        b'a'..=b'z' => 0.02,
        b'0' | b'1' => 0.04,
        b'2'..=b'9' => 0.025,
        b'A'..=b'Z' => 0.008,
        b'.' | b'-' | b':' | b'/' | b'=' | b'_' | b'"' | b',' => 0.018,
        _ => 0.004,
    }
}
