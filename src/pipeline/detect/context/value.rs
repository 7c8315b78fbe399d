//! The values behind a key and its separator: opening quote, where the value ends, and whether it is a secret.

use super::columns;
use super::key::Key;
use super::separator::{self, Separator, skip_blanks};
use super::words::{self, Shape};
use super::wrapped;
use super::{ContextWords, KeyForm, Value, Written};
use crate::model::Span;
use crate::pipeline::detect::{encoded, placeholder};

/// Brackets before a key that are looked at for a JSON member: a long line may have no end of them.
const MAX_OPENERS: usize = 64;
/// And so far back: a long line may hold a key in every other word.
const LOOK_BACK: usize = 32 << 10;
/// Strings and numbers of one JSON array that are looked at.
const MAX_ITEMS: usize = 64;
/// The name of a next pair is no longer: a mark may stand in its place.
const MAX_NAME: usize = 128;
/// Digits of a number in an array.
const MAX_NUMBER: usize = 40;
/// No word that names a scheme is longer.
const MAX_SCHEME: usize = 16;

/// A quote as it stands: its character behind `backslashes` backslashes (one layer of escaping doubles them and adds one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    character: u8,
    backslashes: usize,
}

impl Quote {
    pub(super) fn at(line: &[u8], at: usize) -> Option<(Self, usize)> {
        let backslashes = line[at..].iter().take(16).take_while(|b| **b == b'\\').count();
        let character = *line.get(at + backslashes)?;
        matches!(character, b'"' | b'\'' | b'`').then_some((Self { character, backslashes }, at + backslashes + 1))
    }

    pub(super) fn is_double(self) -> bool {
        self.character == b'"'
    }

    pub(super) fn backslashes(self) -> u8 {
        self.backslashes as u8
    }

    /// How deep its string is: of `\\\\"` the backslashes are escaped themselves, and belong to what the quote ends.
    fn depth(self) -> u32 {
        self.backslashes.trailing_ones()
    }

    /// Whether this quote, before `at`, ends the JSON string that the key stands in, and begins no value.
    pub(super) fn ends_json_string(self, line: &[u8], key: Key, key_quote: Option<Self>, at: usize) -> bool {
        let closes = match key_quote {
            Some(key_quote) => key_quote.depth() > self.depth(),
            None => {
                let next = line.get(skip_blanks(line, at));
                matches!(next, None | Some(b',' | b'}' | b']' | b':')) && is_json(&line[..key.start])
            }
        };
        self.is_double() && closes
    }

    /// How many layers of JSON strings a value in these quotes is inside of.
    pub(super) fn layers(self) -> u8 {
        (self.backslashes + 1).ilog2() as u8 + 1
    }

    /// The offset of the closing quote's first byte (its backslashes included), if it closes on this line.
    ///
    /// A quote of the string's own depth closes it, and so does one of a string around it; a deeper one is a part of it. The newline that
    /// ends the string around is none of what was cut off there: without it, a runtime's entry would be one that goes on.
    pub(super) fn closing(self, line: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(found) = memchr::memchr(self.character, &line[at..]) {
            let quote = at + found;
            let run = line[from..quote].iter().rev().take_while(|b| **b == b'\\').count();
            if run == self.backslashes {
                return Some(quote - run);
            }
            let depth = run.trailing_ones();
            if depth <= self.depth() {
                let end = quote - ((1 << depth) - 1);
                return Some(if depth < self.depth() { from + without_newlines(&line[from..end], depth) } else { end });
            }
            at = quote + 1;
        }
        None
    }
}

/// Where a string ends that begins at `start` and never closes: its line's ending is none of it.
fn cut_off(line: &[u8], start: usize) -> usize {
    line.len() - usize::from(line[start..].ends_with(b"\r"))
}

/// The length of `text`, the end of a JSON string of this depth, without the newlines that it ends in.
fn without_newlines(text: &[u8], depth: u32) -> usize {
    let backslashes = 1 << depth;
    let mut end = text.len();
    while let [before @ .., b'n' | b'r'] = &text[..end] {
        let run = before.iter().rev().take_while(|b| **b == b'\\').count();
        if run % (2 * backslashes) != backslashes {
            break;
        }
        end = before.len() - backslashes;
    }
    end
}

