//! What stands where a secret would, without being one: `xxxx`, `<token>`, `${VAR}`, `changeme`, `***`.

/// Whole values (in lower case, `_`, `-` and spaces taken out) that everybody writes in place of a secret.
const STAND_INS: &[&str] = &[
    "changeme",
    "changeit",
    "changethis",
    "replaceme",
    "replacethis",
    "fillmein",
    "fixme",
    "todo",
    "tbd",
    "redacted",
    "filtered",
    "masked",
    "hidden",
    "removed",
    "censored",
    "scrubbed",
    "placeholder",
    "dummy",
    "sensitive",
    "secrethere",
    "tokenhere",
    "passwordhere",
    "keyhere",
    "insertkeyhere",
    "insecure",
    "example",
    "sample",
    "protected",
    "omitted",
    "stripped",
    "obfuscated",
];

/// Beginnings (same spelling) of sentences such as `your-api-key` and `insert token here`.
const STAND_IN_STARTS: &[&str] =
    &["your", "insert", "enter", "replacewith", "putyour", "addyour", "myapikey", "mysecretkey", "some", "redacted"];

/// Whether a found token is a stand-in by its own characters: a long run of one, or the word that vendors put in examples.
///
/// `token` is the whole of it, prefix included; so a run must make up half of it, or a third if it is long: some
/// tokens begin with a run of their own.
pub fn is_placeholder_token(token: &[u8]) -> bool {
    fills(token, &Traits::of(token))
}

fn fills(token: &[u8], traits: &Traits) -> bool {
    let run = traits.filler_run;
    (run >= 8 && run * 2 >= token.len())
        || (run >= 16 && run * 3 >= token.len())
        // `XXXX-XXXXXXXX-XXXX` behind a prefix: one letter fills most of it, if not in one run.
        || (traits.crosses >= 12 && traits.crosses * 10 >= token.len() * 6)
        // `abcdefghijklmnop`, `ABCDEFGHIJKLMNOPQRSTUVWXYZ`
        || (traits.ascent >= 14 && traits.ascent * 10 >= token.len() * 7)
        || (token.len() < SURELY_REAL && contains(token, b"EXAMPLE"))
        || (traits.punctuated && [&b"${"[..], b"{{", b"***", b"..."].iter().any(|part| contains(token, part)))
}

/// What one pass over a text tells of it: every candidate is asked for all of this.
#[derive(Default)]
struct Traits {
    /// The longest run of one character with which people fill the place of a secret. Others do not count: keys of `QQQQ…` or
    /// `aaaa…` are poor, but they have been seen to open doors.
    filler_run: usize,
    /// How many `x` there are, or `X`.
    crosses: usize,
    /// The longest run of characters of which each follows the one before.
    ascent: usize,
    /// Whether there is a `$`, `{`, `*` or `.`.
    punctuated: bool,
}

impl Traits {
    fn of(text: &[u8]) -> Self {
        let mut all = Self::default();
        // Nearly every secret shows at once that it is none of all this, by counts that a processor takes sixteen bytes at a time.
        let pairs = || text.iter().zip(text.get(1..).unwrap_or_default());
        let equal: u32 = pairs().map(|(a, b)| u32::from(a == b)).sum();
        let ascending: u32 = pairs().map(|(a, b)| u32::from(a.wrapping_add(1) == *b)).sum();
        let crosses: u32 = text.iter().map(|b| u32::from(b | 0x20 == b'x')).sum();
        let punctuation: u32 =
            text.iter().map(|b| u32::from((*b == b'$') | (*b == b'{') | (*b == b'*') | (*b == b'.'))).sum();
        all.punctuated = punctuation > 0;
        if equal < 3 && ascending < 10 && crosses < 12 && text.len() > 3 {
            return all;
        }
        let (mut run, mut ascent, mut small, mut large, mut previous) = (0, 1, 0, 0, None);
        for &byte in text {
            run = if previous == Some(byte) { run + 1 } else { 1 };
            ascent = if previous.is_some_and(|previous| follows(previous, byte)) { ascent + 1 } else { 1 };
            all.ascent = all.ascent.max(ascent);
            previous = Some(byte);
            match byte {
                b'x' => small += 1,
                b'X' => large += 1,
                _ => {}
            }
            if run > all.filler_run && is_filler(byte) {
                all.filler_run = run;
            }
        }
        all.crosses = small.max(large);
        all
    }
}

