use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use inkprint::pipeline::detect::allow::{AllowList, read_files};
use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::policy::Policy;
use proptest::prelude::*;
use serde_json::Value;

use super::engine::{Engine, covered, policy, rules};
use super::hay::{Log, cases, logs};
use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, stdout};
use super::tcp::service::{Service, canary};

const TOKEN: &str = "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";

/// The pipe with these entries over a log on standard input.
fn cleaned(home: &Path, entries: &str, log: &str) -> Output {
    std::fs::write(home.join("allow.toml"), entries).expect("written");
    run_with(pipe(home).args(["--allow", "allow.toml", "--stats=json"]), log.as_bytes())
}

fn entry(fields: &str) -> String {
    format!("[[allow]]\n{fields}\nreason = 'a fixture'\nexpires = 'never'\n")
}

/// What each entry let through.
fn counts(output: &Output) -> Vec<u64> {
    let summary: Value = serde_json::from_str(stderr(output).lines().last().expect("a summary")).expect("JSON");
    summary["allowed"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["matches"].as_u64().expect("a count"))
        .collect()
}

#[test]
fn one_secret_is_allowed_by_its_fingerprint_and_others_go() {
    let home = home_with_keyring();
    let log = format!("t={TOKEN}\n{{\"token\":\"{TOKEN}\"}}\nt=ghp_x1QvJ2nYc8Wb5RkL7sPz0TgDfHa3EuMi4oXq\n");
    let marked = stdout(&run_with(&mut pipe(home.path()), log.as_bytes()));
    let mark = marked.trim_start_matches("t=").lines().next().expect("a line").to_owned();
    let fingerprint = mark.rsplit('-').next().expect("a fingerprint");
    for form in [mark.as_str(), fingerprint, &fingerprint[..20]] {
        let output = cleaned(home.path(), &entry(&format!("fingerprint = '{form}'")), &log);
        let out = ended(&output, 0);
        let (mine, other) = (marked.lines().last().expect("a line"), out.lines().last().expect("a line"));
        assert!(out.starts_with(&format!("t={TOKEN}\n{{\"token\":\"{TOKEN}\"}}\n")) && mine == other, "{out}");
        assert_eq!(counts(&output), [2], "each stretch is counted once, whatever rules have found it");
    }
    ended(&run(inkprint(home.path()).args(["keys", "rotate", "--keyring", "k"])), 0);
    let output = cleaned(home.path(), &entry(&format!("fingerprint = '{mark}'")), &log);
    assert!(ended(&output, 0).starts_with(&format!("t={TOKEN}\n")), "a print of an epoch that is still live counts");
}

#[test]
fn an_entry_for_one_rule_lets_nothing_through_that_another_takes() {
    let home = home_with_keyring();
    let log = format!("password={TOKEN}\nx {TOKEN}\n");
    let out = ended(&cleaned(home.path(), &entry("rule = 'github-pat'"), &log), 0);
    assert!(out.starts_with("password=ink1-password-k1-") && out.ends_with(&format!("\nx {TOKEN}\n")), "{out}");
    let output = cleaned(home.path(), &entry("rule = 'password'"), &log);
    let out = ended(&output, 0);
    assert!(out.starts_with("password=ink1-github-pat-k1-") && out.contains("\nx ink1-github-pat-k1-"), "{out}");
    assert_eq!(counts(&output), [0], "what went all the same was not let through");
    let both = [entry("rule = 'context'"), entry("rule = 'tokens'")].concat();
    assert_eq!(ended(&cleaned(home.path(), &both, &log), 0), log);
}

#[test]
fn key_value_and_source_narrow_an_entry() {
    let home = home_with_keyring();
    let entries = entry("value = 'fixture-[0-9]+-pass'\nkey = '(?i)test_.*'\nsource = '*.test.log'");
    std::fs::write(home.path().join("allow.toml"), &entries).expect("written");
    let log = "TEST_PASSWORD=fixture-12-pass\nPASSWORD=fixture-12-pass\nTEST_PASSWORD=fixture-12-passx\n".repeat(2000);
    for name in ["a.test.log", "b.log"] {
        std::fs::write(home.path().join(name), &log).expect("written");
    }
    let arguments = ["--allow", "allow.toml", "b.log", "a.test.log", "b.log", "-"];
    for threads in ["1", "4"] {
        let out = stdout(&run_with(pipe(home.path()).args(arguments).args(["--threads", threads]), log.as_bytes()));
        let stays: Vec<usize> =
            out.lines().enumerate().filter(|(_, line)| line.ends_with("-pass")).map(|(number, _)| number).collect();
        assert_eq!(
            stays,
            (6000..12000).step_by(3).collect::<Vec<_>>(),
            "each third line of the second file, and no other"
        );
        assert!(!out.contains("passx"));
    }
    let dry = ended(&run(pipe(home.path()).args(["--dry-run", "--allow", "allow.toml", "a.test.log"])), 0);
    assert_eq!(dry.lines().count(), 4000);
}

#[test]
fn what_is_allowed_beside_a_mark_stays_what_it_is() {
    let home = home_with_keyring();
    let entries = [entry("key = 'password'"), entry("rule = 'url-password'")].concat();
    for log in [
        format!("password=abc:{TOKEN} end\n"),
        format!("password={TOKEN}:abcdef end\n"),
        format!("{{\"password\":\"x {TOKEN} y\",\"token\":88214455881290}}\n"),
        format!("https://user:{TOKEN}@host/ password='{TOKEN} and more'\n"),
    ] {
        let once = ended(&cleaned(home.path(), &entries, &log), 0);
        assert!(!once.contains(TOKEN), "{once}");
        assert_eq!(ended(&cleaned(home.path(), &entries, &once), 0), once, "{log}");
    }
}