/// Appends every value of `key` in `line` that counts as a secret of this rule.
pub fn values(line: &[u8], key: Key, form: &KeyForm, words: &ContextWords, found: &mut Vec<Value>) {
    // `https://x-access-token:…@host`: that is a user's name, and its password is found as such.
    if line[..key.start].ends_with(b"://") {
        return;
    }
    let key_quote = Quote::at(line, key.end);
    let after_key = key_quote.map_or(key.end, |(_, after)| after);
    if matches!(line.get(after_key), Some(b',' | b')')) {
        for (quote, span) in columns::values_of(line, Key { end: after_key, ..key }) {
            let written = Written::Json(quote.layers());
            let is_secret = words::is_secret(&line[span.range()], written, Shape::Quoted, form, words);
            found.extend(is_secret.then_some(Value { span, written, add_quotes: None }));
        }
        if !found.is_empty() {
            return;
        }
    }
    let Some((separator, at)) = separator::separator(line, key, after_key, words) else { return };
    if separator == Separator::Colon && key_quote.is_none() && is_resource_name(&line[..key.start]) {
        return;
    }
    let judge = |span: Span, written: Written, shape: Shape| {
        let span = behind_scheme(line, span, words);
        words::is_secret(&line[span.range()], written, shape, form, words).then_some(Value {
            span,
            written,
            add_quotes: None,
        })
    };
    let quoted = |at: usize, found: &mut Vec<Value>| -> Option<usize> {
        let prefix =
            matches!(line.get(at), Some(b'b' | b'r' | b'u' | b'@' | b'N')) && Quote::at(line, at + 1).is_some();
        let at = at + usize::from(prefix);
        let (quote, start) = Quote::at(line, at)?;
        if quote.ends_json_string(line, key, key_quote.map(|(quote, _)| quote), start) {
            return None;
        }
        let end = quote.closing(line, start);
        if quote.character != b'"' && end.is_none_or(|end| leaves_json_string(&line[..key.start], &line[start..end])) {
            return None;
        }
        // A string that never closes was cut off: all that is left of it goes.
        let span = Span::new(start, end.unwrap_or_else(|| cut_off(line, start)));
        let shape = match separator {
            // A flag's argument, in a list of arguments.
            Separator::Comma if key.flag => Shape::Argument,
            // `define('DB_PASSWORD', 'x')`
            Separator::Comma if names_constant(line, key) => Shape::Compared,
            Separator::Comma => Shape::Loose,
            Separator::Compared => Shape::Compared,
            // What somebody says between quotes may be a remark.
            Separator::Said | Separator::Announced | Separator::Spaced if line[span.range()].contains(&b' ') => {
                let is_phrase =
                    line[key.start..key.end].last_chunk::<6>().is_some_and(|end| end.eq_ignore_ascii_case(b"phrase"));
                if is_phrase && words::is_passphrase(&line[span.range()], words) { Shape::Quoted } else { Shape::Loose }
            }
            // `unexpected token "x"` is a parser's.
            Separator::Spaced | Separator::Beside if !form.words => Shape::Beside,
            _ => Shape::Quoted,
        };
        found.extend(judge(span, Written::Json(quote.layers()), shape));
        Some(end.map_or(line.len(), |end| line.len().min(end + quote.backslashes + 1)))
    };
    if quoted(at, found).is_some() {
        return;
    }
    if let Some(at) = wrapped::quote_inside(line, at, words) {
        quoted(at, found);
        return;
    }
    let json = key_quote.is_some() && matches!(separator, Separator::Colon | Separator::ColonBlank);
    let added_quotes =
        key_quote.map(|(quote, _)| quote).filter(|quote| json && quote.is_double()).map(Quote::backslashes);
    let item = |at: usize, found: &mut Vec<Value>| {
        quoted(at, found).or_else(|| {
            let length = line[at..].iter().take(MAX_NUMBER).take_while(|b| b.is_ascii_digit()).count();
            let is_number = json && length > 0 && matches!(line.get(at + length), Some(b',' | b']' | b' '));
            let value = judge(Span::new(at, at + length), Written::Raw, Shape::JsonBare).filter(|_| is_number);
            found.extend(value.map(|value| Value { add_quotes: added_quotes, ..value }));
            is_number.then_some(at + length)
        })
    };
    match line.get(at) {
        Some(b'[') if separator != Separator::Query => {
            let so_far = found.len();
            array(line, at + 1, item, found);
            // What is wrong with a password is said in a list, too.
            let is_remark = |value: &Value| words::is_remark(&line[value.span.range()], words);
            if found[so_far..].iter().all(is_remark) {
                found.truncate(so_far);
            }
        }
        Some(b'{') if matches!(separator, Separator::Colon | Separator::ColonBlank) => {}
        Some(_) if matches!(separator, Separator::Spaced | Separator::Comma) => {}
        // What something is compared with and has no quotes is a name.
        Some(_) if separator == Separator::Compared && is_name(&line[bare(line, key, at, separator).range()]) => {}
        Some(_) => {
            let mut span = bare(line, key, at, separator);
            // `X-Api-Key: token 81k…`: the word names the scheme, and the value follows it.
            let behind = skip_blanks(line, span.end());
            if !json && behind > span.end() && behind < line.len() && words.is_scheme(&line[span.range()]) {
                span = bare(line, key, behind, separator);
            }
            let shape = match separator {
                _ if json => Shape::JsonBare,
                Separator::Beside => Shape::Beside,
                Separator::Said => Shape::Loose,
                Separator::Announced if !form.words => Shape::Loose,
                Separator::Announced => Shape::Prose,
                Separator::ColonBlank if goes_on_in_prose(line, span.end()) => Shape::Prose,
                Separator::Blank => Shape::Argument,
                _ => Shape::Bare,
            };
            let written = match separator {
                Separator::Query => Written::Percent,
                Separator::Element => Written::Entities,
                _ => Written::Raw,
            };
            found.extend(judge(span, written, shape).map(|value| Value { add_quotes: added_quotes, ..value }));
        }
        None => {}
    }
}

