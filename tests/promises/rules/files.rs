//! Rule files of the user's: every fault told at once with its place, and what the options that choose rules mean.

use std::path::Path;

use inkprint::control::rules::check::check;
use inkprint::pipeline::detect::rule::{Pack, RuleError, RuleSet};

use super::builtin;
use crate::promises::program::{inkprint, run, stderr};

/// One rule that is right, as lines of a file.
fn rule(id: &str, pattern: &str) -> String {
    format!(
        "[[rule]]\nid = '{id}'\ndescription = 'x'\npattern = '{pattern}'\nseverity = 'high'\nkind = 'secret'\nexamples = ['zqtok_12345678']\n"
    )
}

fn faults(path: &Path) -> Vec<String> {
    let name = path.display().to_string();
    match builtin().extended(path) {
        Err(RuleError::Faults(faults)) => faults.iter().map(|fault| fault.to_string().replace(&name, "")).collect(),
        other => panic!("no faults: {other:?}"),
    }
}

fn written(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("own.toml"), text).expect("written");
    folder
}

/// Each line of `wrong` replaces its field in a rule that is right otherwise.
#[test]
fn each_kind_of_fault_is_told_with_line_rule_and_reason() {
    for (wrong, is_own_line, reason) in [
        ("pattern = 'a('", false, "not a valid regular expression"),
        ("pattern = 'a*'", false, "can match the empty string"),
        ("pattern = '(?:(?:[a-z]{900}){90}){9}x'", false, "the pattern is"),
        ("id = 'Bad_Id'", false, "rule id \"Bad_Id\" is not 1 to 40"),
        ("id = 'ink1-x'", false, "is reserved"),
        ("id = 7", true, "expected a string"),
        ("severity = 'awful'", true, "unknown variant `awful`"),
        ("kind = 3", true, "`kind`: wanted string"),
        ("examples = []", false, "at least one entry in `examples`"),
        ("examples = 'one'", true, "expected a sequence"),
        ("validate = ['crc99']", false, "there is no validator \"crc99\"; there are"),
        ("require = ['crc99']", false, "there is no validator \"crc99\"; there are"),
        ("entropy = 9.5", false, "`entropy` must be from 0 to 8"),
        ("within = 5000", false, "`within` must be from 1 to 1024"),
        ("near = ['a']", false, "`near` must be words of 3 to 40"),
        ("keys = ['token']", false, "a rule has one of `pattern`, `keys` and `form`"),
        ("numbers = true", false, "`numbers` is for rules with `keys`"),
        ("colour = 'red'", true, "unknown field `colour`"),
    ] {
        let field = wrong.split(' ').next().expect("a field");
        let mut lines: Vec<String> = rule("one-bad", "zqtok_[0-9]{8}").lines().map(str::to_owned).collect();
        match lines.iter().position(|line| line.starts_with(&format!("{field} "))) {
            Some(at) => wrong.clone_into(&mut lines[at]),
            None => lines.push(wrong.to_owned()),
        }
        let folder = written(&format!("pack = 'tokens'\n{}\n{}", lines.join("\n"), rule("good", "zqtok_[0-9]{8}")));
        let told = faults(&folder.path().join("own.toml"));
        assert_eq!(told.len(), 1, "{wrong}: {told:?}");
        let id = if field == "id" { String::new() } else { "rule \"one-bad\": ".to_owned() };
        // The file's first line names the pack, its second begins the rule.
        let line = if is_own_line { 2 + lines.iter().position(|line| line == wrong).expect("it is there") } else { 2 };
        let as_expected =
            told[0].starts_with(&format!(":{line}: ")) && told[0].contains(reason) && told[0].contains(&id);
        assert!(as_expected, "{wrong}: {told:?}");
    }
}

#[test]
fn what_is_missing_is_told() {
    let folder = written("[[rule]]\nid = 'bare'\n");
    let told = faults(&folder.path().join("own.toml"));
    for reason in [
        "`pack` is missing",
        "`description` is missing",
        "`severity` is missing",
        "`kind` is missing",
        "one of `pattern`",
        "`examples`",
    ] {
        assert!(told.iter().any(|fault| fault.contains(reason)), "{reason}: {told:?}");
    }
    assert_eq!(told.len(), 6, "{told:?}");
}

