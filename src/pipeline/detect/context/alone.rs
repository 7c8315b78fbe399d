//! Values that have a line to themselves, below the line that their key ends: the answer to a prompt, what a banner announces, a block scalar, the
//! items of an array, a member of an entry, a part of a form, an argument behind a continued line.
//!
//! A line break says little of what belongs together, so such a value must look random, or composed as passwords are, by itself.

use super::value::Quote;
use super::words::{self, Shape};
use super::{ContextWords, Key, KeyForm, Value, Written};
use crate::model::Span;
use crate::pipeline::detect::validator::{Validator, is_date};

/// Lines between the one that a key ends and its value: blanks, the frame of a banner, a member that says nothing.
pub const MAX_BETWEEN: usize = 3;
/// Values in lines of their own, one below the other: as many as of an array in one line.
pub const MAX_ITEMS: usize = 64;
/// What stands behind a key is no longer where a value below belongs to it.
const MAX_REST: usize = 120;
/// What stands before a value's quote is no longer: `(string) (len=12) `.
const MAX_WRAPPER: usize = 24;
/// Members beside a value that say nothing of it.
const BESIDE: [&[u8]; 11] = [
    b"type",
    b"kind",
    b"tags",
    b"description",
    b"label",
    b"format",
    b"secure",
    b"sensitive",
    b"version",
    b"content-type",
    b"content-transfer-encoding",
];
/// Members that hold a value, where it stands below its name.
const HOLDERS: [&[u8]; 3] = [b"default", b"option_value", b"parameter_value"];

/// What a line below a key's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// Nothing that would part them.
    Between,
    /// A value alone, and whether more may stand below it.
    Value(Value, bool),
    /// Something else.
    Other,
}

/// Whether `key` ends its line so that its value may stand below.
pub fn ends_line(line: &[u8], key: Key) -> bool {
    let rest = &line[key.end..];
    if rest.len() > MAX_REST {
        return false;
    }
    // The frame of a banner.
    let rest = rest.trim_ascii_end();
    let rest = rest.strip_suffix(b" #").or_else(|| rest.strip_suffix(b" *")).unwrap_or(rest).trim_ascii_end();
    let before = &line[..key.start];
    let in_form = || before.ends_with(b"form-data; name=\"") || before.ends_with(b"form-data; name=");
    match rest {
        b"" => key.flag || in_form(),
        b"\"" | b"'" => key.flag || in_form(),
        b"\"," | b"'," | b"," => {
            key.flag || matches!(before.trim_ascii_start(), [.., b'(', b'"' | b'\''] | [b'"' | b'\''])
        }
        b">" => is_tag(before),
        [.., b':' | b'=' | b'[' | b'{' | b'('] => true,
        // A continued line.
        [.., b' ' | b'=' | b':', b'\\' | b'^' | b'`'] => true,
        [.., b'=', b'>'] => true,
        [b' ', .., b'"', b'>'] => is_tag(before),
        [.., b'|' | b'>'] | [.., b'|' | b'>', b'-' | b'+'] => is_block_scalar(rest),
        [.., b'"', b'"', b'"'] | [.., b'\'', b'\'', b'\''] => true,
        _ => is_heredoc(rest, key.flag),
    }
}

/// Whether an opening tag's name ends behind this.
fn is_tag(before: &[u8]) -> bool {
    let name = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-')).count();
    before[..before.len() - name].ends_with(b"<")
}

/// YAML's `: |`, `: >-`.
fn is_block_scalar(rest: &[u8]) -> bool {
    let sign = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    matches!(sign.strip_prefix(b": "), Some([b'|' | b'>'] | [b'|' | b'>', b'-' | b'+']))
}

/// `= <<-EOT`, and `--password-stdin <<EOF` of a flag.
fn is_heredoc(rest: &[u8], flag: bool) -> bool {
    let is_word = |word: &[u8]| {
        let is_of = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'~' | b'_' | b'\'' | b'"');
        !word.is_empty() && word.iter().all(is_of)
    };
    let sign = rest.trim_ascii_start();
    let assigned = sign.strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
    assigned.or(flag.then_some(sign)).and_then(|sign| sign.strip_prefix(b"<<")).is_some_and(is_word)
}

/// Where a line's own text begins: behind what it has in common with the line above, a time and a host as a log has them.
pub fn text_start(above: &[u8], line: &[u8]) -> usize {
    let is_like = |(a, b): &(&u8, &u8)| a == b || (a.is_ascii_digit() && b.is_ascii_digit());
    let common = above.iter().zip(line).take_while(is_like).count();
    line[..common].iter().rposition(|b| matches!(b, b' ' | b'\t' | b'|')).map_or(0, |at| at + 1)
}

