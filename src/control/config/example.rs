//! The commented example: what the common case needs is in force, everything else stands behind a `#` right before its name.
//!
//! Taking away each `#` that no space follows gives a configuration in which every field is written, and which is sound as well.

use std::collections::HashSet;

use super::RawConfig;
use super::field::{Field, Kind, Presence, Settings as _, Union};
use super::union::TYPE;

/// The width of the comments.
const WIDTH: usize = 110;

/// What the example has in force beside what must be there: a source and a sink.
const IN_FORCE: [&str; 4] = ["sources.apps", "sinks.shipper", "admin", "admin.listen"];

/// What the example calls a source or sink of a type.
fn name(kind: &str, variant: &str) -> String {
    match (kind, variant) {
        ("source", "tcp") => "apps".to_owned(),
        ("sink", "tcp") => "shipper".to_owned(),
        (_, variant) => format!("{variant}-{kind}"),
    }
}

/// The example, as TOML.
pub fn example() -> String {
    let mut out = Example { text: String::new(), told: HashSet::new() };
    out.prose(0, &["The configuration of `inkprint serve`. What is in force here is all that the common case needs."]);
    out.prose(
        0,
        &["Behind each # that no space follows stands a setting with its default or, where there is none, an example."],
    );
    out.prose(0, &["`inkprint check --config FILE` tells every fault of a configuration."]);
    out.prose(0, &["A field that several tables have is explained where it first stands."]);
    out.text.push('\n');
    out.table("", RawConfig::FIELDS, true);
    out.text
}

struct Example {
    text: String,
    /// The fields that were explained: those of TLS or of every source are so once.
    told: HashSet<(&'static str, String)>,
}

impl Example {
    /// The fields of a table: first those that have a line, then those that are tables.
    fn table(&mut self, path: &str, fields: &'static [Field], live: bool) {
        for field in fields.iter().filter(|field| !is_table(field.kind)) {
            self.field(path, field, live);
        }
        for field in fields.iter().filter(|field| is_table(field.kind)) {
            let path = joined(path, field.name);
            match field.kind {
                Kind::Table(fields) => {
                    let live = live && IN_FORCE.contains(&path.as_str());
                    self.heading(&format!("[{path}]"), field.doc, field.spec.presence, live);
                    self.table(&path, fields, live);
                }
                Kind::Tables(fields) => {
                    self.heading(&format!("[[{path}]]"), field.doc, field.spec.presence, false);
                    for field in fields {
                        self.routed(field);
                    }
                }
                Kind::Named(union) => self.named(&path, field, union),
                _ => {}
            }
        }
    }

    fn named(&mut self, path: &str, field: &Field, union: &'static Union) {
        self.text.push('\n');
        self.prose(0, field.doc);
        for variant in union.variants {
            let path = joined(path, &name(union.what, variant.name));
            let live = IN_FORCE.contains(&path.as_str());
            self.heading(&format!("[{path}]"), variant.doc, Presence::Required, live);
            self.setting(TYPE, &format!("\"{}\"", variant.name), live);
            let (shared, own) = (union.shared, variant.fields);
            for field in own.iter().chain(shared).filter(|field| !is_table(field.kind)) {
                self.field(&path, field, live);
            }
            for field in own.iter().chain(shared) {
                if let Kind::Table(fields) = field.kind {
                    let path = joined(&path, field.name);
                    self.heading(&format!("[{path}]"), field.doc, field.spec.presence, false);
                    self.table(&path, fields, false);
                }
            }
        }
    }

    /// A field of the example's one route, which joins everything that the example has.
    fn routed(&mut self, field: &Field) {
        self.prose(0, field.doc);
        let names = RawConfig::FIELDS.iter().filter_map(|field| match field.kind {
            Kind::Named(union) => Some(union),
            _ => None,
        });
        let what = if field.name == "from" { "source" } else { "sink" };
        let names = names.filter(|union| union.what == what).flat_map(|union| union.variants);
        let names: Vec<_> = names.map(|variant| format!("\"{}\"", name(what, variant.name))).collect();
        self.setting(field.name, &format!("[{}]", names.join(", ")), false);
    }

    fn heading(&mut self, heading: &str, doc: &[&str], presence: Presence, live: bool) {
        self.text.push('\n');
        self.prose(0, doc);
        if let Presence::Optional(without) = presence {
            self.prose(0, &[&format!("Without this table: {without}.")]);
        }
        self.line(heading, live);
    }

    fn field(&mut self, path: &str, field: &'static Field, live: bool) {
        let needed =
            matches!(field.spec.presence, Presence::Required) || IN_FORCE.contains(&joined(path, field.name).as_str());
        if self.told.insert((field.name, prose(field.doc))) {
            self.explain(field);
        }
        // Each sink has a spool of its own.
        let own = path.strip_prefix("sinks.").and_then(|path| path.split('.').next()).unwrap_or("shipper");
        let example = field.spec.example.replace("/spool/shipper", &format!("/spool/{own}"));
        self.setting(field.name, &field.kind.written(&example), live && needed);
    }

    /// What a field means, what may stand there and what holds without it.
    fn explain(&mut self, field: &Field) {
        self.prose(0, field.doc);
        if let Kind::Choice(choices) = field.kind {
            for choice in choices {
                self.prose(2, &[&format!("{}: {}", choice.name, prose(choice.doc))]);
            }
        }
        match field.spec.presence {
            Presence::Optional(without) => self.prose(0, &[&format!("By default: {without}.")]),
            Presence::Default(value) if value != field.spec.example => {
                self.prose(0, &[&format!("By default: {}.", field.kind.written(value))]);
            }
            _ => {}
        }
    }

    fn setting(&mut self, name: &str, value: &str, live: bool) {
        self.line(&format!("{name} = {value}"), live);
    }

    fn line(&mut self, line: &str, live: bool) {
        if !live {
            self.text.push('#');
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A comment, wrapped.
    fn prose(&mut self, indent: usize, doc: &[&str]) {
        let start = format!("#{}", " ".repeat(indent));
        let mut line = start.clone();
        for word in prose(doc).split(' ') {
            if line.len() + 1 + word.len() > WIDTH && line.len() > start.len() {
                self.line(&line, true);
                line.clone_from(&start);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line, true);
    }
}

/// The lines of a doc comment as one text.
pub(super) fn prose(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn is_table(kind: Kind) -> bool {
    matches!(kind, Kind::Table(_) | Kind::Tables(_) | Kind::Named(_))
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
