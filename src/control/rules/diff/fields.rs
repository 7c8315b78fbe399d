//! What differs in the rules themselves, field by field.

use std::collections::BTreeMap;

use crate::pipeline::detect::rule::{Form, Rule, RuleSet};
use crate::pipeline::detect::validator::Validator;

/// A field that differs, as a person reads it before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The field, as in a rule file.
    pub field: &'static str,
    /// What it was.
    pub before: String,
    /// What it is.
    pub after: String,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleChange {
    /// It is new.
    Added(String),
    /// It is gone.
    Removed(String),
    /// It is another.
    Changed(String, Vec<Changed>),
    /// The word lists that all key rules share are others.
    Words,
}

/// What differs between two sets, by id. The order of rules and the place they stand at are no difference.
pub fn rule_changes(old: &RuleSet, new: &RuleSet) -> Vec<RuleChange> {
    let by_id = |set: &RuleSet| -> BTreeMap<String, Rule> {
        set.rules.iter().map(|rule| (rule.id.to_string(), rule.clone())).collect()
    };
    let (old_rules, new_rules) = (by_id(old), by_id(new));
    let mut changes: BTreeMap<&String, RuleChange> = BTreeMap::new();
    for (id, before) in &old_rules {
        match new_rules.get(id) {
            None => {
                changes.insert(id, RuleChange::Removed(id.clone()));
            }
            Some(after) => {
                let fields = changed(before, after);
                if !fields.is_empty() {
                    changes.insert(id, RuleChange::Changed(id.clone(), fields));
                }
            }
        }
    }
    for id in new_rules.keys().filter(|id| !old_rules.contains_key(*id)) {
        changes.insert(id, RuleChange::Added(id.clone()));
    }
    let mut changes: Vec<RuleChange> = changes.into_values().collect();
    if format!("{:?}", old.words) != format!("{:?}", new.words) {
        changes.push(RuleChange::Words);
    }
    changes
}

fn changed(before: &Rule, after: &Rule) -> Vec<Changed> {
    let rows = |rule: &Rule| -> Vec<(&'static str, String)> {
        let list = |texts: &[String]| texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ");
        let near = rule.near.as_ref();
        vec![
            ("description", rule.description.clone()),
            ("pack", rule.pack.as_str().to_owned()),
            ("severity", rule.severity.to_string()),
            ("kind", rule.kind.to_string()),
            (form_field(&rule.form), form(&rule.form)),
            ("near", near.map_or(String::new(), |near| list(&near.words))),
            ("within", near.map_or(String::new(), |near| near.within.to_string())),
            ("entropy", rule.entropy.map_or(String::new(), |bits| bits.to_string())),
            ("validate", names(&rule.validate)),
            ("require", names(&rule.require)),
            ("encoding", rule.encoding.map_or(String::new(), |encoding| format!("{encoding:?}").to_lowercase())),
            ("action", rule.action.to_string()),
            ("keep_last", rule.keep_last.to_string()),
            ("enabled", rule.enabled.to_string()),
            ("untested", rule.untested.to_string()),
            ("references", list(&rule.references)),
            ("examples", list(&rule.examples)),
            ("counterexamples", list(&rule.counterexamples)),
        ]
    };
    let differing = rows(before).into_iter().zip(rows(after)).filter(|(before, after)| before != after);
    // Texts of examples look like secrets, and say little here.
    let counted = |rule: &Rule, field: &str| match field {
        "examples" => Some(format!("{} texts", rule.examples.len())),
        "counterexamples" => Some(format!("{} texts", rule.counterexamples.len())),
        _ => None,
    };
    let shown = |rule: &Rule, field: &str, value: String| counted(rule, field).unwrap_or(value);
    differing
        .map(|((_, old), (field, new))| Changed {
            field,
            before: shown(before, field, old),
            after: shown(after, field, new),
        })
        .collect()
}

fn form_field(form: &Form) -> &'static str {
    match form {
        Form::Pattern(_) => "pattern",
        Form::Keys(_) => "keys",
        _ => "form",
    }
}

fn form(form: &Form) -> String {
    match form {
        Form::Pattern(pattern) => {
            let boundary = if pattern.wants_boundary() { "\\b" } else { "" };
            format!("{boundary}{}", pattern.hir())
        }
        Form::Keys(keys) => keys.to_string(),
        other => format!("{other:?}"),
    }
}

fn names(checks: &[Validator]) -> String {
    checks.iter().map(|check| check.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> RuleSet {
        RuleSet::of_text("a", &format!("pack = 'tokens'\n{text}")).expect("good")
    }

    fn rule(id: &str, pattern: &str, rest: &str) -> String {
        format!(
            "[[rule]]\nid='{id}'\ndescription='a token'\npattern='{pattern}'\nseverity='low'\nkind='secret'\nuntested=true\n{rest}\n"
        )
    }

    #[test]
    fn what_was_added_removed_and_changed_is_told_by_field() {
        let old =
            set(&[rule("a", "aa_[0-9]{8}", ""), rule("b", "bb_[0-9]{8}", ""), rule("c", "cc_[0-9]{8}", "")].concat());
        let new = set(&[
            rule("d", "dd_[0-9]{8}", ""),
            rule("c", "cc_[0-9]{8}", ""),
            rule("b", "\\bbb_[0-9]{9}", "entropy=2.5"),
        ]
        .concat());
        let changes = rule_changes(&old, &new);
        assert_eq!(
            (&changes[0], &changes[2]),
            (&RuleChange::Removed("a".to_owned()), &RuleChange::Added("d".to_owned()))
        );
        let RuleChange::Changed(id, fields) = &changes[1] else { panic!("{changes:?}") };
        let names: Vec<_> = fields.iter().map(|changed| changed.field).collect();
        assert_eq!((id.as_str(), names, changes.len()), ("b", vec!["pattern", "entropy"], 3));
        assert_eq!((fields[1].before.as_str(), fields[1].after.as_str()), ("", "2.5"));
        assert_eq!(rule_changes(&old, &old), []);
    }

    #[test]
    fn keys_are_told_as_a_file_has_them() {
        let keys = |rest: &str| {
            set(&format!(
                "[[rule]]\nid='a'\ndescription='a key'\nkeys=['door key']\nseverity='low'\nkind='secret'\nuntested=true\n{rest}\n"
            ))
        };
        let changes = rule_changes(&keys("numbers=true"), &keys("min_length=8\nbehind=['back', 'front']"));
        let [RuleChange::Changed(_, fields)] = &changes[..] else { panic!("{changes:?}") };
        assert_eq!(fields[0].before, r#"["door key"], min_length = 6, numbers"#);
        assert_eq!(fields[0].after, r#"["door key"], min_length = 8, behind = ["back", "front"], not_behind = []"#);
    }
}
