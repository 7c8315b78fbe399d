//! The JSON schema of a configuration (draft 2020-12), for editors: they read TOML by it.

use serde_json::{Map, Value, json};

use super::example::prose;
use super::field::{Field, Kind, Presence, Settings as _, Union, Variant};
use super::secret::FORMS;
use super::union::TYPE;
use super::{RawConfig, VERSION};

/// The schema.
pub fn schema() -> Value {
    let mut schema = table(RawConfig::FIELDS);
    let own = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("https://inkprint.dev/schema/config-{VERSION}.json"),
        "title": "The configuration of inkprint serve",
        "$defs": { "secret": secret() },
    });
    merge(&mut schema, own);
    schema
}

/// A table of these fields and no others.
fn table(fields: &[Field]) -> Value {
    object(&[fields], &[])
}

fn object(fields: &[&[Field]], tag: &[(&str, Value)]) -> Value {
    let fields = || fields.iter().copied().flatten();
    let mut properties: Map<String, Value> =
        tag.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    properties.extend(fields().map(|field| (field.name.to_owned(), property(field))));
    let needed = fields().filter(|field| matches!(field.spec.presence, Presence::Required)).map(|field| field.name);
    let needed: Vec<&str> = tag.iter().map(|(name, _)| *name).chain(needed).collect();
    json!({ "type": "object", "properties": properties, "required": needed, "additionalProperties": false })
}

fn property(field: &Field) -> Value {
    let mut value = kind(field.kind, field.spec.bounds);
    let mut description = prose(field.doc);
    match field.spec.presence {
        Presence::Optional(without) => description.push_str(&format!(" By default: {without}.")),
        Presence::Default(text) => {
            if let Some(default) = json_of(&field.kind.written(text)) {
                merge(&mut value, json!({ "default": default }));
            }
        }
        Presence::Required => {}
    }
    merge(&mut value, json!({ "description": description }));
    value
}

fn kind(kind: Kind, bounds: Option<(u64, u64)>) -> Value {
    match kind {
        Kind::Text(_, None) => json!({ "type": "string" }),
        Kind::Text(_, Some(pattern)) => json!({ "type": "string", "pattern": pattern }),
        Kind::Whole => match bounds {
            Some((least, most)) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            None => json!({ "type": "integer", "minimum": 0 }),
        },
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Size => json!({ "type": ["string", "integer"], "pattern": "^[0-9]+[KMGTkmgt]?$", "minimum": 0 }),
        Kind::Time => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Kind::Choice(choices) => {
            json!({ "enum": choices.iter().map(|choice| choice.name).collect::<Vec<_>>() })
        }
        Kind::List(element) => json!({ "type": "array", "items": self::kind(*element, bounds) }),
        Kind::Secret => json!({ "$ref": "#/$defs/secret" }),
        Kind::Headers => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" },
            "additionalProperties": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/secret" }] },
        }),
        Kind::Table(fields) => table(fields),
        Kind::Tables(fields) => json!({ "type": "array", "items": table(fields) }),
        Kind::Named(union) => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[a-z0-9_-]{1,40}$" },
            "minProperties": 1,
            "additionalProperties": { "oneOf": variants(union) },
        }),
    }
}

fn variants(union: &Union) -> Vec<Value> {
    let variant = |variant: &Variant| {
        let mut value = object(&[variant.fields, union.shared], &[(TYPE, json!({ "const": variant.name }))]);
        merge(&mut value, json!({ "title": variant.name, "description": prose(variant.doc) }));
        value
    };
    union.variants.iter().map(variant).collect()
}

fn secret() -> Value {
    let form = |(name, words, pattern): &(&str, &str, &str)| {
        json!({
            "type": "object",
            "properties": { *name: { "type": "string", "pattern": pattern, "description": words } },
            "required": [name],
            "additionalProperties": false,
        })
    };
    let forms: Vec<Value> = FORMS.iter().map(form).collect();
    json!({ "description": "Where a secret is; it is never written here.", "oneOf": forms })
}

/// A TOML value as JSON.
fn json_of(toml: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("v = {toml}")).ok()?;
    serde_json::to_value(table.get("v")?).ok()
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
