//! What a sentence says a key holds: `password is x`, `token for bob: x`, `API key x was rejected`.

use super::ContextWords;
use super::separator::{Separator, skip_blanks};

/// Words between a key and what it is said to be: `password for the elastic user has been set to`.
const MAX_WORDS: usize = 8;
/// Whoever a password is said to be for has no longer a name.
const MAX_NAME: usize = 40;
/// Words that a name may be made of: `for bob`, `for node 7`.
const NAMES: usize = 2;
/// What stands beside a key and is shorter is a word.
const SHORTEST: usize = 8;
/// So much of it is looked at for what tells it from a word.
const LOOK: usize = 64;

/// The value that follows a key behind blanks and what a sentence has between the two; `at` is behind the blanks.
pub(super) fn told(line: &[u8], at: usize, words: &ContextWords) -> Option<(Separator, usize)> {
    let (mut end, mut is_said, mut names) = (at, false, 0);
    for _ in 0..MAX_WORDS {
        let from = skip_blanks(line, end);
        let (next, behind) = word(line, from);
        if words.copulas.contains(next) {
            (end, is_said, names) = (behind, true, 0);
        } else if words.clauses.contains(next) {
            (end, is_said, names) = (behind, false, NAMES);
        } else if names > 0
            && let Some(behind) = behind_name(line, from)
        {
            (end, is_said, names) = (behind, false, names - 1);
        } else if let Some(behind) = behind_remark(line, from) {
            (end, is_said, names) = (behind, false, 0);
        } else {
            break;
        }
    }
    let colon = skip_blanks(line, end);
    if end > at && line.get(colon) == Some(&b':') {
        let value = skip_blanks(line, colon + 1);
        return (value > colon + 1).then_some((Separator::Announced, value));
    }
    let value = skip_blanks(line, end);
    if is_said && value > end {
        return Some((Separator::Said, value));
    }
    let at = behind_dash(line, at);
    let bracket = usize::from(line.get(at) == Some(&b'['));
    stands_beside(line, at + bracket).then_some((Separator::Beside, at + bracket))
}

/// Behind what parts a label from what it is for: `password - x`, `Password › x`, `password … x`.
fn behind_dash(line: &[u8], at: usize) -> usize {
    const DASHES: [&str; 5] = ["- ", "– ", "— ", "› ", "… "];
    let dash = DASHES.iter().find(|dash| line[at..].starts_with(dash.as_bytes()));
    at + dash.map_or(0, |dash| dash.len())
}

/// Behind a remark in brackets: `[default]`, `(will be echoed)`.
fn behind_remark(line: &[u8], at: usize) -> Option<usize> {
    let close = match line.get(at)? {
        b'[' => b']',
        b'(' => b')',
        _ => return None,
    };
    let inner = &line[at + 1..line.len().min(at + 1 + MAX_NAME)];
    let length = inner.iter().position(|b| !(b.is_ascii_lowercase() || matches!(b, b' ' | b'_' | b'-')))?;
    (length > 0 && inner[length] == close).then_some(at + 1 + length + 1)
}

/// The word at `at`, with the letters of Europe's languages in it, and the offset behind it.
fn word(line: &[u8], at: usize) -> (&[u8], usize) {
    let is_of = |b: &&u8| b.is_ascii_alphabetic() || matches!(b, 0x80..=0xbf | 0xc3..=0xc5);
    let length = line[at..].iter().take(MAX_NAME).take_while(is_of).count();
    (&line[at..at + length], at + length)
}

/// Whether a sentence that goes on at `at` with whom a password is for may come to what it is: a quick look.
pub(super) fn leads_to_value(line: &[u8], at: usize) -> bool {
    let text = &line[at..line.len().min(at + 2 * LOOK)];
    let text = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
    // Or in a line below.
    let ends_clause = |colon: usize| matches!(text.get(colon + 1), None | Some(b' ' | b'\t' | b'\r'));
    memchr::memchr_iter(b':', text).any(ends_clause) || text.windows(4).any(|part| part == b" is ")
}

/// Behind the name of a user or a host: `bob`, `root@localhost`, `[elastic]`.
fn behind_name(line: &[u8], at: usize) -> Option<usize> {
    let is_of =
        |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b'[' | b']' | b'\'' | b'"');
    let length = line[at..].iter().take(MAX_NAME).take_while(is_of).count();
    (length > 0).then_some(at + length)
}

/// Whether what stands there may be a value with no more before it than a key and a blank: letters and digits, as in no word. A quick look,
/// for keys of which most stand in prose.
pub(super) fn stands_beside(line: &[u8], at: usize) -> bool {
    let text = &line[at.min(line.len())..line.len().min(at + LOOK)];
    if matches!(text, [b'[' | b'(', b'a'..=b'z', ..]) {
        // What may be a remark.
        return true;
    }
    let text = &text[behind_dash(text, 0)..];
    let text = text.strip_prefix(b"[").unwrap_or(text);
    let length = text.iter().position(|b| *b <= b' ' || matches!(b, b'"' | b'\'' | b',' | b';')).unwrap_or(text.len());
    let text = &text[..length];
    length >= SHORTEST && text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> ContextWords {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into();
        ContextWords {
            copulas: list(&["is", "was", "set", "to"]),
            clauses: list(&["for", "the", "user", "generated"]),
            ..ContextWords::default()
        }
    }

    #[test]
    fn sentences_lead_to_values() {
        // The quick look must let through whatever is found beside a key.
        assert!(stands_beside(b"\xe2\x80\xba x9k2m4q8", 0) && stands_beside(b"[random]: x9", 0));
        for (line, separator) in [
            ("is x9", Separator::Said),
            ("was set to: x9", Separator::Announced),
            ("for the [elastic] user is : x9", Separator::Announced),
            ("for bob is x9", Separator::Said),
            ("for user bob: x9", Separator::Announced),
            ("is generated for root@localhost: x9", Separator::Announced),
            ("x9k2m4q8", Separator::Beside),
            ("- x9k2m4q8", Separator::Beside),
            ("[x9k2m4q8]", Separator::Beside),
            ("[random]: x9", Separator::Announced),
            ("(will be echoed): x9", Separator::Announced),
        ] {
            let (found, at) = told(line.as_bytes(), 0, &words()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found, &line[at..at + 2]), (separator, "x9"), "{line}");
        }
    }

    #[test]
    fn other_sentences_do_not() {
        for line in [
            "for root from 10.0.0.1",
            "must not be blank",
            "refreshed at 12",
            "for bob",
            "is",
            "x9",
            "is:x9",
            "- is",
            "[random]",
        ] {
            assert_eq!(told(line.as_bytes(), 0, &words()), None, "{line}");
        }
    }
}
