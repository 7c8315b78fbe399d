//! Credentials behind `Authorization:`, and behind a bare `Bearer` (RFC 9110, section 11.4; RFC 6750; RFC 7617).

use super::key::Key;
use super::separator::{self, Separator, skip_blanks};
use super::value::{self, Quote};
use super::words::{is_random, reads_like_words};
use super::{ContextWords, Value, Written};
use crate::model::Span;
use crate::pipeline::detect::{decode, placeholder};

/// Shorter credentials are words of a sentence.
const MIN_LENGTH: usize = 6;

/// The credentials of the header whose name is `key`.
pub fn of_header(line: &[u8], key: Key, words: &ContextWords) -> Option<Value> {
    let name_quote = Quote::at(line, key.end);
    let (separator, mut at) = separator::separator(line, key, name_quote.map_or(key.end, |(_, after)| after), words)?;
    // Go and Java print a header's values as a list: `Authorization:[Bearer …]`.
    let list = line.get(at) == Some(&b'[');
    at += usize::from(list);
    let quote = Quote::at(line, at);
    match quote {
        // JSON has its credentials in quotes, in a list as well.
        None if list && name_quote.is_some() => return None,
        Some((quote, after)) if quote.ends_json_string(line, key, name_quote.map(|(quote, _)| quote), after) => {
            return None;
        }
        _ => {}
    }
    let start = quote.map_or(at, |(_, after)| after);
    let (limit, layers) = match quote {
        Some((quote, after)) => (quote.closing(line, after).unwrap_or(line.len()), quote.layers()),
        None => (line.len(), 0),
    };
    let word = run(line, key, start, limit, separator);
    let after = skip_blanks(&line[..limit], word.end());
    let two = after > word.end() && after < limit;
    let second = if two { run(line, key, after, limit, separator) } else { word };
    // A scheme that no list has, of a service's own: what follows must then show that it is no word.
    let scheme = two
        && (words.is_scheme(&line[word.range()])
            || (reads_like_words(&line[word.range()]) && is_random(&line[second.range()])));
    let span = if scheme { second } else { word };
    let basic = scheme && line[word.range()].eq_ignore_ascii_case(b"basic");
    let mut value = judge(line, span, layers, basic, words)?;
    // A JSON number, where a string was expected.
    let bare_member = name_quote.filter(|(name, _)| quote.is_none() && name.is_double());
    value.add_quotes = bare_member.map(|(name, _)| name.backslashes());
    Some(value)
}

/// The token behind a bare `Bearer` that ends at `end`: there must be a blank, and no ordinary word behind it.
pub fn of_scheme(line: &[u8], end: usize, words: &ContextWords) -> Option<Value> {
    let at = match &line[end..] {
        [b' ', ..] => skip_blanks(line, end),
        [b'%', b'2', b'0', ..] => end + 3,
        [b'+', ..] => end + 1,
        _ => return None,
    };
    // `token_type=bearer abc`: that is the whole of a value, and what follows it is some other word.
    let is_value = line[..end].iter().rev().find(|b| !b.is_ascii_alphabetic()) == Some(&b'=');
    let is_credential = |value: &Value| !is_value || is_random(&line[value.span.range()]);
    let key = Key { start: end, end, flag: false };
    judge(line, run(line, key, at, line.len(), Separator::ColonBlank), 0, false, words).filter(is_credential)
}

fn run(line: &[u8], key: Key, start: usize, limit: usize, separator: Separator) -> Span {
    if start >= limit { Span::new(start, start) } else { value::bare(&line[..limit], key, start, separator) }
}