/// What stands in `line` from `start` on, where a value of a key above may stand.
pub fn below(line: &[u8], start: usize, form: &KeyForm, words: &ContextWords) -> Below {
    let (mut start, mut end) = trim(line, start, line.len());
    let text = &line[start..end];
    if !text.iter().any(|b| b.is_ascii_alphanumeric()) {
        return if text.len() > MAX_REST { Below::Other } else { Below::Between };
    }
    let mut is_item = false;
    if let [b'-' | b'+' | b'*' | b'>' | b'|' | b'#', b' ', ..] = text {
        is_item = text[0] == b'-';
        (start, end) = trim(line, start + 2, end);
    }
    if let [.., b' ', b'|' | b'#' | b'*' | b'\\' | b'^' | b'`'] = &line[start..end] {
        (start, end) = trim(line, start, end - 1);
    }
    let mut written = Written::Raw;
    match member(&line[start..end], words) {
        Some(Member::Holds(at)) => start += at,
        Some(Member::Beside) => return Below::Between,
        Some(Member::Other) => return Below::Other,
        None => {}
    }
    if let Some((first, last)) = element(&line[start..end], words) {
        (start, end, written) = (start + first, start + last, Written::Entities);
    }
    let span = match quoted(line, start, end) {
        Some((quote, span, behind)) => {
            written = Written::Json(quote.layers());
            is_item |= behind == b",";
            if !behind.iter().all(|b| matches!(b, b',' | b';' | b')' | b']' | b'}' | b'>' | b' ')) {
                return Below::Other;
            }
            span
        }
        None => {
            // `X</password>`
            let text = &line[start..end];
            let closing = memchr::memmem::find(text, b"</").filter(|at| *at > 0 && text.ends_with(b">"));
            if let Some(at) = closing {
                (end, written) = (start + at, Written::Entities);
            }
            let bare = line[start..end].iter().rev().take_while(|b| matches!(b, b',' | b';')).count();
            let bare = if bare == 0 && text.ends_with(b"\"\"\"") { 3 } else { bare };
            Span::new(start, end - bare)
        }
    };
    let value = &line[span.range()];
    if stands_alone(value) && words::is_secret(value, written, Shape::Quoted, form, words) {
        Below::Value(Value { span, written, add_quotes: None }, is_item)
    } else {
        Below::Other
    }
}

/// The part of `line[start..end]` without the blanks around it.
fn trim(line: &[u8], start: usize, end: usize) -> (usize, usize) {
    let text = &line[start..end];
    let end = start + text.trim_ascii_end().len();
    (end - line[start..end].trim_ascii_start().len(), end)
}

/// A member of an entry.
enum Member {
    /// It holds a value, which begins at this offset.
    Holds(usize),
    /// It says nothing of the value.
    Beside,
    /// Another one.
    Other,
}

