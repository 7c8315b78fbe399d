//! Nosey Parker and Kingfisher: YAML, patterns mostly in verbose form.

use serde_json::Value;

use super::dialect::{Dialect, Wanted};
use super::foreign::{Foreign, left_out, line, text, texts, unknown};
use super::{MAX_FILE, Refused};

/// What is used of a rule.
const USED: &[&str] = &[
    "id",
    "name",
    "description",
    "pattern",
    "min_entropy",
    "examples",
    "negative_examples",
    "references",
    "categories",
    "visible",
];

/// What has no counterpart in a rule of ours.
const LEFT: &[(&str, &str)] = &[
    ("validation", "inkprint asks no service whether a secret is live"),
    ("revocation", "inkprint revokes nothing"),
    ("depends_on", "the rule finds its own match without the other one"),
    ("depends_on_rule", "the rule finds its own match without the other one"),
    ("pattern_requirements", "the pattern alone decides, so that the rule finds more"),
    ("confidence", "there is no such grade; see `severity`"),
    ("prevalidated", "it says nothing about a log"),
];

/// The document as a value. The parser counts its nodes, aliases, depth and scalars, and stops at its bounds.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: 1, max_depth: 64, max_total_scalar_bytes: MAX_FILE },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

/// Reads one rule.
pub(super) fn rule(rule: &Value) -> Result<Foreign, Refused> {
    if !rule.is_object() || rule.get("pattern").is_some_and(|pattern| !pattern.is_string()) {
        return Err(Refused::Form);
    }
    let id = text(rule, "id").or_else(|| text(rule, "name")).unwrap_or_else(|| "rule".to_owned());
    let tool = if id.starts_with("np.") { "noseyparker" } else { "kingfisher" };
    let description = text(rule, "name").or_else(|| text(rule, "description")).unwrap_or_else(|| id.clone());
    let mut remarks = left_out(rule, LEFT);
    remarks.extend(unknown(rule, USED, LEFT));
    Ok(Foreign {
        tool,
        name: id,
        description: line(&description),
        pattern: text(rule, "pattern"),
        dialect: Dialect::Rust,
        group: Wanted::First,
        entropy: rule.get("min_entropy").and_then(Value::as_f64),
        keywords: Vec::new(),
        references: texts(rule, "references"),
        examples: texts(rule, "examples"),
        counterexamples: texts(rule, "negative_examples"),
        remarks,
    })
}
