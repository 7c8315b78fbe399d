use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, stdout};

const SECRET: &str = "Vq7-molten-Harbor";

#[test]
fn bytes_that_are_no_text_come_through() {
    let home = home_with_keyring();
    for log in [
        &b""[..],
        b"\n",
        b"\xff\xfe\x80 \xc3\x28\n",
        b"a\0b\0\n\0",
        b"a\r\nb\rc\r",
        b"no newline at the end",
        b"\x1b[31mred\x1b[0m\n",
    ] {
        let output = run_with(&mut pipe(home.path()), log);
        assert_eq!((output.status.code(), &output.stdout[..], stderr(&output).as_str()), (Some(0), log, ""));
    }
    let mixed = run_with(&mut pipe(home.path()), b"\xff\0password=Vq7-molten-Harbor\0\xfe\r\nx");
    assert!(
        mixed.stdout.starts_with(b"\xff\0password=ink1-password-k1-") && mixed.stdout.ends_with(b"\0\xfe\r\nx"),
        "{mixed:?}"
    );
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    let home = home_with_keyring();
    for args in [&[][..], &["--threads", "4"], &["--dry-run"]] {
        let mut child = pipe(home.path())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built");
        let mut stdin = child.stdin.take().expect("piped");
        let mut reader = BufReader::new(child.stdout.take().expect("piped"));
        // Written until nobody reads any more; as the line is longer than a pipe, the first one is out by then or never.
        let writer = std::thread::spawn(move || {
            let lines = format!("password={SECRET}\n").repeat(10_000);
            while stdin.write_all(lines.as_bytes()).is_ok() {}
        });
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        assert!(line.contains("ink1-password-k1-"), "{line}");
        drop(reader);
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("it stops");
        ended(&output, 0);
        assert_eq!(stderr(&output), "", "{args:?}");
    }
}

#[test]
fn a_full_disk_is_told_with_the_name_of_the_file() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), format!("password={SECRET} and so on\n").repeat(40_000)).expect("written");
    let refused = run(pipe(home.path()).args(["-o", "/dev/full", "log"]));
    assert_eq!(ended(&refused, 2), "");
    assert!(stderr(&refused).contains("cannot write /dev/full: No space left on device"), "{}", stderr(&refused));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("there");
    let refused =
        pipe(home.path()).arg("log").stdout(full).stderr(Stdio::piped()).output().expect("the program was built");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("cannot write standard output: No space left on device"), "{}", stderr(&refused));
}

#[test]
fn a_disk_that_fills_up_holds_cleaned_bytes_only() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), format!("password={SECRET} and so on\n").repeat(40_000)).expect("written");
    fs::create_dir(home.path().join("disk")).expect("made");
    // A file system of the command's own, gone with it. Where it may not be made, the command says so and there is nothing to see.
    let script = "mount -t tmpfs -o size=256k none disk 2>/dev/null || exit 99; \"$@\" -o disk/out log; code=$?; cat disk/out; exit $code";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_inkprint"), "--keyring", "k"])
        .current_dir(home.path());
    let output = match command.output() {
        Ok(output) if output.status.code() != Some(99) && !stderr(&output).starts_with("unshare:") => output,
        refused => return eprintln!("no file system of its own: {refused:?}"),
    };
    let written = ended(&output, 2);
    assert!(stderr(&output).contains("cannot write disk/out: No space left on device"), "{}", stderr(&output));
    assert!(written.len() > 100_000 && !written.contains(&SECRET[..8]), "{} bytes", written.len());
}

/// Runs the pipe on a log with a secret, and wants it refused, with nothing passed on; gives the message.
fn refused(command: &mut Command) -> String {
    let output = run_with(command, format!("password={SECRET}\n").as_bytes());
    assert_eq!(ended(&output, 2), "");
    assert!(!stderr(&output).contains(&SECRET[..8]), "{}", stderr(&output));
    stderr(&output)
}

