//! Identities: each a type with only the operations that make sense for it.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Why a text is not the identity it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdError {
    /// A rule's id is not of the form that may stand in a mark.
    #[error("rule id {0:?} is not 1 to 40 of a-z, 0-9 and hyphens, beginning and ending with a letter or digit")]
    Rule(String),
    /// A rule's id would make the marks that it stands in ambiguous.
    #[error(
        "rule id {0:?} is reserved: it may not hold \"ink1\", begin with \"withheld\" or \"masked\", or have 24 characters without a \
         hyphen behind a piece such as \"k1\""
    )]
    ReservedRule(String),
    /// A key epoch is not a positive decimal number.
    #[error("key epoch {0:?} is not a number from 1 to 4294967295 without leading zeros")]
    Epoch(String),
    /// A namespace's name is not of the form that commands and the keyring take.
    #[error("namespace {0:?} is not 1 to 64 of a-z, 0-9, hyphens, dots and underscores")]
    Namespace(String),
}

/// The id of a rule: 1 to 40 of `a-z`, `0-9` and inner hyphens. It stands in the mark.
///
/// So that a mark has one meaning, some ids are reserved: those that hold `ink1`, that begin with `withheld` or `masked`, or in which
/// something like the rest of a mark could stand (a piece such as `k3`, a hyphen, and 24 characters without one).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// The longest id in bytes.
    pub const MAX: usize = 40;

    /// Checks `text` and makes it an id.
    ///
    /// # Errors
    /// [`IdError::Rule`] when it is not of the form above, [`IdError::ReservedRule`] when it is reserved.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if !Self::is_spelled(text.as_bytes()) {
            Err(IdError::Rule(text.to_owned()))
        } else if Self::is_reserved(text.as_bytes()) {
            Err(IdError::ReservedRule(text.to_owned()))
        } else {
            Ok(Self(text.into()))
        }
    }

    /// Whether `text` could be an id.
    pub fn is_valid(text: &[u8]) -> bool {
        Self::is_spelled(text) && !Self::is_reserved(text)
    }

    fn is_spelled(text: &[u8]) -> bool {
        (1..=Self::MAX).contains(&text.len())
            && text.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && text.first() != Some(&b'-')
            && text.last() != Some(&b'-')
    }

    fn is_reserved(text: &[u8]) -> bool {
        if text.starts_with(b"withheld") || text.starts_with(b"masked") || text.windows(4).any(|four| four == b"ink1") {
            return true;
        }
        let mut epoch_before = false;
        text.split(|&b| b == b'-').any(|piece| {
            let tail = epoch_before && piece.len() >= Fingerprint::LEN;
            epoch_before = piece.len() > 1 && piece[0] == b'k' && piece[1..].iter().all(u8::is_ascii_digit);
            tail
        })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a key epoch, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyEpoch(NonZeroU32);

impl KeyEpoch {
    /// The first epoch of a keyring.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The epoch of this number; `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Reads an epoch as it stands in a mark: decimal, without leading zeros.
    ///
    /// # Errors
    /// [`IdError::Epoch`] for anything else.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let fault = || IdError::Epoch(text.to_owned());
        if text.is_empty() || text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(fault());
        }
        text.parse::<u32>().ok().and_then(Self::new).ok_or_else(fault)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The epoch after this one; `None` when the numbers are used up.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for KeyEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a namespace (a tenant): 1 to 64 of `a-z`, `0-9`, `-`, `.`, `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// The name of the namespace that is always there.
    pub const DEFAULT: &'static str = "default";

    /// Checks `text` and makes it a namespace.
    ///
    /// # Errors
    /// [`IdError::Namespace`] when it is not of the form above.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let valid = (1..=64).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_'));
        if valid { Ok(Self(text.into())) } else { Err(IdError::Namespace(text.to_owned())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fingerprint as it stands in a mark: 20 characters of print, then 4 of seal, in lower-case Crockford base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::LEN]);

impl Fingerprint {
    /// Characters in all.
    pub const LEN: usize = 24;
    /// Characters of the print, which comes first.
    pub const PRINT_LEN: usize = 20;
    /// The alphabet, in order of value: Crockford's base32 without `i`, `l`, `o` and `u`, in lower case.
    pub const ALPHABET: &'static [u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// Takes 24 characters of the alphabet; `None` for anything else.
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let text: [u8; Self::LEN] = text.try_into().ok()?;
        text.iter().fold(true, |all, &b| all & Self::in_alphabet(b)).then_some(Self(text))
    }

    /// Whether `byte` is one of the alphabet's characters.
    #[inline]
    pub fn in_alphabet(byte: u8) -> bool {
        // Every mark is checked when it is made: without a branch, so that all its characters are looked at together.
        let is_left_out = (byte == b'i') | (byte == b'l') | (byte == b'o') | (byte == b'u');
        (byte.wrapping_sub(b'0') < 10) | ((byte.wrapping_sub(b'a') < 26) & !is_left_out)
    }

    /// All 24 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The 20 characters that depend on the secret, the namespace and the epoch alone, whichever rule found it.
    pub fn print(&self) -> &str {
        &self.as_str()[..Self::PRINT_LEN]
    }

    /// The 4 characters that tell our own marks from foreign ones.
    pub fn seal(&self) -> &str {
        &self.as_str()[Self::PRINT_LEN..]
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_ids_are_what_may_stand_in_a_mark() {
        for good in ["a", "github-pat", &"x".repeat(40), "1password-x"] {
            assert!(RuleId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b", &"x".repeat(41)] {
            assert_eq!(RuleId::new(bad), Err(IdError::Rule(bad.to_owned())));
        }
    }

    #[test]
    fn ids_that_would_make_a_mark_ambiguous_are_reserved() {
        let tail = format!("a-k3-{}", "q".repeat(24));
        for bad in ["ink1", "my-ink1-x", "withheld", "withheld-oversized-5", "masked", "masked-x", &tail] {
            assert_eq!(RuleId::new(bad), Err(IdError::ReservedRule(bad.to_owned())));
            assert!(!RuleId::is_valid(bad.as_bytes()));
        }
        for good in ["a-k3-b", "k3", "ink-1", "a-k-qqqqqqqqqqqqqqqqqqqqqqqqqq", "a-k3-qqqqqqqqqqqqqqqqqqqqqqq"] {
            assert!(RuleId::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn epochs_have_one_spelling() {
        assert_eq!(KeyEpoch::parse("12").map(KeyEpoch::get), Ok(12));
        for bad in ["", "0", "01", "+1", "4294967296", "1 ", "x"] {
            assert!(KeyEpoch::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_takes_its_alphabet_only() {
        let text = b"q7xk2m9c4vw8z5tn1bhd7k2p";
        let fingerprint = Fingerprint::from_bytes(text).expect("24 characters of the alphabet");
        assert_eq!(fingerprint.print().len() + fingerprint.seal().len(), Fingerprint::LEN);
        for odd in [b'i', b'l', b'o', b'u', b'A', b'-'] {
            let mut bad = *text;
            bad[3] = odd;
            assert_eq!(Fingerprint::from_bytes(&bad), None);
        }
        assert!((0..=255u8).filter(|&b| Fingerprint::in_alphabet(b)).eq({
            let mut sorted = *Fingerprint::ALPHABET;
            sorted.sort_unstable();
            sorted
        }));
    }
}
