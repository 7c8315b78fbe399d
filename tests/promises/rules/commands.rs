//! `rules list`, `test`, `lint` and `explain`, as they are typed.

use serde_json::Value;

use crate::promises::program::{ended, inkprint, run, run_with, stderr, stdout};

const BAD: &str = "pack = 'tokens'
[[rule]]
id = 'off-by-one'
description = 'x'
pattern = 'zqtok_[0-9]{8}'
severity = 'high'
kind = 'secret'
examples = ['zqtok_1234567', 'zqtok_12345678']
counterexamples = ['zqtok_87654321']
";

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("own.toml"), text).expect("written");
    folder
}

#[test]
fn list_shows_what_is_there_and_what_is_on() {
    let home = tempfile::tempdir().expect("a folder");
    let listed = |arguments: &[&str]| -> Vec<Value> {
        let out = ended(&run(inkprint(home.path()).args(["rules", "list", "--json"]).args(arguments)), 0);
        let listing: Value = serde_json::from_str(&out).expect("JSON");
        listing["rules"].as_array().expect("rules").clone()
    };
    let all = listed(&[]);
    assert!(all.iter().any(|rule| rule["on"] == true) && all.iter().any(|rule| rule["on"] == false));
    let context = listed(&["--only", "context", "--disable", "token,pass"]);
    assert!(!context.is_empty() && context.iter().all(|rule| rule["pack"] == "context" && rule["on"] == true));
    assert!(context.iter().all(|rule| rule["id"] != "token" && rule["id"] != "pass"));
    let table = ended(&run(inkprint(home.path()).args(["rules", "list", "--only", "github-pat"])), 0);
    assert!(table.contains("github-pat  tokens") && table.contains("1 rules, 0 off"), "{table}");
    let unknown = run(inkprint(home.path()).args(["rules", "list", "--only", "no-such"]));
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("no rule or pack is called \"no-such\""));
}

#[test]
fn test_passes_for_the_builtin_rules_and_tells_each_failure_of_others() {
    let folder = folder_with(BAD);
    let out = ended(&run(inkprint(folder.path()).args(["rules", "test"])), 0);
    assert!(out.trim_end().ends_with(", 0 failures"), "{out}");
    let out = ended(&run(inkprint(folder.path()).args(["rules", "test", "--no-builtin", "--patterns", "own.toml"])), 1);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "own.toml:2: rule \"off-by-one\": the rule does not find its example: zqtok_1234567",
            "own.toml:2: rule \"off-by-one\": the rule finds something in its counterexample: zqtok_87654321",
            "1 rules, 2 examples, 1 counterexamples, 2 failures",
        ]
    );
}

#[test]
fn lint_states_triggers_and_cost_and_is_strict_when_told() {
    let home = tempfile::tempdir().expect("a folder");
    let out = ended(&run(inkprint(home.path()).args(["rules", "lint", "--only", "github-pat,npm-token"])), 0);
    assert!(out.contains("github-pat  fast, by pattern") && out.contains("\"ghp_"), "{out}");
    let slow = folder_with(&BAD.replace("zqtok_[0-9]{8}", "[0-9a-z]{8}"));
    let arguments = ["rules", "lint", "--no-builtin", "--patterns", "own.toml"];
    let out = ended(&run(inkprint(slow.path()).args(arguments)), 0);
    assert!(out.contains("off-by-one  slow, by expression") && out.contains("own.toml:2: warning: slow"), "{out}");
    let out = ended(&run(inkprint(slow.path()).args(arguments).args(["--strict", "--json"])), 1);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    let names: Vec<_> =
        report["rules"][0]["warnings"].as_array().expect("some").iter().map(|w| w["name"].clone()).collect();
    assert_eq!(names, ["slow", "no-references"]);
    assert_eq!((&report["rules"][0]["cost"], &report["warnings"]), (&Value::from("slow"), &Value::from(2)));
}

/// What stands in each line must be told, and shown only when it is asked for.
#[test]
fn explain_tells_why_and_shows_no_secret() {
    let secrets = [
        "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",
        "Vq7-molten-Harbor",
        "Zk81mQx0",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    let input = format!(
        "DB_PASSWORD={}\n{{\"pass\\u0077ord\":1,\"password\":\"{}\"}}\npostgres://app:{}@db/orders\n{}\r\nplain \u{1b}[31mred\u{1b}[0m \u{fffd}\n",
        secrets[0], secrets[1], secrets[2], secrets[3]
    );
    let home = tempfile::tempdir().expect("a folder");
    for arguments in [&[][..], &["--json"]] {
        let output = run_with(inkprint(home.path()).args(["rules", "explain"]).args(arguments), input.as_bytes());
        let shown = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{shown}");
        assert!(secrets.iter().all(|secret| !shown.contains(secret)) && !shown.contains('\u{1b}'), "{shown}");
        assert!(shown.contains("password") && shown.contains("github-pat") && shown.contains("stand-in"), "{shown}");
    }
    let output = run_with(inkprint(home.path()).args(["rules", "explain", "--reveal"]), input.as_bytes());
    assert!(secrets.iter().all(|secret| stdout(&output).contains(secret)));

    let json = stdout(&run_with(inkprint(home.path()).args(["rules", "explain", "--json", "--met"]), input.as_bytes()));
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["line"].clone()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let rules = lines[0]["rules"].as_array().expect("rules");
    let of = |id: &str| rules.iter().find(|rule| rule["rule"] == id).expect("it met the line");
    assert_eq!(
        (&of("password")["named_by"], &of("password")["key"]),
        (&Value::from("github-pat"), &Value::from("DB_PASSWORD"))
    );
    assert_eq!((&of("github-pat")["start"], &of("github-pat")["end"]), (&Value::from(12), &Value::from(52)));
    assert_eq!(of("github-pat")["validators"][0]["name"], "github-crc32");
    assert_eq!(lines[3]["rules"][0]["verdict"], "refused");
}

#[test]
fn explain_reads_files_and_odd_bytes() {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join("log"), b"\xff\0password=\xffQ7x!2z\xfe\n\nlast ghp_").expect("written");
    let out = ended(&run(inkprint(home.path()).args(["rules", "explain", "log"])), 0);
    assert!(!out.contains("Q7x") && out.contains("1: ") && out.contains("3: last ghp_"), "{out}");
    let missing = run(inkprint(home.path()).args(["rules", "explain", "none"]));
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("cannot read none"));
}
