//! The Helm chart, with helm where it is installed; without it, all that can be told of templates by reading them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::super::program::{ended, run, stdout, tool};
use super::{files, is_sound, root, text};

const CHART: &str = "deploy/helm/inkprint";

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn templates() -> String {
    files(&root().join(CHART).join("templates")).iter().map(|path| fs::read_to_string(path).expect("text")).collect()
}

/// What of `value` is not as `schema` says: as much of JSON Schema as the chart's schema uses.
fn faults(value: &Value, schema: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let of_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        other => panic!("{at}: the schema has a type {other:?} that this test does not know"),
    };
    if !of_type {
        return vec![format!("{at} is no {}", schema["type"])];
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        found.push(format!("{at} is none of {}", schema["enum"]));
    }
    if let Some(object) = value.as_object() {
        for (name, value) in object {
            match &schema["properties"][name] {
                Value::Null if schema["additionalProperties"] == false => found.push(format!("{at}.{name} is unknown")),
                Value::Null => {}
                schema => found.extend(faults(value, schema, &format!("{at}.{name}"))),
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        found.extend(
            required
                .filter_map(|name| name.as_str())
                .filter(|name| !object.contains_key(*name))
                .map(|name| format!("{at}.{name} is missing")),
        );
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(faults(item, &schema["items"], &format!("{at}[{index}]")));
    }
    if let (Some(value), minimum, maximum) = (value.as_u64(), schema["minimum"].as_u64(), schema["maximum"].as_u64())
        && (minimum.is_some_and(|minimum| value < minimum) || maximum.is_some_and(|maximum| value > maximum))
    {
        found.push(format!("{at} is out of bounds"));
    }
    found
}

#[test]
fn the_values_are_what_the_schema_says() {
    let schema: Value = serde_json::from_str(&text(&format!("{CHART}/values.schema.json"))).expect("JSON");
    let values = yaml(&format!("{CHART}/values.yaml"));
    for name in schema["properties"].as_object().expect("properties").keys() {
        assert!(values.get(name).is_some(), "{name} has no default");
    }
    for name in ["values.yaml", "values-node.yaml"] {
        let mut whole = values.clone();
        for (name, value) in yaml(&format!("{CHART}/{name}")).as_object().expect("a table") {
            whole[name] = value.clone();
        }
        assert_eq!(faults(&whole, &schema, name), [""; 0]);
        let text = whole["config"].as_str().expect("text");
        is_sound(name, text);
        let config: toml::Table = toml::from_str(text).expect("a configuration");
        assert_eq!(
            config["admin"]["listen"].as_str(),
            Some("0.0.0.0:9640"),
            "{name}: nobody outside of the pod could ask"
        );
    }
    let mut wrong = values.clone();
    wrong["mode"] = "elsewhere".into();
    wrong["replicas"] = 0.into();
    wrong["imag"] = true.into();
    assert_eq!(faults(&wrong, &schema, "values").len(), 3);
}

/// Paths behind `.Values.` in `text`.
fn asked_for(text: &str) -> BTreeSet<String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let paths = text.split(".Values.").skip(1);
    paths
        .map(|rest| rest[..rest.find(|c| !is_path(c)).unwrap_or(rest.len())].trim_end_matches('.').to_owned())
        .collect()
}

#[test]
fn templates_and_values_know_each_other() {
    let values = yaml(&format!("{CHART}/values.yaml"));
    let asked = asked_for(&templates());
    for path in &asked {
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(values.pointer(&pointer).is_some(), "{path} is asked for, and has no value");
    }
    for (name, value) in values.as_object().expect("a table") {
        let parts: Vec<String> = match value.as_object().filter(|object| !object.is_empty() && name != "resources") {
            Some(object) => object.keys().map(|key| format!("{name}.{key}")).collect(),
            None => vec![name.clone()],
        };
        for part in parts {
            assert!(asked.contains(&part), "{part} does nothing");
        }
    }
}

/// What stands between braces in `text`, without the marks that trim blanks.
fn actions(text: &str) -> Vec<String> {
    let actions = text.split("{{").skip(1);
    actions.map(|rest| rest.split("}}").next().unwrap_or_default().trim_matches(['-', ' ']).to_owned()).collect()
}

#[test]
fn each_template_is_closed_and_yaml_around_its_actions() {
    let defined: BTreeSet<String> =
        actions(&templates()).iter().filter_map(|action| action.strip_prefix("define ").map(str::to_owned)).collect();
    for path in files(&root().join(CHART).join("templates")) {
        let (template, name) = (fs::read_to_string(&path).expect("text"), path.display());
        assert_eq!(template.matches("{{").count(), template.matches("}}").count(), "{name}");
        let mut depth = 0;
        for action in actions(&template) {
            match action.split(' ').next().unwrap_or_default() {
                "if" | "with" | "range" | "define" => depth += 1,
                "end" => depth -= 1,
                "include" => assert!(defined.contains(action.split(' ').nth(1).expect("a name")), "{name}: {action}"),
                _ => {}
            }
            assert!(depth >= 0, "{name}: {action} closes nothing");
        }
        assert_eq!(depth, 0, "{name} has something open");
        if path.extension().is_some_and(|extension| extension == "yaml") {
            // What is put in stands on lines of its own, below a key, or is a word: without the one and with the other it is YAML.
            let plain: String = template
                .lines()
                .filter(|line| !line.trim_start().trim_start_matches("- ").starts_with("{{-"))
                .map(|line| {
                    let mut line = line.to_owned();
                    while let (Some(from), Some(to)) = (line.find("{{"), line.find("}}")) {
                        line.replace_range(from..to + 2, "x");
                    }
                    line + "\n"
                })
                .collect();
            let object: Value =
                serde_saphyr::from_str(&plain).unwrap_or_else(|error| panic!("{name}: {error}\n{plain}"));
            assert!(object["kind"].is_string() && object["apiVersion"].is_string(), "{name}");
        }
    }
    let chart = yaml(&format!("{CHART}/Chart.yaml"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"), "the chart's program is another");
}

#[test]
fn helm_takes_it() {
    // No package of the machines that run the tests brings it, so that it is no lack where it is missing.
    if std::env::var_os("PATH")
        .is_none_or(|path| !std::env::split_paths(&path).any(|folder| folder.join("helm").exists()))
    {
        eprintln!("SKIPPED: helm is not installed");
        return;
    }
    assert!(tool("helm"));
    let chart = root().join(CHART);
    for mode in ["node", "standalone"] {
        let set = format!("mode={mode},monitoring.podMonitor=true,monitoring.rules=true,networkPolicy.enabled=true");
        ended(&run(Command::new("helm").args(["lint", "--strict", "--set", &set]).arg(&chart)), 0);
        let output = run(Command::new("helm").args(["template", "x", "--set", &set]).arg(&chart));
        ended(&output, 0);
        for object in stdout(&output).split("\n---\n") {
            let _: Value = serde_saphyr::from_str(object).expect("YAML");
        }
    }
    let wrong = run(Command::new("helm").args(["lint", "--set", "mode=elsewhere"]).arg(&chart));
    assert!(!wrong.status.success());
}
