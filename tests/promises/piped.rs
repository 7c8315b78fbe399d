use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, tool};

const SECRET: &str = "Vq7-molten-Harbor";

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program was built")
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("it runs");
}

#[test]
fn a_line_is_passed_on_as_soon_as_it_is_whole() {
    let home = home_with_keyring();
    for threads in ["1", "4"] {
        let mut child = spawn(pipe(home.path()).args(["--threads", threads]));
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        // Read while the input is still open: what waits for more would wait for ever.
        for number in 0..50 {
            stdin.write_all(format!("line {number} password={SECRET}\n").as_bytes()).expect("written");
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a line");
            assert!(line.starts_with(&format!("line {number} password=ink1-password-k1-")), "{line}");
        }
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
    }
}

#[test]
fn on_a_signal_what_was_read_is_written_and_all_is_well() {
    let home = home_with_keyring();
    for word in [Signal::TERM, Signal::INT] {
        let mut child = spawn(&mut pipe(home.path()));
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdin.write_all(b"first\n").expect("written");
        let mut first = String::new();
        stdout.read_line(&mut first).expect("a line");
        // In the pipe before the signal comes, so it belongs to what is still cleaned; the last line is not even whole.
        stdin.write_all(format!("{}password={SECRET}", "more\n".repeat(10_000)).as_bytes()).expect("written");
        signal(&child, word);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("text");
        let output = child.wait_with_output().expect("it ends though its input does not");
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
        assert_eq!(rest.matches("more\n").count(), 10_000);
        assert!(
            rest.rsplit('\n').next().is_some_and(|line| line.starts_with("password=ink1-password-k1-")),
            "{word:?}"
        );
        drop(stdin);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), "more than any pipe holds\n".repeat(400_000)).expect("written");
    let mut child = spawn(pipe(home.path()).arg("log"));
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdout.read_line(&mut String::new()).expect("it has begun");
    // Nobody reads on, so that what was read cannot be written and the first signal does not end it.
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        signal(&child, Signal::TERM);
        if let Some(status) = child.try_wait().expect("ours") {
            break status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        thread::yield_now();
    };
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
}

const LOG: &str = "one\npassword=Vq7-molten-Harbor token=8dk2Jq0Zm4xW\n\ntoken=8dk2Jq0Zm4xW\nlast";

#[test]
fn the_numbers_of_a_summary_add_up() {
    let home = home_with_keyring();
    let summary = |log: &str| {
        let output = run_with(pipe(home.path()).arg("--stats=json"), log.as_bytes());
        let stats: Value = serde_json::from_str(&stderr(&output)).expect("one JSON object and nothing else");
        (ended(&output, 0), stats)
    };
    let (cleaned, stats) = summary(LOG);
    for (field, expected) in [
        ("lines", 5),
        ("bytes_in", LOG.len()),
        ("bytes_out", cleaned.len()),
        ("matches", 3),
        ("withheld_lines", 0),
        ("known_marks", 0),
    ] {
        assert_eq!(stats[field], expected, "{field}");
    }
    let rules: Vec<(&str, u64)> = stats["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|r| (r["rule"].as_str().expect("an id"), r["matches"].as_u64().expect("a number")))
        .collect();
    assert_eq!(rules, [("token", 2), ("password", 1)]);
    let foreign = cleaned.replace("ink1-password-k1-", "ink1-password-k2-");
    let (again, stats) = summary(&foreign);
    assert_eq!(again, foreign);
    assert_eq!(
        (&stats["matches"], &stats["known_marks"], &stats["unverified_marks"]),
        (&0.into(), &2.into(), &1.into())
    );
    let text = run_with(pipe(home.path()).arg("--stats"), LOG.as_bytes());
    assert!(stderr(&text).contains("5 lines") && stderr(&text).contains("3 secrets in 2 rules"), "{}", stderr(&text));
}

#[test]
fn matches_can_fail_a_job() {
    let home = home_with_keyring();
    for (args, log, code) in [
        (&["--fail-on-match"][..], LOG, 1),
        (&["--fail-on-match"], "nothing\n", 0),
        (&["--fail-on-match", "--dry-run"], LOG, 1),
        (&["--fail-on-match", "--dry-run"], "nothing\n", 0),
        (&["--dry-run"], LOG, 0),
        (&["--fail-on-match", "--disable", "context"], LOG, 0),
    ] {
        ended(&run_with(pipe(home.path()).args(args), log.as_bytes()), code);
    }
}

#[test]
fn a_dry_run_says_what_would_go_and_shows_the_marks_that_would_stand_there() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), LOG).expect("written");
    let report = ended(&run(pipe(home.path()).args(["--dry-run", "log"])), 0);
    let cleaned = ended(&run(pipe(home.path()).arg("log")), 0);
    let rows: Vec<&str> = report.lines().collect();
    assert_eq!(rows.len(), 3, "{report}");
    for (row, (place, len)) in rows.iter().zip([("log:2:10", SECRET.len()), ("log:2:34", 12), ("log:4:7", 12)]) {
        let fields: Vec<&str> = row.split('\t').collect();
        assert!(fields[0] == place && row.contains(&format!("{len} bytes")), "{row}");
        assert!(fields.iter().any(|field| field.starts_with("ink1-") && cleaned.contains(field)), "{row}");
    }
}

#[test]
fn a_keyring_made_on_first_use_is_told_once_and_not_to_the_quiet() {
    for (args, told) in [(&[][..], 1), (&["-q"], 0)] {
        let home = tempfile::tempdir().expect("a directory");
        let first = run_with(inkprint(home.path()).args(args), LOG.as_bytes());
        assert_eq!(stderr(&first).lines().count(), told, "{}", stderr(&first));
        let second = run_with(inkprint(home.path()).args(args), LOG.as_bytes());
        assert_eq!((stderr(&second).as_str(), ended(&first, 0)), ("", ended(&second, 0)));
    }
}

/// Runs a shell command on a terminal of its own; what it showed there, and its code.
fn on_a_terminal(home: &Path, shell: &str) -> (String, Option<i32>) {
    let mut script = Command::new("script");
    script.args(["-qec", shell, "/dev/null"]).current_dir(home).stdin(Stdio::null());
    let output = script.env("HOME", home).env("INKPRINT_KEYRING", "k").output().expect("installed");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[test]
fn a_terminal_gets_help_and_colours() {
    let home = home_with_keyring();
    let program = env!("CARGO_BIN_EXE_inkprint");
    if !tool("script") {
        return;
    }
    let (help, code) = on_a_terminal(home.path(), program);
    assert!(help.contains("Usage:") && help.contains("[FILE]...") && code == Some(0), "{help}");
    let coloured = |options: &str| on_a_terminal(home.path(), &format!("echo password={SECRET} | {program} {options}"));
    let (shown, _) = coloured("");
    assert!(shown.contains("password=\x1b[1;32mink1-password-k1-"), "{shown:?}");
    let (shown, _) = coloured("--color never");
    assert!(shown.contains("password=ink1-password-k1-"), "{shown:?}");
    let piped = run_with(pipe(home.path()).args(["--color", "always"]), LOG.as_bytes());
    assert!(ended(&piped, 0).contains("\x1b[1;32mink1-password-k1-"));
}
