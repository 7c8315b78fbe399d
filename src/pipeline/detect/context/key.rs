//! Whether a key phrase that occurred is the tail of a key, and where that key ends.

use super::{ContextWords, alone, below, columns, separator, spoken};
use crate::pipeline::detect::boundary;

/// Longer keys are none.
const MAX_KEY: usize = 96;

/// Flags that begin so have no value behind them.
const NO_ARGUMENT: [&[u8]; 3] = [b"ask-", b"no-", b"prompt-"];

/// A key whose tail is telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Offset of its first character.
    pub start: usize,
    /// Offset behind its last one.
    pub end: usize,
    /// Whether it is written as a flag, `--token`.
    pub flag: bool,
}

#[inline]
fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The key that ends in the phrase at `[start, end)`, or in the phrase and neutral words behind it.
///
/// `token_count`, `password_changed` and `tokenizer` are no such keys. A phrase shorter than five letters must be a word of its own
/// (`compass` is no `pass`); longer ones may follow others directly (`dbpassword`).
pub fn key_ending(line: &[u8], start: usize, end: usize, words: &ContextWords) -> Option<Key> {
    let key_end = tail_end(line, end, words)?;
    let first = line[start];
    let before = start.checked_sub(1).map(|at| line[at]);
    if end - start < 5
        && before.is_some_and(|b| b.is_ascii_alphanumeric())
        && !(first.is_ascii_uppercase() && before.is_some_and(|b| b.is_ascii_lowercase()))
        && !boundary::begins_word(line, start)
    {
        return None;
    }
    let length = line[..start].iter().rev().take(MAX_KEY).take_while(|b| is_key_byte(**b)).count();
    if length == MAX_KEY {
        return None;
    }
    let mut key_start = start - length;
    let dashes = line[key_start..start].iter().take_while(|b| **b == b'-').count();
    key_start += dashes;
    // `--ask-vault-pass site.yml` asks a person for it, and takes no value.
    if dashes > 0 && NO_ARGUMENT.iter().any(|verb| line[key_start..start].starts_with(verb)) {
        return None;
    }
    // .NET writes it beside the name of every assembly: a digest of a public key.
    if ends_in_public_key(&line[key_start..start]) || is_verdict(line, start, key_end) {
        return None;
    }
    // The name of a program.
    if &line[key_start..key_end] == b"1password" {
        return None;
    }
    let key = Key { start: key_start, end: key_end, flag: dashes > 0 };
    // A key that reaches the end of the line has no value, unless that stands below.
    (key_end < line.len() || below::names_entry(line, key) || alone::ends_line(line, key)).then_some(key)
}

fn ends_in_public_key(before: &[u8]) -> bool {
    before.last_chunk::<9>().is_some_and(|before| before.eq_ignore_ascii_case(b"publickey"))
}

/// Whether a test's runner says so of the file that follows, `PASS: tests/link.sh`, or a compiler of a step. What stands behind a user's name is
/// a password.
fn is_verdict(line: &[u8], start: usize, end: usize) -> bool {
    let before = &line[start.saturating_sub(MAX_KEY)..start];
    let holds = |word: &[u8]| before.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    let is_file = |rest: &[u8]| {
        let name = rest.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'));
        plain && name.contains(&b'/') && (name.contains(&b'.') || name.contains(&b'_'))
    };
    let names_user = || holds(b"user") || holds(b"login");
    match &line[start..end] {
        b"PASS" if line[..start].ends_with(b"--- ") => true,
        b"PASS" => line[end..].strip_prefix(b": ").is_some_and(is_file) && !names_user(),
        // A compiler says which of its own it runs.
        b"pass" => line[..start].ends_with(b"Running "),
        _ => false,
    }
}

