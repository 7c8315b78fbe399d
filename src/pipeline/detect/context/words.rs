//! Whether what stands at a telling key is a secret, or a word, a reference, a number, a duration.

use super::names::{has_scheme, is_code, is_cut_code, is_file, is_label, is_object, is_parameter, is_path};
use super::{ContextWords, KeyForm, Written};
use crate::pipeline::detect::letters;
use crate::pipeline::detect::placeholder::{self, DIGIT, LETTER, Traits};
use crate::pipeline::detect::validator::Validator;
use crate::pipeline::fingerprint;

/// How a value stands there: the less sure the form, the more its content must tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Between quotes.
    Quoted,
    /// Behind `=` or `:` without quotes.
    Bare,
    /// Behind a JSON key without quotes: a number or a constant.
    JsonBare,
    /// Behind a colon, in what reads like a sentence.
    Prose,
    /// Behind a flag and a blank.
    Argument,
    /// Behind a key and a blank, where a sentence may go on.
    Beside,
    /// Between quotes, behind `==` or `!=`.
    Compared,
    /// In a list, a call or a sentence, where most of what follows a key is no value of it.
    Loose,
}

/// Whether `value` is a secret of this rule.
pub fn is_secret(value: &[u8], written: Written, shape: Shape, form: &KeyForm, words: &ContextWords) -> bool {
    let value = strip(value);
    // What a mark took the place of is searched once more: most values are that, and need no look at their characters. Behind a mark an
    // escape may stand for what ended the value.
    if fingerprint::written_at(value).is_some_and(|(_, len)| matches!(value.get(len), None | Some(b'\\' | b'&' | b'%')))
    {
        return false;
    }
    // No word, no reference and no stand-in is so long; and to read it again for every key in it would be quadratic.
    if value.len() > JUDGED {
        return true;
    }
    let is_no_value = |text: &[u8]| words.is_no_value(text);
    // `required|min:8` says what a value must be.
    let is_check = || {
        let is_of = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'|' | b':' | b',' | b'_');
        memchr::memchr(b'|', value).is_some_and(|end| is_no_value(&value[..end]) && value.iter().all(is_of))
    };
    if value.len() < form.min_length || is_no_value(value) || is_check() || (!form.words && is_address(value)) {
        return false;
    }
    let traits = Traits::of(value);
    if placeholder::stands_in(value, &traits) {
        return false;
    }
    // Most secrets are letters and digits in no order, and nothing of what follows is that.
    if traits.kinds == LETTER | DIGIT
        && !matches!(shape, Shape::JsonBare | Shape::Loose | Shape::Beside)
        && !is_duration(value)
        && !is_number(value)
    {
        return true;
    }
    // What is of code, of a URL or of a path is known by its punctuation.
    let plain = traits.is_plain();
    if is_duration(value)
        || (!plain
            && (has_scheme(value)
                // A pointer of a type, as Go prints it.
                || value.starts_with(b"(*")
                || is_object(value)
                || is_cut_code(value)
                || is_label(value)
                || is_path(value)
                || is_file(value)))
    {
        return false;
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == value.len() || is_number(value) {
        let is_long = digits == value.len() && digits >= if shape == Shape::Quoted { 16 } else { LONGER_THAN_A_NUMBER };
        return (form.numbers && !matches!(shape, Shape::Loose | Shape::Beside)) || is_long;
    }
    match shape {
        Shape::JsonBare => return false,
        Shape::Beside => {
            let is_password = (form.words || form.numbers) && !value.contains(&b'/') && looks_composed(value);
            return is_password || Validator::Random.passes(value);
        }
        Shape::Loose => return if form.words || form.numbers { looks_composed(value) } else { is_random(value) },
        // One word names a state; words that are joined are somebody's choice.
        Shape::Compared => return form.words || !value.iter().all(u8::is_ascii_alphabetic),
        // `--secret id=npm` has parameters behind it, not a value.
        Shape::Argument if value[0] == b'-' || is_parameter(value) => return false,
        Shape::Bare | Shape::Prose | Shape::Argument if !plain && is_code(value) && written != Written::Percent => {
            return false;
        }
        Shape::Prose if reads_like_words(value) => return false,
        _ => {}
    }
    form.words || !(reads_like_words(value) || is_versioned_name(value))
}

/// Whether it is the address of an account or a contract in a chain, which are no secrets, and `token=` names one of.
fn is_address(value: &[u8]) -> bool {
    value.strip_prefix(b"0x").is_some_and(|digits| digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit))
}

/// No counter and no time has so many digits: the greatest number of 64 bits has twenty.
const LONGER_THAN_A_NUMBER: usize = 21;

