//! From a key's end to where its value begins: `=`, `: `, a flag's blank, and the longer ways of code, markup, SQL and prose.

use super::ContextWords;
use super::key::Key;
use super::leading::{behind_prefix, behind_tag, behind_user, is_expression};
use super::markup::{behind_attributes, behind_tags, element, marked_up};
use super::spoken;
use super::value::Quote;

/// Blanks between key, separator and value; aligned configuration dumps use many.
const MAX_BLANKS: usize = 40;
/// No word between key and value is longer.
pub(super) const MAX_WORD: usize = 16;
/// Codes of a terminal's at one place: one ends what was before, one sets a colour, one a weight.
const MAX_COLOURS: usize = 4;

/// What text that was typeset has in place of a blank.
const NO_BREAK_SPACE: &[u8] = "\u{a0}".as_bytes();
const OPENING_QUOTES: [&[u8]; 5] = ["“".as_bytes(), "‘".as_bytes(), "„".as_bytes(), "«".as_bytes(), "「".as_bytes()];
/// The length of `：` and of `＝`.
const FULL_WIDTH: usize = 3;
/// The length of `→`.
const ARROW: usize = 3;
/// What separates key from value, and what that says of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// `=`, `:=`, `=>`.
    Equals,
    /// `:` and no blank behind it.
    Colon,
    /// `:` and a blank: YAML, a header, or prose.
    ColonBlank,
    /// A blank behind a flag.
    Blank,
    /// `>` of an XML element.
    Element,
    /// `=` in a query string: the value is percent-encoded and ends at `&`.
    Query,
    /// A blank, and a quote must follow: `PASSWORD 'x'` in SQL and in scripts.
    Spaced,
    /// `is`, `was`, `set to`: what is behind may be the rest of a sentence.
    Said,
    /// A blank and nothing else: `API key 81k… was rejected`. Most of what follows a key so is the rest of a sentence.
    Beside,
    /// `is:`, `set to:`: what is behind is what was announced.
    Announced,
    /// `!=`, `==`: what a key is held against is what somebody expects there.
    Compared,
    /// A comma: the next argument of a call, or the next string of a list.
    Comma,
}

/// Behind blanks, and behind the codes by which a terminal shows key, separator and value in colours.
pub(super) fn skip_blanks(line: &[u8], at: usize) -> usize {
    let mut at = at;
    for _ in 0..=MAX_COLOURS {
        at += line[at..].iter().take(MAX_BLANKS).take_while(|b| matches!(b, b' ' | b'\t')).count();
        while line[at..].starts_with(NO_BREAK_SPACE) {
            at += NO_BREAK_SPACE.len();
        }
        match colour(&line[at..]) {
            0 => break,
            length => at += length,
        }
    }
    at
}

/// The length of a code that sets how a terminal shows what follows (ECMA-48, 8.3.117), as it is or escaped as in JSON; or 0.
fn colour(text: &[u8]) -> usize {
    const ESCAPES: [&[u8]; 5] = [b"\x1b[", b"\\u001b[", b"\\u001B[", b"\\x1b[", b"\\033["];
    if !matches!(text.first(), Some(0x1b | b'\\')) {
        return 0;
    }
    let Some(escape) = ESCAPES.iter().find(|escape| text.starts_with(escape)) else { return 0 };
    let parameters =
        text[escape.len()..].iter().take(MAX_WORD).take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let length = escape.len() + parameters;
    if text.get(length) == Some(&b'm') { length + 1 } else { 0 }
}

