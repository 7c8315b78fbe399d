use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use tempfile::tempdir;

use super::program::{ended, home_with_keyring, inkprint, run, run_with, stderr, stdout};

fn keys(home: &Path) -> Command {
    let mut command = inkprint(home);
    command.args(["keys", "--keyring", "k"]);
    command
}

fn listed(home: &Path) -> serde_json::Value {
    serde_json::from_str(&ended(&run(keys(home).args(["list", "--json"])), 0)).expect("JSON")
}

/// The lines of a keyring file that hold keys and salts.
fn material(home: &Path) -> Vec<String> {
    let text = fs::read_to_string(home.join("k")).expect("there");
    let values = text.lines().filter(|line| line.starts_with("key") || line.starts_with("salt"));
    values.map(|line| line.split('"').nth(1).expect("quoted").to_owned()).collect()
}

#[test]
fn init_makes_a_private_file_and_never_overwrites() {
    let home = home_with_keyring();
    assert_eq!(fs::metadata(home.path().join("k")).expect("there").mode() & 0o777, 0o600);
    let before = material(home.path());
    let again = run(keys(home.path()).arg("init"));
    ended(&again, 2);
    assert!(stderr(&again).contains("already"), "{}", stderr(&again));
    assert_eq!(material(home.path()), before);
}

#[test]
fn an_epoch_lives_from_current_to_destroyed() {
    let home = home_with_keyring();
    let states = || {
        let list = listed(home.path());
        let epochs = list["epochs"].as_array().expect("epochs").clone();
        epochs.iter().map(|epoch| epoch["state"].as_str().expect("a state").to_owned()).collect::<Vec<_>>()
    };
    ended(&run(keys(home.path()).arg("rotate")), 0);
    ended(&run(keys(home.path()).arg("rotate")), 0);
    assert_eq!(states(), ["previous", "previous", "current"]);
    ended(&run(keys(home.path()).args(["retire", "2"])), 0);
    let unasked = run(keys(home.path()).args(["destroy", "1"]));
    ended(&unasked, 2);
    assert!(stderr(&unasked).contains("--yes") && stderr(&unasked).contains("for good"), "{}", stderr(&unasked));
    let key = material(home.path())[0].clone();
    ended(&run(keys(home.path()).args(["destroy", "1", "--yes"])), 0);
    assert_eq!(states(), ["destroyed", "retired", "current"]);
    assert!(!fs::read_to_string(home.path().join("k")).expect("there").contains(&key));
    for refused in [["retire", "3"], ["destroy", "3"], ["retire", "1"], ["retire", "9"], ["retire", "0"]] {
        ended(&run(keys(home.path()).args(refused).args(["--yes"].iter().filter(|_| refused[0] == "destroy"))), 2);
    }
    let table = ended(&run(keys(home.path()).arg("list")), 0);
    assert!(table.contains("destroyed") && table.contains("default"), "{table}");
}

#[test]
fn namespaces_are_added_and_forgotten() {
    let home = home_with_keyring();
    ended(&run(keys(home.path()).args(["namespace", "add", "red"])), 0);
    ended(&run(keys(home.path()).args(["namespace", "add", "red"])), 2);
    ended(&run(keys(home.path()).args(["namespace", "forget", "default", "--yes"])), 2);
    ended(&run(keys(home.path()).args(["namespace", "forget", "red"])), 2);
    ended(&run(keys(home.path()).args(["namespace", "forget", "red", "--yes"])), 0);
    let table = ended(&run(keys(home.path()).args(["namespace", "list"])), 0);
    assert!(table.lines().any(|line| line.starts_with("red") && line.contains("forgotten")), "{table}");
    assert_eq!(material(home.path()).len(), 2, "one key and the default namespace's salt");
}

#[test]
fn no_rotation_is_lost_when_many_run_at_once() {
    const PROCESSES: usize = 12;
    let home = home_with_keyring();
    let running: Vec<_> = (0..PROCESSES)
        .map(|_| keys(home.path()).arg("rotate").stdout(Stdio::piped()).spawn().expect("the program was built"))
        .collect();
    for process in running {
        ended(&process.wait_with_output().expect("it ends"), 0);
    }
    let list = listed(home.path());
    assert_eq!(list["current"], PROCESSES + 1);
    assert_eq!(list["epochs"].as_array().map(Vec::len), Some(PROCESSES + 1));
}

#[test]
fn a_keyring_that_others_can_read_is_refused_with_the_command_to_run() {
    let home = home_with_keyring();
    let path = home.path().join("k");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("set");
    for args in [&["keys", "list"][..], &["keys", "rotate"], &["fingerprint"]] {
        let refused = run_with(inkprint(home.path()).args(args).arg("--keyring").arg(&path), b"hunter2\n");
        ended(&refused, 2);
        assert!(stderr(&refused).contains(&format!("chmod 600 {}", path.display())), "{}", stderr(&refused));
    }
}

