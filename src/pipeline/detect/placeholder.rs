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
    "unchanged",
    "notloggingpassword",
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
        || (traits.kinds & PUNCTUATION != 0
            && ([&b"${"[..], b"{{", b"***"].iter().any(|part| contains(token, part)) || is_elided(token)))
}

/// So many dots stand for what was left out.
pub const ELLIPSIS: usize = 3;
/// What is cut off behind as many characters as this may be most of a secret.
pub const CUT_OFF: usize = 12;

/// Whether dots stand for most of the token, or for what is in the midst of it: `sk-...`, `AKIA...WXYZ`, and not what a log cut short.
fn is_elided(token: &[u8]) -> bool {
    let dots = token.iter().rev().take_while(|b| **b == b'.').count();
    let rest = &token[..token.len() - if dots >= ELLIPSIS { dots } else { 0 }];
    let is_cut_off = rest.len() >= CUT_OFF && rest.iter().any(u8::is_ascii_digit);
    contains(rest, b"...") || (dots >= ELLIPSIS && !is_cut_off)
}

/// What one pass over a text tells of it: every candidate is asked for all of this.
#[derive(Debug, Default)]
pub struct Traits {
    /// Which kinds of characters there are, a bit for each.
    pub kinds: u8,
    /// The longest run of one character with which people fill the place of a secret. Others do not count: keys of `QQQQ…` or
    /// `aaaa…` are poor, but they have been seen to open doors.
    filler_run: usize,
    /// How many `x` there are, or `X`.
    crosses: usize,
    /// The longest run of characters of which each follows the one before.
    ascent: usize,
}

/// ASCII letters.
pub const LETTER: u8 = 1;
/// ASCII digits.
pub const DIGIT: u8 = 2;
/// `_` and `-`.
pub const JOINT: u8 = 4;
/// `$`, `{`, `*` and `.`, by which references and ellipses are known.
const PUNCTUATION: u8 = 8;
/// Everything else.
const OTHER: u8 = 16;

#[inline]
fn kind(byte: u8) -> u8 {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    let is_joint = (byte == b'_') | (byte == b'-');
    let is_punctuation = (byte == b'$') | (byte == b'{') | (byte == b'*') | (byte == b'.');
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    let kind = bit(is_letter, LETTER) | bit(is_digit, DIGIT) | bit(is_joint, JOINT) | bit(is_punctuation, PUNCTUATION);
    if kind == 0 { OTHER } else { kind }
}

impl Traits {
    /// Those of `text`.
    pub fn of(text: &[u8]) -> Self {
        // Nearly every secret shows at once that it is none of all this.
        let Glance { kinds, equal, ascending, crosses } = Glance::at(text);
        let mut all = Self { kinds, ..Self::default() };
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

    /// Whether there are but letters, digits, `_` and `-`.
    pub fn is_plain(&self) -> bool {
        self.kinds & (PUNCTUATION | OTHER) == 0
    }
}

/// How many characters of a text may make it a stand-in: as many as there are, or a few more.
#[derive(Default)]
struct Glance {
    kinds: u8,
    /// Characters that are the same as the one before.
    equal: u32,
    /// Characters that are one above the one before.
    ascending: u32,
    /// `x` and `X`.
    crosses: u32,
}

impl Glance {
    fn at(text: &[u8]) -> Self {
        let Some((&first, rest)) = text.split_first() else { return Self::default() };
        let mut all = Self { kinds: kind(first), crosses: cross(first).into(), ..Self::default() };
        match rest.len() {
            16.. => all.count::<16>(text, rest),
            8.. => all.count::<8>(text, rest),
            _ => all.count::<1>(text, rest),
        }
        all
    }

