use std::cell::Cell;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::engine::{Engine, POLICY, rules};
use super::hay::{Log, cases, logs, token};

const TOKEN: &str = "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";

#[test]
fn bytes_outside_marks_come_out_as_they_went_in() {
    let engine = Engine::new(&POLICY);
    let changed = Cell::new(0);
    let any_bytes = vec(any::<u8>(), 0..300).prop_map(Log);
    let all = prop_oneof![3 => logs(&rules(&[]), 40), 1 => any_bytes];
    proptest!(cases(2000), |(log in all)| {
        prop_assert_eq!(Log(engine.restored(&log)), log.clone());
        changed.set(changed.get() + usize::from(engine.redact(&log) != *log));
    });
    assert!(changed.get() > 500, "logs without secrets prove nothing: {}", changed.get());
}

#[test]
fn nothing_is_added_to_what_has_no_secret() {
    let engine = Engine::new(&POLICY);
    for log in ["", "\n", "\0", "\r", "\r\n", "no newline", "a\r\nb\0c\n\n\n", "\u{feff}x\n"] {
        assert_eq!(engine.redact(log.as_bytes()), log.as_bytes(), "{log:?}");
    }
    let every_byte: Vec<u8> = (0..=255).cycle().take(4096).collect();
    assert_eq!(engine.redact(&every_byte), every_byte);
}

/// Whether a token that stands behind these two bytes begins a word: behind no letter, digit or underscore, or behind an escape.
fn begins_word(first: u8, second: u8) -> bool {
    let is_word = second.is_ascii_alphanumeric() || second == b'_';
    !is_word || (first == b'\\' && b"nrtbfv0ae".contains(&second))
}

#[test]
fn every_pair_of_bytes_around_a_secret_is_kept() {
    let engine = Engine::new(&POLICY);
    for first in 0..=255 {
        // A line each, but for newlines: all 256 second bytes in one block.
        let line = |second: u8| [&[first, second], TOKEN.as_bytes(), &[first, second, b'\n']].concat();
        let log: Vec<u8> = (0..=255).flat_map(line).collect();
        let cleaned = engine.redact(&log);
        assert_eq!(engine.restored(&log), log, "{first}");
        let kept = memchr::memmem::find_iter(&cleaned, TOKEN).count();
        let expected = (0..=255).filter(|&second| !begins_word(first, second)).count();
        assert_eq!(kept, expected, "{first}");
        for second in 0..=255 {
            let log = [&[first], TOKEN.as_bytes(), &[second]].concat();
            let cleaned = engine.redact(&log);
            assert_eq!(engine.restored(&log), log, "{first} {second}");
            assert_eq!(
                cleaned.windows(TOKEN.len()).any(|w| w == TOKEN.as_bytes()),
                !begins_word(0, first),
                "{first} {second}"
            );
        }
    }
}

const JSON_KEYS: &[&str] = &[
    "password",
    "token",
    "auth",
    "client_secret",
    "apiKey",
    "pin",
    "id",
    "message",
    "url",
    "Authorization",
    "body",
    "pass",
    "count",
    "\"odd\" key",
    "name",
    "value",
    "passwords",
    "Cookie",
];

/// What names a secret where it is a value itself, and beside it the secret; credentials that no key tells.
const TELLING: &[&str] = &[
    "DB_PASSWORD",
    "X-Api-Key",
    "the password is 'gravel' and \"moth\"",
    "curl -u ann:gr4vel\"Moth https://a.example.org",
    "CREATE USER ann IDENTIFIED BY \"gravel\\moth\"",
    "<add key=\"Password\" value=\"gr4vel\"/>",
    "Cookie: a=b; sid=k2Jq0Zm48dX1tq",
    "Server=db;Password=gr4vel;Database=x",
];

/// JSON as services log it: telling and other keys; strings with tokens, assignments, URLs and more JSON in them.
fn documents() -> impl Strategy<Value = Value> {
    let string = prop_oneof![
        4 => logs(&rules(&[]), 6).prop_map(|log| String::from_utf8_lossy(&log).into_owned()),
        2 => token(&rules(&[])).prop_map(|token| String::from_utf8_lossy(&token).into_owned()),
        2 => "[a-zA-Z0-9!\"#$%&'()*+,./:;<=>?@\\[\\]\\\\^_`{|}~ -]{0,30}",
        1 => "\\PC{0,12}",
        1 => Just("Bearer 81kdQm02LxZw".to_owned()),
        1 => select(TELLING).prop_map(str::to_owned),
    ];
    let number = prop_oneof![
        any::<i64>().prop_map(|n| json!(n)),
        (0u32..99_999_999).prop_map(|n| json!(n)),
        any::<f32>().prop_map(|n| json!(n))
    ];
    let leaf = prop_oneof![8 => string.prop_map(Value::String), 2 => number, 1 => any::<bool>().prop_map(Value::Bool), 1 => Just(Value::Null)];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let object = btree_map(select(JSON_KEYS).prop_map(str::to_owned), inner.clone(), 0..6);
        let object = object.prop_map(|members| Value::Object(Map::from_iter(members)));
        let nested = object.clone().prop_map(|object| Value::String(object.to_string()));
        let pair = (select(TELLING), inner.clone()).prop_map(|(name, value)| json!({"name": name, "value": value}));
        let numbers = vec(0u32..99_999_999, 1..4).prop_map(|numbers| json!({"passwords": numbers}));
        prop_oneof![4 => object, 1 => pair, 1 => numbers, 1 => vec(inner, 0..4).prop_map(Value::Array), 2 => nested]
    })
}

