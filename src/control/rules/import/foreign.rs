//! A rule as another tool has it: its fields taken out of what the parser gave, whatever they are.

use serde_json::Value;

use super::dialect::{Dialect, Wanted};
use super::{MAX_EXAMPLES, Remark};

/// What could be read of a rule, its pattern not understood yet.
#[derive(Debug)]
pub(super) struct Foreign {
    /// The tool, as it may stand in an id.
    pub tool: &'static str,
    /// What it is called there.
    pub name: String,
    pub description: String,
    pub pattern: Option<String>,
    pub dialect: Dialect,
    /// Which group is the secret.
    pub group: Wanted,
    pub entropy: Option<f64>,
    pub keywords: Vec<String>,
    pub references: Vec<String>,
    pub examples: Vec<String>,
    pub counterexamples: Vec<String>,
    pub remarks: Vec<Remark>,
}

/// What a rule is to be called in messages: its id, or else its place.
pub(super) fn name(rule: &Value, number: usize) -> String {
    let given = text(rule, "id").or_else(|| text(rule, "name"));
    given.unwrap_or_else(|| format!("number {}", number + 1))
}

/// A field that is a text and says something.
pub(super) fn text(rule: &Value, field: &str) -> Option<String> {
    rule.get(field)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

/// The same as one line of a description's length.
pub(super) fn line(text: &str) -> String {
    const MOST: usize = 120;
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    line.trim_end_matches('.').chars().take(MOST).collect()
}

/// A field that is a list of texts, or one.
pub(super) fn texts(rule: &Value, field: &str) -> Vec<String> {
    let list = match rule.get(field) {
        Some(Value::Array(list)) => &list[..],
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    list.iter()
        .filter_map(Value::as_str)
        .filter(|text| !text.is_empty())
        .take(MAX_EXAMPLES)
        .map(str::to_owned)
        .collect()
}

/// A remark for each of these fields that is there and says something.
pub(super) fn left_out(rule: &Value, fields: &[(&'static str, &'static str)]) -> Vec<Remark> {
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(table) => !table.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    fields
        .iter()
        .filter(|(field, _)| rule.get(field).is_some_and(says))
        .map(|(field, why)| Remark::Left { field: (*field).to_owned(), why })
        .collect()
}

/// A remark for each field that is in none of these lists.
pub(super) fn unknown(rule: &Value, known: &[&str], told: &[(&'static str, &'static str)]) -> Vec<Remark> {
    let is_known = |field: &str| known.contains(&field) || told.iter().any(|(told, _)| *told == field);
    let fields = rule.as_object().into_iter().flatten().map(|(field, _)| field).filter(|field| !is_known(field));
    fields.take(10).map(|field| Remark::Left { field: line(field), why: "it is not known here" }).collect()
}
