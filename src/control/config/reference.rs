//! The reference: every field with its meaning, what may stand there and its default, in Markdown.

use std::fmt::Write as _;

use super::RawConfig;
use super::example::prose;
use super::field::{Field, Kind, Presence, Settings as _};
use super::shape::measure::{written_size, written_time};
use super::union::TYPE;

/// The reference, as sections of a Markdown page.
pub fn reference() -> String {
    let mut text = String::new();
    section(&mut text, "The whole", "", &[RawConfig::FIELDS]);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A section on a table, then one on each table within it.
fn section(text: &mut String, title: &str, path: &str, fields: &[&[Field]]) {
    // TLS is the same for every source.
    if text.contains(&format!("## {title}\n")) {
        return;
    }
    let fields = || fields.iter().copied().flatten();
    // Into a string, writing cannot fail.
    let _ = write!(text, "## {title}\n\n| field | what it is | value | default |\n|---|---|---|---|\n");
    for field in fields() {
        let mut meaning = prose(field.doc);
        if let Kind::Choice(choices) = field.kind {
            for choice in choices {
                let _ = write!(meaning, "<br>`{}`: {}", choice.name, prose(choice.doc));
            }
        }
        let row =
            [format!("`{}`", field.name), meaning, value(field), without(field)].map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
    for field in fields() {
        let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        match field.kind {
            Kind::Table(fields) => section(text, &format!("`[{path}]`"), &path, &[fields]),
            Kind::Tables(fields) => section(text, &format!("`[[{path}]]`"), &path, &[fields]),
            Kind::Named(union) => {
                let shared = format!("{path}.NAME");
                section(text, &format!("`[{shared}]` of every type"), &shared, &[union.shared]);
                for variant in union.variants {
                    let title = format!("`[{shared}]` with `{TYPE} = \"{}\"`", variant.name);
                    if variant.fields.is_empty() {
                        let _ = write!(text, "## {title}\n\n{} It has no fields of its own.\n\n", prose(variant.doc));
                    } else {
                        section(text, &title, &shared, &[variant.fields]);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What may stand there.
fn value(field: &Field) -> String {
    let bounds = |written: fn(u64) -> String| match field.spec.bounds {
        Some((least, most)) if least == most => format!(": {}", written(least)),
        Some((least, most)) => format!(", {} to {}", written(least), written(most)),
        None => String::new(),
    };
    match field.kind {
        Kind::Whole => format!("whole number{}", bounds(|number| number.to_string())),
        Kind::Size => format!("size in bytes{}", bounds(written_size)),
        Kind::Time => format!("time{}", bounds(written_time)),
        kind => words(kind),
    }
}

fn words(kind: Kind) -> String {
    match kind {
        Kind::Text(words, _) => words.to_owned(),
        Kind::Whole => "whole number".to_owned(),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Choice(_) => "one of these words".to_owned(),
        Kind::List(element) => format!("array of: {}", words(*element)),
        Kind::Secret => "reference to a secret".to_owned(),
        Kind::Headers => "table of texts and references to secrets".to_owned(),
        Kind::Table(_) => "table".to_owned(),
        Kind::Tables(_) => "array of tables".to_owned(),
        Kind::Named(union) => format!("table of {}s by name", union.what),
    }
}

fn without(field: &Field) -> String {
    match (field.spec.presence, field.kind) {
        (Presence::Required, _) => "must be there".to_owned(),
        (Presence::Default(_), Kind::Table(_)) => "the defaults of its fields".to_owned(),
        (Presence::Default(value), kind) => format!("`{}`", kind.written(value)),
        (Presence::Optional(without), _) => without.to_owned(),
    }
}
