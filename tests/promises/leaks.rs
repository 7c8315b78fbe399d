use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::fs::OFlags;

use super::program::{home_with_keyring, inkprint, pipe, run, run_with};

/// Bytes of a canary that give it away, wherever they are seen.
const TELLING: usize = 12;

/// Secrets in lines of a log: what is planted, and the line with `@` in its place. Well-formed and not, some no text at all.
const CANARIES: &[(&[u8], &[u8])] = &[
    (b"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", b"GITHUB_TOKEN=@ PATH=/usr/bin"),
    (b"ASIAQNZGKIQY56JQ7WML", b"call as @ refused"),
    (b"xQ7canary-molten-Harbor", b"login password=@ failed"),
    (b"xQ8canary nested, in JSON", b"{\"body\":\"{\\\"password\\\":\\\"@\\\"}\",\"n\":1}"),
    (b"xQ9canary\\\"escaped\\\\", b"{\"client_secret\":\"@\"}"),
    (b"88214455881290", b"{\"password\":@}"),
    (b"c3ZjOnhRQ2FuYXJ5UGFzc3dvcmQ=", b"> Authorization: Basic @"),
    (b"xQAcanary%40in%2FaURL", b"pool dsn=postgres://app:@@db.internal:5432/orders"),
    (b"xQBcanary%2Bquery", b"GET /v1?access_token=@&page=2 HTTP/1.1"),
    (b"xQCcanary\xff\xfe\x80broken", b"password=@"),
    (b"xQDcanary-cut-off-and-never-closed", b"{\"token\":\"@"),
    (b"xQEcanaryBearer0000", b"authorization: Bearer @ accept=*/*"),
];

/// The log of all canaries, with lines between them that hold none.
fn log() -> Vec<u8> {
    let mut log = Vec::new();
    for (canary, line) in CANARIES {
        let at = line.iter().position(|byte| *byte == b'@').expect("a place");
        log.extend([b"before\n", &line[..at], canary, &line[at + 1..], b"\nafter\n"].concat());
    }
    log
}

/// Fails if `seen` holds as much of a canary as gives it away.
#[track_caller]
fn shows_no_canary(what: &str, seen: &[u8]) {
    for (canary, _) in CANARIES {
        for part in canary.windows(TELLING) {
            let found = memchr::memmem::find(seen, part).is_some();
            assert!(!found, "{what} shows {}: {}", part.escape_ascii(), seen.escape_ascii());
        }
    }
}

#[track_caller]
fn is_clean(what: &str, output: &Output) {
    shows_no_canary(&format!("standard output of {what}"), &output.stdout);
    shows_no_canary(&format!("standard error of {what}"), &output.stderr);
}

/// Every file below `folder` but the inputs that the test wrote itself.
#[track_caller]
fn files_are_clean(folder: &Path, inputs: &[&str]) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            files_are_clean(&path, inputs);
        } else if !inputs.contains(&name.as_str()) {
            shows_no_canary(&path.display().to_string(), &fs::read(&path).expect("readable"));
        }
    }
}

#[test]
fn a_canary_is_seen_where_it_is() {
    for (canary, _) in CANARIES {
        let shown = [b"x", &canary[1..1 + TELLING], b"x"].concat();
        assert!(std::panic::catch_unwind(|| shows_no_canary("it", &shown)).is_err());
    }
}

/// Options of the pipe, each with the log on standard input.
const MODES: &[&[&str]] = &[
    &[],
    &["-q"],
    &["--stats"],
    &["--stats=json"],
    &["--dry-run"],
    &["--fail-on-match", "--dry-run", "--stats"],
    &["--color", "always", "--progress", "always"],
    &["--threads", "4", "--max-line", "256K"],
    &["-o", "out"],
    &["-o", "out", "--progress", "always", "--stats", "log"],
    &["--namespace", "default", "log", "-"],
    // What fails, at each stage.
    &["log", "missing"],
    &["log", "."],
    &["log", "/proc/self/mem"],
    &["-o", "log", "log"],
    &["-o", "/dev/full"],
    &["--namespace", "no-such"],
    &["--patterns", "broken.toml"],
    &["--patterns", "log"],
    &["--only", "no-such"],
    &["--no-such-option"],
];

#[test]
fn no_mode_of_the_pipe_shows_a_secret_at_any_log_level() {
    for level in ["off", "error", "warn", "info", "debug", "trace"] {
        let home = home_with_keyring();
        let temporary = home.path().join("tmp");
        fs::create_dir(&temporary).expect("made");
        fs::write(home.path().join("log"), log()).expect("written");
        fs::write(home.path().join("broken.toml"), "pack = \"tokens\"\n[[rule]]\nid = 1\n").expect("written");
        for args in MODES {
            let mut command = pipe(home.path());
            command.args(*args).envs([("RUST_LOG", level), ("INKPRINT_LOG", level), ("RUST_BACKTRACE", "full")]).env("TMPDIR", &temporary);
            is_clean(&format!("{args:?} at {level}"), &run_with(&mut command, &log()));
            files_are_clean(home.path(), &["log"]);
        }
    }
}

#[test]
fn no_command_shows_a_secret() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), log()).expect("written");
    let cleaned = run(pipe(home.path()).arg("log")).stdout;
    fs::write(home.path().join("cleaned"), &cleaned).expect("written");
    let secrets: Vec<u8> = CANARIES.iter().flat_map(|(canary, _)| [canary, &b"\n"[..]].concat()).collect();
    let commands: &[&[&str]] = &[
        &["fingerprint"],
        &["fingerprint", "--json"],
        &["fingerprint", "-0"],
        &["fingerprint", "--in", "cleaned"],
        &["fingerprint", "--json", "--in", "cleaned", "missing"],
        &["fingerprint", "--rule", "no such rule"],
        &["fingerprint", "--from", "log"],
        &["rules", "explain"],
        &["rules", "explain", "--json"],
        &["rules", "test"],
        &["rules", "lint"],
        &["keys", "list"],
    ];
    for args in commands {
        for input in [&secrets, &log()] {
            let output = run_with(inkprint(home.path()).env("INKPRINT_KEYRING", "k").env("RUST_LOG", "trace").args(*args), input);
            is_clean(&format!("{args:?}"), &output);
        }
        files_are_clean(home.path(), &["log"]);
    }
}

#[test]
fn what_is_typed_in_the_wrong_place_is_not_shown() {
    let home = home_with_keyring();
    for (canary, _) in CANARIES {
        let Ok(canary) = std::str::from_utf8(canary) else { continue };
        for args in [["--keyring", canary], ["--keyring", &format!("env:{canary}")]] {
            is_clean("a keyring's source", &run_with(inkprint(home.path()).args(args), b"x\n"));
        }
    }
}

#[test]
fn a_running_process_can_neither_be_dumped_nor_read_by_its_own_user() {
    let home = home_with_keyring();
    let mut child = pipe(home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program was built");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    stdin.write_all(b"x\n").expect("written");
    std::io::Read::read_exact(&mut stdout, &mut [0; 2]).expect("it runs");
    let process = format!("/proc/{}", child.id());
    let limits = fs::read_to_string(format!("{process}/limits")).expect("readable");
    let core: Vec<&str> = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit").split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    // Of a process that can be dumped this belongs to the user who runs it; of one that cannot, to root. As root: the files that
    // only it may open then tell.
    let dumpable = Command::new("sh").args(["-c", &format!("grep -s CoreDumping {process}/status; stat -c %u {process}/environ")]).output();
    assert!(dumpable.is_ok());
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    let _ = OFlags::RDONLY;
}