/// A quick test that is true wherever a phrase that ends at `end` may be a key with a value: what follows must be neutral words,
/// quotes and a separator, or blanks behind a flag.
#[inline]
pub fn may_be_assigned(block: &[u8], end: usize, words: &ContextWords) -> bool {
    match block.get(end) {
        None => false,
        // The name of an entry or of a part of a form, or a flag, whose value stands below.
        Some(b'\n' | b'\r') => begins_as(block, end, b" \t-="),
        Some(b'=' | b':' | b'"' | b'\'' | b'\\' | b']' | b'>' | b'%' | b'&' | b'`' | b'+' | b'?' | b'|' | b'!') => true,
        Some(b'<') => block.get(end + 1) == Some(&b'/'),
        Some(b')') => columns::values_behind(block, end).is_some(),
        Some(b',') => {
            matches!(block[end + 1..], [b'"', ..] | [b' ', b'"', ..])
                || separator::leads_on(block, end + 1, words)
                || columns::values_behind(block, end).is_some()
        }
        Some(b'(' | b'{') => matches!(block.get(end + 1), Some(b'"' | b'\'')),
        // `password[32]`, `password...: x`, `password→x`
        Some(b'[') => true,
        Some(b'.') if block[end..].starts_with(b"...") => true,
        Some(0xe2) => true,
        Some(b' ' | b'\t') => {
            let at = end + block[end..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            matches!(
                block.get(at),
                Some(b'=' | b':' | b'>' | b'.' | b'+' | b'?' | b'|' | b'!' | b'"' | b'\'' | b'\\' | 0xe2)
            ) || block[at..].starts_with(b"->")
                || block[at..].starts_with(b"<-")
                || begins_as(block, end, b"-<:")
                || separator::leads_on(block, at, words)
                || begins_type(block, at)
                || spoken::stands_beside(block, at)
        }
        Some(byte) if byte.is_ascii_lowercase() => false,
        Some(_) => tail_end(block, end, words).is_some(),
    }
}

/// `As String`
fn begins_type(block: &[u8], at: usize) -> bool {
    block.get(at..at + 3).is_some_and(|word| word.eq_ignore_ascii_case(b"as "))
}

/// Whether the key that ends at `end` begins with one of these, or stands behind it: a flag, or the name of a tag.
fn begins_as(block: &[u8], end: usize, signs: &[u8]) -> bool {
    let length = block[..end].iter().rev().take(MAX_KEY).take_while(|b| is_key_byte(**b)).count();
    let before = (end - length).checked_sub(1).map(|at| block[at]);
    signs.contains(&block[end - length]) || before.is_some_and(|before| signs.contains(&before))
}

/// Where the key ends when only neutral words stand between the phrase and its end.
///
/// Word by word: the first one refuses nearly every text, so no more of it is read.
fn tail_end(line: &[u8], end: usize, words: &ContextWords) -> Option<usize> {
    let mut at = end;
    loop {
        match line.get(at) {
            None => return Some(at),
            Some(b'_' | b'-') => at += 1,
            // A full stop that ends a sentence belongs to no key.
            Some(b'.') if line.get(at + 1).is_some_and(|b| is_key_byte(*b) && *b != b'.') => at += 1,
            // `passwords`, `tokenizer`, `secretly`: another word than the phrase.
            Some(byte) if at == end && byte.is_ascii_lowercase() => return None,
            Some(byte) if byte.is_ascii_alphanumeric() => {
                let word = word_at(&line[at..]);
                if !words.is_neutral(&line[at..at + word]) || at + word > end + MAX_KEY {
                    return None;
                }
                at += word;
            }
            Some(_) => return Some(at),
        }
    }
}

/// The length of the first word of `UserId`, `ID_2`, `42abc`.
fn word_at(text: &[u8]) -> usize {
    let same = |test: fn(&u8) -> bool| text.iter().take_while(|b| test(b)).count();
    if text[0].is_ascii_digit() {
        return same(u8::is_ascii_digit);
    }
    let upper = same(u8::is_ascii_uppercase);
    if upper > 1 {
        return upper;
    }
    upper + text[upper..].iter().take_while(|b| b.is_ascii_lowercase()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> ContextWords {
        ContextWords {
            neutral: vec!["b".to_owned(), "prod".to_owned(), "value".to_owned()].into(),
            ..ContextWords::default()
        }
    }

    fn key(line: &str, phrase: &str) -> Option<String> {
        let start = line.find(phrase).expect("the phrase is in the line");
        key_ending(line.as_bytes(), start, start + phrase.len(), &words())
            .map(|key| line[key.start..key.end].to_owned())
    }

    #[test]
    fn telling_keys() {
        for (line, phrase, expected) in [
            ("password=", "password", "password"),
            ("DB_PASSWORD_PROD=", "PASSWORD", "DB_PASSWORD_PROD"),
            ("tokenValue2:", "token", "tokenValue2"),
            ("spring.datasource.password=", "password", "spring.datasource.password"),
            ("dbpassword:", "password", "dbpassword"),
            ("userPwd=", "Pwd", "userPwd"),
            ("--token x", "token", "token"),
            ("USER: ann PASS: a/x1.y", "PASS", "PASS"),
            ("PASS: x1", "PASS", "PASS"),
        ] {
            assert_eq!(key(line, phrase).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn other_keys() {
        for (line, phrase) in [
            ("password_changed=", "password"),
            ("tokenizer=", "token"),
            ("token_count=", "token"),
            ("secretName:", "secret"),
            ("cpwd=", "pwd"),
            ("password", "password"),
            ("--ask-vault-password x", "password"),
            ("--no-password x", "password"),
            ("PublicKeyToken=", "Token"),
            ("PASS: tests/a1.sh", "PASS"),
            ("--- PASS: TestParseV2 (0.00s)", "PASS"),
            ("Running pass: LoopUnroll2", "pass"),
        ] {
            assert_eq!(key(line, phrase), None, "{line}");
        }
    }
}