    /// Counts every byte of `rest`, which follow those of `text`: as many at a time as there are lanes, of which there are no more than
    /// bytes. The last lanes may overlap those before, and what is in both counts twice.
    #[inline]
    fn count<const LANES: usize>(&mut self, text: &[u8], rest: &[u8]) {
        let Some(last) = rest.len().checked_sub(LANES) else { return };
        let (mut kinds, mut equal, mut ascending, mut crosses) = ([0; LANES], [0u8; LANES], [0u8; LANES], [0u8; LANES]);
        for at in (0..last).step_by(LANES).chain([last]) {
            let lanes = text[at..].first_chunk::<LANES>().zip(rest[at..].first_chunk::<LANES>());
            let Some((before, bytes)) = lanes else { return };
            for lane in 0..LANES {
                let (before, byte) = (before[lane], bytes[lane]);
                kinds[lane] |= kind(byte);
                equal[lane] = equal[lane].saturating_add(u8::from(before == byte));
                ascending[lane] = ascending[lane].saturating_add(u8::from(before.wrapping_add(1) == byte));
                crosses[lane] = crosses[lane].saturating_add(cross(byte));
            }
        }
        let sum = |lanes: [u8; LANES]| lanes.iter().map(|count| u32::from(*count)).sum::<u32>();
        self.kinds |= kinds.iter().fold(0, |all, kind| all | kind);
        self.equal += sum(equal);
        self.ascending += sum(ascending);
        self.crosses += sum(crosses);
    }
}

/// One for `x` and `X`.
#[inline]
fn cross(byte: u8) -> u8 {
    u8::from(byte | 0x20 == b'x')
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
    stands_in(value, &Traits::of(value))
}

/// As [`is_placeholder_value`], where the value's traits are known.
pub fn stands_in(value: &[u8], traits: &Traits) -> bool {
    let Some((&first, &last)) = value.first().zip(value.last()) else { return true };
    let is_filled = value.iter().all(|byte| is_filler(*byte));
    let says_where = || traits.kinds & JOINT != 0 && [&b"YOUR_"[..], b"_HERE"].iter().any(|part| contains(value, part));
    // No sentence and no reference has digits, and no character that is neither a letter nor a joint.
    if traits.is_plain() && traits.kinds & DIGIT != 0 && traits.filler_run == 0 {
        return is_filled || fills(value, traits) || says_where();
    }
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
        || is_framed(value)
        || says_so(value)
        || is_filled
        || is_symbol(value)
        || fills(value, traits)
        || says_where()
}

/// One character beyond ASCII, once or many times, such as a tick or an ellipsis; or the dots that a form shows.
fn is_symbol(value: &[u8]) -> bool {
    let is_one = |text: &str| text.chars().all(|character| text.starts_with(character));
    !value.is_ascii() && (contains(value, "•".as_bytes()) || std::str::from_utf8(value).is_ok_and(is_one))
}

/// A name between signs by which templates know it: `__DB_PASSWORD__`, `@@DB_PASSWORD@@`, `%3Ctoken%3E`, `{Binding Password}`, or a word
/// between brackets that says what is there: `(none)`.
fn is_framed(value: &[u8]) -> bool {
    const MARKUP: [&[u8]; 3] = [b"%24%7B", b"%7B%7B", b"%7b%7b"];
    let inside = |open: &[u8], close: &[u8]| value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let is_name = |name: &[u8]| {
        name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(|b| b.is_ascii_uppercase() || *b == b'_')
    };
    let is_words = |name: &[u8], joints: &[u8]| {
        name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|b| b.is_ascii_alphabetic() || joints.contains(b))
    };
    inside(b"__", b"__").or_else(|| inside(b"@@", b"@@")).is_some_and(is_name)
        || inside(b"%3C", b"%3E").or_else(|| inside(b"%3c", b"%3e")).is_some_and(|name| is_words(name, b"_-.+%20"))
        || inside(b"(", b")").is_some_and(|words| is_words(words, b" -") && !words.iter().any(u8::is_ascii_uppercase))
        || inside(b"{", b"}").is_some_and(|words| words.contains(&b' ') && is_words(words, b" ."))
        || MARKUP.iter().any(|start| value.starts_with(start))
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
        // An alias in YAML.
        [b'*', name @ ..] if name.contains(&b'_') => name.iter().all(|b| b.is_ascii_lowercase() || *b == b'_'),
        [b'{', rest @ .., b'}'] => rest.len() < 40 && (rest.is_empty() || (name(rest) && !is_mixed(rest))),
        _ => {
            // Names of where a secret is kept, and tags of YAML that say how to get it.
            const KEPT: [&[u8]; 7] = [
                b"arn:aws",
                b"vault:secret/",
                b"@Microsoft.KeyVault(",
                b"op://",
                b"ssm:/",
                b"import.meta.",
                b"base64.",
            ];
            const TAGS: [&[u8]; 5] = [b"!vault", b"!Ref", b"!Sub", b"!GetAtt", b"!secret"];
            TAGS.contains(&value)
                || KEPT.iter().any(|kept| value.starts_with(kept))
                || contains(value, b"${")
                || contains(value, b"$(")
        }
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
            "__DB_PASSWORD__",
            "@@DB_PASSWORD@@",
            "%3Ctoken%3E",
            "(none)",
            "(not set)",
            "(unchanged)",
            "✓",
            "………",
            "{Binding Password}",
            "*default_password",
            "import.meta.env.API_KEY",
            "base64.b64decode(encoded).decode()",
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
            "__gravelMoth7__",
            "(Gr4vel)",
            "пароль",
            "*gravelmoth",
            "{Gr4vel Moth}",
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