fn is_filler(byte: u8) -> bool {
    matches!(byte, b'x' | b'X' | b'0' | b'1' | b'*' | b'.' | b'-' | b'_' | b'#' | b'?' | b'=' | b' ')
}

/// Whether `next` is the character after `byte`, where alphabets are written one after the other.
fn follows(byte: u8, next: u8) -> bool {
    next == byte.wrapping_add(1)
        || matches!((byte, next), (b'9', b'0' | b'a' | b'A') | (b'z', b'0' | b'A') | (b'Z', b'0' | b'a'))
}

/// Longer tokens may hold the word `EXAMPLE` by chance, or have been doctored: they go.
const SURELY_REAL: usize = 60;

/// Whether a key's value is a stand-in: everything above, references to variables, and words that say so.
pub fn is_placeholder_value(value: &[u8]) -> bool {
    let Some((&first, &last)) = value.first().zip(value.last()) else { return true };
    let traits = Traits::of(value);
    let run = traits.filler_run;
    if value.iter().all(|byte| *byte == first) || (run >= 4 && run * 10 >= value.len() * 6) {
        return true;
    }
    if matches!((first, last), (b'\'' | b'"', quote) if quote == first) && value.len() > 2 {
        return is_placeholder_value(&value[1..value.len() - 1]);
    }
    if value.starts_with(b"&lt;")
        || (first == b'<' && value.get(1).is_some_and(u8::is_ascii_alphabetic) && value.contains(&b' '))
    {
        return true;
    }
    if (first == b'<' && last == b'>')
        || (first == b'[' && last == b']')
        || (first == b'%' && last == b'%' && value.len() > 2)
    {
        return true;
    }
    is_reference(value)
        || says_so(value)
        || value.iter().all(|byte| is_filler(*byte))
        || (!value.is_ascii() && contains(value, "•".as_bytes()))
        || fills(value, &traits)
        || [&b"YOUR_"[..], b"_HERE"].iter().any(|part| contains(value, part))
}

/// A reference to where the value comes from: `$VAR`, `${VAR}`, `$(cmd)`, `{{ var }}`, `%s`, `%(name)s`, `#{var}`, `` `cmd` ``.
fn is_reference(value: &[u8]) -> bool {
    let name = |rest: &[u8]| {
        !rest.is_empty()
            && rest
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'>' | b'-' | b'[' | b']'))
    };
    match value {
        // In a quoted script the dollar itself is escaped.
        [b'\\', b'$', ..] => is_reference(&value[1..]),
        [b'$', b'{' | b'(', ..]
        | [b'#' | b'@' | b'%', b'{', ..]
        | [b'%', b'(', ..]
        | [b'{', b'{', ..]
        | [b'<', b'%', ..]
        | [b'`', .., b'`'] => true,
        [b'$', first, rest @ ..] if first.is_ascii_alphabetic() || *first == b'_' => {
            // `$2b$…` and `$argon2id$…` are hashes, and `$tr0ng!` is a password: a reference is a name and nothing else.
            let letters = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
            let digits = rest[..letters].iter().any(u8::is_ascii_digit);
            match rest.get(letters) {
                None => {
                    letters == 0
                        || !digits
                        || rest[..letters].iter().all(|b| b.is_ascii_uppercase() || !b.is_ascii_alphabetic())
                }
                // `$config->secret`, `$HOME/x`, `$row['x']`
                Some(b'-' | b'/' | b'[' | b'.' | b':') => !digits || name(rest),
                Some(_) => false,
            }
        }
        [b'$', digit] => digit.is_ascii_digit(),
        [b'%', b's' | b'd' | b'v' | b'q' | b'@'] | [b'%', b'+', b'v'] => true,
        [b'{', rest @ .., b'}'] => rest.len() < 40 && (rest.is_empty() || (name(rest) && !is_mixed(rest))),
        _ => contains(value, b"${") || contains(value, b"$("),
    }
}