#[test]
fn every_source_gives_the_same_keyring() {
    let home = home_with_keyring();
    let path = home.path().join("k");
    let text = fs::read_to_string(&path).expect("there");
    let fingerprint = |source: &str, with: &dyn Fn(&mut Command)| {
        let mut command = inkprint(home.path());
        command.args(["fingerprint", "--keyring", source]);
        with(&mut command);
        ended(&run_with(&mut command, b"hunter2\n"), 0)
    };
    let expected = fingerprint("k", &|_| ());
    assert_eq!(fingerprint("file:k", &|_| ()), expected);
    assert_eq!(
        fingerprint("env:KEYS", &|command| {
            command.env("KEYS", &text);
        }),
        expected
    );
    let directory = home.path().to_owned();
    let with_credentials = |command: &mut Command| {
        command.env("CREDENTIALS_DIRECTORY", &directory);
    };
    assert_eq!(fingerprint("credential:k", &with_credentials), expected);
    assert_eq!(fingerprint("command:cat k", &|_| ()), expected);
    let by_environment = run_with(inkprint(home.path()).arg("fingerprint").env("INKPRINT_KEYRING", "k"), b"hunter2\n");
    assert_eq!(ended(&by_environment, 0), expected);
    for feed in ["3<k", "3< <(cat k)"] {
        let program = env!("CARGO_BIN_EXE_inkprint");
        let shell = format!("echo hunter2 | {program} fingerprint --keyring fd:3 {feed}");
        let mut command = Command::new("bash");
        command.args(["-c", &shell]).current_dir(home.path());
        assert_eq!(ended(&run(&mut command), 0), expected, "{feed}");
    }
}

#[test]
fn only_a_file_can_be_changed() {
    let home = home_with_keyring();
    let text = fs::read_to_string(home.path().join("k")).expect("there");
    for source in ["env:KEYS", "command:cat k", "fd:3", "credential:k"] {
        let refused = run(inkprint(home.path()).env("KEYS", &text).args(["keys", "rotate", "--keyring", source]));
        ended(&refused, 2);
        assert!(stderr(&refused).contains("only a keyring in a file can be changed"), "{}", stderr(&refused));
    }
}

#[test]
fn nothing_of_a_keyring_is_ever_shown() {
    let home = home_with_keyring();
    ended(&run(keys(home.path()).arg("rotate")), 0);
    ended(&run(keys(home.path()).args(["namespace", "add", "red"])), 0);
    let path = home.path().join("k");
    let text = fs::read_to_string(&path).expect("there");
    let hidden = material(home.path());
    assert_eq!(hidden.len(), 4);
    let quiet = |what: &str, output: &std::process::Output| {
        let shown = stdout(output) + &stderr(output);
        for value in &hidden {
            assert!(!shown.contains(&value[..12]), "{what} shows a key: {shown}");
        }
    };
    for args in [&["list"][..], &["list", "--json"], &["namespace", "list"], &["retire", "1"]] {
        quiet("a command", &run(keys(home.path()).args(args)));
    }
    // A keyring in the place of its source.
    quiet("--keyring", &run(inkprint(home.path()).args(["keys", "list", "--keyring", &text])));
    quiet("the variable", &run(inkprint(home.path()).args(["keys", "list"]).env("INKPRINT_KEYRING", &text)));
    quiet("help", &run(inkprint(home.path()).args(["keys", "list", "--help"]).env("INKPRINT_KEYRING", &text)));
    // Broken keyrings of many kinds: cut, doubled, with a key where it does not belong.
    let key = &hidden[0];
    for broken in [
        text[..text.len() - 20].to_owned(),
        text.replacen("version = 1", &format!("version = \"{key}\""), 1),
        text.replacen("number = 1", &format!("number = \"{key}\""), 1),
        text.replacen("number = 1", &format!("number = {key}"), 1),
        text.replacen("key = ", &format!("{} = 1\nkey = ", key.trim_end_matches('=')), 1),
        text.replacen("created", "created = 1\ncreated", 1),
        text.replace("name = \"", &format!("name = \"{key}")),
        text.replace("key = ", "key = 1"),
        format!("{text}\n{text}"),
        format!("{key}\n"),
    ] {
        fs::write(&path, &broken).expect("written");
        let refused = run(keys(home.path()).arg("list"));
        ended(&refused, 2);
        assert!(stderr(&refused).contains("line "), "{}", stderr(&refused));
        quiet("an error", &refused);
    }
}

#[test]
fn without_a_keyring_the_message_says_how_to_make_one() {
    let home = tempdir().expect("a directory");
    let missing = run_with(inkprint(home.path()).arg("fingerprint"), b"hunter2\n");
    ended(&missing, 2);
    assert!(stderr(&missing).contains("inkprint keys init"), "{}", stderr(&missing));
    assert!(!home.path().join(".local").exists(), "looking makes nothing");
    ended(&run(inkprint(home.path()).args(["keys", "init"])), 0);
    assert!(home.path().join(".local/state/inkprint/keyring").exists());
    ended(&run_with(inkprint(home.path()).arg("fingerprint"), b"hunter2\n"), 0);
    let homeless = run(inkprint(home.path()).env_remove("HOME").args(["keys", "list"]));
    ended(&homeless, 2);
    assert!(stderr(&homeless).contains("--keyring"), "{}", stderr(&homeless));
}

#[test]
fn a_reader_never_meets_half_a_keyring() {
    let home = home_with_keyring();
    thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            for _ in 0..15 {
                ended(&run(keys(home.path()).arg("rotate")), 0);
            }
        });
        while !rotating.is_finished() {
            ended(&run(keys(home.path()).arg("list")), 0);
        }
    });
}
