//! gitleaks: TOML, patterns in Go's syntax.

use serde_json::Value;

use super::dialect::{Dialect, Wanted};
use super::foreign::{Foreign, left_out, line, text, texts, unknown};
use super::{Refused, Remark};

/// What is used of a rule.
const USED: &[&str] = &["id", "description", "regex", "entropy", "keywords", "secretGroup", "tags"];

/// What has no counterpart in a rule of ours.
const LEFT: &[(&str, &str)] = &[
    ("path", "a log line has no path, so that the rule holds for every input"),
    ("allowlist", "write entries for --allow, each with a reason and an end"),
    ("allowlists", "write entries for --allow, each with a reason and an end"),
    ("required", "the rule finds its own match whether or not others stand near by"),
    ("skipReport", "what it finds goes"),
];

/// What concerns a whole file.
const FILE: &[(&str, &str)] = &[
    ("extend", "import the file that it extends as well; inkprint's own rules stay in force beside these"),
    ("allowlist", "write entries for --allow, each with a reason and an end"),
    ("allowlists", "write entries for --allow, each with a reason and an end"),
];

/// What of a file, apart from its rules, could not be carried over.
pub(super) fn remarks(file: &Value) -> Vec<Remark> {
    left_out(file, FILE)
}

/// Reads one rule.
pub(super) fn rule(rule: &Value) -> Result<Foreign, Refused> {
    if !rule.is_object() || rule.get("regex").is_some_and(|regex| !regex.is_string()) {
        return Err(Refused::Form);
    }
    let name = text(rule, "id").unwrap_or_else(|| "rule".to_owned());
    let group = rule.get("secretGroup").and_then(Value::as_u64).filter(|group| *group > 0);
    let mut remarks = left_out(rule, LEFT);
    remarks.extend(unknown(rule, USED, LEFT));
    Ok(Foreign {
        tool: "gitleaks",
        description: line(&text(rule, "description").unwrap_or_else(|| name.clone())),
        name,
        pattern: text(rule, "regex"),
        dialect: Dialect::Go,
        group: group.map_or(Wanted::First, Wanted::Number),
        entropy: rule.get("entropy").and_then(Value::as_f64),
        keywords: texts(rule, "keywords"),
        references: Vec::new(),
        examples: Vec::new(),
        counterexamples: Vec::new(),
        remarks,
    })
}
