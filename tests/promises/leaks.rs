use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with};

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
    (b"xQD0canary81LmX0w7-never-closed", b"{\"token\":\"@"),
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
    &["--allow", "log"],
    &["--action", "tokens=mask", "--action", "context=drop-line", "--stats"],
    &["--action", "log=mask"],
    &["--journal", "journal"],
    &["--journal", "journal", "--allow", "log"],
    &["--journal", "log"],
    &["--only", "no-such"],
    &["--no-such-option"],
    &["--sightings", "index", "--source", "unit"],
    &["--sightings", "index", "--sightings-marks", "--action", "tokens=mask", "--action", "context=drop-line"],
    &["--sightings", "log"],
    &["--quarantine", "q", "--quarantine-recipient", RECIPIENT, "--stats"],
    &["--quarantine", "q", "--quarantine-recipient", "xQ7canary-molten-Harbor"],
    &["--quarantine", "log", "--quarantine-recipient", RECIPIENT],
];

/// An age recipient whose identity nobody has.
const RECIPIENT: &str = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm";

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
            command
                .args(*args)
                .envs([("RUST_LOG", level), ("INKPRINT_LOG", level), ("RUST_BACKTRACE", "full")])
                .env("TMPDIR", &temporary);
            is_clean(&format!("{args:?} at {level}"), &run_with(&mut command, &log()));
            files_are_clean(home.path(), &["log"]);
        }
    }
}

#[test]
fn no_command_shows_a_secret() {
    let home = home_with_keyring();
    fs::write(home.path().join("log"), log()).expect("written");
    let other = "pack = 'tokens'\n[[rule]]\nid = 'github-pat'\ndescription = 'none'\npattern = 'zq_[0-9]{8}'\nseverity = 'low'\nkind = 'secret'\nuntested = true\n";
    fs::write(home.path().join("other.toml"), other).expect("written");
    let cleaned = run(pipe(home.path()).arg("log")).stdout;
    fs::write(home.path().join("cleaned"), &cleaned).expect("written");
    // A file's name is a source's name, and a log is seen in it.
    ended(&run(pipe(home.path()).args(["--sightings", "s", "log", "-o", "again"])), 0);
    let token = CANARIES[0].0;
    let import = [&b"{\"id\":\"x\",\"owner\":\"ops\",\"subject\":\"ada\",\"secret\":\""[..], token, b"\"}\n"].concat();
    let mut inventory = inkprint(home.path());
    inventory.args(["inventory", "import", "--inventory", "i", "--keyring", "k"]);
    ended(&run_with(&mut inventory, &import), 0);
    let secrets: Vec<u8> = CANARIES.iter().flat_map(|(canary, _)| [canary, &b"\n"[..]].concat()).collect();
    let commands: &[&[&str]] = &[
        &["fingerprint"],
        &["fingerprint", "--json"],
        &["fingerprint", "-0"],
        &["fingerprint", "--in", "cleaned"],
        &["fingerprint", "--json", "--in", "cleaned", "missing"],
        &["fingerprint", "--rule", "no such rule"],
        &["fingerprint", "--journal", "journal", "--reason", "case 1", "--in", "cleaned"],
        &["fingerprint", "--journal", "journal", "--reason", "case 1", "--json"],
        &["fingerprint", "--journal", "journal"],
        &["audit", "show", "--journal", "journal"],
        &["audit", "verify", "--journal", "journal"],
        &["audit", "export", "--journal", "journal", "--records", ".."],
        &["audit", "show", "--journal", "log"],
        &["audit", "verify", "--journal", "log", "--public-key", "log"],
        &["fingerprint", "--from", "log"],
        &["rules", "test"],
        &["rules", "lint"],
        &["keys", "list"],
        &["trace", "--sightings", "s"],
        &["trace", "--sightings", "s", "--inventory", "i", "--json", "--interop", "github,aws", "--vault-salt", "k"],
        &["trace", "--sightings", "s", "--report", "html", "-o", "case.html", "--detected", "2026-01-01"],
        &["trace", "--sightings", "s", "--report", "md", "-o", "case.md"],
        // A log that was not cleaned, named by mistake: what is shown of it is cleaned.
        &["trace", "--in", "cleaned", "log", "--context", "3", "--json"],
        &["trace", "--in", "cleaned", "log", "--context", "3"],
        &["trace", "--sightings", "log"],
        &["inventory", "add", "--id", "a", "--owner", "b", "--inventory", "i"],
        &["inventory", "import", "--inventory", "i"],
        &["inventory", "list", "--json", "--inventory", "i"],
        &["inventory", "report", "--sightings", "s", "--inventory", "i"],
        &["inventory", "add", "--inventory", "log", "--id", "a", "--owner", "b"],
        &["sightings", "info", "s"],
        &["quarantine", "list", "--directory", "log"],
        &["quarantine", "list", "--identity", "log"],
        &["quarantine", "replay", "--identity", "log"],
        &["sightings", "merge", "merged", "s"],
    ];
    // By itself, without its key, not each of them can be told for a secret; to show such lines is what `explain` is for.
    let explanations: &[&[&str]] = &[
        &["rules", "explain"],
        &["rules", "explain", "--json"],
        &["rules", "diff", "builtin", "other.toml", "--on", "-", "--samples", "99"],
        &["rules", "diff", "builtin", "other.toml", "--only", "github-pat,url-password", "--on", "-", "log", "--json"],
        &["rules", "import", "log", "-"],
    ];
    let runs = commands.iter().flat_map(|args| [(args, secrets.clone()), (args, log())]);
    for (args, input) in runs.chain(explanations.iter().map(|args| (args, log()))) {
        let mut command = inkprint(home.path());
        command.envs([("INKPRINT_KEYRING", "k"), ("RUST_LOG", "trace")]).args(*args);
        is_clean(&format!("{args:?}"), &run_with(&mut command, &input));
        files_are_clean(home.path(), &["log"]);
    }
}

/// Who owns what the kernel shows of a process's memory: whoever runs it, or root where it may not be dumped.
fn owner_of_memory(child: &Child) -> u32 {
    fs::metadata(format!("/proc/{}/mem", child.id())).expect("it runs").uid()
}

/// How large its core dump may be, softly and hard.
fn core_limits(child: &Child) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("readable");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
    core.split_whitespace().take(2).map(str::to_owned).collect()
}

/// Runs `command` as somebody who is not root, with its keyring; `None` where that cannot be.
fn spawn_as_user(command: &mut Command, home: &Path) -> Option<Child> {
    const NOBODY: u32 = 65534;
    if rustix::process::getuid().is_root() {
        for path in [home, &home.join("k")] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    child.map_err(|error| eprintln!("the program cannot be run as another user: {error}")).ok()
}

#[test]
fn a_running_process_cannot_be_dumped() {
    let home = home_with_keyring();
    for args in [&[][..], &["--threads", "1"], &["rules", "explain"], &["fingerprint"]] {
        let Some(mut child) = spawn_as_user(inkprint(home.path()).env("INKPRINT_KEYRING", "k").args(args), home.path())
        else {
            return;
        };
        // It waits for its input, and is mute before that; until then it belongs to its user.
        let deadline = Instant::now() + Duration::from_secs(60);
        while owner_of_memory(&child) != 0 || core_limits(&child) != ["0", "0"] {
            assert!(Instant::now() < deadline, "{args:?} can be dumped");
            thread::yield_now();
        }
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(b"token=8dk2Jq0Zm4xW\n")
            .unwrap_or_else(|error| panic!("{args:?}: {error}"));
        child.wait_with_output().expect("it ends");
    }
}