/// Whether nothing but chance makes up such a text: no word, nor a word with a number behind it.
pub fn is_random(value: &[u8]) -> bool {
    let body = value.trim_ascii_end();
    let body = &body[..body.len() - body.iter().rev().take_while(|b| b.is_ascii_digit()).count()];
    let is_mixed = body.iter().any(u8::is_ascii_digit) && value.iter().filter(|b| b.is_ascii_digit()).count() > 1;
    value.len() >= 8
        && (is_mixed || value.len() >= 16)
        && value.iter().all(u8::is_ascii_graphic)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !reads_like_words(value)
        && !is_versioned_name(value)
}

/// Whether no word, name, number or address is like it, as passwords are that somebody made up or a program chose: by what stands between
/// words, by signs, by letters of both cases with a number behind them.
pub fn looks_composed(value: &[u8]) -> bool {
    value.len() >= 8 && !is_sized(value) && (is_random(value) || is_composed(value) || is_of_three_kinds(value))
}

/// Whether letters, digits and a sign that no name and no address has make up a password: `Gravel#8298`.
pub fn is_composed(value: &[u8]) -> bool {
    let in_url = value.iter().any(|byte| matches!(byte, b'/' | b'='));
    let is_sign =
        |byte: &u8| matches!(byte, b'!' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+') || (*byte == b'?' && !in_url);
    value.len() >= 8
        && value.iter().all(|byte| byte.is_ascii_graphic() || *byte >= 0x80)
        && value.iter().any(u8::is_ascii_alphabetic)
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(|byte| is_sign(byte) || (*byte == b'@' && !value.contains(&b'.')))
}

/// Whether it is words with a number behind them, as few but passwords are: `CaminoGravel993`, `Magnet_Walnut-13`.
pub fn is_of_three_kinds(value: &[u8]) -> bool {
    value.len() >= 10
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'?'))
        && value.first().is_some_and(u8::is_ascii_uppercase)
        && value.iter().any(u8::is_ascii_lowercase)
        && value.last().is_some_and(u8::is_ascii_digit)
        && !value.windows(4).any(|part| part.eq_ignore_ascii_case(b"pass"))
}

/// A type of a column: `VARCHAR(60)`.
fn is_sized(value: &[u8]) -> bool {
    let name = value.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let size = value[name..].strip_prefix(b"(").unwrap_or_default();
    let digits = size.iter().take_while(|b| b.is_ascii_digit() || **b == b',').count();
    name > 0 && digits > 0 && size.get(digits) == Some(&b')')
}

/// Whether `value` says what is wrong: at least three words of lower-case letters, one of them such as no passphrase is made of, as in
/// `is too short (minimum is 8 characters)`.
pub fn is_remark(value: &[u8], words: &ContextWords) -> bool {
    let is_word = |word: &&[u8]| {
        word.len() > 1 && word.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'\'' | b',' | b'.'))
    };
    let all = || value.split(|b| *b == b' ').filter(is_word);
    all().count() > 2 && all().any(|word| words.is_no_value(word))
}

/// Whether `value` is at least four words in lower case, none of which a remark on a passphrase is made of.
pub fn is_passphrase(value: &[u8], words: &ContextWords) -> bool {
    let all = || value.split(|b| *b == b' ');
    let is_word = |word: &[u8]| word.len() > 2 && word.iter().all(u8::is_ascii_lowercase) && !words.is_no_value(word);
    all().count() > 3 && all().all(is_word)
}

/// Values up to this length are looked at closely.
const JUDGED: usize = 1024;