#[test]
fn all_faults_of_all_files_are_told_at_once() {
    let first = [
        "pack = 'tokens'\n",
        &rule("first", "a(").replace("severity = 'high'", "severity = 'awful'\ncolour = 'red'"),
        &rule("second", "b*"),
        &rule("twice", "zqtok_[0-9]{8}"),
        &rule("twice", "zqtok_[0-9]{8}"),
    ]
    .concat();
    // The parser stumbles over the first rule, and goes on behind it.
    let second = format!("pack = 'tokens'\n[[rule]]\nid = 'open\n{}", rule("last", "c*"));
    let folder = written(&first);
    std::fs::write(folder.path().join("other.toml"), second).expect("written");
    std::fs::write(folder.path().join("third.toml"), b"pack = '\xff'\n").expect("written");
    let told = faults(folder.path());
    let expected = [
        ("own.toml:2:", "first", "not a valid regular expression"),
        ("own.toml:6:", "first", "unknown variant `awful`"),
        ("own.toml:7:", "first", "unknown field `colour`"),
        ("own.toml:10:", "second", "can match the empty string"),
        ("own.toml:24:", "twice", "another rule with this id is at"),
        ("other.toml:3:", "", "literal string"),
        ("other.toml:4:", "last", "can match the empty string"),
        ("third.toml:1:", "", "not UTF-8"),
    ];
    for (place, id, reason) in expected {
        let is_told = |fault: &String| fault.contains(place) && fault.contains(id) && fault.contains(reason);
        assert!(told.iter().any(is_told), "{place} {id} {reason}: {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn the_program_tells_them_and_ends_with_2() {
    let folder = written(&format!("pack = 'tokens'\n{}{}", rule("first", "a("), rule("second", "b*")));
    let path = folder.path().join("own.toml");
    for arguments in [&["rules", "list"][..], &["rules", "test"], &["rules", "lint"], &["rules", "explain"]] {
        let output = run(inkprint(folder.path()).args(arguments).arg("--patterns").arg(&path));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = stderr(&output);
        for expected in ["2 faults in the rules", "own.toml:2: rule \"first\": ", "own.toml:9: rule \"second\": "] {
            assert!(told.contains(expected), "{arguments:?}: {told}");
        }
    }
}

#[test]
fn files_that_are_not_there_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = builtin().extended(&folder.path().join("none.toml")).expect_err("it is not there");
    assert!(error.to_string().contains("none.toml"), "{error}");
    assert!(matches!(builtin().extended(folder.path()), Err(RuleError::NoFiles(_))));
}

fn ids(set: &RuleSet) -> Vec<&str> {
    set.rules.iter().map(|rule| rule.id.as_str()).collect()
}

fn selected(only: &[&str], disable: &[&str]) -> Result<RuleSet, RuleError> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    builtin().selected(&owned(only), &owned(disable))
}

#[test]
fn only_and_disable_choose_rules_and_packs() {
    let all = selected(&[], &[]).expect("the default");
    assert!(all.rules.iter().all(|rule| rule.enabled && rule.pack != Pack::Personal));
    assert_eq!(ids(&selected(&["npm-token", "github-pat"], &[]).expect("known")), ["github-pat", "npm-token"]);
    let context = selected(&["context"], &["password"]).expect("known");
    assert!(context.rules.iter().all(|rule| rule.pack == Pack::Context && rule.id.as_str() != "password"));
    let without = selected(&[], &["context", "github-pat"]).expect("known");
    assert!(without.rules.iter().all(|rule| rule.pack == Pack::Tokens && rule.id.as_str() != "github-pat"));
    for (only, disable) in [(&["no-such"][..], &[][..]), (&[], &["no-such"])] {
        assert!(matches!(selected(only, disable), Err(RuleError::Unknown(name)) if name == "no-such"));
    }
}

#[test]
fn a_rule_that_is_off_is_on_when_it_is_named() {
    let folder = written(&format!("pack = 'tokens'\n{}enabled = false\n", rule("mine", "zqtok_[0-9]{8}")));
    let chosen = |only: &[&str]| {
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        builtin().extended(folder.path()).expect("it loads").selected(&only, &[]).expect("known")
    };
    assert!(!ids(&chosen(&[])).contains(&"mine"));
    assert!(!ids(&chosen(&["tokens"])).contains(&"mine"));
    assert_eq!(ids(&chosen(&["mine"])), ["mine"]);
}

#[test]
fn a_file_adds_rules_and_takes_the_place_of_those_it_names() {
    let folder = written(&format!(
        "pack = 'tokens'\n{}{}",
        rule("mine", "zqtok_[0-9]{8}"),
        rule("github-pat", "zqtok_[0-9]{8}")
    ));
    let set = builtin().extended(folder.path()).expect("it loads");
    assert_eq!(set.rules.len(), builtin().rules.len() + 1);
    let replaced: Vec<_> = set.rules.iter().filter(|rule| rule.id.as_str() == "github-pat").collect();
    assert_eq!(replaced.len(), 1);
    assert!(replaced[0].origin.file.ends_with("own.toml"));
}

#[test]
fn without_the_builtin_rules_only_those_of_the_file_are_there() {
    let folder = written(&format!("pack = 'tokens'\n{}", rule("mine", "zqtok_[0-9]{8}")));
    let mut command = inkprint(folder.path());
    let output = run(command.args(["rules", "list", "--json", "--no-builtin", "--patterns"]).arg(folder.path()));
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let ids: Vec<_> =
        listed["rules"].as_array().expect("rules").iter().map(|rule| rule["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["mine"]);
}

/// The guide's examples are files that load and do as they say.
#[test]
fn the_guides_rules_work() {
    let guide = include_str!("../../../docs/rules.md");
    let mut rules = 0;
    for block in guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let folder = written(block);
        let mut set = builtin().extended(folder.path()).expect("it loads");
        set.rules.retain(|rule| rule.origin.file.ends_with("own.toml"));
        let outcome = check(&set).expect("the engine takes them");
        assert_eq!(outcome.failures, [], "{block}");
        rules += outcome.rules;
    }
    assert!(rules >= 2, "{rules} rules in the guide");
}
