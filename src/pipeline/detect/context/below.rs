//! Keys whose values stand in the line below: the name of an element that ends its line, and the name of an entry, whose value is another
//! member of it.

use super::ContextWords;
use super::words::Shape;
use super::{Key, KeyForm, Value, Written, values, words};
use crate::model::Span;

/// So much of a line before a name is looked at.
const BEFORE: usize = 64;

/// Whether `key` names a tag that ends its line: the element's text stands below.
pub fn opens_element(line: &[u8], key: Key) -> bool {
    let before = key.start.checked_sub(1).map(|at| line[at]);
    matches!(before, Some(b'<' | b':')) && line[key.end..].trim_ascii_end() == b">"
}

/// The text of an element, alone in `line`, where it counts as a secret of this rule.
pub fn element_text(line: &[u8], form: &KeyForm, words: &ContextWords) -> Option<Value> {
    let text = line.trim_ascii();
    let start = line.len() - line.trim_ascii_start().len();
    let is_one_word = !text.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'<' | b'>' | b'"'));
    let is_value = is_one_word && words::is_secret(text, Written::Entities, Shape::Bare, form, words);
    is_value.then(|| Value { span: Span::new(start, start + text.len()), written: Written::Entities, add_quotes: None })
}

/// Whether `key` is the name of an entry, and ends its line: `- name: DB_PASSWORD`, `"key": "password",`, `<name>db.password</name>`.
pub fn names_entry(line: &[u8], key: Key) -> bool {
    let before = &line[key.start.saturating_sub(BEFORE)..key.start];
    match line[key.end..].trim_ascii_end() {
        b"" => names_member(before),
        b"\"" | b"'" | b"\"," | b"'," => before.split_last().is_some_and(|(_, before)| names_member(before)),
        [b'<', b'/', ..] => before.ends_with(b"<name>") || before.ends_with(b"<key>"),
        _ => false,
    }
}

/// Whether `before` ends in the member that names an entry, and its colon, but for a path before the name.
fn names_member(before: &[u8]) -> bool {
    let is_path = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'.');
    let path = before.iter().rev().take_while(is_path).count();
    let before = &before[..before.len() - path];
    let before = if path > 0 { before.strip_suffix(b"\"").unwrap_or(before) } else { before };
    let [before @ .., b':' | b'='] = before.trim_ascii_end() else { return false };
    let before = before.trim_ascii_end();
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let before = before.split_last().filter(|(last, _)| is_quote(last)).map_or(before, |(_, before)| before);
    let at = before.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    NAMES.iter().any(|name| name.eq_ignore_ascii_case(&before[at..]))
}

/// Members that hold an entry's name.
const NAMES: [&[u8]; 3] = [b"name", b"key", b"parameterkey"];

/// The values, in the line `below`, of the entry that `key` names in `line`.
pub fn entry_values(line: &[u8], key: Key, below: &[u8], form: &KeyForm, words: &ContextWords) -> Vec<Value> {
    let from = key.start.saturating_sub(BEFORE);
    let (head, rest) = (line[from..].trim_ascii_end(), below.trim_ascii());
    // As it would be written in one line.
    let between: &[u8] = if head.ends_with(b">") { b"" } else { b" " };
    let together = [head, between, rest].concat();
    let mut found = Vec::new();
    let key = Key { start: key.start - from, end: key.end - from, ..key };
    values(&together, key, form, words, &mut found);
    let (first, indent) = (head.len() + between.len(), below.len() - below.trim_ascii_start().len());
    found.retain(|value| value.span.start() >= first);
    for value in &mut found {
        value.span = Span::new(value.span.start() - first + indent, value.span.end() - first + indent);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_entries() {
        let names = |line: &str| {
            let start = line.find("DB").expect("it is there");
            let length = line[start..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            names_entry(line.as_bytes(), Key { start, end: start + length, flag: false })
        };
        for line in [
            "- name: DB_PASSWORD",
            "  key: 'DB_PASSWORD'",
            "\"Name\": \"DB_PASSWORD\",\r",
            "<name>DB_PASSWORD</name>",
            "name: DB_TOKEN  ",
            "\"Name\": \"/prod/DB_PASSWORD\",",
            "name = \"DB_PASSWORD\"",
            "key=\"DB_PASSWORD\"",
        ] {
            assert!(names(line), "{line}");
        }
        for line in [
            "DB_PASSWORD",
            "the DB_PASSWORD",
            "username: DB_PASSWORD",
            "name: DB_PASSWORD x",
            "<b>DB_PASSWORD</b>",
            "\"a\": \"DB_PASSWORD\",",
        ] {
            assert!(!names(line), "{line}");
        }
    }
}