/// Finds the separator behind a key; gives the offset at which the value, or its quote, begins.
pub(super) fn separator(line: &[u8], key: Key, after_key: usize, words: &ContextWords) -> Option<(Separator, usize)> {
    let is_quoted = after_key > key.end;
    let (separator, at) = match direct(line, key, after_key) {
        Some((Separator::Blank, at)) => {
            let told = said(line, key, after_key, words);
            told.filter(|(told, _)| !matches!(told, Separator::Beside | Separator::Spaced))
                .unwrap_or((Separator::Blank, at))
        }
        Some((Separator::Colon | Separator::ColonBlank, at)) if !is_quoted && declared(line, at, words).is_some() => {
            (Separator::Equals, declared(line, at, words)?)
        }
        Some(direct) => direct,
        None if is_quoted => named(line, key.start, after_key, words).or_else(|| listed(line, after_key))?,
        None => called(line, after_key)
            .or_else(|| listed(line, after_key).filter(|_| is_first_of_pair(line, key)))
            .or_else(|| said(line, key, after_key, words))?,
    };
    let at = match separator {
        Separator::Equals | Separator::Colon | Separator::ColonBlank | Separator::Blank if !is_quoted => {
            if is_expression(line, key, at) {
                return None;
            }
            behind_user(line, key, behind_prefix(line, at))
        }
        Separator::Equals | Separator::Colon | Separator::ColonBlank => behind_prefix(line, at),
        _ => at,
    };
    let at = if separator == Separator::ColonBlank { behind_tag(line, at) } else { at };
    // A value between the quotes of typeset text is found by a rule that knows where these end.
    let is_typeset = OPENING_QUOTES.iter().any(|quote| line[at.min(line.len())..].starts_with(quote));
    (at < line.len() && !is_typeset).then_some((separator, at))
}

/// A separator that follows the key at once.
fn direct(line: &[u8], key: Key, after_key: usize) -> Option<(Separator, usize)> {
    let is_quoted = after_key > key.end;
    let before = key.start.checked_sub(1).map(|at| line[at]);
    let bracket = bracket(line, key, after_key);
    let at = skip_blanks(line, after_key + bracket);
    let rest = &line[at..];
    // Forms send `user[token]=…`.
    let in_query =
        !is_quoted && (matches!(before, Some(b'?' | b'&')) || (matches!(bracket, 1 | 3) && at == after_key + bracket));
    // A shell says there what to do without the variable: `${DB_PASSWORD:?required}`.
    if matches!(rest, [b':', b'?' | b'+', ..]) && line[..key.start].ends_with(b"${") {
        return None;
    }
    let (separator, mut behind) = match rest {
        [b':', b':', b':', b'=', ..] => (Separator::Equals, 4),
        [b':', b':', b'=', ..] => (Separator::Equals, 3),
        [b'!' | b'=', b'=', ..] => (Separator::Compared, 2),
        [b':' | b'.' | b'+' | b'?', b'=', ..] | [b'=', b'>', ..] => (Separator::Equals, 2),
        // What holds where nothing else is set: `process.env.TOKEN || "x"`.
        [b'|', b'|', b' ', b'"' | b'\'', ..] | [b'?', b'?', b' ', b'"' | b'\'', ..] => (Separator::Comma, 2),
        // A cell of a table.
        [b'|', b' ', ..] => (Separator::Beside, 1),
        // `password → x`
        [0xe2, 0x86, 0x92, ..] => (Separator::Beside, ARROW),
        // `Password......: x`
        [b'.', b'.', b'.', ..] => {
            let dots = rest.iter().take(MAX_BLANKS).take_while(|b| **b == b'.').count();
            let colon = skip_blanks(line, at + dots);
            let is_colon = line.get(colon) == Some(&b':');
            let value = skip_blanks(line, colon + usize::from(is_colon));
            return is_colon.then_some((Separator::ColonBlank, value));
        }
        // Without blanks around it, a member of what is named like a password.
        [b'-', b'>', b' ', ..] if at > after_key => (Separator::Equals, 2),
        // R's own way.
        [b'<', b'-', b' ' | b'"' | b'\'', ..] if at > after_key => (Separator::Equals, 2),
        [b'|', b'|', b'=', ..] => (Separator::Equals, 3),
        // `password::Type` is a path, not an assignment.
        [b':', b':', ..] => return None,
        [b'=', ..] if in_query => return Some((Separator::Query, at + 1)),
        [b'=', ..] => (Separator::Equals, 1),
        [b':', b' ' | b'\t', ..] => (Separator::ColonBlank, 1),
        [b':', ..] => return marked_up(line, key, at + 1).or(Some((Separator::Colon, skip_blanks(line, at + 1)))),
        [0xef, 0xbc, 0x9a | 0x9d, ..] => (Separator::ColonBlank, FULL_WIDTH),
        [b'%', b'3', b'D' | b'd', ..] if !is_quoted => return Some((Separator::Query, at + 3)),
        [b'>', ..] if at == after_key => {
            // `name="password">`, and not the link `"/forgot-password">`.
            let is_attribute = is_quoted && matches!(before, Some(b'"' | b'\''));
            return element(line, at + 1, is_attribute || matches!(before, Some(b'<' | b':')));
        }
        // A help text has what a flag is for in a column of its own.
        [_, ..] if key.flag && at > after_key + 1 && !is_quoted && is_column(rest) => return None,
        [_, ..] if key.flag && at > after_key && !is_quoted => (Separator::Blank, 0),
        _ => return None,
    };
    if rest.get(behind) == Some(&b'=') && matches!(separator, Separator::Equals | Separator::Compared) {
        behind += 1;
    }
    let value = skip_blanks(line, at + behind);
    // `password= user=ann`: it is empty, and what follows is the next pair.
    let is_empty = rest.first() == Some(&b'=') && behind == 1 && at == after_key && value > at + 1;
    (!is_empty || !begins_pair(&line[value..])).then_some((separator, value))
}