/// Without the blanks around it.
fn strip(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Whether the value consists of words: `prod-db-credentials`, `refreshToken`, `/var/run/secrets`, `a sentence`.
pub fn reads_like_words(value: &[u8]) -> bool {
    // Of letters and blanks, whatever the language.
    if value.contains(&b' ') && value.iter().all(|b| b.is_ascii_alphabetic() || *b == b' ' || *b >= 0x80) {
        return true;
    }
    let mut letters = 0;
    let mut vowels = 0;
    let mut humps = 0;
    let mut previous = b' ';
    for &byte in value {
        if byte.is_ascii_alphabetic() {
            let begins = !previous.is_ascii_alphabetic()
                || (byte.is_ascii_uppercase() && previous.is_ascii_lowercase())
                || (byte.is_ascii_lowercase() && previous.is_ascii_uppercase() && letters == 0);
            humps += usize::from(begins);
            letters += 1;
            vowels += usize::from(matches!(byte | 0x20, b'a' | b'e' | b'i' | b'o' | b'u'));
        } else if byte >= 0x80 {
            // Half of a letter that English is without; which, tells nothing.
            vowels += 1;
        } else if !matches!(byte, b'_' | b'-' | b'.' | b'/' | b' ' | b':' | b',' | b'\'' | b'!' | b'?') {
            return false;
        }
        previous = byte;
    }
    // Random letters change case about every other character; words do so every four or more. And of words, at least a quarter of
    // the letters are vowels; of random letters, fewer.
    let humps_fit = letters >= humps * 4 || (letters == value.len() && letters < 4);
    letters > 0 && humps_fit && (letters < 12 || (vowels * 4 >= letters && !letters::are_in_no_order(value)))
}

/// `jackson-core-2.15.1`, `com.example.worker/4505`: words, and a number behind them.
fn is_versioned_name(value: &[u8]) -> bool {
    let number = value.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let (name, number) = value.split_at(value.len() - number);
    (1..=8).contains(&number.len())
        && name.len() > 2
        && matches!(name.last(), Some(b'-' | b'_' | b'/' | b':' | b'#'))
        && reads_like_words(name)
}

/// `90s`, `1.5h`, `300ms`.
fn is_duration(value: &[u8]) -> bool {
    let number = value.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    number > 0
        && matches!(
            &value[number..],
            b"ns" | b"us" | b"ms" | b"s" | b"m" | b"h" | b"d" | b"sec" | b"min" | b"days" | b"hours"
        )
}

fn is_number(value: &[u8]) -> bool {
    if let [b'0', b'x' | b'X', digits @ ..] = value {
        return digits.len() <= 16 && digits.iter().all(u8::is_ascii_hexdigit);
    }
    let body = value.strip_prefix(b"-").unwrap_or(value);
    body.first().is_some_and(u8::is_ascii_digit)
        && body.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        && body.iter().filter(|b| **b == b'.').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_random_letters() {
        for words in
            ["prod-db-credentials", "refreshToken", "/var/run/secrets", "expired", "IllegalArgument", "ACCESS_TOKEN"]
        {
            assert!(reads_like_words(words.as_bytes()), "{words}");
        }
        for random in [
            "hunter2",
            "xKqWzBvTpLmN",
            "qYhGfRtEwQaZ",
            "jpefKsCsVIfwNwqkTWNZnbxrPVjrSgx",
            "bcdfwxnmqrtplkjh",
            "p@ss",
            "tr0ub4dor",
            "FJqgonoTOlGzxumZCWlBGHrejxUeWfIE",
            "uvoewjhaqibzoyde",
        ] {
            assert!(!reads_like_words(random.as_bytes()), "{random}");
        }
    }

    #[test]
    fn chance_is_told_from_names() {
        for random in ["8dk2Jq0Zm4xW", "a1b2c3d4", "3f1e9a0c-7b2d-8e6f-5a3b-9c0d1e2f3a4b", "xKqWzBvTpLmNqYhG"] {
            assert!(is_random(random.as_bytes()), "{random}");
        }
        for named in ["address1", "user_id2", "confirm", "2026", "x-request-id", "a value 12 of 3", "service-2.15"] {
            assert!(!is_random(named.as_bytes()), "{named}");
        }
    }

    fn secret(value: &str, shape: Shape, words: bool) -> bool {
        let form = KeyForm::new(Vec::new(), false, words, 4);
        is_secret(value.as_bytes(), Written::Raw, shape, &form, &ContextWords::default())
    }

    #[test]
    fn what_is_no_secret() {
        for value in [
            "300ms",
            "12345",
            "https://id.example.org/token",
            "AppToken{a81 token",
            "com.example.Token@1b2c3d",
            "getPassword()",
            "self.password",
            "var.db_password",
            "os.environ[\"X\"]",
            "${X}",
            "/srv/edge-2/app",
            "./secret.txt",
            "../certs/client-key.pem",
        ] {
            assert!(!secret(value, Shape::Bare, true), "{value}");
        }
        assert!(!secret("expired", Shape::Prose, true));
        assert!(!secret("refresh", Shape::Quoted, false));
        assert!(!secret("--verbose", Shape::Argument, true));
        assert!(!secret("id=npm", Shape::Argument, true));
    }

    #[test]
    fn what_is_one() {
        for value in
            ["hunter2!", "letmein", "a1b2.c3d4", "x(y)9z#", "Abc{1}2", "HlME(c6Jc)", "uYgh{G8db}", "./Zk81mQx0"]
        {
            assert!(secret(value, Shape::Bare, true), "{value}");
        }
        assert!(secret("9f8e7d6c", Shape::Quoted, false));
    }
}
