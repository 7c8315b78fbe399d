use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::program::{ended, home_with_keyring, inkprint, run, run_with, stderr};

const TOKEN: &str = "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";
const OTHER: &str = "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";

fn with_journal(home: &Path, args: &[&str]) -> Command {
    let mut command = inkprint(home);
    command.env("INKPRINT_KEYRING", "k").env("INKPRINT_JOURNAL", "j").args(args);
    command
}

fn records(home: &Path, kind: &str) -> Vec<Value> {
    let shown = ended(&run(&mut with_journal(home, &["audit", "show", "--json", "--kind", kind])), 0);
    shown.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["details"].clone()).collect()
}

fn print(marked: &str) -> String {
    let at = marked.find("ink1-").expect("a mark");
    let mark = marked[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().expect("a mark");
    mark.rsplit('-').next().expect("a fingerprint")[..20].to_owned()
}

/// Nobody looked the secret up while both keys lived: the pipe saw it, and that is enough.
#[test]
fn the_pipe_links_what_it_sees_over_a_rotation() {
    let home = home_with_keyring();
    let log = format!("token={TOKEN}\nand token={OTHER}\n").repeat(50);
    let old = ended(&run_with(&mut with_journal(home.path(), &["--bridge"]), log.as_bytes()), 0);
    assert_eq!(records(home.path(), "bridge").len(), 0, "there is but one epoch");
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate"])), 0);
    // Without being asked for, no link is made.
    let new = ended(&run_with(&mut with_journal(home.path(), &[]), log.as_bytes()), 0);
    assert_eq!(records(home.path(), "bridge").len(), 0);
    for _ in 0..2 {
        let args = ["--bridge", "--threads", "3", "--max-line", "256K"];
        assert_eq!(ended(&run_with(&mut with_journal(home.path(), &args), log.as_bytes()), 0), new);
    }
    let bridges = records(home.path(), "bridge");
    let pairs: Vec<Value> =
        bridges.iter().flat_map(|bridge| bridge["prints"].as_array().expect("pairs").clone()).collect();
    assert_eq!(pairs.len(), 2, "each secret once: {bridges:?}");
    for at in 0..2 {
        let of = |cleaned: &str| print(cleaned.lines().nth(at).expect("as many lines"));
        assert!(pairs.contains(&serde_json::json!([of(&old), of(&new)])), "{pairs:?}");
    }
    ended(&run(&mut with_journal(home.path(), &["keys", "destroy", "1", "--yes"])), 0);
    fs::write(home.path().join("old.log"), &old).expect("written");
    let args = ["fingerprint", "--reason", "case 1", "--in", "old.log", "--json"];
    let answer = ended(&run_with(&mut with_journal(home.path(), &args), TOKEN.as_bytes()), 0);
    let answer: Value = serde_json::from_str(answer.lines().next().expect("a line")).expect("JSON");
    assert_eq!(answer["found"], 50, "{answer}");
    ended(&run(&mut with_journal(home.path(), &["audit", "verify"])), 0);
    let journal = fs::read_to_string(home.path().join("j")).expect("there");
    assert!(!journal.contains("ghp_"));
    let refused = run_with(inkprint(home.path()).args(["--keyring", "k", "--bridge"]), log.as_bytes());
    assert!(ended(&refused, 2).is_empty() && stderr(&refused).contains("--journal"), "{}", stderr(&refused));
}

#[test]
fn a_run_that_was_killed_leaves_a_gap_that_the_next_one_tells() {
    let home = home_with_keyring();
    let mut child = with_journal(home.path(), &["-o", "out"]).stdin(Stdio::piped()).spawn().expect("built");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(format!("token={TOKEN}\n").as_bytes()).expect("it reads");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(home.path().join("out")).is_ok_and(|out| out.contains("ink1-")) {
        assert!(Instant::now() < deadline, "nothing is cleaned");
        thread::yield_now();
    }
    // While it runs, nobody says that it does not.
    ended(&run_with(&mut with_journal(home.path(), &[]), b"x\n"), 0);
    assert_eq!(records(home.path(), "gap").len(), 0);
    child.kill().expect("ours");
    child.wait().expect("ours");
    for _ in 0..2 {
        ended(&run_with(&mut with_journal(home.path(), &[]), b"x\n"), 0);
        let gaps = records(home.path(), "gap");
        assert_eq!(gaps.len(), 1, "once: {gaps:?}");
        assert_eq!(gaps[0]["what"], "the run that began with record 2 did not tell its end");
        assert!(gaps[0]["from"].as_str() < gaps[0]["to"].as_str());
    }
    ended(&run(&mut with_journal(home.path(), &["audit", "verify", "--complete"])), 0);
}

#[test]
fn sightings_that_are_lost_are_a_gap_too() {
    let home = home_with_keyring();
    // A server that is not there: nobody listens on port 1.
    let index = "postgres://ink@127.0.0.1:1/fleet";
    let log = format!("token={TOKEN}\n").repeat(7);
    let output = run_with(&mut with_journal(home.path(), &["--sightings", index]), log.as_bytes());
    assert_eq!(ended(&output, 2).matches("ink1-").count(), 7, "the log is cleaned all the same");
    assert!(stderr(&output).contains("7 sightings could not be recorded"), "{}", stderr(&output));
    let gaps = records(home.path(), "gap");
    assert_eq!((gaps.len(), &gaps[0]["what"]), (1, &"7 sightings could not be recorded".into()));
}

#[test]
fn a_timer_rotates_when_it_is_time() {
    let home = home_with_keyring();
    let rotate =
        |age: &str| ended(&run(&mut with_journal(home.path(), &["keys", "rotate", "--if-older-than", age])), 0);
    let shown = rotate("90d");
    assert!(shown.contains("epoch 1 is the current one since") && shown.contains("nothing is due before"), "{shown}");
    assert_eq!(records(home.path(), "key").len(), 0);
    // Made so long ago that it is old by now.
    let path = home.path().join("k");
    let keyring = fs::read_to_string(&path).expect("there");
    let aged: Vec<String> = keyring
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some((name @ ("created" | "activated"), _)) => format!("{name} = 2026-01-02T03:04:05Z"),
            _ => line.to_owned(),
        })
        .collect();
    fs::write(&path, aged.join("\n") + "\n").expect("written");
    assert!(rotate("90d").contains("epoch 2 is the current one"));
    assert!(rotate("90d").contains("nothing is due"));
    let told = records(home.path(), "key");
    assert_eq!((told.len(), &told[0]["action"], &told[0]["epoch"]), (1, &"rotate".into(), &2.into()));
    assert_eq!(records(home.path(), "outcome")[0]["done"], true);
    ended(&run(&mut with_journal(home.path(), &["audit", "verify", "--complete"])), 0);
    ended(&run(&mut with_journal(home.path(), &["keys", "rotate", "--if-older-than", "soon"])), 2);
}