/// The length of the bracket that closes behind a key: `params["token"]`, `user[token]`, `user%5Btoken%5D`.
fn bracket(line: &[u8], key: Key, after_key: usize) -> usize {
    let is_quoted = after_key > key.end;
    let before = key.start.checked_sub(1).map(|at| line[at]);
    match line[after_key..] {
        // `char password[] = "x"`
        [b'[', b']', ..] if !is_quoted => 2,
        // `char password[32] = "x"`
        [b'[', ref inner @ ..] if !is_quoted => {
            let digits = inner.iter().take(MAX_WORD).take_while(|b| b.is_ascii_digit()).count();
            if digits > 0 && inner.get(digits) == Some(&b']') { digits + 2 } else { 0 }
        }
        [b']', ..] => usize::from(is_quoted || before == Some(b'[')),
        // `getenv("DB_PASSWORD") || "x"`
        [b')', ..] if is_quoted => {
            let next = &line[skip_blanks(line, after_key + 1)..];
            usize::from(next.starts_with(b"|| ") || next.starts_with(b"?? "))
        }
        [b'%', b'5', b'D' | b'd', ..]
            if before == Some(b'%') && matches!(line[key.start..], [b'5', b'B' | b'b', ..]) =>
        {
            3
        }
        _ => 0,
    }
}

/// Whether at least two words of lower-case letters stand there, and nothing else before them.
fn is_column(text: &[u8]) -> bool {
    let mut parts = text.split(|b| *b == b' ');
    let is_word = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_lowercase);
    parts.next().is_some_and(is_word) && parts.next().is_some_and(is_word)
}

