use std::cell::Cell;

use inkprint::pipeline::detect::Canonical;
use inkprint::pipeline::detect::placeholder::is_placeholder_value;
use inkprint::pipeline::detect::rule::Form;
use inkprint::pipeline::framing::MIN_MAX_LINE;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::string::string_regex;
use regex_automata::meta::Regex;

use super::engine::{Engine, POLICY, covered, policy, rules};
use super::hay::{cases, logs};
use super::odd::{odd_logs, odd_rules, odd_set};
use super::oracle::Oracle;

/// The log with a `#` before every byte that goes.
fn drawn(log: &[u8], goes: &[bool]) -> String {
    log.iter()
        .zip(goes)
        .map(|(byte, goes)| format!("{}{}", if *goes { "#" } else { "" }, byte.escape_ascii()))
        .collect()
}

/// Compares what the engine takes out of `log` with what a naive redactor does, which decodes nothing; how many bytes that is.
fn same(engine: &Engine<'_>, oracle: &Oracle, log: &[u8]) -> Result<usize, TestCaseError> {
    let expected = oracle.spans(log);
    let all = covered(log.len(), expected.iter().map(|(span, _)| *span));
    let matches = engine.matches(log);
    let found = covered(log.len(), matches.iter().map(|found| found.span));
    let decoded = matches.iter().filter(|found| matches!(found.canonical, Canonical::Decoded(_)));
    let decoded = covered(log.len(), decoded.map(|found| found.span));
    let is_same = |at: usize| found[at] == all[at] || (found[at] && decoded[at]);
    let drawings =
        || format!("the engine:\n{}\na naive redactor:\n{}\n{expected:?}", drawn(log, &found), drawn(log, &all));
    prop_assert!((0..log.len()).all(is_same), "{}", drawings());
    Ok(found.iter().filter(|goes| **goes).count())
}

#[test]
fn structured_tokens_go_as_a_naive_redactor_has_it() {
    let mut set = rules(&["tokens"]);
    // A naive redactor reads line by line.
    set.rules.retain(|rule| matches!(rule.form, Form::Pattern(_)));
    let (oracle, policy) = (Oracle::new(&set), policy(set.clone()));
    let engine = Engine::new(&policy);
    let went = Cell::new(0);
    proptest!(cases(2000), |(log in logs(&set, 40))| {
        went.set(went.get() + same(&engine, &oracle, &log)?);
    });
    assert!(went.get() > 100_000, "logs without secrets prove nothing: {}", went.get());
}

#[test]
fn rules_of_any_shape_go_as_a_naive_redactor_has_it() {
    let went = Cell::new(0);
    proptest!(cases(3000), |(rules in odd_rules(), logs in vec(odd_logs(), 4))| {
        let set = odd_set(&rules);
        let (oracle, policy) = (Oracle::new(&set), policy(set.clone()));
        let engine = Engine::new(&policy);
        for log in &logs {
            went.set(went.get() + same(&engine, &oracle, log)?);
        }
    });
    assert!(went.get() > 10_000, "logs without secrets prove nothing: {}", went.get());
}

/// The plain forms in which a telling key has a value, in a regular expression each.
const PLAIN_FORMS: &[&str] = &[
    r#"(?:^|[ \n])(?i:[a-z]{0,9}_?password|pwd|token|access_token|api_key|client_secret)[=:](?<secret>[A-Za-z0-9]{12,32})(?:[ \n]|$)"#,
    r#"(?:^|[ \n])(?i:password|token|secret|api_key) ?[=:] ?"(?<secret>[A-Za-z0-9]{12,32})""#,
    r#"[{,] ?"(?i:password|token|api_key|secret|client_secret)" ?: ?"(?<secret>[A-Za-z0-9]{12,32})" ?[,}]"#,
    r#"\{\\"(?:password|token)\\":\\"(?<secret>[A-Za-z0-9]{12,32})\\"\}"#,
    r#"(?:^|[ \n])(?i:authorization: (?:(?:bearer|token) )?|x-api-key: |x-auth-token: )(?<secret>[A-Za-z0-9]{12,32})(?:[ \n]|$)"#,
    r#"(?:^|[ "\n])[a-z]{2,9}://[a-z]{0,9}:(?<secret>[A-Za-z0-9]{12,32})@[a-z]{2,9}(?:\.[a-z]{2,9}){1,2}(?::[0-9]{2,4})?[/ \n]"#,
    r#"[?&](?:access_token|api_key|client_secret)=(?<secret>[A-Za-z0-9]{12,32})[& \n]"#,
    r#"(?:^|[ \n])--(?:password|token|api-key)[= ](?<secret>[A-Za-z0-9]{12,32})(?:[ \n]|$)"#,
    r#"[{<][a-z" ]*(?:"name":|key=)"[A-Z_]{0,9}(?:PASSWORD|TOKEN|API_KEY)",? ?"?value"?[=:]"(?<secret>[A-Za-z0-9]{12,32})""#,
    r#"(?:^|[ \n])Name:[A-Z_]{0,9}(?:PASSWORD|TOKEN|API_KEY)[ ,]Value:(?<secret>[A-Za-z0-9]{12,32})[ ,]"#,
    r#"(?:^|[ \n])var [a-z]{0,9}(?:Password|Token|Secret) string = "(?<secret>[A-Za-z0-9]{12,32})""#,
    r#"(?:^|[ \n])set[A-Z][a-z]{1,9}\("[a-z.]{0,9}(?:password|token|secret)", "(?<secret>[a-z]{2}[0-9][A-Z][0-9][A-Za-z0-9]{9,29})"\)"#,
    r#"(?:^|[ \n])PASSWORD '(?<secret>[A-Za-z0-9]{12,32})'"#,
    r#"(?:^|[ \n])the (?:password|passphrase|token) is "(?<secret>[A-Za-z0-9]{12,32})""#,
    r#"<name>[a-z.]{0,9}(?:password|token)</name><value>(?<secret>[A-Za-z0-9]{12,32})</value>"#,
];

