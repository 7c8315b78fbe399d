//! Where a word begins in a log: at a character that is none, and behind an escape that only looks like one.
//!
//! `\nghp_…` in a JSON string, `%3Dghp_…` in a URL and a colour code before a token all put a letter or digit directly
//! before it. A regular expression's `\b` sees one long word there and lets the token through.

/// Whether `byte` is a word character in the sense of `\w`.
#[inline]
pub fn is_word(byte: u8) -> bool {
    WORD[usize::from(byte)]
}

const WORD: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0u8);
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        byte += 1;
    }
    table
};

/// No escape before a word is longer, from its first byte that tells it: a colour with many parameters.
const LONGEST_ESCAPE: usize = 20;

/// Whether a word may begin at `at` in `line`.
pub fn begins_word(line: &[u8], at: usize) -> bool {
    let before = &line[..at];
    match before.last() {
        None => true,
        Some(&byte) if !is_word(byte) => true,
        Some(_) => ends_in_escape(before),
    }
}

/// Whether an escape ends directly before `at` in `line`.
pub fn begins_behind_escape(line: &[u8], at: usize) -> bool {
    at > 0 && ends_in_escape(&line[..at])
}

/// A quicker test that is true wherever [`begins_word`] is: most starts inside a word are refused by it.
#[inline]
pub fn may_begin_word(block: &[u8], at: usize) -> bool {
    match at.checked_sub(1).map(|before| block[before]) {
        Some(byte) if is_word(byte) => {
            // Every escape that ends in a word character has one of these within its last bytes.
            let begins = |all: bool, byte: &u8| all | (*byte == b'\\') | (*byte == b'%') | (*byte == b'[');
            match block[..at].last_chunk::<LONGEST_ESCAPE>() {
                // Of a known length, so that they are all looked at together.
                Some(before) => before.iter().fold(false, begins),
                None => block[..at].iter().fold(false, begins),
            }
        }
        _ => true,
    }
}

/// Whether a word can begin inside of what looks like one anywhere in `[from, to]`: for a search that tries many starts.
pub fn may_hide_starts(block: &[u8], from: usize, to: usize) -> bool {
    memchr::memchr3(b'\\', b'%', b'[', &block[from.saturating_sub(LONGEST_ESCAPE)..to.min(block.len())]).is_some()
}

/// Whether `text` ends in an escape whose last character is a word character: `\n`, `\u0026`, `\x1b`, `%3D`, a colour code.
fn ends_in_escape(text: &[u8]) -> bool {
    let n = text.len();
    let back = |k: usize| n.checked_sub(k).map(|at| text[at]);
    let hex = |from: usize| (1..=from).all(|k| back(k).is_some_and(|b| b.is_ascii_hexdigit()));
    let last = text[n - 1];
    (matches!(last, b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'0' | b'a' | b'e') && back(2) == Some(b'\\'))
        || (hex(2) && ends_in_percent(&text[..n - 2]))
        || (hex(2) && back(3) == Some(b'x') && back(4) == Some(b'\\'))
        || (hex(4) && back(5) == Some(b'u') && back(6) == Some(b'\\'))
        || (last == b'm' && ends_in_colour(text))
}

/// A percent sign, itself encoded as often as may be: `%`, `%25`, `%2525`.
fn ends_in_percent(mut text: &[u8]) -> bool {
    while let Some(before) = text.strip_suffix(b"25") {
        text = before;
    }
    text.ends_with(b"%")
}

/// `ESC [ digits and semicolons m`, with the escape character itself or written as `\x1b`, `\u001b`, `\033` or `\e`.
fn ends_in_colour(text: &[u8]) -> bool {
    let parameters =
        text[..text.len() - 1].iter().rev().take(16).take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let Some(start) = (text.len() - 1 - parameters).checked_sub(1) else { return false };
    let introducer = &text[..start];
    text[start] == b'['
        && (introducer.ends_with(b"\x1b")
            || introducer.ends_with(b"\\e")
            || introducer.ends_with(b"\\033")
            || introducer.last_chunk::<2>().is_some_and(|last| last.eq_ignore_ascii_case(b"1b")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_end(before: &str) -> bool {
        begins_word(format!("{before}ghp_").as_bytes(), before.len())
    }

    #[test]
    fn a_word_begins_behind_what_is_no_word() {
        for before in [
            "",
            " ",
            "=",
            "\"",
            "\\n",
            "\\t",
            "\\u0026",
            "%3D",
            "%3d",
            "%253D",
            "%25252f",
            "\\x1b",
            "\x1b[32m",
            "\\u001b[1;31m",
            "\\x1B[0m",
            "\\e[m",
            "\\033[0m",
        ] {
            assert!(at_end(before), "{before:?}");
        }
    }

    #[test]
    fn a_word_does_not_begin_within_one() {
        for before in ["a", "_", "n", "3D", "253D", "%3253D", "m", "32m", "[32m", "zu0026"] {
            assert!(!at_end(before), "{before:?}");
        }
    }
}