/// Whether letters of both cases and digits stand there: a password between brackets, and no variable's name.
fn is_mixed(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_uppercase)
        && text.iter().any(u8::is_ascii_lowercase)
        && text.iter().filter(|b| b.is_ascii_digit()).count() > 2
}

fn says_so(value: &[u8]) -> bool {
    // Sentences have no digits; most secrets do.
    if value.len() > 60 || value.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let mut plain = [0u8; 60];
    let mut len = 0;
    for &byte in value {
        match byte {
            b'_' | b'-' | b' ' | b'<' | b'>' | b'[' | b']' | b'(' | b')' | b'*' | b'.' => {}
            _ => {
                plain[len] = byte.to_ascii_lowercase();
                len += 1;
            }
        }
    }
    let plain = &plain[..len];
    let letters = plain.iter().all(u8::is_ascii_alphabetic);
    STAND_INS.iter().any(|word| plain == word.as_bytes())
        || (letters
            && (STAND_IN_STARTS
                .iter()
                .any(|start| plain.starts_with(start.as_bytes()) && plain.len() > start.len() + 2)
                || plain.ends_with(b"here")
                || plain.ends_with(b"goeshere")))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memchr_iter(part[0], text).any(|at| text[at..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told() {
        for value in [
            "",
            "xxxx",
            "XXXXXXXX",
            "****",
            "<token>",
            "<your token>",
            "${VAR}",
            "$VAR",
            "$(cat f)",
            "{{ .Values.x }}",
            "%s",
            "%(pw)s",
            "#{pw}",
            "changeme",
            "CHANGE_ME",
            "your-api-key",
            "YOUR_TOKEN_HERE",
            "insert token here",
            "[FILTERED]",
            "[REDACTED]",
            "(hidden)",
            "abc***",
            "......",
            "%PASSWORD%",
            "0000000000",
            "$1",
            "{token}",
            "`cat x`",
            "key~XXXXXXXX_PUT_YOUR_KEY_HERE_XXXXXXXX",
            "$config->secret",
            "•••••",
            "'$PW'",
            "&lt;PW&gt;",
            "\\$_POST",
            "$BASE_URL/forgot",
        ] {
            assert!(is_placeholder_value(value.as_bytes()), "{value:?}");
        }
    }

    #[test]
    fn passwords_are_not() {
        for value in [
            "hunter2",
            "correct horse",
            "$tr0ng!pass",
            "p%ssw0rd",
            "aa11bb",
            "$2b$10$Kq8vZp3mWx7LtRb2Yd9QcE",
            "letmein",
            "Example123!",
            "`9kQ2mZx",
            "{Kq8vZp3m7}",
            "xkcd9x",
        ] {
            assert!(!is_placeholder_value(value.as_bytes()), "{value:?}");
        }
    }

    #[test]
    fn tokens_of_one_character_are_stand_ins() {
        for token in [
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIAIOSFODNN7EXAMPLE",
            "glpat-XXXXXXXXXXX-XXXXXXXX",
            "sk-abcdefghijklmnopqrstuvwxyz",
        ] {
            assert!(is_placeholder_token(token.as_bytes()), "{token:?}");
        }
        assert!(!is_placeholder_token(b"ghp_0aXxk2xx9Qe8v7w6T5s4R3q2P1o0N9m8L7k6"));
    }
}