/// Whether a name and `=` stand there.
fn begins_pair(text: &[u8]) -> bool {
    let name = text.iter().take(MAX_WORD).take_while(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.')).count();
    // Of padding, nothing is behind it.
    name > 1 && text.get(name) == Some(&b'=') && text.get(name + 1).is_some_and(|b| b.is_ascii_graphic() && *b != b'=')
}

/// The word at `at`, and the offset behind it.
pub(super) fn word(line: &[u8], at: usize) -> (&[u8], usize) {
    let length = line[at..].iter().take(MAX_WORD).take_while(|b| b.is_ascii_alphabetic()).count();
    (&line[at..at + length], at + length)
}

/// Whether the word behind a key may lead to its value: a quick look, for keys of which most stand in prose.
pub(super) fn leads_on(block: &[u8], at: usize, words: &ContextWords) -> bool {
    let (word, behind) = word(block, at);
    let lists = [&words.copulas, &words.types, &words.members];
    !word.is_empty()
        && (lists.iter().any(|list| list.contains(word))
            || (words.clauses.contains(word) && spoken::leads_to_value(block, behind)))
}

/// What `key` is said to be behind blanks: `is x`, `'x'`; a type, `string = x`; or the value beside a name, `Name:KEY Value:x`.
fn said(line: &[u8], key: Key, after_key: usize, words: &ContextWords) -> Option<(Separator, usize)> {
    let at = skip_blanks(line, after_key);
    if at == after_key {
        let is_value = key.start > 0 && matches!(line[key.start - 1], b':' | b'=');
        let closes_name = line.get(at) == Some(&b'<');
        return if closes_name || (is_value && line.get(at) == Some(&b',')) {
            named(line, key.start, at, words)
        } else {
            None
        };
    }
    if Quote::at(line, at).is_some() {
        return Some((Separator::Spaced, at));
    }
    if let Some(element) = behind_attributes(line, key, at) {
        return Some(element);
    }
    if let Some(at) = declared(line, at, words) {
        return Some((Separator::Equals, at));
    }
    if let Some(named) = named(line, key.start, after_key, words) {
        return Some(named);
    }
    spoken::told(line, at, words)
}

/// Whether an unquoted key is the first of a pair: `[:password, "x"]`, `{password,"x"}`.
fn is_first_of_pair(line: &[u8], key: Key) -> bool {
    matches!(line[..key.start], [.., b':' | b'{'])
}

/// The argument of a call, or of a constructor: `setPassword("x")`, `api_key{"x"}`.
fn called(line: &[u8], after_key: usize) -> Option<(Separator, usize)> {
    let is_call = matches!(line.get(after_key), Some(b'(' | b'{')) && Quote::at(line, after_key + 1).is_some();
    is_call.then_some((Separator::Comma, after_key + 1))
}

/// Behind a type and `=`: `var token string = "x"`, `token: &str = "x"`.
fn declared(line: &[u8], at: usize, words: &ContextWords) -> Option<usize> {
    let at = at + line[at..].iter().take_while(|b| matches!(b, b'&' | b'*')).count().min(2);
    let (name, end) = word(line, at);
    // Visual Basic's way: `As String = "x"`.
    let (name, end) = if name.eq_ignore_ascii_case(b"as") { word(line, skip_blanks(line, end)) } else { (name, end) };
    let end = end + usize::from(line.get(end) == Some(&b'2'));
    if name.is_empty() || !words.types.contains(name) {
        return None;
    }
    let end = end + usize::from(matches!(line.get(end), Some(b'?' | b'*' | b'!')));
    // `VARCHAR2(30) := 'x'`
    let size = line[end..].strip_prefix(b"(").map_or(0, |inner| {
        let digits = inner.iter().take(MAX_WORD).take_while(|b| b.is_ascii_digit()).count();
        if inner.get(digits) == Some(&b')') { digits + 2 } else { 0 }
    });
    let end = end + size;
    let equals = skip_blanks(line, end);
    let equals = equals + usize::from(line.get(equals) == Some(&b':') && line.get(equals + 1) == Some(&b'='));
    (line.get(equals) == Some(&b'=') && line.get(equals + 1) != Some(&b'=')).then(|| skip_blanks(line, equals + 1))
}

/// The value beside a name: `key="password" value="x"`, `"name":"TOKEN","value":"x"`, `<name>token</name><value>x<`.
fn named(line: &[u8], key_start: usize, after_key: usize, words: &ContextWords) -> Option<(Separator, usize)> {
    let at = skip_blanks(line, after_key);
    if line[at..].starts_with(b"</") {
        let (_, end) = word(line, at + 2);
        let open = skip_blanks(line, (end + 1).min(line.len()));
        let (member, close) = word(line, (open + 1).min(line.len()));
        let fits = line.get(end) == Some(&b'>') && line.get(open) == Some(&b'<') && words.members.contains(member);
        // XML-RPC has a type around each value.
        let typed = usize::from(line[close..].starts_with(b"><string>")) * b"<string>".len();
        if fits && line.get(close) == Some(&b'>') {
            return element(line, close + 1 + typed, true);
        }
        // `<td>Password</td><td>x</td>`
        return line[..key_start].ends_with(b">").then(|| behind_tags(line, at)).flatten();
    }
    let at = skip_blanks(line, at + usize::from(matches!(line.get(at), Some(b',' | b';'))));
    if at == after_key {
        return None;
    }
    let quote = Quote::at(line, at);
    let (member, end) = word(line, quote.map_or(at, |(_, start)| start));
    if member.is_empty() || !words.members.contains(member) {
        return None;
    }
    let end = match quote {
        Some((open, _)) => Quote::at(line, end).filter(|(close, _)| *close == open)?.1,
        None => end,
    };
    let at = skip_blanks(line, end);
    let separator = match line.get(at)? {
        b'=' if line.get(at + 1) != Some(&b'=') => Separator::Equals,
        b':' => Separator::Colon,
        _ => return None,
    };
    Some((separator, skip_blanks(line, at + 1)))
}

/// The string behind the string that the key is: `setProperty("db.token", "x")`, `["x-api-key", "x"]`.
fn listed(line: &[u8], after_key: usize) -> Option<(Separator, usize)> {
    let comma = skip_blanks(line, after_key);
    // Of arguments that an audit trail numbers: `a1="--token" a2="x"`.
    let number = line[comma.min(line.len())..].strip_prefix(b"a").map_or(0, |rest| {
        let digits = rest.iter().take(MAX_WORD).take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 && rest.get(digits) == Some(&b'=') { 1 + digits } else { 0 }
    });
    let at = skip_blanks(line, (comma + number + 1).min(line.len()));
    let is_next = number > 0 || line.get(comma) == Some(&b',');
    (is_next && Quote::at(line, at).is_some()).then_some((Separator::Comma, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::context::key_ending;

    fn words() -> ContextWords {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().into();
        ContextWords {
            types: list(&["string", "str"]),
            members: list(&["value", "string"]),
            copulas: list(&["is", "was", "set", "to"]),
            ..ContextWords::default()
        }
    }

    /// What stands behind the separator of the first `token`.
    fn behind(line: &str) -> Option<(Separator, &str)> {
        let bytes = line.as_bytes();
        let start = line.to_ascii_lowercase().find("token").expect("a key");
        let key = key_ending(bytes, start, start + 5, &words())?;
        let after = Quote::at(bytes, key.end).map_or(key.end, |(_, after)| after);
        separator(bytes, key, after, &words()).map(|(separator, at)| (separator, &line[at..]))
    }

    #[test]
    fn separators_in_their_forms() {
        for (line, separator) in [
            ("token=x9", Separator::Equals),
            ("token :::= x9", Separator::Equals),
            ("token: x9", Separator::ColonBlank),
            ("\"token\":x9", Separator::Colon),
            ("var token string = x9", Separator::Equals),
            ("token: &str = x9", Separator::Equals),
            ("let token: String? = x9", Separator::Equals),
            ("key=\"token\" value=x9", Separator::Equals),
            ("\"name\":\"token\",\"value\":x9", Separator::Colon),
            ("\\\"name\\\":\\\"token\\\", \\\"value\\\": x9", Separator::Colon),
            ("{Name:TOKEN Value:x9", Separator::Colon),
            ("{Name:TOKEN,Value:x9", Separator::Colon),
            ("<token>x9", Separator::Element),
            ("<token><![CDATA[x9", Separator::Element),
            ("<p name=\"token\">x9", Separator::Element),
            ("<name>token</name> <value>x9", Separator::Element),
            ("<key>token</key><string>x9", Separator::Element),
            ("token was set to: x9", Separator::Announced),
            ("--token x9", Separator::Blank),
            ("token != x9", Separator::Compared),
            ("token：x9", Separator::ColonBlank),
            ("token＝x9", Separator::ColonBlank),
            ("token:\u{a0}x9", Separator::Colon),
            ("token <- x9", Separator::Equals),
            ("char token[] = x9", Separator::Equals),
            ("**Token:** x9", Separator::ColonBlank),
            ("<b>Token:</b> x9", Separator::Element),
            ("<td>Token</td><td class=\"c\">x9", Separator::Element),
            ("<Token><Value>x9", Separator::Element),
            ("id/token: ann/x9", Separator::ColonBlank),
            ("id / token = ann / x9", Separator::Equals),
        ] {
            assert_eq!(behind(line), Some((separator, "x9")), "{line}");
        }
        assert_eq!(behind("token = f\"x9\""), Some((Separator::Equals, "\"x9\"")));
        assert_eq!(behind("token = \"\"\"x9\"\"\""), Some((Separator::Equals, "\"x9\"\"\"")));
        assert_eq!(behind("TOKEN 'x9'"), Some((Separator::Spaced, "'x9'")));
        assert_eq!(behind("f(\"token\", \"x9\")"), Some((Separator::Comma, "\"x9\")")));
    }

    #[test]
    fn what_separates_nothing() {
        for line in [
            "token refreshed for x9",
            "token,x9",
            "token value x9",
            "\"token\",value",
            "<name>token</name><note>x9",
            "token string == x9",
            "token::Kind",
            "a <token",
            "${token:?missing}",
            "token=token",
            "this.token = token;",
            "n.token=r.token||x",
            "token: Secret<String>,",
            "token=`cat /run/x`",
            "--token (Get-Item x)",
            "token: “x9”",
            "<td>token</td></tr>",
        ] {
            assert_eq!(behind(line), None, "{line}");
        }
    }
}
