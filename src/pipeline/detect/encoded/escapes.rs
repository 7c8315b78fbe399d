//! `\u0026`, `\x26` and `\/`: characters written as escapes that could stand there as they are.
//!
//! The text is brought into its plain spelling, still as escaped as its place asks for: a quote written as `\u0022` becomes `\"`, one
//! of a string inside a string `\\\"`, a line break `\n`. So all that stands between quotes still does, and the context rules, which
//! know such strings, read it as they read every other.

use super::Builder;

/// Deeper ones are left as they are.
const MAX_BACKSLASHES: usize = 8;
/// As much of the text beside a `\/` as is looked at.
const LOOK: usize = 24;
/// User-info and host together are no longer than this.
const MAX_AUTHORITY: usize = 512;

/// An escape: the character, how many layers of strings it is in, and its length in bytes.
struct Escape {
    character: char,
    layers: u32,
    len: usize,
}

/// `end` is behind `\u00`, `\x` or `\/`.
#[inline]
pub fn is_worth_a_look(block: &[u8], end: usize) -> bool {
    if block[end - 1] == b'/' {
        return may_part_a_token(block, end) || may_hold_password(block, end);
    }
    // Blanks, quotes and angle brackets are no part of a token; behind a key they are looked at on their own.
    hex(block, end, 2)
        .is_some_and(|code| matches!(code, 0x21 | 0x23..=0x26 | 0x28..=0x3b | 0x3d | 0x3f..=0x5b | 0x5d..=0x7e))
}

/// Whether what stands before or behind a `\/` is of random characters, as far as capitals, small letters and digits tell.
fn may_part_a_token(block: &[u8], end: usize) -> bool {
    let is_part = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_');
    let kinds = |kinds: u8, byte: &u8| {
        kinds
            | match byte {
                b'0'..=b'9' => 1,
                b'a'..=b'z' => 2,
                b'A'..=b'Z' => 4,
                _ => 0,
            }
    };
    block[end..].iter().take(LOOK).take_while(is_part).fold(0, kinds) == 7
        || block[..end - 2].iter().rev().take(LOOK).take_while(is_part).fold(0, kinds) == 7
}

/// Whether `://` ends there, and an `@` stands not far behind it.
fn may_hold_password(block: &[u8], end: usize) -> bool {
    let is_part = |b: &&u8| !matches!(b, b'"' | b' ' | b'\n' | b'<' | b'>' | b'\'');
    block[..end].ends_with(b":\\/\\/")
        && block[end..].iter().take(MAX_AUTHORITY).take_while(is_part).any(|b| *b == b'@')
}

/// Whether an escape begins at `at` that stands for a character of its own.
pub fn starts(line: &[u8], at: usize) -> bool {
    escape_at(line, at).is_some()
}

/// The character that the escape at `at` stands for, and the escape's length.
pub fn character_at(line: &[u8], at: usize) -> Option<(char, usize)> {
    escape_at(line, at).map(|escape| (escape.character, escape.len))
}

/// The text with such escapes in their plain spelling.
pub fn decode(text: &[u8]) -> Builder<'_> {
    let mut out = Builder::new(text);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &text[at..]) {
        out.copy(at, at + found);
        at += found;
        match escape_at(text, at) {
            Some(escape) => {
                let spelling = spelling(escape.character, escape.layers);
                if spelling.len() <= escape.len {
                    out.put(&spelling, at)
                } else {
                    out.copy(at, at + escape.len)
                }
                at += escape.len;
            }
            None => {
                let backslashes = text[at..].iter().take_while(|b| **b == b'\\').count();
                // Of an odd number the last one may begin an escape behind the others.
                let alone = backslashes > 1 && backslashes % 2 == 1 && escape_at(text, at + backslashes - 1).is_some();
                let passed = backslashes - usize::from(alone);
                out.copy(at, at + passed);
                at += passed;
            }
        }
    }
    out.copy(at, text.len());
    out
}

/// The escape that begins at `at` with one backslash, or with two, four or eight: one more layer of strings doubles them. Where that layer
/// escapes slashes as well, a slash has one, three or seven; with two, it stands behind a backslash.
fn escape_at(text: &[u8], at: usize) -> Option<Escape> {
    let backslashes = text[at..].iter().take(MAX_BACKSLASHES + 1).take_while(|b| **b == b'\\').count();
    let letter = at + backslashes;
    let of_slash = text.get(letter) == Some(&b'/');
    let doubled = backslashes + usize::from(of_slash);
    if backslashes == 0 || !doubled.is_power_of_two() {
        return None;
    }
    let layers = doubled.ilog2() + u32::from(!of_slash);
    let escape = |code: u32, digits: usize| {
        Some(Escape { character: char::from_u32(code)?, layers, len: backslashes + 1 + digits })
    };
    match text.get(letter)? {
        b'/' => escape(u32::from(b'/'), 0),
        b'x' => escape(hex(text, letter + 1, 2).filter(|code| *code < 0x80)?, 2),
        b'u' => {
            let first = hex(text, letter + 1, 4)?;
            let second = letter + 5 + backslashes;
            let pair = || {
                (text.get(letter + 5..second)?.iter().all(|b| *b == b'\\') && text.get(second) == Some(&b'u'))
                    .then_some(())?;
                let low = hex(text, second + 1, 4)?;
                let character = char::decode_utf16([first as u16, low as u16]).next()?.ok()?;
                Some(Escape { character, layers, len: second + 5 - at })
            };
            escape(first, 4).or_else(pair)
        }
        _ => None,
    }
}

/// How `character` is plainly written inside `layers` layers of strings.
fn spelling(character: char, layers: u32) -> Vec<u8> {
    let escaped = |backslashes: usize, letter: u8| [vec![b'\\'; backslashes], vec![letter]].concat();
    let half = 1 << (layers - 1);
    match character {
        '"' => escaped(2 * half - 1, b'"'),
        '\\' => vec![b'\\'; 2 * half],
        '\n' => escaped(half, b'n'),
        '\r' => escaped(half, b'r'),
        '\t' => escaped(half, b't'),
        other => other.encode_utf8(&mut [0; 4]).as_bytes().to_vec(),
    }
}

/// The number that `digits` hexadecimal digits at `at` make.
fn hex(text: &[u8], at: usize, digits: usize) -> Option<u32> {
    let digits = text.get(at..at + digits)?;
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        String::from_utf8(decode(text.as_bytes()).text.to_vec()).expect("UTF-8")
    }

    #[test]
    fn escapes_get_their_plain_spelling() {
        for (text, expected) in [
            (r"a\u0026b\u003dc", "a&b=c"),
            (r"\u0070\x61\/\u00e9", "pa/é"),
            (r#"{"a":"\u0022\u005c\u000a"}"#, r#"{"a":"\"\\\n"}"#),
            (r"\\u0026 \\\\u0026 \\\\\\\\u0026", "& & &"),
            (r"\\u0022 \\u005c \\u000a", r#"\\\" \\\\ \\n"#),
            (r"\ud83d\ude00", "😀"),
            (r"\\ud83d\\ude00", "😀"),
            (r"\\\u0026", r"\\&"),
            (r"a\/b\\\/c", "a/b/c"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_such_escape_stays() {
        for text in
            [r"\u00", r"\u12g4", r"\ud83d", r"\x9f", r"C:\temp\n", r"a\\/b", r"tail\", r#"\"q\""#, r"\\\\\\u0026"]
        {
            assert_eq!(plain(text), text);
        }
    }
}
