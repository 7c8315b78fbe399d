//! Personal data: off until asked for, found as people write it, and one fingerprint for one person's datum.

use inkprint::pipeline::detect::rule::{Form, Kind, Pack, RuleSet};
use inkprint::pipeline::detect::{CostClass, Detector, Finder, cost_class};

use super::engine::{Engine, POLICY, policy, rules};

fn personal() -> RuleSet {
    rules(&["personal"])
}

/// The rules that find something in `line`, and the canonical forms of it.
fn found(finder: &mut Finder<'_>, detector: &Detector, line: &str) -> Vec<(String, String)> {
    let matches = finder.find(line.as_bytes()).expect("it scans");
    let text = |secret: &[u8]| String::from_utf8_lossy(secret).into_owned();
    let all = matches.all.iter();
    all.map(|found| {
        (detector.rule(found.rule).id.to_string(), text(matches.canonical(line.as_bytes(), found).expose()))
    })
    .collect()
}

#[test]
fn the_pack_is_off_until_it_is_asked_for() {
    assert!(POLICY.detector.rules().all(|rule| rule.pack != Pack::Personal && rule.kind != Kind::Personal));
    let line = b"ann@example.org from 192.0.2.7 paid with 4242 4242 4242 4242, ssn 536-90-4399\n";
    assert_eq!(Engine::new(&POLICY).redact(line), line);
    let enabled = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let set = RuleSet::builtin().and_then(|set| set.chosen(&[], &names, &[])).expect("known names");
        Engine::new(&policy(set)).redact(line)
    };
    assert_eq!(enabled(&[]), line);
    let all = String::from_utf8(enabled(&["personal"])).expect("text");
    for rule in ["email", "ipv4-address", "payment-card", "us-ssn"] {
        assert!(all.contains(&format!("ink1-{rule}-")), "{rule} in {all}");
    }
    let mail_alone = String::from_utf8(enabled(&["email"])).expect("text");
    assert!(mail_alone.contains("ink1-email-") && mail_alone.contains("192.0.2.7"), "{mail_alone}");
}

#[test]
fn no_default_rule_needs_a_second_look_at_the_log() {
    let set = rules(&[]);
    for rule in &set.rules {
        assert!(matches!(cost_class(rule, &set.words), CostClass::Fast(_)), "{}", rule.id);
    }
}

#[test]
fn nine_digits_alone_in_a_line_are_a_social_security_number() {
    let detector = Detector::new(personal()).expect("it compiles");
    let mut finder = Finder::new(&detector).expect("a finder");
    let is = |rule: &str, secret: &str| vec![(rule.to_owned(), secret.to_owned())];
    assert_eq!(found(&mut finder, &detector, "id\n536904399\n"), is("us-ssn-bare", "536904399"));
    for line in ["536904399 bytes\n", "id 536904399\n", "666904399\n"] {
        assert_eq!(found(&mut finder, &detector, line), [], "{line}");
    }
}

#[test]
fn examples_are_found_in_json_in_logfmt_and_in_prose() {
    let detector = Detector::new(personal()).expect("it compiles");
    let mut finder = Finder::new(&detector).expect("a finder");
    let set = personal();
    for rule in set.rules.iter().filter(|rule| matches!(rule.form, Form::Pattern(_))) {
        for example in &rule.examples {
            let quoted = serde_json::to_string(example).expect("a string");
            for line in [
                format!(r#"{{"ts":"2026-01-31T10:00:00.123Z","level":"info","msg":{quoted},"n":7}}"#),
                format!("ts=2026-01-31T10:00:00Z level=info msg={quoted} n=7"),
                format!("Jan 31 10:00:00 web-1 app[12]: {example}"),
                format!("a note ({example}) by nobody"),
            ] {
                let names = found(&mut finder, &detector, &line);
                assert!(!names.is_empty(), "{}: nothing in {line}", rule.id);
            }
        }
    }
}

#[test]
fn one_datum_has_one_fingerprint_however_it_is_written() {
    let detector = Detector::new(personal()).expect("it compiles");
    let mut finder = Finder::new(&detector).expect("a finder");
    for (canonical, lines) in [
        (
            "4242424242424242",
            &[
                "card 4242424242424242",
                "card 4242 4242 4242 4242",
                "4242-4242-4242-4242",
                "?c=4242%204242%204242%204242",
            ][..],
        ),
        (
            "GB82WEST12345698765432",
            &["GB82WEST12345698765432 ok", "iban=GB82 WEST 1234 5698 7654 32", "GB82-WEST-1234-5698-7654-32"],
        ),
        (
            "Ann.Lee@example.org",
            &[
                "Ann.Lee@example.org",
                "<Ann.Lee@Example.ORG>",
                "?m=Ann.Lee%40example.org",
                r"a\nAnn.Lee@example.org",
                "x%3DAnn.Lee@example.org",
            ],
        ),
        ("536904399", &["536-90-4399", "536 90 4399", "ssn=536904399"]),
        ("+442079460018", &["+44 20 7946 0018", "tel:+442079460018", "?to=%2B442079460018", "phone 0044 20 7946 0018"]),
        ("2001:db8::1", &["2001:db8::1", "[2001:0DB8:0:0::1]:443", "fe 2001:db8:0:0:0:0:0:1."]),
        ("192.0.2.7", &["192.0.2.7:80", "::ffff:192.0.2.7"]),
        ("001a2b3c4d5e", &["00:1A:2B:3C:4D:5E", "mac:00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"]),
        ("52998224725", &["529.982.247-25", "cpf=52998224725"]),
    ] {
        for line in lines {
            let all = found(&mut finder, &detector, line);
            assert!(all.iter().any(|(_, secret)| secret == canonical), "{canonical} in {line}: {all:?}");
        }
    }
}

#[test]
fn numbers_that_are_nobodys_stay() {
    let policy = policy(personal());
    let engine = Engine::new(&policy);
    for line in [
        "order 4242424242424241 took 1736942400000 ns at 0.4242424242424242\n",
        "id 550e8400-e29b-41d4-a716-446655440000 trace 4bf92f3577b34da6a3ce929d0e0e4736\n",
        "12345678901 123456782 1234567893 8001015009087 44051401359 943 476 5919\n",
        "2026-01-31T10:00:00.123456Z 12:34:56 v1.2.3 std::vector icon@2x.png ssh://git@forge.example.org/a.git\n",
        "{\"size\":18446744073709551615,\"ratio\":1.0,\"hostname\":\"web-1\"}\n",
    ] {
        assert_eq!(String::from_utf8_lossy(&engine.redact(line.as_bytes())), line);
    }
}

#[test]
fn a_json_line_stays_one_and_marks_are_left_alone() {
    let policy = policy(personal());
    let engine = Engine::new(&policy);
    let line =
        br#"{"mail":"a\nann@example.org","dateOfBirth":19800229,"ip":"::1","card":4242424242424242,"firstName":"Ann"}"#;
    let once = engine.redact(line);
    assert_eq!(engine.redact(&once), once);
    for gone in ["ann@", "19800229", "4242", "\"Ann\""] {
        assert!(!String::from_utf8_lossy(&once).contains(gone), "{gone}");
    }
    serde_json::from_slice::<serde_json::Value>(&once).expect("still JSON");
}