fn is_name(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b'(' | b')'))
}

/// The value without the scheme word before it: `"token":"Bearer 81k…"` holds the same secret as the header.
fn behind_scheme(line: &[u8], span: Span, words: &ContextWords) -> Span {
    let text = &line[span.range()];
    let Some(blank) = text.iter().take(MAX_SCHEME).position(|b| *b == b' ') else { return span };
    let behind = skip_blanks(text, blank);
    let is_credential = behind < text.len() && !text[behind..].contains(&b' ') && words.is_scheme(&text[..blank]);
    if is_credential { Span::new(span.start() + behind, span.end()) } else { span }
}

/// Whether `before` has a JSON array or object open, as far as its first bytes and its members tell.
fn is_json(before: &[u8]) -> bool {
    let near = &before[before.len().saturating_sub(LOOK_BACK)..];
    let opens_member = |at: usize| near.get(skip_blanks(near, at + 1)) == Some(&b'"');
    matches!(before.trim_ascii_start().first(), Some(b'{' | b'['))
        || memchr::memchr2_iter(b'{', b'[', near).rev().take(MAX_OPENERS).any(opens_member)
}

/// Whether `value`, behind `before` and in single quotes, goes beyond the JSON string that it stands in: then its quote is no quote.
fn leaves_json_string(before: &[u8], value: &[u8]) -> bool {
    let ends_string = |at: usize| at == 0 || value[at - 1] != b'\\';
    memchr::memchr_iter(b'"', value).any(ends_string) && is_json(before)
}

fn array(line: &[u8], mut at: usize, item: impl Fn(usize, &mut Vec<Value>) -> Option<usize>, found: &mut Vec<Value>) {
    for _ in 0..MAX_ITEMS {
        at = skip_blanks(line, at);
        let Some(after) = item(at, found) else { return };
        at = skip_blanks(line, after);
        if line.get(at) != Some(&b',') {
            return;
        }
        at += 1;
    }
}