/// A line in one of the plain forms.
fn plain_line() -> impl Strategy<Value = String> {
    let value = "[a-z]{2}[0-9][A-Za-z0-9]{9,29}";
    let key = "(DB_|db_)?(password|PASSWORD|pwd|token|access_token|api_key|client_secret)";
    let named = "(PASSWORD|TOKEN|API_KEY)";
    let (url, port) = ("[a-z]{2,9}://[a-z]{0,9}:", "@[a-z]{2,9}(\\.[a-z]{2,9}){1,2}(:[0-9]{2,4})?/");
    let forms = [
        format!("(GET )?{key}[=:]{value}( ok)?"),
        format!("{key} ?[=:] ?\"{value}\"( ok)?"),
        format!("\\{{\"(password|token|api_key|secret)\" ?: ?\"{value}\",\"n\":[1-9]\\}}"),
        format!("\\{{\"body\":\"\\{{\\\\\"(password|token)\\\\\":\\\\\"{value}\\\\\"\\}}\"\\}}"),
        format!("([Aa]uthorization: ([Bb]earer |token )?|X-Api-Key: |x-auth-token: ){value}( ok)?"),
        format!("(dsn )?{url}{value}{port}( ok)?"),
        format!("GET /[?&](access_token|api_key|client_secret)={value}&page=2"),
        format!("run --(password|token|api-key)[= ]{value}( ok)?"),
        format!("\\{{\"name\":\"[A-Z_]{{0,9}}{named}\", ?\"value\":\"{value}\"\\}}"),
        format!("<add key=\"[A-Z_]{{0,9}}{named}\" value=\"{value}\"/>"),
        format!("env \\{{ Name:[A-Z_]{{0,9}}{named}[ ,]Value:{value},ValueFrom:nil\\}}"),
        format!("var [a-z]{{0,9}}(Password|Token|Secret) string = \"{value}\""),
        "set[A-Z][a-z]{1,9}\\(\"[a-z.]{0,9}(password|token|secret)\", \"[a-z]{2}[0-9][A-Z][0-9][A-Za-z0-9]{9,29}\"\\)"
            .to_owned(),
        format!("ALTER ROLE ann PASSWORD '{value}';"),
        format!("the (password|passphrase|token) is \"{value}\"( now)?"),
        format!("<name>[a-z.]{{0,9}}(password|token)</name><value>{value}</value>"),
    ];
    Union::new(forms.map(|form| string_regex(&form).expect("it can be generated").boxed()))
}

/// Words and stand-ins are no secrets.
fn is_secret(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && !is_placeholder_value(value)
}

#[test]
fn values_of_telling_keys_go_in_every_plain_form() {
    let engine = Engine::new(&POLICY);
    let forms: Vec<Regex> = PLAIN_FORMS.iter().map(|form| Regex::new(form).expect("valid")).collect();
    let seen: Vec<Cell<usize>> = forms.iter().map(|_| Cell::new(0)).collect();
    let junk = logs(&rules(&[]), 12);
    proptest!(cases(3000), |(before in junk, line in plain_line(), glue in "[ \n]{1,2}")| {
        // What stands before it on its line must not hide it, whatever it is; only an open key would take it as its own value.
        let log = [&before[..], glue.as_bytes(), line.as_bytes(), b"\n"].concat();
        let found = covered(log.len(), engine.matches(&log).iter().map(|found| found.span));
        for (form, seen) in forms.iter().zip(&seen) {
            let secrets = form.captures_iter(&log).filter_map(|captures| captures.get_group_by_name("secret"));
            for secret in secrets.map(|group| group.range()).filter(|secret| is_secret(&log[secret.clone()])) {
                seen.set(seen.get() + 1);
                prop_assert!(found[secret].iter().all(|goes| *goes), "{}", drawn(&log, &found));
            }
        }
    });
    assert!(seen.iter().all(|seen| seen.get() > 30), "each form must be met: {seen:?}");
}

#[test]
fn a_line_that_cannot_be_scanned_is_withheld_and_its_neighbours_are_not() {
    // Parsed, and beyond all bounds once it is compiled, which happens when a line first asks for it.
    let (too_large, good) = ("zzkey_(?:[a-z]{1000}){190}x".to_owned(), "aakey_[0-9]{9}".to_owned());
    let policy = policy(odd_set(&[(too_large, None), (good, None)]));
    let engine = Engine::new(&policy);
    let cleaned = engine.redact(b"one\nzzkey_ is here\naakey_123456789\n\nlast zzkey_");
    let cleaned = String::from_utf8(cleaned).expect("text");
    let lines: Vec<&str> = cleaned.split('\n').collect();
    assert_eq!(
        (lines[0], lines[1], lines[3], lines[4]),
        ("one", "ink1-withheld-scan-failed-14", "", "ink1-withheld-scan-failed-11")
    );
    assert!(lines[2].starts_with("ink1-odd-1-k1-") && lines.len() == 5, "{cleaned}");
    let long = [b"zzkey_ ".to_vec(), vec![b'y'; 3 * MIN_MAX_LINE], b"\nnext\n".to_vec()].concat();
    let expected = format!("ink1-withheld-oversized-{}\nnext\n", long.len() - 6);
    assert_eq!(String::from_utf8(engine.redact_in_pieces(MIN_MAX_LINE, &long, &[])).expect("text"), expected);
}