#[test]
fn nothing_passes_without_a_private_keyring() {
    let home = home_with_keyring();
    let path = home.path().join("k");
    for mode in [0o644, 0o640, 0o604, 0o666] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
        let message = refused(&mut pipe(home.path()));
        assert!(message.contains("chmod 600 k"), "{mode:o}: {message}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
    fs::write(&path, "version = 1\n").expect("written");
    refused(&mut pipe(home.path()));
    refused(inkprint(home.path()).args(["--keyring", "missing"]));
    refused(inkprint(home.path()).args(["--keyring", "k", "--namespace", "no-such"]));
    // The automatic one, where it cannot be made.
    fs::write(home.path().join("file"), "").expect("written");
    refused(inkprint(home.path()).env("XDG_STATE_HOME", home.path().join("file")));
}

#[test]
fn an_input_that_cannot_be_read_is_told_before_anything_is_written() {
    let home = home_with_keyring();
    fs::create_dir(home.path().join("folder")).expect("made");
    fs::write(home.path().join("log"), format!("password={SECRET}\n")).expect("written");
    symlink("log", home.path().join("link")).expect("made");
    for (args, told) in [
        (&["log", "missing"][..], "cannot read missing: No such file"),
        (&["log", "folder"], "folder is a folder"),
        (&["log", "-o", "log"], "log is both an input and the output"),
        (&["log", "-o", "link"], "log is both an input and the output"),
        (&["link", "-o", "log"], "link is both an input and the output"),
        (&["log", "-o", "folder"], "cannot write folder: Is a directory"),
        (&["log", "-o", "no/such/place"], "cannot write no/such/place: No such file"),
    ] {
        let message = refused(pipe(home.path()).args(args));
        assert!(message.contains(told), "{args:?}: {message}");
    }
    assert_eq!(fs::read_to_string(home.path().join("log")).expect("there"), format!("password={SECRET}\n"));
}

#[test]
fn an_input_that_fails_halfway_is_told_and_what_was_read_is_written() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), "first\nsecond").expect("written");
    // It opens like a file, and no byte of it can be read.
    let output = run(pipe(home.path()).args(["log", "/proc/self/mem", "log"]));
    assert_eq!(ended(&output, 2), "first\nsecond");
    assert!(stderr(&output).contains("cannot read /proc/self/mem: Input/output error"), "{}", stderr(&output));
}

#[test]
fn nothing_passes_with_a_broken_rule_file_and_every_fault_is_told() {
    let home = home_with_keyring();
    let rule = |id: &str, rest: &str| {
        format!("[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nseverity = \"low\"\nkind = \"secret\"\n{rest}\n")
    };
    let text = [
        "pack = \"tokens\"\n".to_owned(),
        rule("open-group", "pattern = 'a('\nexamples = [\"a\"]"),
        rule("Not_An_Id", "pattern = 'abc[0-9]{9}'\nexamples = [\"abc123456789\"]"),
        rule("everywhere", "pattern = 'a*'\nexamples = [\"a\"]"),
        rule("no-examples", "pattern = 'abc[0-9]{9}'"),
        rule("good", "pattern = 'abc[0-9]{9}'\nexamples = [\"abc123456789\"]"),
    ]
    .concat();
    fs::write(home.path().join("mine.toml"), text).expect("written");
    let message = refused(pipe(home.path()).args(["--patterns", "mine.toml"]));
    for told in [
        "4 faults",
        "mine.toml:2: rule \"open-group\": ",
        "mine.toml:9: rule \"Not_An_Id\": ",
        "mine.toml:16: rule \"everywhere\": the pattern can match the empty string",
        "mine.toml:23: rule \"no-examples\": ",
    ] {
        assert!(message.contains(told), "{told}: {message}");
    }
    assert!(!message.contains("\"good\""), "{message}");
    refused(pipe(home.path()).args(["--patterns", "missing.toml"]));
    refused(pipe(home.path()).args(["--only", "no-such-rule"]));
}

#[test]
fn the_limit_of_a_line_is_a_size() {
    let home = home_with_keyring();
    for good in ["262144", "256K", "256k", "1M", "64m", "1G"] {
        assert_eq!(ended(&run_with(pipe(home.path()).args(["--max-line", good]), b"x\n"), 0), "x\n", "{good}");
    }
    for bad in ["", "0", "1", "255K", "262143", "2G", "1T", "x", "K", "1.5M", "99999999999999999999G", "-1"] {
        let message = refused(pipe(home.path()).arg(format!("--max-line={bad}")));
        assert!(message.contains("256K to 1G"), "{bad}: {message}");
    }
}

#[test]
fn wrong_usage_passes_nothing() {
    let home = home_with_keyring();
    for args in [
        &["--threads", "0"][..],
        &["--threads", "x"],
        &["--stats=xml"],
        &["--color", "maybe"],
        &["--no-such-option"],
        &["--dry-run", "-o", "x"],
    ] {
        refused(pipe(home.path()).args(args));
    }
    assert!(!home.path().join("x").exists());
    assert_eq!(stdout(&run_with(pipe(home.path()).arg("--threads=2"), b"x")), "x");
}

#[test]
fn a_standard_error_that_cannot_be_written_changes_nothing() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), format!("password={SECRET}\n")).expect("written");
    for (args, code, len) in
        [(&["log", "--stats"][..], 0, 51), (&["missing"], 2, 0), (&["rules", "explain", "--no-such"], 2, 0)]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("there");
        let output = inkprint(home.path())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(full)
            .output()
            .expect("the program was built");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), len), "{args:?}");
    }
}