/// The run of a value without quotes.
pub(super) fn bare(line: &[u8], key: Key, start: usize, separator: Separator) -> Span {
    let rest = &line[start..];
    if let Some(length) = angled(rest) {
        return Span::new(start, start + length);
    }
    let opener = key.start.checked_sub(1).map(|at| line[at]);
    let (mut depth, mut looked) = (0i32, 0);
    while let Some(found) = rest[looked..].iter().position(|byte| ENDS_OR_NESTS[usize::from(*byte)]) {
        let at = looked + found;
        looked = at + 1;
        let (byte, next) = (rest[at], rest.get(looked).copied());
        let ends = match byte {
            // In an element, a reference is there because its character would end the value.
            b'\\' | b'&' if separator != Separator::Element && spells_an_end(rest, at, separator) => true,
            // No value holds control characters; a colour's end stands directly behind many.
            0..=b' ' | 0x7f | b'"' | b'`' => true,
            b'\'' => opener == Some(b'\'') || next.is_none_or(|b| matches!(b, b' ' | b',' | b')' | b';')),
            b'<' => separator == Separator::Element || at > 0,
            b'>' => opener == Some(b'<') || (at > 0 && rest[0] != b'<'),
            b'&' => separator == Separator::Query || assigns(&rest[at + 1..]),
            // Line ends and tabs, as a syslog server writes them.
            b'#' => separator == Separator::Query || matches!(rest[at..], [_, b'0', b'1', b'1' | b'2' | b'5', ..]),
            b':' => next.is_some_and(|b| b == b' '),
            b',' | b';' => {
                next.is_none_or(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b'\\')) || assigns(&rest[at + 1..])
            }
            b'\\' => matches!(next, Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\')),
            b'(' | b'[' | b'{' => {
                depth += 1;
                false
            }
            b')' | b']' | b'}' => {
                depth -= 1;
                depth < 0 && next.is_none_or(|b| !b.is_ascii_alphanumeric())
            }
            _ => false,
        };
        if ends {
            return trimmed(line, start, start + at);
        }
    }
    trimmed(line, start, line.len())
}

/// The bytes that may end a bare value, or count for whether another does.
const ENDS_OR_NESTS: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0u8);
    while byte < 128 {
        table[byte as usize] = matches!(
            byte,
            0..=b' '
                | 0x7f
                | b'"'
                | b'`'
                | b'\''
                | b'\\'
                | b'&'
                | b'<'
                | b'>'
                | b'#'
                | b':'
                | b','
                | b';'
                | b'('
                | b'['
                | b'{'
                | b')'
                | b']'
                | b'}'
        );
        byte += 1;
    }
    table
};

/// Whether an escape or a reference at `at` stands for what ends a bare value.
fn spells_an_end(rest: &[u8], at: usize, separator: Separator) -> bool {
    encoded::spelt_at(rest, at).is_some_and(|(character, len)| match character {
        '&' => separator == Separator::Query || assigns(&rest[at + len..]),
        '"' | '`' | '<' | ' ' => true,
        other => other.is_ascii_control(),
    })
}

/// The length of `<your password>`: words between angle brackets are one value, blanks and all.
fn angled(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"<")?;
    let is_inner = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' ');
    let length = inner.iter().take(60).take_while(is_inner).count();
    (length > 0 && inner.get(length) == Some(&b'>')).then_some(length + 2)
}

/// A sentence's full stop belongs to no value, nor do the dots of what is cut off there.
fn trimmed(line: &[u8], start: usize, end: usize) -> Span {
    let dots = line[start..end].iter().rev().take_while(|b| **b == b'.').count();
    let goes = match dots {
        1 => end == line.len() && end > start + 1,
        _ => dots >= placeholder::ELLIPSIS && end - start >= dots + placeholder::CUT_OFF,
    };
    Span::new(start, if goes { end - dots } else { end })
}

/// Whether the key is the first argument of a call, and written as constants and variables of the environment are.
fn names_constant(line: &[u8], key: Key) -> bool {
    let name = &line[key.start..key.end];
    let is_upper = name.contains(&b'_') && !name.iter().any(u8::is_ascii_lowercase);
    is_upper && matches!(line[..key.start], [.., b'(', b'"' | b'\''])
}

/// Whether what is before a key is the beginning of a resource's name: `arn:aws:secretsmanager:eu-west-1:1234:secret:prod/db`.
fn is_resource_name(before: &[u8]) -> bool {
    let length = before
        .iter()
        .rev()
        .take(MAX_NAME)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-'))
        .count();
    before.ends_with(b":") && before[before.len() - length..].starts_with(b"arn:")
}

/// Whether `name=` or `name:` follows: the next pair of a list.
fn assigns(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"amp;").unwrap_or(text);
    let name =
        text.iter().take(MAX_NAME).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
    name > 0 && matches!(text.get(name), Some(b'=' | b':'))
}

/// Whether a blank and another lower-case word follow: a sentence, not a value.
fn goes_on_in_prose(line: &[u8], at: usize) -> bool {
    matches!(line.get(at), Some(b' ')) && line.get(at + 1).is_some_and(u8::is_ascii_lowercase)
}