/// `HTTP/1.1`, `plugin/1.2.3`: a word, and its version behind it.
fn names_version(text: &[u8]) -> bool {
    let name = text.iter().take_while(|b| b.is_ascii_alphabetic() || **b == b'-').count();
    let version = text.get(name + 1..).unwrap_or_default();
    name > 0
        && text.get(name) == Some(&b'/')
        && version.first().is_some_and(u8::is_ascii_digit)
        && version.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

/// Whether a parameter's name and `=` begin the text: a token of small letters alone, with padding, would be taken for one.
fn names_parameter(text: &[u8]) -> bool {
    let is_upper = text.first().is_some_and(u8::is_ascii_uppercase);
    let name = text.iter().skip(is_upper.into()).take_while(|b| b.is_ascii_lowercase() || **b == b'_').count();
    let name = name + usize::from(is_upper);
    (4..=20).contains(&name)
        && text.get(name) == Some(&b'=')
        && text.get(name + 1) != Some(&b'=')
        && reads_like_words(&text[..name])
}

fn judge(line: &[u8], span: Span, layers: u8, basic: bool, words: &ContextWords) -> Option<Value> {
    let text = &line[span.range()];
    if text.len() < MIN_LENGTH
        || placeholder::is_placeholder_value(text)
        || words.is_no_value(text)
        || reads_like_words(text)
        || names_version(text)
    {
        return None;
    }
    // `<API token>`, `{base64(user:password)}`: a stand-in that goes on behind the blank.
    if matches!(text[0], b'<' | b'{' | b'(') {
        return None;
    }
    // `Bearer realm="…"`: what a server asks for, not what it is given.
    if names_parameter(text) {
        return None;
    }
    // `Digest username="…", …`: parameters, not one credential.
    if !basic && text.windows(2).any(|pair| pair == b"=\"") {
        return None;
    }
    let written = if basic {
        let password = decode::basic_password(text);
        if password.is_some_and(|password| placeholder::is_placeholder_value(password.expose())) {
            return None;
        }
        Written::Basic
    } else if layers > 0 {
        Written::Json(layers)
    } else {
        Written::Raw
    };
    Some(Value { span, written, add_quotes: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::context::key_ending;

    fn found(line: &str) -> Option<(String, Written)> {
        let words = ContextWords {
            schemes: ["bearer", "basic", "token"].map(str::to_owned).to_vec().into(),
            ..ContextWords::default()
        };
        let start = line.to_ascii_lowercase().find("authorization").expect("a header");
        let key = key_ending(line.as_bytes(), start, start + "authorization".len(), &words)?;
        of_header(line.as_bytes(), key, &words).map(|value| (line[value.span.range()].to_owned(), value.written))
    }

    #[test]
    fn headers_in_their_forms() {
        for (line, expected, written) in [
            ("Authorization: Bearer a1b2c3d4 accept=*/*", "a1b2c3d4", Written::Raw),
            ("\"authorization\":\"token a1b2c3d4\"", "a1b2c3d4", Written::Json(1)),
            ("\\\"Authorization\\\": \\\"Bearer a1b2c3d4\\\"", "a1b2c3d4", Written::Json(2)),
            ("map[Authorization:[Bearer a1b2c3d4] Accept:[*/*]]", "a1b2c3d4", Written::Raw),
            ("Proxy-Authorization: Basic c3ZjOmEhYiNjJGQ=", "c3ZjOmEhYiNjJGQ=", Written::Basic),
            ("Authorization: a1b2c3d4e5", "a1b2c3d4e5", Written::Raw),
            ("Authorization: Api-Token a1b2c3d4e5f6a7b8", "a1b2c3d4e5f6a7b8", Written::Raw),
            ("-H 'Authorization: Bearer a1b2c3d4' -d x", "a1b2c3d4", Written::Raw),
        ] {
            assert_eq!(found(line), Some((expected.to_owned(), written)), "{line}");
        }
    }

    #[test]
    fn headers_without_credentials() {
        for line in [
            "Authorization: Bearer $TOKEN",
            "authorization: required",
            "Authorization: Bearer <token>",
            "Authorization: Bearer",
            "Authorization: Digest username=\"a1\", realm=\"b\"",
            "Authorization: Token Credential=a1/20260801/x, SignedHeaders=host",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }

    #[test]
    fn a_bare_bearer() {
        let words = ContextWords::default();
        assert!(of_scheme(b"bearer a1b2c3d4", 6, &words).is_some());
        assert!(of_scheme(b"bearer of good news", 6, &words).is_none());
        assert!(of_scheme(b"bearers", 6, &words).is_none());
        assert!(of_scheme(b"bearer xKqWzBvTpLmNqYhG", 6, &words).is_some());
        assert!(of_scheme(b"bearer plugin/1.2.3 loaded", 6, &words).is_none());
        assert!(of_scheme(b"type=bearer HTTP/1.1", 11, &words).is_none());
        assert!(of_scheme(b"type=bearer plugin7 x", 11, &words).is_none());
        assert!(of_scheme(b"header=bearer 8dk2Jq0Zm4xW", 13, &words).is_some());
    }
}
