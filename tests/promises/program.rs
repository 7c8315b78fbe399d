use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use tempfile::{TempDir, tempdir};

/// The program with `home` as home and nothing else of this environment that could reach a keyring.
pub fn inkprint(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkprint"));
    for name in [
        "XDG_STATE_HOME",
        "INKPRINT_KEYRING",
        "CREDENTIALS_DIRECTORY",
        "INKPRINT_JOURNAL",
        "INKPRINT_JOURNAL_KEY",
        "INKPRINT_SIGHTINGS",
        "INKPRINT_INVENTORY",
        "PGPASSWORD",
        "PGPASSFILE",
        "INKPRINT_QUARANTINE",
    ] {
        command.env_remove(name);
    }
    command.env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

/// Runs `command` to its end with `input` on its standard input.
pub fn run_with(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut stdin = child.stdin.take().expect("piped");
    // At the same time as its output is read, or both would wait for ever with more than a pipe holds. A program that stops early
    // need not read everything.
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("it ends")
    })
}

/// Runs `command` to its end.
pub fn run(command: &mut Command) -> Output {
    command.output().expect("the program was built")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// What `output` printed, of a run that must have ended with `code`.
#[track_caller]
pub fn ended(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "stdout: {}\nstderr: {}", stdout(output), stderr(output));
    stdout(output)
}

/// A home with a keyring `k` in it.
pub fn home_with_keyring() -> TempDir {
    let home = tempdir().expect("a directory");
    ended(&run(inkprint(home.path()).args(["keys", "init", "--keyring", "k"])), 0);
    home
}

/// The pipe, with the keyring of [`home_with_keyring`].
pub fn pipe(home: &Path) -> Command {
    let mut command = inkprint(home);
    command.args(["--keyring", "k"]);
    command
}

/// Whether tests may take minutes: the variable `INKPRINT_LONG` is set.
pub fn long_tests() -> bool {
    std::env::var_os("INKPRINT_LONG").is_some()
}

/// Whether a tool that the machine may lack is there. Where all of them must be, `INKPRINT_REQUIRE_TOOLS=1` makes a lack an error.
pub fn tool(name: &str) -> bool {
    tool_in(name, "").is_some()
}

/// Where such a tool is, also in directories of this pattern, which are not in the PATH.
pub fn tool_in(name: &str, directories: &str) -> Option<PathBuf> {
    let find = format!("PATH=$PATH:/usr/sbin:/sbin; for d in {directories}; do PATH=$PATH:$d; done; command -v {name}");
    let found = Command::new("sh").args(["-c", &find]).output().ok().filter(|output| output.status.success());
    let path = found.map(|output| PathBuf::from(stdout(&output).trim()));
    if path.is_none() {
        assert!(std::env::var_os("INKPRINT_REQUIRE_TOOLS").is_none(), "{name} is not installed");
        eprintln!("SKIPPED: {name} is not installed");
    }
    // Not the link in the PATH: what belongs to it stands beside the program itself.
    path.and_then(|path| path.canonicalize().ok())
}
