use std::cell::Cell;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use inkprint::model::Secret;
use inkprint::pipeline::detect::placeholder::is_placeholder_value;
use inkprint::pipeline::fingerprint::find_marks;
use proptest::prelude::*;
use serde_json::json;

use super::engine::{Engine, POLICY, policy, rules};
use super::hay::{Log, cases, logs};

/// The marks in a cleaned log, as they stand there.
fn marks(cleaned: &[u8]) -> Vec<&[u8]> {
    find_marks(cleaned).map(|(span, _)| &cleaned[span.range()]).collect()
}

#[test]
fn redacting_twice_is_redacting_once() {
    let engine = Engine::new(&POLICY);
    let marked = Cell::new(0);
    proptest!(cases(4000), |(log in logs(&rules(&[]), 40))| {
        let once = Log(engine.redact(&log));
        let twice = Log(engine.redact(&once));
        prop_assert!(*twice == *once, "once:\n{once:?}\ntwice:\n{twice:?}");
        marked.set(marked.get() + marks(&once).len());
    });
    assert!(marked.get() > 4000, "logs without secrets prove nothing: {}", marked.get());
}

/// Whether `marks` stand in `later` in this order, whatever else does.
fn in_order(marks: &[&[u8]], later: &[&[u8]]) -> bool {
    let mut later = later.iter();
    marks.iter().all(|mark| later.any(|other| other == mark))
}

#[test]
fn a_later_stage_leaves_the_marks_of_an_earlier_one() {
    let policies = [&["tokens"][..], &["context"]].map(|only| policy(rules(only)));
    let [tokens, context] = policies.each_ref().map(Engine::new);
    let all = Engine::new(&POLICY);
    proptest!(cases(2000), |(log in logs(&rules(&[]), 40))| {
        for stages in [[&tokens, &context, &all], [&context, &tokens, &all], [&all, &tokens, &context]] {
            let mut stage = log.to_vec();
            for engine in stages {
                let next = engine.redact(&stage);
                prop_assert!(in_order(&marks(&stage), &marks(&next)), "before:\n{:?}\nafter:\n{:?}", Log(stage), Log(next));
                prop_assert!(engine.redact(&next) == next, "before:\n{:?}\nafter:\n{:?}", Log(stage), Log(next));
                stage = next;
            }
        }
    });
}

/// The forms in which a secret of any characters can be logged.
fn encoded(secret: &str) -> Vec<String> {
    let percent: String = secret
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let inner = json!({ "client_secret": secret }).to_string();
    let unicode: String = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    vec![
        json!({ "ts": 1, "password": secret }).to_string(),
        json!({ "body": inner }).to_string(),
        json!({ "outer": json!({ "body": inner }).to_string() }).to_string(),
        format!("{{\"password\":\"{unicode}\"}}"),
        format!("GET /v1/items?access_token={percent}&page=2 HTTP/1.1"),
        format!("pool dsn=postgres://app:{percent}@db.internal:5432/orders?sslmode=require"),
        format!("> Authorization: Basic {}", BASE64_STANDARD.encode(format!("svc:{secret}"))),
        format!("{{\"authorization\":\"Basic {}\"}}", BASE64_STANDARD.encode(format!("svc:{secret}"))),
    ]
}

/// The forms in which only a secret of letters and digits stands unquoted.
fn plain(secret: &str) -> Vec<String> {
    vec![
        format!("SERVICE_TOKEN={secret} PATH=/usr/bin"),
        format!("export DB_PASSWORD='{secret}'"),
        format!("client.password: {secret}"),
        format!("X-Api-Key: {secret}"),
        format!("Authorization: Bearer {secret} accept=*/*"),
        format!("curl -H 'authorization: token {secret}' https://api.example.org/"),
        format!("mysql --password={secret} -h db"),
        format!("mysql --password {secret} -h db"),
        format!("<password>{secret}</password>"),
        format!("redis://:{secret}@cache:6379/0"),
    ]
}

/// What keeps a value from being a secret must not be generated: stand-ins, words, code.
fn is_secret(text: &str) -> bool {
    let kinds: [fn(&u8) -> bool; 3] = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    kinds.iter().all(|kind| text.bytes().filter(kind).count() > 1) && !is_placeholder_value(text.as_bytes())
}

#[test]
fn a_secret_has_one_fingerprint_however_it_is_written() {
    let engine = Engine::new(&POLICY);
    let alphanumeric = "[a-z][A-Za-z0-9]{13,30}".prop_filter("a secret", |text| is_secret(text));
    let symbols =
        "[a-z][A-Za-z0-9!@#^*_+?\"\\\\/&%$äß€😀 -]{13,30}[0-9a-z]".prop_filter("a secret", |text| is_secret(text));
    proptest!(cases(1000), |(simple in alphanumeric, any in symbols)| {
        let forms = encoded(&simple).into_iter().chain(plain(&simple)).map(|line| (line, &simple));
        for (line, secret) in forms.chain(encoded(&any).into_iter().map(|line| (line, &any))) {
            let cleaned = engine.redact(line.as_bytes());
            let prints: Vec<String> = find_marks(&cleaned).map(|(_, mark)| mark.fingerprint.print().to_owned()).collect();
            let print = POLICY.keys.print(&Secret::borrowed(secret.as_bytes()));
            prop_assert_eq!(prints, [String::from_utf8_lossy(&print)], "{} became {}", line, String::from_utf8_lossy(&cleaned));
        }
    });
}

#[test]
fn different_secrets_have_different_fingerprints() {
    let engine = Engine::new(&POLICY);
    let log: String =
        (0..5000).map(|n| format!("token=q{n:04}Zk81LmX0w7 GET /?access_token=q{n:04}Zk81LmX0w7%21&x=1\n")).collect();
    let cleaned = engine.redact(log.as_bytes());
    let mut prints: Vec<_> = find_marks(&cleaned).map(|(_, mark)| mark.fingerprint).collect();
    assert_eq!(prints.len(), 10_000);
    prints.sort_by_key(|print| print.as_str().to_owned());
    prints.dedup();
    assert_eq!(prints.len(), 10_000);
}
