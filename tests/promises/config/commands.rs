use std::fs;

use inkprint::control::config::example::example;
use serde_json::Value;

use super::super::program::{ended, home_with_keyring, inkprint, run, run_with, stderr, stdout};
use super::LEAST;

#[test]
fn a_sound_configuration_is_summed_up() {
    let home = home_with_keyring();
    let text = LEAST.replace("/etc/inkprint/keyring", "k");
    fs::write(home.path().join("c.toml"), &text).expect("written");
    let summary = ended(&run(inkprint(home.path()).args(["check", "--config", "c.toml"])), 0);
    assert_eq!(
        summary,
        "c.toml is sound\nsource apps: tcp 127.0.0.1:6514 lf -> shipper\nsink shipper: tcp 127.0.0.1:6515 lf\n"
    );
    let piped = run_with(inkprint(home.path()).args(["check", "--config", "-"]), text.as_bytes());
    assert!(ended(&piped, 0).starts_with("standard input is sound\n"));
}

#[test]
fn every_fault_is_a_line_with_its_place() {
    let home = home_with_keyring();
    let text = format!("{LEAST}adress = 3\n[admin]\ntoken = 'hunter2'\n");
    fs::write(home.path().join("c.toml"), text).expect("written");
    let output = run(inkprint(home.path()).args(["check", "--config", "c.toml"]));
    assert_eq!(ended(&output, 1), "");
    let told = stderr(&output);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].starts_with("c.toml:9: sinks.shipper.adress: unknown field"), "{told}");
    assert!(lines[1].starts_with("c.toml:11: admin.token: a secret is never written here"), "{told}");
    assert!(!told.contains("hunter2"));
}

#[test]
fn what_cannot_be_read_is_another_exit_code() {
    let home = home_with_keyring();
    let output = run(inkprint(home.path()).args(["check", "--config", "no.toml"]));
    assert_eq!(ended(&output, 2), "");
    assert!(stderr(&output).contains("cannot read the configuration no.toml"), "{}", stderr(&output));
    let output = run(inkprint(home.path()).arg("check").args(["--config", "."]));
    assert_eq!(ended(&output, 2), "");
}

#[test]
fn what_the_configuration_names_is_looked_at() {
    let home = home_with_keyring();
    let at = |name: &str| home.path().join(name);
    fs::write(at("rules.toml"), "[[rule]]\nid = 'x'\n").expect("written");
    fs::write(at("server.pem"), "no certificate: hunter2\n").expect("written");
    fs::write(at("token"), "hunter2\n").expect("written");
    let text = format!(
        "{}{}",
        LEAST.replace("/etc/inkprint/keyring", "k").replace("[sources.apps]", "[sources.apps]\nnamespace = 'nobody'"),
        "[rules]\npatterns = ['rules.toml']\n\
         [journal]\npath = 'no/journal'\n\
         [admin]\ntoken = { file = 'token' }\n\
         [sources.t]\ntype = 'tcp'\nlisten = '127.0.0.1:1'\ntls = { certificate = 'server.pem', key = 'no.key' }\n\
         [sinks.h]\ntype = 'http'\nurl = 'https://a/'\nheaders = { x-api-key = { env = 'INKPRINT_TEST_NOT_SET' } }\n\
         spool = { directory = 'no/spool' }\n"
    );
    let check =
        |more: &[&str]| run_with(inkprint(home.path()).args(["check", "--config", "-"]).args(more), text.as_bytes());
    ended(&check(&["--no-files"]), 0);
    let output = check(&[]);
    assert_eq!(ended(&output, 1), "");
    let told = stderr(&output);
    for part in [
        "standard input: sources.apps.namespace: ",
        "standard input: rules: ",
        "standard input: journal.path: there is no directory no",
        "standard input: admin.token: the file token can be read or written by others",
        "standard input: sources.t.tls.certificate: server.pem holds no PEM block",
        "standard input: sources.t.tls.key: cannot read no.key",
        "standard input: sinks.h.headers.x-api-key: the environment variable INKPRINT_TEST_NOT_SET is not set",
        "standard input: sinks.h.spool.directory: there is no directory no",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
    fs::remove_file(at("k")).expect("removed");
    assert!(stderr(&check(&[])).contains("standard input: keyring: there is no keyring at k"));
}

#[test]
fn the_example_and_the_schema_are_printed() {
    let home = home_with_keyring();
    let printed = run(inkprint(home.path()).args(["config", "example"]));
    assert_eq!(ended(&printed, 0), example());
    let checked =
        run_with(inkprint(home.path()).args(["check", "--no-files", "--config", "-"]), printed.stdout.as_slice());
    ended(&checked, 0);
    let schema = run(inkprint(home.path()).args(["config", "schema"]));
    let schema: Value = serde_json::from_str(&stdout(&schema)).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(ended(&run(inkprint(home.path()).args(["config", "reference"])), 0).contains("| `keyring` |"));
}