/// Whether `after` is `before` but for strings with marks in them, and strings in place of numbers.
fn has_kept_its_shape(before: &Value, after: &Value) -> bool {
    let marked = |text: &str| text.contains("ink1-");
    match (before, after) {
        (Value::Object(before), Value::Object(after)) if before.keys().eq(after.keys()) => {
            before.values().zip(after.values()).all(|(before, after)| has_kept_its_shape(before, after))
        }
        (Value::Object(before), Value::Object(after)) => {
            before.len() >= after.len() && after.keys().any(|key| marked(key))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(before, after)| has_kept_its_shape(before, after))
        }
        (Value::String(_) | Value::Number(_), Value::String(after)) if marked(after) => true,
        _ => before == after,
    }
}

#[test]
fn a_json_line_stays_json_of_the_same_shape() {
    let engine = Engine::new(&POLICY);
    let marked = Cell::new(0);
    proptest!(cases(4000), |(document in documents(), pretty in any::<bool>())| {
        let line = if pretty { serde_json::to_string_pretty(&document).expect("JSON").replace('\n', " ") } else { document.to_string() };
        let before: Value = serde_json::from_str(&line).expect("JSON");
        let cleaned = String::from_utf8(engine.redact(line.as_bytes())).expect("UTF-8 stays UTF-8");
        let parsed: Result<Value, _> = serde_json::from_str(&cleaned);
        let kept = parsed.as_ref().is_ok_and(|after| has_kept_its_shape(&before, after));
        prop_assert!(kept, "{parsed:?}\n{line}\n{cleaned}");
        marked.set(marked.get() + usize::from(cleaned != line));
    });
    assert!(marked.get() > 300, "documents without secrets prove nothing: {}", marked.get());
}

#[test]
fn a_number_becomes_a_string_and_its_neighbours_stay() {
    let engine = Engine::new(&POLICY);
    for line in [
        r#"{"id":1,"password":88214455,"n":2}"#,
        r#"{"password": 88214455}"#,
        r#"{"b":"{\"password\":88214455,\"n\":2}","n":2}"#,
        r#"{"passwords":[88214455, 88214455],"n":2}"#,
        r#"{"b":"{\"password\":[88214455,88214455 ],\"n\":2}","n":2}"#,
        r#"{"env":[{"name":"PASSWORD","value":88214455}],"n":2}"#,
    ] {
        let cleaned = String::from_utf8(engine.redact(line.as_bytes())).expect("text");
        let after: Value = serde_json::from_str(&cleaned).expect("JSON");
        assert!(!cleaned.contains("88214455"), "{cleaned}");
        assert!(after["password"].as_str().is_none_or(|mark| mark.starts_with("ink1-password-k1-")), "{cleaned}");
        assert!(
            after["n"].as_i64().is_none_or(|n| n == 2) && after["id"].as_i64().is_none_or(|id| id == 1),
            "{cleaned}"
        );
        if let Some(inner) = after["b"].as_str() {
            let inner: Value = serde_json::from_str(inner).expect("JSON in JSON");
            let password = &inner["password"];
            assert!((password.is_string() || password[1].is_string()) && inner["n"] == 2, "{cleaned}");
        }
    }
}

/// What is no text, or is read differently by different readers: beside a secret, inside its line, and on a line of its own.
const ODD: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\x80",
    // Overlong forms of a slash and of NUL, a surrogate, a character beyond Unicode, half a character.
    b"\xc0\xaf",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    "\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{202e}".as_bytes(),
    b"\r",
    b"\r\r",
    b"\x0b",
    b"\x1b[0m",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"\\u0000",
];

#[test]
fn what_is_no_text_hides_no_secret_and_stays() {
    let engine = Engine::new(&POLICY);
    for odd in ODD {
        for (before, behind) in [("", ""), ("x ", " y"), ("\n", "\r\n"), ("\"", "\"")] {
            let token = [odd, before.as_bytes(), b" ", TOKEN.as_bytes(), b" ", behind.as_bytes(), odd].concat();
            let beside = [before.as_bytes(), odd, b" token=8dk2Jq0Zm4xWq ", odd, behind.as_bytes()].concat();
            for (log, secret) in [(token, TOKEN), (beside, "8dk2Jq0Zm4xWq")] {
                let cleaned = engine.redact(&log);
                assert!(memchr::memmem::find(&cleaned, secret.as_bytes()).is_none(), "{}", log.escape_ascii());
                assert_eq!(engine.restored(&log), log, "{}", log.escape_ascii());
            }
        }
    }
}

/// Its backslashes belong to the string: taken for the opening quote of a value, it let what stands behind go, the braces too.
#[test]
fn a_quote_behind_escaped_backslashes_ends_its_string() {
    let engine = Engine::new(&POLICY);
    for text in [r#""password":\\"#, r#""password": \\"#, r#""password":\\\\"#, r#"password:\\"#] {
        for line in [json!({ "p": text }).to_string(), json!({ "p": { "p": text }, "n": 1 }).to_string()] {
            let line = line.replace('}', "   }");
            let cleaned = String::from_utf8(engine.redact(line.as_bytes())).expect("UTF-8 stays UTF-8");
            let kept = serde_json::from_str::<Value>(&cleaned).is_ok();
            assert!(kept, "{line}\n{cleaned}");
        }
    }
}
