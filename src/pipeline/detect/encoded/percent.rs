//! Percent-encoding (RFC 3986, section 2.1).
//!
//! An encoder leaves letters, digits, `-`, `.`, `_` and `~` as they are, so an escape of one of these was written on purpose, or is
//! encoded twice. Other escapes are in every other URL and start nothing on their own: tokens hold none of these characters, and where
//! one stands behind a telling key it is looked at for the key's sake.

use super::Builder;

/// User-info and host together are no longer than this.
const MAX_AUTHORITY: usize = 512;

/// `end` is behind a percent sign and a digit or more, or behind `%3A%2F%2F`.
#[inline]
pub fn is_worth_a_look(block: &[u8], end: usize) -> bool {
    if matches!(block[end - 1], b'f' | b'F') {
        return may_hold_password(&block[end..]);
    }
    let Some(at) = memchr::memrchr(b'%', &block[end.saturating_sub(5)..end]) else { return false };
    let at = end.saturating_sub(5) + at;
    match value(block, at) {
        // Encoded twice.
        Some(b'%') => inner_value(block, at).is_some_and(|byte| byte == b'%' || is_unreserved(byte)),
        Some(byte) => is_unreserved(byte),
        None => false,
    }
}

/// Whether an `@`, itself an escape, stands behind `%3A%2F%2F` in the same value.
fn may_hold_password(rest: &[u8]) -> bool {
    let authority = rest.iter().take(MAX_AUTHORITY).take_while(|byte| !ends_region(**byte) && **byte != b'&').count();
    memchr::memmem::find(&rest[..authority], b"%40").is_some()
}

/// The byte behind `%25XX` at `at`.
fn inner_value(text: &[u8], at: usize) -> Option<u8> {
    let digits = text.get(at + 3..at + 5)?;
    value(&[b'%', digits[0], digits[1]], 0)
}

/// Whether an encoder leaves `byte` as it is (RFC 3986, section 2.3).
#[inline]
pub fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The byte that the escape at `at` stands for.
pub fn value(text: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low, ..] = text.get(at..)? else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    Some(digit(high)? << 4 | digit(low)?)
}

/// What stands before an escape and is shorter than this is no token that an encoder cut, unless the escape is one that tokens are full of.
pub const LONG: usize = 16;

/// Whether a token may go on behind the escape at `at`: it stands for what tokens, keys and webhooks hold, or is itself encoded.
pub fn goes_on(text: &[u8], at: usize) -> bool {
    let before = text[..at].last_chunk::<LONG>();
    let is_long = before.is_some_and(|before| before.iter().all(|byte| is_unreserved(*byte) || *byte == b'%'));
    value(text, at).is_some_and(|byte| match byte {
        b'/' | b'+' | b'\n' | b' ' => true,
        b'=' | b':' | b'|' | b'%' => is_long,
        byte => is_long && is_unreserved(byte),
    })
}

/// Whether an encoder can have written `text`: it leaves no percent sign but those of its escapes, and nothing that may stand nowhere in a URL,
/// or ends one (RFC 3986, section 2). `%48` in `R7%487#Zb` is not a letter's.
pub fn is_encoded(text: &[u8]) -> bool {
    let is_left = |byte: &u8| matches!(byte, b'#' | b'^' | b'{' | b'}' | b'|');
    memchr::memchr_iter(b'%', text).all(|at| value(text, at).is_some()) && !text.iter().any(is_left)
}

/// How far what may be percent-encoded goes before and behind a trigger: up to a blank, a quote or an angle bracket.
///
/// An apostrophe needs no escape, so it ends what it began and nothing else.
pub fn reach(before: &[u8], behind: &[u8]) -> (usize, usize) {
    let back = before.iter().rev().take_while(|byte| !ends_region(**byte) && **byte != b'\'').count();
    let quoted = before.len() > back && before[before.len() - back - 1] == b'\'';
    let ahead = behind.iter().take_while(|byte| !(ends_region(**byte) || (quoted && **byte == b'\''))).count();
    (back, ahead)
}

fn ends_region(byte: u8) -> bool {
    byte <= b' ' || byte >= 0x7f || matches!(byte, b'"' | b'<' | b'>' | b'`' | b'\\')
}

/// The text with its escapes undone.
pub fn decode(text: &[u8]) -> Builder<'_> {
    let mut out = Builder::new(text);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'%', &text[at..]) {
        out.copy(at, at + found);
        at += found;
        match value(text, at) {
            Some(byte) => {
                out.put(&[byte], at);
                at += 3;
            }
            None => {
                out.copy(at, at + 1);
                at += 1;
            }
        }
    }
    out.copy(at, text.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        for (text, expected) in [("%67%68p%5F1%5f", "ghp_1_"), ("100%x%4", "100%x%4"), ("%2541%", "%41%")] {
            assert_eq!(&decode(text.as_bytes()).text[..], expected.as_bytes());
        }
    }

    #[test]
    fn only_needless_escapes_are_worth_a_look() {
        let looks = |text: &str, end: usize| is_worth_a_look(text.as_bytes(), end);
        assert!(looks("a%41", 3) && looks("a%5f", 3) && looks("%35", 3) && looks("%2541", 4) && looks("%252541", 5));
        assert!(!looks("a%40", 3) && !looks("a%5B", 3) && !looks("%2520", 4) && !looks("a%4", 3) && !looks("%7D", 2));
    }

    #[test]
    fn a_region_ends_at_blanks_and_quotes() {
        assert_eq!(reach(b"GET /x?a=%4", b"1b'c d"), (7, 4));
        assert_eq!(reach(b"'url': '/x?a=%4", b"1b', d"), (7, 2));
    }
}
