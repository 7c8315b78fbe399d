use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use inkprint::control::config::Config;
use inkprint::control::config::example::example;
use inkprint::control::config::reference::reference;
use inkprint::control::config::schema::schema;
use serde_json::{Value, json};

use super::super::program::run_with;
use super::{LEAST, everything};

fn json_of(toml: &str) -> Value {
    let table: toml::Table = toml::from_str(toml).expect("TOML");
    serde_json::to_value(table).expect("JSON")
}

/// Every field of a document by its path; names of sources and sinks are `NAME(type)`, elements of arrays `[]`.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                // What a secret is, or which headers there are, are no fields of the configuration.
                if path.ends_with(".headers") || path.ends_with("token") {
                    continue;
                }
                let name = match value.get("type").and_then(Value::as_str) {
                    Some(kind) => format!("NAME({kind})"),
                    None => name.clone(),
                };
                let path = format!("{path}.{name}");
                fields(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| fields(element, &format!("{path}[]"), found)),
        _ => {}
    }
}

/// The same of a schema.
fn schema_fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, schema) in properties {
            let path = format!("{path}.{name}");
            schema_fields(schema, &path, found);
            found.insert(path);
        }
    }
    if let Some(items) = schema.get("items") {
        schema_fields(items, &format!("{path}[]"), found);
    }
    if path.ends_with(".headers") {
        return;
    }
    for variant in schema.pointer("/additionalProperties/oneOf").and_then(Value::as_array).into_iter().flatten() {
        let kind = variant.pointer("/properties/type/const").and_then(Value::as_str).expect("a type");
        let path = format!("{path}.NAME({kind})");
        schema_fields(variant, &path, found);
        found.insert(path);
    }
}

#[test]
fn the_example_is_sound_as_it_is_and_with_everything_in_force() {
    let config = Config::parse(&example()).expect("sound");
    assert_eq!(config, {
        let with_admin = format!("{LEAST}[admin]\nlisten = \"127.0.0.1:9640\"\n");
        Config::parse(&with_admin).expect("sound")
    });
    let whole = everything();
    if let Err(errors) = Config::parse(&whole) {
        panic!("{errors:#?}\n{whole}");
    }
}

#[test]
fn the_example_and_the_schema_name_the_same_fields() {
    let (mut written, mut described) = (BTreeSet::new(), BTreeSet::new());
    fields(&json_of(&everything()), "", &mut written);
    schema_fields(&schema(), "", &mut described);
    assert!(written.len() > 100, "{written:?}");
    assert_eq!(written, described);
}

#[test]
fn no_line_of_the_example_is_too_long_to_read() {
    let long: Vec<String> = example().lines().filter(|line| line.len() > 130).map(str::to_owned).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// The validator is not ours: Python's jsonschema. It must accept what is sound and refuse what is not.
#[test]
fn the_schema_accepts_the_example_and_refuses_what_is_wrong() {
    const JUDGE: &str = "\
import json, sys, jsonschema
given = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(given['schema'])
judge = jsonschema.Draft202012Validator(given['schema'])
print(json.dumps([judge.is_valid(document) for document in given['documents']]))
";
    let has = |python: &&str| {
        Command::new(python).args(["-c", "import jsonschema"]).output().is_ok_and(|o| o.status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(|python| has(python)) else {
        assert!(std::env::var_os("INKPRINT_REQUIRE_TOOLS").is_none(), "python3 has no jsonschema");
        eprintln!("SKIPPED: python3 has no jsonschema");
        return;
    };
    let least = json_of(LEAST);
    let mut documents = vec![json_of(&example()), json_of(&everything()), least.clone()];
    let sound = documents.len();
    for (pointer, wrong) in [
        ("/version", json!(2)),
        ("/keyring", json!(7)),
        ("/sources/apps/type", json!("tpc")),
        ("/sources/apps/listen", json!("localhost")),
        ("/sources/apps/max_line", json!("much")),
        ("/sources/apps/address", json!("127.0.0.1:1")),
        ("/sinks/shipper/framing", json!("auto")),
        ("/sinks/UPPER", least["sinks"]["shipper"].clone()),
        ("/admin", json!({ "token": "hunter2" })),
        ("/admin", json!({ "token": { "env": "A", "file": "/b" } })),
        ("/limits", json!({ "memroy": "64M" })),
        ("/threads", json!(0)),
        ("/sources", json!({})),
    ] {
        let mut document = least.clone();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let parent = document.pointer_mut(parent).expect("there").as_object_mut().expect("a table");
        parent.insert(name.to_owned(), wrong);
        documents.push(document);
    }
    let given = json!({ "schema": schema(), "documents": documents }).to_string();
    let output = run_with(Command::new(python).args(["-c", JUDGE]), given.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verdicts: Vec<bool> = serde_json::from_slice(&output.stdout).expect("verdicts");
    let expected: Vec<bool> = (0..documents.len()).map(|index| index < sound).collect();
    assert_eq!(verdicts, expected);
    // The reading refuses the same.
    for document in &documents[sound..] {
        let text = toml::to_string(document).expect("TOML");
        assert!(Config::parse(&text).is_err(), "{text}");
    }
}

/// `docs/config.md` is prose, then the reference as `inkprint config reference` prints it.
#[test]
fn the_page_holds_the_reference() {
    const MARK: &str = "<!-- From here on: inkprint config reference -->\n\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.md");
    let page = fs::read_to_string(path).expect("a page");
    let (prose, found) = page.split_once(MARK).expect("a mark");
    if found != reference() && std::env::var_os("INKPRINT_WRITE_DOCS").is_some() {
        fs::write(path, format!("{prose}{MARK}{}", reference())).expect("written");
        return;
    }
    assert!(found == reference(), "docs/config.md is not up to date: run this test with INKPRINT_WRITE_DOCS=1");
}