#[test]
fn an_entry_that_is_over_is_told_once_and_allows_nothing() {
    let home = home_with_keyring();
    let entries = "[[allow]]\nrule = 'tokens'\nreason = 'x'\nexpires = 2020-02-29\n";
    let output = cleaned(home.path(), entries, &format!("t={TOKEN}\n").repeat(9));
    assert!(!ended(&output, 0).contains(TOKEN));
    assert_eq!(stderr(&output).matches("allow.toml:1: expired after 2020-02-29").count(), 1, "{}", stderr(&output));
    let quiet = run_with(pipe(home.path()).args(["-q", "--allow", "allow.toml"]), b"");
    assert_eq!(stderr(&quiet), "");
}

#[test]
fn every_fault_of_every_file_is_told_and_nothing_is_let_through() {
    let home = home_with_keyring();
    std::fs::write(home.path().join("a.toml"), "[[allow]]\nreason = 'all of it'\nexpires = 'never'\n")
        .expect("written");
    std::fs::write(
        home.path().join("b.toml"),
        format!("[[allow]]\nrule = 'secret'\nfingerprint = '{TOKEN}'\nline = '.*'\nexpires = '2020-13-01'\n"),
    )
    .expect("written");
    let output =
        run_with(pipe(home.path()).args(["--allow", "a.toml", "--allow", "b.toml"]), format!("t={TOKEN}").as_bytes());
    let told = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{told}");
    for fault in [
        "a.toml:1: an entry needs at least one of",
        "b.toml:2: `rule`: \"secret\" is a rule and also a pack or a kind",
        "b.toml:3: `fingerprint` is 40 characters",
        "b.toml:4: unknown field `line`",
        "b.toml:1: `reason` is missing",
        "b.toml:5: `expires` must be a date",
    ] {
        assert!(told.contains(fault), "{fault} in {told}");
    }
    assert!(!told.contains("ghp_"), "{told}");
    assert_eq!(run(pipe(home.path()).args(["--allow", "missing"])).status.code(), Some(2));
}

#[test]
fn a_peer_is_a_source_and_what_it_may_send_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("allow.toml");
    let entries =
        [entry("rule = 'github-pat'\nsource = '127.0.0.*'"), entry("rule = 'tokens'\nsource = '10.*'")].concat();
    std::fs::write(&path, entries).expect("written");
    let path = path.display().to_string();
    let mut service = Service::start(&["--allow", &path, "--action", "jwt=drop-line"]);
    let stays = format!("a {}\n", canary(1));
    let jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0MTIyIiwiZXhwIjoxNzk1fQ.mR8sKq2Zx0LwB7nVdT4yQ1pXe5Hc9Jf3uGa6Ob2DkWs";
    service.send(format!("{stays}b {jwt}\nc\n").as_bytes());
    service.out.wait_for_lines(2);
    assert_eq!(service.out.text(), format!("{stays}c\n"));
    service.wait_for_metric(&format!("inkprint_allowed_total{{entry=\"{path}:1\"}}"), 1.0);
    assert_eq!(service.metric(&format!("inkprint_allowed_total{{entry=\"{path}:6\"}}")), 0.0);
    service.wait_for_metric("inkprint_dropped_lines_total", 1.0);
    service.stop();
}

/// A policy that allows whatever these rules find.
fn allowing(names: &[&str]) -> Policy {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let entries: String = names.iter().map(|name| entry(&format!("rule = '{name}'"))).collect();
    std::fs::write(file.path(), entries).expect("written");
    let mut policy = policy(rules(&[]));
    let all = RuleSet::builtin().expect("the built-in rules load");
    let entries = read_files(&[file.path().to_owned()], &all).expect("no fault");
    let list = AllowList::new(entries, policy.detector.rules(), policy.live_keys.clone());
    policy.allow = Some(Arc::new(list));
    policy
}

/// The naive way to allow what a rule finds is to have no such rule.
#[test]
fn what_is_left_of_the_candidates_goes_to_the_last_byte() {
    for names in [&["password", "url-password"][..], &["context"], &["tokens"]] {
        let policy_with = allowing(names);
        let without = RuleSet::builtin()
            .and_then(|set| set.selected(&[], &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()))
            .expect("they are there");
        let policy_without = policy(without);
        let (with, without) = (Engine::new(&policy_with), Engine::new(&policy_without));
        proptest!(cases(1000), |(log in logs(&rules(&[]), 40))| {
            let spans = |engine: &Engine<'_>| -> Vec<_> { engine.matches_under_policy(&log).iter().map(|found| found.span).collect() };
            let (some, all) = (spans(&with), spans(&without));
            if log.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
                // In an encoded text the rule that is allowed may have said where a value ends: no byte less goes.
                let goes = covered(log.len(), some.iter().copied());
                prop_assert!(all.iter().all(|span| goes[span.range()].iter().all(|goes| *goes)), "{:?}", log);
            } else {
                prop_assert_eq!(some, all, "{:?}", log);
            }
            let once = Log(with.redact(&log));
            let twice = Log(with.redact(&once));
            prop_assert!(*twice == *once, "once:\n{once:?}\ntwice:\n{twice:?}");
        });
    }
}
