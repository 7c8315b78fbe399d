use inkprint::pipeline::detect::action::Order;
use inkprint::pipeline::detect::rule::RuleSet;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::engine::{Engine, policy, rules};
use super::hay::{Log, cases, logs};
use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, stdout};

const TOKEN: &str = "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";
const CARD: &str = "pack = 'tokens'
[[rule]]
id = 'fuel-card'
description = 'number of a fuel card'
pattern = '\\bFC[0-9]{4}(?:[ -]?[0-9]{4}){3}\\b'
severity = 'high'
kind = 'personal'
keep_last = true
action = 'keep-last=4'
examples = ['card FC4716 2983 0157 8842']
";

fn ordered(orders: &[&str]) -> RuleSet {
    let orders: Vec<Order> = orders.iter().map(|order| Order::parse(order).expect("an order")).collect();
    let all = RuleSet::builtin().expect("the built-in rules load");
    rules(&[]).ordered(&all, &orders).expect("they fit")
}

#[test]
fn what_takes_a_secrets_place_is_chosen_by_rule_pack_and_kind() {
    let home = home_with_keyring();
    let log = format!("t={TOKEN}\n{{\"password\":\"Vq7-molten-Harbor\",\"pin\":1}}\nhttps://u:Harb0urGate@h/\nend\n");
    let with = |orders: &[&str]| {
        let mut command = pipe(home.path());
        command.args(orders.iter().flat_map(|order| ["--action", order]));
        ended(&run_with(&mut command, log.as_bytes()), 0)
    };
    let out = with(&["kind:secret=mask", "context=mark", "url-password=drop-line"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (3, "t=ink1-masked", "end"), "{out}");
    assert!(lines[1].starts_with("{\"password\":\"ink1-password-k1-") && lines[1].ends_with("\",\"pin\":1}"), "{out}");
}

#[test]
fn the_last_characters_stay_only_where_a_rule_says_so() {
    let home = home_with_keyring();
    std::fs::write(home.path().join("card.toml"), CARD).expect("written");
    let log = b"card FC4716 2983 0157 8842 ok\n{\"token\":\"FC4716298301578842\"}\n";
    let with = |arguments: &[&str]| run_with(pipe(home.path()).args(["--patterns", "card.toml"]).args(arguments), log);
    let out = ended(&with(&[]), 0);
    assert!(out.starts_with("card ink1-masked-4-8842 ok\n"), "{out}");
    assert!(
        !out.contains("0157") && !out.lines().last().expect("a line").contains("8842"),
        "another rule wants a mark: {out}"
    );
    assert_eq!(stdout(&run_with(pipe(home.path()).args(["--patterns", "card.toml"]), out.as_bytes())), out);
    assert!(ended(&with(&["--action", "fuel-card=keep-last=2"]), 0).starts_with("card ink1-masked-2-42 ok\n"));
    assert!(ended(&with(&["--action", "personal=mark"]), 0).starts_with("card ink1-fuel-card-k1-"));
    let refused = with(&["--action", "jwt=keep-last=4"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("keep_last = true"), "{}", stderr(&refused));
    std::fs::write(home.path().join("card.toml"), CARD.replace("keep_last = true\n", "")).expect("written");
    let refused = with(&[]);
    assert!(stderr(&refused).contains("card.toml:2: rule \"fuel-card\": `action`"), "{}", stderr(&refused));
}

#[test]
fn a_dropped_line_goes_with_its_newline_and_is_counted() {
    let home = home_with_keyring();
    let log = format!("one\nt={TOKEN} t={TOKEN}\ntwo\r\nt={TOKEN}");
    let output = run_with(pipe(home.path()).args(["--action", "github-pat=drop-line", "--stats=json"]), log.as_bytes());
    assert_eq!(ended(&output, 0), "one\ntwo\r\n");
    let summary: Value = serde_json::from_str(&stderr(&output)).expect("JSON");
    assert_eq!((&summary["dropped_lines"], &summary["matches"], &summary["lines"]), (&json!(2), &json!(3), &json!(4)));
    let dry = run_with(pipe(home.path()).args(["--action", "github-pat=drop-line", "--dry-run"]), log.as_bytes());
    assert!(ended(&dry, 0).contains("standard input:2:3\tcritical\t40 bytes\tdrop-line by github-pat\n"));
}

/// Some of it may have been passed on; nothing more is.
#[test]
fn of_a_line_over_the_limit_the_rest_is_withheld_where_the_line_should_go() {
    let home = home_with_keyring();
    let log = format!("{}t={TOKEN} {}\nnext\n", "a ".repeat(300 << 10), "b ".repeat(300 << 10));
    let arguments = ["--action", "github-pat=drop-line", "--max-line", "256K"];
    let out = ended(&run_with(pipe(home.path()).args(arguments), log.as_bytes()), 0);
    let (before, behind) = out.split_once("t=").expect("what came before it");
    assert!(before.bytes().all(|byte| matches!(byte, b'a' | b' ')));
    let length = TOKEN.len() + 1 + 2 * (300 << 10);
    assert_eq!(behind, format!("ink1-withheld-oversized-{length}\nnext\n"));
}

#[test]
fn there_is_no_action_that_lets_through() {
    let home = home_with_keyring();
    for order in ["jwt=report", "jwt=allow", "jwt=", "jwt", "=mask", "jwt=keep-last=9"] {
        let output = run(pipe(home.path()).args(["--action", order]));
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{order}");
    }
    let listed = ended(&run(inkprint(home.path()).args(["rules", "list", "--json", "--only", "jwt"])), 0);
    assert!(listed.contains("\"action\":\"mark\""), "{listed}");
}

#[test]
fn redacting_twice_is_redacting_once_whatever_is_done() {
    for orders in [
        &["tokens=mask"][..],
        &["context=mask", "tokens=mark"],
        &["tokens=drop-line", "context=mask"],
        &["password=drop-line"],
    ] {
        let policy = policy(ordered(orders));
        let engine = Engine::new(&policy);
        proptest!(cases(1000), |(log in logs(&rules(&[]), 40))| {
            let once = Log(engine.redact(&log));
            let twice = Log(engine.redact(&once));
            prop_assert!(*twice == *once, "{orders:?}\nonce:\n{once:?}\ntwice:\n{twice:?}");
        });
    }
}

#[test]
fn a_json_line_stays_json() {
    let policy = policy(ordered(&["kind:secret=mask"]));
    let engine = Engine::new(&policy);
    proptest!(cases(500), |(password in any::<String>(), token in any::<u64>(), inner in "[a-zA-Z0-9\"\\\\]{0,30}")| {
        let inner = json!({"client_secret": inner}).to_string();
        let line = json!({"password": password, "token": token, "body": inner, "list": [TOKEN]}).to_string();
        let cleaned = engine.redact(line.as_bytes());
        let parsed: Value = serde_json::from_slice(&cleaned).expect("JSON");
        prop_assert_eq!(&parsed["list"][0], "ink1-masked");
        serde_json::from_str::<Value>(parsed["body"].as_str().expect("text")).expect("JSON in JSON");
    });
}
