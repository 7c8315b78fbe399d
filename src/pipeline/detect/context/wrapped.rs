//! What languages print around a value: its type, its length, the name of what holds it.
//!
//! `(string) (len=12) "x"` (Go), `string(12) "x"` (PHP), `Some("x")` (Rust, Scala), `<<"x">>` (Erlang), `[]string{"x"}` (Go),
//! `{"stringValue":"x"}` (OpenTelemetry's JSON), `{"S":"x"}` (DynamoDB's).

use super::ContextWords;
use super::separator::skip_blanks;
use super::value::Quote;

/// So many of them may stand around one value.
const MAX_LAYERS: usize = 3;
/// No name of one is longer.
const MAX_NAME: usize = 24;

/// The offset of the quote that what begins at `at` leads to, if it is such a wrapping and nothing else.
pub(super) fn quote_inside(line: &[u8], mut at: usize, words: &ContextWords) -> Option<usize> {
    for _ in 0..MAX_LAYERS {
        at = skip_blanks(line, layer(line, at, words)?);
        if Quote::at(line, at).is_some() {
            return Some(at);
        }
    }
    None
}

/// The offset behind one wrapping that begins at `at`.
fn layer(line: &[u8], at: usize, words: &ContextWords) -> Option<usize> {
    let rest = &line[at..];
    match rest {
        [b'<', b'<', ..] => return Some(at + 2),
        [b'(', inner @ ..] => {
            let length = closing(inner, b')', |b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'*' | b'.'))?;
            let says_length = inner.starts_with(b"len=");
            return (says_length || words.types.contains(&inner[..length])).then_some(at + length + 2);
        }
        [b'{', ..] => {
            let (open, start) = Quote::at(line, skip_blanks(line, at + 1))?;
            let end = start + name(&line[start..]);
            let (close, behind) = Quote::at(line, end)?;
            let colon = skip_blanks(line, behind);
            let holds = open == close && line.get(colon) == Some(&b':') && words.wrappers.contains(&line[start..end]);
            return holds.then_some(colon + 1);
        }
        _ => {}
    }
    let list = rest.strip_prefix(b"[]").unwrap_or(rest);
    let end = at + rest.len() - list.len() + name(list);
    let word = &list[..name(list)];
    let is_list = list.len() < rest.len();
    match line.get(end)? {
        b'{' if is_list && words.types.contains(word) => Some(end + 1),
        b'(' if !is_list && words.wrappers.contains(word) => Some(end + 1),
        b'(' if !is_list && words.types.contains(word) => {
            let length = closing(&line[end + 1..], b')', u8::is_ascii_digit)?;
            Some(end + length + 2)
        }
        _ => None,
    }
}

/// The length of a name.
fn name(text: &[u8]) -> usize {
    text.iter().take(MAX_NAME).take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
}

/// How many bytes, all of them `inner`, stand before this bracket.
fn closing(text: &[u8], bracket: u8, inner: impl Fn(&u8) -> bool) -> Option<usize> {
    let length = text.iter().take(MAX_NAME).take_while(|b| inner(b)).count();
    (length > 0 && text.get(length) == Some(&bracket)).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(line: &str) -> Option<&str> {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into();
        let (types, wrappers) = (list(&["string"]), list(&["some", "secret", "s", "stringvalue"]));
        let words = ContextWords { types, wrappers, ..ContextWords::default() };
        quote_inside(line.as_bytes(), 0, &words).map(|at| &line[at..])
    }

    #[test]
    fn values_are_found_in_what_holds_them() {
        for line in [
            "(string) (len=9) \"x\"",
            "(string)\"x\"",
            "string(12) \"x\"",
            "Some(\"x\"",
            "Some(Secret(\"x\"",
            "<<\"x\"",
            "[]string{\"x\"",
            "{\"S\":\"x\"",
            "{\"stringValue\": \"x\"",
        ] {
            assert!(inside(line).is_some_and(|quoted| quoted.starts_with("\"x\"")), "{line}");
        }
    }

    #[test]
    fn what_holds_something_else_is_left() {
        for line in [
            "getenv(\"X\")",
            "(see \"x\")",
            "string(x) \"x\"",
            "Some(x)",
            "[]any{\"x\"}",
            "{\"name\":\"x\"}",
            "{}",
            "string",
            "string(12)",
            "Some(Some(Some(Some(\"x\"))))",
        ] {
            assert_eq!(inside(line), None, "{line}");
        }
    }
}
