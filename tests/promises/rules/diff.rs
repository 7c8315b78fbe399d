//! `rules diff`, as it is typed.

use serde_json::{Value, json};

use crate::promises::program::{ended, inkprint, run, run_with, stderr};

const OLD: &str = "pack = 'tokens'\n[[rule]]\nid = 'zq'\ndescription = 'zq token'\npattern = '\\bzq_[0-9]{8}\\b'\nseverity = 'low'\nkind = 'secret'\nexamples = ['zq_12345678']\n";
const LOG: &str =
    "quiet\na zq_12345678 b\na zq_12345678 b\nzq_1234567890\npassword=Vq7-molten-Harbor zq_00000001\nlast";

#[test]
fn what_changes_is_told_and_no_secret_is_shown() {
    let home = tempfile::tempdir().expect("a folder");
    let new = OLD.replace("{8}\\b", "{8,}").replace("low", "high");
    for (name, text) in [("old.toml", OLD), ("new.toml", &new), ("log", LOG)] {
        std::fs::write(home.path().join(name), text).expect("written");
    }
    let diff = |arguments: &[&str]| run(inkprint(home.path()).args(["rules", "diff"]).args(arguments));
    let out = ended(&diff(&["old.toml", "new.toml", "--on", "log"]), 1);
    assert!(out.contains("changed  zq\n    severity: low -> high\n    pattern: "), "{out}");
    assert!(out.contains("log:4: ▒▒▒▒▒▒▒▒▒▒▒▒▒\n    + columns 1-13  zq"), "{out}");
    assert!(out.contains("1 of 6 lines differ: in 0 something stays that went, in 1 something goes"), "{out}");
    assert!(!out.contains("zq_1") && !out.contains("molten"), "{out}");

    let out = ended(&diff(&["old.toml", "builtin", "--on", "log", "--samples", "1", "--json"]), 1);
    let compared: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(compared["rules"], json!([{"rule": "zq", "change": "removed"}]));
    let logs = &compared["logs"];
    assert_eq!(
        (&logs["lines"], &logs["lines_that_differ"], &logs["lines_with_less_redacted"]),
        (&json!(6), &json!(3), &json!(3))
    );
    assert!(logs["matches"].as_array().expect("a list").contains(&json!({"rule": "zq", "before": 3, "after": null})));
    assert_eq!(logs["samples"].as_array().map(Vec::len), Some(1), "one of each sort: {out}");
    assert!(!out.contains("zq_1") && !out.contains("molten"), "{out}");

    let shown = run_with(
        inkprint(home.path()).args(["rules", "diff", "old.toml", "new.toml", "--reveal", "--on", "-", "log"]),
        LOG.as_bytes(),
    );
    let out = ended(&shown, 1);
    assert!(out.contains("standard input:4: zq_1234567890\n") && out.contains("log:4: zq_1234567890\n"), "{out}");
    assert!(out.contains("2 of 12 lines differ"), "{out}");
}

#[test]
fn the_exit_code_tells_whether_anything_differs() {
    let home = tempfile::tempdir().expect("a folder");
    for (name, text) in [("old.toml", OLD), ("log", LOG), ("broken.toml", "pack = 1")] {
        std::fs::write(home.path().join(name), text).expect("written");
    }
    for (arguments, code) in [
        (&["old.toml", "old.toml"][..], 0),
        (&["builtin", "builtin", "--on", "log"], 0),
        (&["builtin", "old.toml"], 1),
        (&["builtin", "old.toml", "--disable", "zq"], 0),
        (&["builtin", "old.toml", "--only", "password", "--on", "log"], 0),
        (&["builtin", "old.toml", "--only", "zq", "--on", "log"], 1),
        (&["builtin", "old.toml", "--no-builtin", "--only", "tokens"], 1),
        (&["builtin", "old.toml", "--only", "no-such"], 2),
        (&["builtin", "broken.toml"], 2),
        (&["builtin", "missing.toml"], 2),
        (&["builtin", "old.toml", "--on", "missing"], 2),
        (&["builtin"], 2),
    ] {
        let output = run(inkprint(home.path()).args(["rules", "diff"]).args(arguments));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    }
}
