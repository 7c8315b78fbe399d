use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::super::program::{ended, home_with_keyring, inkprint, run, run_with, stderr, tool};
use super::super::tcp::service::Service;
use super::tamper::{lines, mutations};

const TOKEN: &str = "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";

fn with_journal(home: &Path, args: &[&str]) -> Command {
    let mut command = inkprint(home);
    command.env("INKPRINT_KEYRING", "k").env("INKPRINT_JOURNAL", "j").args(args);
    command
}

fn records(home: &Path, args: &[&str]) -> Vec<Value> {
    let shown = ended(&run(with_journal(home, &["audit", "show", "--json"]).args(args)), 0);
    shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn kinds(home: &Path) -> Vec<String> {
    records(home, &[]).iter().map(|record| record["kind"].as_str().expect("a kind").to_owned()).collect()
}

fn verdict(home: &Path, args: &[&str]) -> (i32, Value) {
    let output = run(with_journal(home, &["audit", "verify", "--json"]).args(args));
    (output.status.code().expect("it ends"), serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn every_key_action_is_announced_and_concluded() {
    let home = home_with_keyring();
    for args in [
        &["keys", "rotate"][..],
        &["keys", "rotate"],
        &["keys", "retire", "2"],
        &["keys", "destroy", "1", "--yes"],
        &["keys", "namespace", "add", "red"],
        &["keys", "namespace", "forget", "red", "--yes"],
    ] {
        ended(&run(&mut with_journal(home.path(), args)), 0);
    }
    // What the keyring itself refuses was never about to happen.
    ended(&run(&mut with_journal(home.path(), &["keys", "retire", "9"])), 2);
    let keys = records(home.path(), &["--kind", "key"]);
    let told: Vec<_> = keys
        .iter()
        .map(|record| {
            let details = &record["details"];
            format!("{} {} {}", details["action"], details["epoch"], details["namespace"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "\"rotate\" 2 null",
            "\"rotate\" 3 null",
            "\"retire\" 2 null",
            "\"destroy\" 1 null",
            "\"add-namespace\" null \"red\"",
            "\"forget-namespace\" null \"red\""
        ]
    );
    let outcomes = records(home.path(), &["--kind", "outcome"]);
    for (key, outcome) in keys.iter().zip(&outcomes) {
        assert_eq!((&outcome["details"]["of"], &outcome["details"]["done"]), (&key["seq"], &Value::Bool(true)));
    }
    assert_eq!(outcomes.len(), keys.len());
    let (code, verdict) = verdict(home.path(), &["--complete"]);
    assert_eq!((code, &verdict["sound"], &verdict["unsigned"]), (0, &Value::Bool(true), &Value::from(0)));
    for (file, mode) in [("j", 0o600), ("j.key", 0o600), ("j.pub", 0o644)] {
        assert_eq!(fs::metadata(home.path().join(file)).expect("there").mode() & 0o777 & !0o022, mode, "{file}");
    }
}

#[test]
fn nothing_is_done_that_the_journal_cannot_tell() {
    let home = home_with_keyring();
    let before = fs::read(home.path().join("k")).expect("there");
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
    let rotated = fs::read(home.path().join("k")).expect("there");
    assert_ne!(before, rotated);
    let journal = fs::read(home.path().join("j")).expect("there");
    fs::write(home.path().join("j"), [&journal[..], b"no record\n"].concat()).expect("written");
    let refused = run(&mut with_journal(home.path(), &["keys", "rotate"]));
    ended(&refused, 2);
    assert!(stderr(&refused).contains("damaged at byte"), "{}", stderr(&refused));
    assert_eq!(fs::read(home.path().join("k")).expect("there"), rotated);
    assert_eq!(ended(&run_with(&mut with_journal(home.path(), &[]), b"x\n"), 2), "", "no line passes untold");
    let asked = run_with(&mut with_journal(home.path(), &["fingerprint", "--reason", "case"]), b"x\n");
    assert_eq!(ended(&asked, 2), "", "no lookup is answered untold");
    // Nor without the key, or with another one, or with one that others can read.
    fs::write(home.path().join("j"), &journal).expect("written");
    let key = fs::read(home.path().join("j.key")).expect("there");
    fs::set_permissions(home.path().join("j.key"), fs::Permissions::from_mode(0o644)).expect("set");
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 2);
    fs::remove_file(home.path().join("j.key")).expect("there");
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 2);
    ended(&run(with_journal(home.path(), &["keys", "rotate"]).env("INKPRINT_JOURNAL", "other")), 0);
    let other =
        run(with_journal(home.path(), &["keys", "rotate", "--journal-key", "other.key"]).env("INKPRINT_JOURNAL", "j"));
    ended(&other, 2);
    assert!(stderr(&other).contains("was begun with the key"), "{}", stderr(&other));
    assert!(!key.is_empty());
}

#[test]
fn what_was_announced_and_could_not_be_done_is_told_too() {
    let home = home_with_keyring();
    // In the place of the new keyring, before it takes the old one's.
    fs::create_dir(home.path().join(".k.new")).expect("made");
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 2);
    assert_eq!(kinds(home.path()), ["begin", "key", "outcome", "checkpoint"]);
    assert_eq!(records(home.path(), &["--kind", "outcome"])[0]["details"]["done"], false);
    ended(&run(&mut with_journal(home.path(), &["keys", "init"])), 2);
    let outcomes = records(home.path(), &["--kind", "outcome"]);
    assert_eq!(outcomes[1]["details"]["done"], false, "there was a keyring");
}

#[test]
fn a_lookup_needs_a_reason_and_is_told_before_it_is_answered() {
    let home = home_with_keyring();
    let secret = format!("{TOKEN}\n");
    let log = ended(&run_with(&mut with_journal(home.path(), &[]), format!("token={TOKEN}\n").as_bytes()), 0);
    fs::write(home.path().join("clean.log"), log).expect("written");
    let unasked = run_with(&mut with_journal(home.path(), &["fingerprint"]), secret.as_bytes());
    assert_eq!(ended(&unasked, 2), "");
    assert!(stderr(&unasked).contains("--reason"), "{}", stderr(&unasked));
    let pasted = run_with(&mut with_journal(home.path(), &["fingerprint", "--reason", TOKEN]), secret.as_bytes());
    assert_eq!(ended(&pasted, 2), "");
    assert!(!stderr(&pasted).contains(TOKEN), "{}", stderr(&pasted));
    assert!(records(home.path(), &["--kind", "lookup"]).is_empty());

    let two = format!("{TOKEN}\nnever-seen-Harbour7\n");
    let args = ["fingerprint", "--reason", "case 4711", "--in", "clean.log"];
    ended(&run_with(&mut with_journal(home.path(), &args), two.as_bytes()), 0);
    let lookups = records(home.path(), &["--kind", "lookup"]);
    let details = &lookups[0]["details"];
    assert_eq!((&details["reason"], &details["asked"], &details["found"]), (&"case 4711".into(), &2.into(), &1.into()));
    let journal = fs::read_to_string(home.path().join("j")).expect("text");
    assert!(!journal.contains("ghp_") && !journal.contains("Harbour7"), "{journal}");
    // Without a journal there is nowhere for it to go.
    let lost =
        run_with(inkprint(home.path()).args(["fingerprint", "--keyring", "k", "--reason", "x"]), secret.as_bytes());
    ended(&lost, 2);
}

#[test]
fn on_a_terminal_the_reason_is_asked_for() {
    if !tool("script") {
        return;
    }
    let home = home_with_keyring();
    fs::write(home.path().join("secrets"), TOKEN).expect("written");
    let mut terminal = Command::new("script");
    let program = format!("{} fingerprint --from secrets --json", env!("CARGO_BIN_EXE_inkprint"));
    terminal.args(["-qec", &program, "/dev/null"]).current_dir(home.path()).env("HOME", home.path());
    terminal.envs([("INKPRINT_KEYRING", "k"), ("INKPRINT_JOURNAL", "j")]);
    let asked = ended(&run_with(&mut terminal, b"case 9\n"), 0);
    assert!(asked.contains("Why is this asked"), "{asked}");
    assert_eq!(records(home.path(), &["--kind", "lookup"])[0]["details"]["reason"], "case 9");
    ended(&run_with(&mut terminal, b"\n"), 2);
    assert_eq!(records(home.path(), &["--kind", "lookup"]).len(), 1);
}

#[test]
fn the_pipe_tells_how_it_started_and_ended() {
    let home = home_with_keyring();
    let forged = "ink1-github-pat-k1-q7xk2m9c4vw8z5tn1bhd7k2p";
    let log = format!("token={TOKEN}\n{forged}\n");
    ended(&run_with(&mut with_journal(home.path(), &[]), log.as_bytes()), 0);
    ended(&run(&mut with_journal(home.path(), &["missing"])), 2);
    assert_eq!(ended(&run_with(&mut with_journal(home.path(), &["-o", "/dev/full"]), log.as_bytes()), 2), "");
    ended(&run_with(&mut with_journal(home.path(), &["--disable", "github-pat"]), b"x\n"), 0);
    let expected = [
        "begin",
        "start",
        "rules",
        "forged-marks",
        "stop",
        "checkpoint",
        "start",
        "rules",
        "stop",
        "checkpoint",
        "start",
        "rules",
        "stop",
        "checkpoint",
    ];
    assert_eq!(kinds(home.path()), expected);
    let all = records(home.path(), &[]);
    assert_eq!(all[3]["details"]["marks"], 1);
    let stop = &all[4]["details"];
    assert_eq!((&stop["ok"], &stop["start"], &stop["counts"]["matches"]), (&true.into(), &2.into(), &1.into()));
    assert_eq!(stop["counts"]["bytes_in"], log.len());
    assert_eq!(all[8]["details"]["ok"], false, "the output was full");
    let hash = |at: usize| all[at]["details"]["sha256"].as_str().expect("a hash").to_owned();
    assert_eq!(hash(2), hash(7), "the same rules");
    assert_ne!(hash(2), hash(11), "other rules");
    assert_eq!(verdict(home.path(), &["--complete"]).0, 0);
}

#[test]
fn a_service_tells_its_start_and_its_stop() {
    let home = home_with_keyring();
    let path = home.path().join("j").display().to_string();
    let mut service = Service::start(&["--journal", &path]);
    // Its own keyring, which is made on first use, is told of before its start.
    assert_eq!(kinds(home.path()), ["begin", "key", "outcome", "checkpoint", "start", "rules"]);
    assert_eq!(records(home.path(), &["--kind", "key"])[0]["details"]["action"], "init");
    assert_eq!(verdict(home.path(), &["--complete"]).0, 1, "it runs");
    service.stop();
    let stop = &records(home.path(), &["--kind", "stop"])[0]["details"];
    assert_eq!((&stop["start"], &stop["ok"]), (&5.into(), &true.into()));
    assert_eq!(verdict(home.path(), &["--complete"]).0, 0);
}

#[test]
fn a_journal_of_real_runs_is_found_changed_wherever_it_is_changed() {
    let home = home_with_keyring();
    for number in 0..8 {
        ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
        ended(&run_with(&mut with_journal(home.path(), &[]), format!("token={TOKEN}\n").as_bytes()), 0);
        let reason = format!("case {number}");
        ended(&run_with(&mut with_journal(home.path(), &["fingerprint", "--reason", &reason]), TOKEN.as_bytes()), 0);
    }
    ended(&run(&mut with_journal(home.path(), &["audit", "export", "-o", "head"])), 0);
    let (code, sound) = verdict(home.path(), &["--head", "head", "--complete"]);
    assert_eq!((code, sound["fault_count"].as_u64()), (0, Some(0)), "{sound}");
    // In this process, by the files that a user would keep: the program itself takes too long for so many.
    let journal = fs::read(home.path().join("j")).expect("there");
    let key = inkprint::control::journal::key::load_public(&home.path().join("j.pub")).expect("a key");
    let head = key.open(&fs::read_to_string(home.path().join("head")).expect("text")).expect("signed");
    let mutations = mutations(&journal);
    assert!(lines(&journal).len() > 64 && mutations.len() > 1000);
    for (what, mutation) in mutations {
        let verdict = inkprint::control::journal::verify::verify(&mutation[..], &key, Some(&head)).expect("memory");
        assert!(!verdict.is_sound(), "{what} is not found");
    }
    // And by the program once, with the place.
    let second = lines(&journal)[1].clone();
    let removed = [&journal[..second.start], &journal[second.end..]].concat();
    fs::write(home.path().join("j"), removed).expect("written");
    let (code, verdict) = verdict(home.path(), &[]);
    let fault = &verdict["faults"][0];
    assert_eq!((code, &fault["record"], &fault["line"]), (1, &3.into(), &2.into()), "{verdict}");
    assert_eq!(fault["byte"], second.start);
}

#[test]
fn another_program_verifies_it() {
    let home = home_with_keyring();
    for _ in 0..25 {
        ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/journal.py");
    let reference = || run(Command::new("python3").arg(script).args(["j", "j.pub"]).current_dir(home.path()));
    let journal = fs::read(home.path().join("j")).expect("there");
    let count = lines(&journal).len();
    assert!(count > 64);
    assert_eq!(ended(&reference(), 0), format!("{count} {count}\n"));
    let middle = lines(&journal)[40].clone();
    for changed in [
        [&journal[..middle.start], &journal[middle.end..]].concat(),
        [&journal[..middle.end], &journal[middle.clone()], &journal[middle.end..]].concat(),
        [&journal[..middle.start + 50], b"\x00", &journal[middle.start + 51..]].concat(),
        journal[..journal.len() - 7].to_vec(),
    ] {
        fs::write(home.path().join("j"), changed).expect("written");
        ended(&reference(), 1);
    }
    // Signed by another key than the one that is believed.
    fs::write(home.path().join("j"), &journal).expect("written");
    ended(&run(with_journal(home.path(), &["keys", "rotate"]).env("INKPRINT_JOURNAL", "other")), 0);
    fs::copy(home.path().join("other.pub"), home.path().join("j.pub")).expect("copied");
    ended(&reference(), 1);
    assert_eq!(verdict(home.path(), &[]).0, 1);
}

#[test]
fn a_cut_tail_is_found_by_the_checkpoint_that_was_kept() {
    let home = home_with_keyring();
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
    let old = fs::read(home.path().join("j")).expect("there");
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
    ended(&run(&mut with_journal(home.path(), &["audit", "export", "--sign", "-o", "head"])), 0);
    assert_eq!(verdict(home.path(), &["--head", "head"]).0, 0);
    fs::write(home.path().join("j"), &old).expect("written");
    assert_eq!(verdict(home.path(), &[]).0, 0, "an older copy is sound by itself");
    assert_eq!(verdict(home.path(), &["--head", "head"]).0, 1);
    fs::write(home.path().join("head"), "inkprint/journal/0\n1\nAA==\n\n\u{2014} x y\n").expect("written");
    ended(&run(&mut with_journal(home.path(), &["audit", "verify", "--head", "head"])), 2);
}

/// Whatever is killed when, what it announced is in the journal, and the journal is sound.
#[test]
fn killed_processes_leave_a_sound_journal_and_no_untold_rotation() {
    let home = home_with_keyring();
    let mut delay = 0;
    for _ in 0..50 {
        let running: Vec<_> = (0..2)
            .map(|_| {
                with_journal(home.path(), &["keys", "rotate"])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("the program was built")
            })
            .collect();
        // Anywhere between its start and its end: whenever that is, what is asked for below must hold.
        delay = (delay + 1733) % 12_000;
        thread::sleep(Duration::from_micros(delay));
        for mut process in running {
            process.kill().expect("ours");
            process.wait().expect("ours");
        }
    }
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
    let (code, verdict) = verdict(home.path(), &["--complete"]);
    assert_eq!(code, 0, "{verdict}");
    let announced: Vec<u64> = records(home.path(), &["--kind", "key"])
        .iter()
        .filter_map(|record| record["details"]["epoch"].as_u64())
        .collect();
    let list: Value =
        serde_json::from_str(&ended(&run(&mut with_journal(home.path(), &["keys", "list", "--json"])), 0))
            .expect("JSON");
    for epoch in 2..=list["current"].as_u64().expect("a number") {
        assert!(announced.contains(&epoch), "epoch {epoch} was never announced");
    }
}

#[test]
fn many_processes_write_one_chain() {
    let home = home_with_keyring();
    let running: Vec<_> = (0..12)
        .map(|_| with_journal(home.path(), &["keys", "rotate"]).stdout(Stdio::piped()).spawn().expect("built"))
        .collect();
    for process in running {
        ended(&process.wait_with_output().expect("it ends"), 0);
    }
    assert_eq!(verdict(home.path(), &["--complete"]).0, 0);
    assert_eq!(records(home.path(), &["--kind", "key"]).len(), 12);
}

/// After the older key is destroyed, the marks that it made are still linked to those of the newer one, without the secret.
#[test]
fn a_bridge_outlives_the_key_that_it_begins_at() {
    let home = home_with_keyring();
    let log = format!("token={TOKEN}\n");
    let old = ended(&run_with(&mut with_journal(home.path(), &[]), log.as_bytes()), 0);
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
    let new = ended(&run_with(&mut with_journal(home.path(), &[]), log.as_bytes()), 0);
    fs::write(home.path().join("logs"), old.clone() + &new).expect("written");
    let find = |code| {
        let args = ["fingerprint", "--reason", "case 1", "--in", "logs", "--json"];
        let answer = ended(&run_with(&mut with_journal(home.path(), &args), TOKEN.as_bytes()), code);
        serde_json::from_str::<Value>(answer.lines().next().expect("a line")).expect("JSON")
    };
    assert_eq!(find(0)["found"], 2, "both epochs answer");
    let bridges = records(home.path(), &["--kind", "bridge"]);
    let print = |mark: &str| mark.trim().rsplit('-').next().expect("a mark")[..20].to_owned();
    let pairs = bridges[0]["details"]["prints"].as_array().expect("pairs").clone();
    assert!(pairs.contains(&serde_json::json!([print(&old), print(&new)])), "{pairs:?}");
    let destroyed = ended(&run(&mut with_journal(home.path(), &["keys", "destroy", "1", "--yes"])), 0);
    assert!(destroyed.contains("bridges go on linking"), "{destroyed}");
    let after = find(0);
    assert_eq!((&after["found"], &after["epochs"][1]["bridged"]), (&2.into(), &true.into()), "{after}");
    assert_eq!(records(home.path(), &["--kind", "bridge"]).len(), 1, "a bridge is told once");
}

#[test]
fn the_schedule_of_rotations_is_proved_or_its_gaps_are_named() {
    let home = home_with_keyring();
    ended(&run(with_journal(home.path(), &["keys", "init"]).env("INKPRINT_KEYRING", "fresh")), 0);
    ended(&run(with_journal(home.path(), &["keys", "rotate"]).env("INKPRINT_KEYRING", "fresh")), 0);
    let audit = |args: &[&str]| {
        let output =
            run(with_journal(home.path(), &["keys", "audit", "--json"]).env("INKPRINT_KEYRING", "fresh").args(args));
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default())
    };
    let (code, kept) = audit(&["--every", "90d"]);
    assert_eq!((code, &kept["kept"]), (Some(0), &Value::Bool(true)), "{kept}");
    let account = kept["keyrings"].as_object().expect("keyrings").values().next().expect("one");
    assert_eq!((&account["rotations"], &account["unconfirmed"]), (&1.into(), &serde_json::json!([])));
    assert_eq!(audit(&["--every", "1ns"]).0, Some(1), "two actions are never so near each other");
    // Of another keyring the journal tells nothing, and a journal that was changed proves nothing.
    ended(&run(&mut with_journal(home.path(), &["keys", "audit", "--every", "90d"])), 2);
    let journal = fs::read_to_string(home.path().join("j")).expect("text");
    fs::write(home.path().join("j"), journal.replacen("rotate", "retire", 1)).expect("written");
    assert_eq!(audit(&["--every", "90d"]).0, Some(1));
}
