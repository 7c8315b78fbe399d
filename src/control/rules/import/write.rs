//! Carried rules as the text of a rule file.

use std::fmt::Write;

use toml::Value;

use super::Carried;

/// The text of a rule file with these rules, each under what was remarked of it. `header` is text for its first lines.
pub fn to_toml(rules: &[Carried], header: &str) -> String {
    let mut out = String::new();
    header.lines().for_each(|line| comment(line, &mut out));
    out += "pack = \"tokens\"\n";
    for rule in rules {
        out.push('\n');
        rule.remarks.iter().for_each(|remark| comment(&remark.to_string(), &mut out));
        out += "[[rule]]\n";
        field("id", text(&rule.id), &mut out);
        field("description", text(&rule.description), &mut out);
        field("pattern", text(&rule.pattern), &mut out);
        // Other tools do not say how bad a leak is; most of what they look for gives access.
        field("severity", text("high"), &mut out);
        field("kind", text("secret"), &mut out);
        if let Some(bits) = rule.entropy {
            field("entropy", Value::Float(bits), &mut out);
        }
        for (name, texts) in
            [("references", &rule.references), ("examples", &rule.examples), ("counterexamples", &rule.counterexamples)]
        {
            if !texts.is_empty() {
                field(name, Value::Array(texts.iter().map(|one| text(one)).collect()), &mut out);
            }
        }
        if rule.examples.is_empty() {
            field("untested", Value::Boolean(true), &mut out);
        }
    }
    out
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn field(name: &str, value: Value, out: &mut String) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{name} = {value}");
}

/// A line of comment, without what must not stand in one.
fn comment(line: &str, out: &mut String) {
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(out, "# {line}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_stands_in_a_rule_is_read_back(description in any::<String>(), pattern in any::<String>(),
                                                  example in any::<String>(), entropy in 0.0..8.0f64) {
            let rule = Carried {
                id: "a".to_owned(), name: "a".to_owned(), description: description.clone(), pattern: pattern.clone(),
                entropy: Some(entropy), references: Vec::new(), examples: vec![example.clone()],
                counterexamples: Vec::new(), remarks: vec![super::super::Remark::Id(description.clone())],
            };
            let read: toml::Table = toml::from_str(&to_toml(&[rule], &pattern)).expect("TOML");
            let rule = &read["rule"][0];
            prop_assert_eq!(rule["description"].as_str(), Some(&description[..]));
            prop_assert_eq!(rule["pattern"].as_str(), Some(&pattern[..]));
            prop_assert_eq!(rule["examples"][0].as_str(), Some(&example[..]));
            prop_assert_eq!(rule["entropy"].as_float(), Some(entropy));
        }
    }
}
