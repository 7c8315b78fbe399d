//! `rules import`, as it is typed.

use crate::promises::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, stdout};

const GITLEAKS: &str = r#"
title = "our rules"
[extend]
useDefault = true
[[rules]]
id = "zeta_key"
description = "A Zeta key, found by its name."
regex = '''(?i)zeta_?key[\s'"]{0,3}[=:]{1,2}[\s'"]{0,3}([a-z0-9]{24})(?:[\x60'"\s;]|$)'''
entropy = 3.0
keywords = ["zeta"]
[[rules]]
id = "braces"
regex = '\bzb{[0-9a-f]{16}}'
[[rules]]
id = "around"
regex = '(?<!x)zt_[0-9]{12}(?=;)'
[[rules]]
id = "only-a-path"
path = '\.pem$'
"#;

const YAML: &str = r#"
rules:
- name: Zulu API Key
  id: np.zulu.1
  pattern: |
    (?x)
    \b
    ( zulu_[0-9a-z]{20} )   # the key itself
    \b
  references: [https://example.org/zulu]
  examples:
  - 'ZULU=zulu_q8wm3zkt7rlx9pvn2syc'
  negative_examples:
  - 'zulu_is_a_letter'
- name: Zulu with a request
  id: kingfisher.zulu.2
  pattern: '(zulv_(?P<TOKEN>[0-9a-z]{20}))'
  min_entropy: 2.5
  confidence: medium
  validation: {type: Http, content: {request: {url: 'https://example.org'}}}
  depends_on_rule: [{rule_id: kingfisher.zulu.1, variable: X}]
"#;

#[test]
fn imported_rules_are_used_at_once() {
    let home = home_with_keyring();
    std::fs::create_dir(home.path().join("theirs")).expect("made");
    std::fs::write(home.path().join("theirs/g.toml"), GITLEAKS).expect("written");
    std::fs::write(home.path().join("theirs/k.yml"), YAML).expect("written");
    let output = run(inkprint(home.path()).args(["rules", "import", "theirs", "-o", "ours.toml"]));
    assert_eq!(ended(&output, 0), "");
    let told = stderr(&output);
    for expected in [
        "theirs/g.toml: `extend` is left out",
        "theirs/g.toml: rule \"zeta_key\": its id is now \"zeta-key\"",
        "theirs/g.toml: rule \"around\": not carried over: the pattern is not a valid regular expression",
        "theirs/g.toml: rule \"only-a-path\": not carried over: it has no pattern",
        "theirs/k.yml: rule \"kingfisher.zulu.2\": `validation` is left out",
        "theirs/k.yml: rule \"kingfisher.zulu.2\": `depends_on_rule` is left out",
        "theirs/k.yml: rule \"kingfisher.zulu.2\": `confidence` is left out",
        "4 of 6 rules carried over, 3 of them without examples; 2 not carried over",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    let log = b"zeta_key = 'k3j9x0q2m5v8b1n4c7z6l0p2' ok\nzb{5f0e92c7d1ab4836}\nx zulu_q8wm3zkt7rlx9pvn2syc y\nzulv_q8wm3zkt7rlx9pvn2syd\n";
    let cleaned = ended(&run_with(pipe(home.path()).args(["--patterns", "ours.toml", "--no-builtin"]), log), 0);
    let lines: Vec<&str> = cleaned.lines().collect();
    assert!(lines[0].starts_with("zeta_key = 'ink1-zeta-key-k1-") && lines[0].ends_with("' ok"), "{cleaned}");
    assert!(lines[1].starts_with("ink1-braces-k1-") && lines[2].starts_with("x ink1-np-zulu-1-k1-"), "{cleaned}");
    assert!(lines[3].starts_with("zulv_ink1-kingfisher-zulu-2-k1-"), "the group named for it goes: {cleaned}");
    let tested =
        ended(&run(inkprint(home.path()).args(["rules", "test", "--no-builtin", "--patterns", "ours.toml"])), 0);
    assert!(tested.contains("4 rules, 1 examples, 1 counterexamples, 0 failures"), "{tested}");
    let lint =
        run(inkprint(home.path()).args(["rules", "lint", "--strict", "--no-builtin", "--patterns", "ours.toml"]));
    assert!(ended(&lint, 1).matches("untested: nothing shows").count() == 3);
}

#[test]
fn a_rule_without_examples_must_say_so() {
    let home = home_with_keyring();
    let rule = "pack = 'tokens'\n[[rule]]\nid = 'a'\ndescription = 'x'\npattern = 'zq_[0-9]{8}'\nseverity = 'low'\nkind = 'secret'\n";
    for (text, code) in [
        (rule.to_owned(), 2),
        (format!("{rule}untested = true\n"), 0),
        (format!("{rule}untested = true\nexamples = ['zq_12345678']\n"), 2),
    ] {
        std::fs::write(home.path().join("a.toml"), &text).expect("written");
        let output = run(inkprint(home.path()).args(["rules", "test", "--no-builtin", "--patterns", "a.toml"]));
        assert_eq!(output.status.code(), Some(code), "{text}\n{}", stderr(&output));
        assert!(code == 0 || stderr(&output).contains("untested"), "{}", stderr(&output));
    }
}

#[test]
fn the_exit_code_tells_whether_all_or_nothing_was_carried_over() {
    let home = home_with_keyring();
    let import = |text: &str, arguments: &[&str]| {
        std::fs::write(home.path().join("f"), text).expect("written");
        run(inkprint(home.path()).args(["rules", "import", "f"]).args(arguments))
    };
    let good = "[[rules]]\nid = 'zq'\nregex = 'zq_[0-9]{8}'\n";
    let bad = "[[rules]]\nid = 'zr'\nregex = 'zr(?=x)'\n";
    for (text, arguments, code) in [
        (good, &[][..], 0),
        (good, &["--strict"], 0),
        (&[good, bad].concat(), &[], 0),
        (&[good, bad].concat(), &["--strict"], 1),
        (bad, &[], 1),
        ("rules = []\n", &[], 2),
        ("a: [", &[], 2),
        ("pack = 'tokens'\n[[rule]]\nid = 'x'\n", &[], 2),
        (good, &["-o", "f"], 2),
        (good, &["missing"], 2),
    ] {
        let output = import(text, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {text}\n{}{}", stdout(&output), stderr(&output));
    }
}
