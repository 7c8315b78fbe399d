//! From what the log shows to the canonical secret: JSON escapes, percent-encoding, `Basic` credentials.
//!
//! Decoding happens only where a rule has found something. What does not decode is taken as it stands: the same text then
//! still gives the same fingerprint.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroize as _;

use super::context::Written;
use super::{encoded, personal};
use crate::model::Secret;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The canonical secret behind `text`.
pub fn canonical(text: &[u8], written: Written) -> Secret<'_> {
    match written {
        Written::Raw => Secret::borrowed(text),
        Written::Json(layers) => json(text, layers),
        Written::Percent => percent(text),
        Written::Entities => entities(text),
        Written::Basic => basic_password(text).unwrap_or_else(|| Secret::borrowed(text)),
        Written::Armor => armor(text),
        Written::Personal(notation) => personal::canonical(text, notation),
    }
}

/// How a token that a pattern found is written: token alphabets hold neither backslashes nor percent signs of their own.
pub fn written_token(text: &[u8]) -> Written {
    let escaped = |at: usize| text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if memchr::memchr(b'\\', text).is_some() {
        Written::Json(1)
    } else if memchr::memchr(b'%', text).is_some_and(escaped) {
        Written::Percent
    } else {
        Written::Raw
    }
}

fn entities(text: &[u8]) -> Secret<'_> {
    if memchr::memchr(b'&', text).is_none() {
        return Secret::borrowed(text);
    }
    Secret::owned(std::mem::take(&mut *encoded::without_entities(text)))
}

/// The password in base64 of `user:password`; `None` when it is not that.
pub fn basic_password(text: &[u8]) -> Option<Secret<'static>> {
    let mut decoded = BASE64.decode(text).or_else(|_| BASE64URL.decode(text)).ok()?;
    let password = memchr::memchr(b':', &decoded).map(|colon| Secret::owned(decoded[colon + 1..].to_vec()));
    decoded.zeroize();
    password
}

/// What rows of base64 decode to, whatever parts them: blanks, `\n` at any depth of escaping, `%0A`, `\u000a`. Their own `+` and `/` may
/// be escaped as well.
///
/// Rows that were cut off mid-way decode up to their last whole group.
pub fn armor(text: &[u8]) -> Secret<'_> {
    let mut rows = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut row = 0;
    while at < text.len() {
        let before = rows.len();
        at += match &text[at..] {
            // The checksum of an OpenPGP block is none of its body.
            [b'=', checksum @ ..] if row == 0 && before > 0 && checksum.len() >= 4 => 5,
            [b'\\', b'u', b'0', b'0', high, low, ..] | [b'%', high, low, ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                match (high, low.to_ascii_lowercase()) {
                    (b'2', b'b') => rows.push(b'+'),
                    (b'2', b'f') => rows.push(b'/'),
                    _ => {}
                }
                if text[at] == b'%' { 3 } else { 6 }
            }
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            [byte, ..] => {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') {
                    rows.push(*byte);
                }
                1
            }
            [] => break,
        };
        row = if rows.len() > before {
            row + 1
        } else if text[at - 1] == b'=' {
            row
        } else {
            0
        };
    }
    let whole = rows.len() - usize::from(rows.len() % 4 == 1);
    let decoded = BASE64.decode(&rows[..whole]);
    rows.zeroize();
    decoded.map_or_else(|_| Secret::borrowed(text), Secret::owned)
}

fn json(text: &[u8], layers: u8) -> Secret<'_> {
    if memchr::memchr(b'\\', text).is_none() {
        return Secret::borrowed(text);
    }
    let mut current = text.to_vec();
    for _ in 0..layers {
        let Some(next) = unescape(&current) else { break };
        current.zeroize();
        current = next;
    }
    Secret::owned(current)
}

/// Undoes one layer of JSON string escapes (RFC 8259, section 7), and `\'`, which other languages write.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let plain = match *text.get(at + 1)? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let (character, after) = utf16(text, at)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = after;
                continue;
            }
            byte @ (b'"' | b'\\' | b'/' | b'\'' | b'`') => byte,
            _ => return None,
        };
        out.push(plain);
        at += 2;
    }
    Some(out)
}

/// The character of `\uXXXX`, or of two of them that make a surrogate pair; and the offset behind.
fn utf16(text: &[u8], at: usize) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u16> {
        let [b'\\', b'u', digits @ ..] = text.get(at..at + 6)? else { return None };
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(at)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((character, at + 6));
    }
    let pair = char::decode_utf16([first, unit(at + 6)?]).next()?.ok()?;
    Some((pair, at + 12))
}

fn percent(text: &[u8]) -> Secret<'_> {
    if memchr::memchr(b'%', text).is_none() {
        return Secret::borrowed(text);
    }
    let digit = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16)).map(|digit| digit as u8);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Secret::owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str, written: Written) -> String {
        String::from_utf8(canonical(text.as_bytes(), written).expose().to_vec()).expect("UTF-8")
    }

    #[test]
    fn json_escapes_by_layer() {
        assert_eq!(decoded(r#"a\"b\/c\u0026"#, Written::Json(1)), "a\"b/c&");
        assert_eq!(decoded(r#"a\\\"b"#, Written::Json(2)), "a\"b");
        assert_eq!(decoded(r"\ud83d\ude00", Written::Json(1)), "😀");
        assert_eq!(decoded("plain", Written::Json(3)), "plain");
    }

    #[test]
    fn what_does_not_decode_stands() {
        for text in [r"a\x", r"\ud83d", r"tail\", r"\u00"] {
            assert_eq!(decoded(text, Written::Json(1)), text);
        }
        assert_eq!(decoded("100%x%4", Written::Percent), "100%x%4");
        assert_eq!(decoded("!!", Written::Basic), "!!");
    }

    #[test]
    fn armor_is_one_secret_however_its_rows_are_parted() {
        let plain = decoded("QUJD\nREVG\nRw==", Written::Armor);
        assert_eq!(plain, "ABCDEFG");
        for text in [
            r"QUJD\nREVG\nRw==\n",
            r"QUJD\\nREVG\\r\\nRw==\\n",
            "QUJD REVG Rw==",
            "QUJD%0AREVG%0aRw",
            r"QUJD\u000aREVGRw=",
        ] {
            assert_eq!(decoded(text, Written::Armor), plain, "{text}");
        }
        for text in [r"YT8\/YT4+", "YT8%2fYT4%2B", r"YT8\u002FYT4\u002b"] {
            assert_eq!(decoded(text, Written::Armor), "a??a>>", "{text}");
        }
    }

    #[test]
    fn percent_and_basic() {
        assert_eq!(decoded("p%40s%2Fs", Written::Percent), "p@s/s");
        assert_eq!(decoded("c3ZjOmE6Yg==", Written::Basic), "a:b");
        assert_eq!(decoded("c3ZjOmE6Yg", Written::Basic), "a:b");
    }
}