/// Reads `"name": `, `name = ` and the like.
fn member(text: &[u8], words: &ContextWords) -> Option<Member> {
    let quote = usize::from(matches!(text.first(), Some(b'"' | b'\'')));
    let length =
        text[quote..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
    let name = &text[quote..quote + length];
    let behind = quote + length + usize::from(quote > 0 && text.get(quote + length) == Some(&text[0]));
    let rest = &text[behind..];
    let blanks = rest.len() - rest.trim_ascii_start().len();
    let rest = rest.trim_ascii_start();
    let sign = [&b"=>"[..], b":=", b":", b"="].into_iter().find(|sign| rest.starts_with(sign))?;
    let after = &rest[sign.len()..];
    // `abc=` and `user:x` are values themselves.
    let is_member = length > 0 && matches!(after.first(), Some(b' ' | b'\t' | b'"' | b'\''));
    if !is_member {
        return None;
    }
    let is_in = |list: &[&[u8]]| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    Some(if words.members.contains(name) || words.wrappers.contains(name) || is_in(&HOLDERS) {
        Member::Holds(behind + blanks + sign.len() + after.len() - after.trim_ascii_start().len())
    } else if is_in(&BESIDE) || is_switch(after) {
        Member::Beside
    } else {
        Member::Other
    })
}

/// Whether a member's value is a number, or a yes or a no.
fn is_switch(value: &[u8]) -> bool {
    let value = value.trim_ascii().strip_suffix(b",").unwrap_or(value.trim_ascii());
    matches!(value, b"true" | b"false" | b"null") || (!value.is_empty() && value.iter().all(u8::is_ascii_digit))
}

/// The text of an element that is named for holding a value: `<value>x</value>`.
fn element(text: &[u8], words: &ContextWords) -> Option<(usize, usize)> {
    let name = text.strip_prefix(b"<")?;
    let open = memchr::memchr(b'>', name)?;
    let is_holder = words.members.contains(&name[..open]) || words.wrappers.contains(&name[..open]);
    let first = open + 2;
    let last = first + memchr::memchr(b'<', &text[first..])?;
    (is_holder && text[last..].starts_with(b"</")).then_some((first, last))
}

/// The quote that begins a value, behind what a dump writes before it, the string in it, and what stands behind.
fn quoted(line: &[u8], start: usize, end: usize) -> Option<(Quote, Span, &[u8])> {
    let is_wrapper = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'(' | b')' | b'=' | b'<' | b' ');
    let before = line[start..end].iter().take(MAX_WRAPPER).take_while(is_wrapper).count();
    let (quote, first) = Quote::at(&line[..end], start + before)?;
    // What ends in letters would be a word with a quote in it.
    let opens = before == 0 || matches!(line[start + before - 1], b'(' | b'<' | b' ' | b'b' | b'u' | b'r');
    let last = quote.closing(&line[..end], first).filter(|_| opens)?;
    let behind = last + usize::from(quote.backslashes()) + 1;
    Some((quote, Span::new(first, last), &line[behind.min(end)..end]))
}

/// Whether a word says by itself that it is a secret: composed as passwords are, or of letters and digits by chance. Names of files and machines, the
/// options of a command, the boundary of a form and variables are not.
fn stands_alone(value: &[u8]) -> bool {
    let begins_as_another =
        matches!(value, [b'-' | b'/' | b'.' | b'@' | b'%' | b'{' | b'(', ..] | [b'$', b'A'..=b'Z' | b'{' | b'(', ..]);
    let is_one_word = !value.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'<' | b'>' | b'(' | b'='));
    let turns = || value.windows(2).filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit()).count();
    let is_chance = || value.iter().all(u8::is_ascii_alphanumeric) && turns() >= TURNS && words::is_random(value);
    let padded = value.iter().rev().take_while(|b| **b == b'=').count();
    let body = &value[..value.len() - padded];
    !begins_as_another
        && (is_one_word && (words::is_composed(value) || words::is_of_three_kinds(value))
            || is_chance()
            || (!body.contains(&b'=') && Validator::Random.passes(body)))
        && !is_date(value)
}

/// So often letters and digits take turns in a short word that is none.
const TURNS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(line: &str, name: &str) -> bool {
        let start = line.find(name).expect("it is there");
        ends_line(line.as_bytes(), Key { start, end: start + name.len(), flag: name.starts_with('-') })
    }

    #[test]
    fn lines_that_a_key_ends() {
        for line in [
            "password:",
            "password: ",
            "password: |",
            "password: >-\r",
            "\"password\": [",
            "\"password\":",
            "password = (",
            "password =",
            "password=\\",
            "password => ",
            "[\"password\"]=>",
            "password to proceed to installation:",
            "password for the elastic user (reset with `a`):",
            "Content-Disposition: form-data; name=\"password\"",
            "password = <<-EOT",
            "<password type=\"text\">",
            "password: Some(",
            "password = \"\"\"",
        ] {
            assert!(ends(line, "password"), "{line}");
        }
        for line in ["--password", "  --password \\", "\"--password\",", "--password `"] {
            assert!(ends(line, "--password"), "{line}");
        }
        for line in [
            "password",
            "\"a\": \"password\",",
            "password|",
            "the password changed",
            "password>",
            "- password -",
            "password: x",
        ] {
            assert!(!ends(line, "password"), "{line}");
        }
    }

    #[test]
    fn a_line_s_own_text_begins_behind_what_it_shares() {
        for (above, line, text) in [
            ("password:", "  x1", "  x1"),
            ("Nov 30 10:00:09 web app[12]: Password:", "Nov 30 10:00:10 web app[12]: x1", "x1"),
            ("db-1  | password:", "db-1  | x1", "x1"),
            ("password:", "pass1word", "pass1word"),
        ] {
            assert_eq!(&line[text_start(above.as_bytes(), line.as_bytes())..], text, "{line}");
        }
    }
}
