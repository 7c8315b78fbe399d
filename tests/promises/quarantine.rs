use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use age::secrecy::ExposeSecret as _;
use inkprint::control::quarantine::{self, Quarantine, Recipient};
use inkprint::model::SourceId;
use inkprint::pipeline::detention::WithheldLine;
use inkprint::pipeline::fingerprint::Reason;
use tempfile::TempDir;

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, stdout, tool};

/// What is withheld, and must be nowhere in clear.
const CANARY: &str = "Vq7molten";
const TOKEN: &str = "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";

/// A home with a keyring `k` and an identity `identity`, and the recipient of it.
fn home_with_identity() -> (TempDir, String) {
    let home = home_with_keyring();
    let identity = age::x25519::Identity::generate();
    let mut file = fs::OpenOptions::new();
    let file = file.write(true).create_new(true).mode(0o600).open(home.path().join("identity")).expect("made");
    let text = format!("# created now\n{}\n", identity.to_string().expose_secret());
    std::io::Write::write_all(&mut &file, text.as_bytes()).expect("written");
    (home, identity.to_public().to_string())
}

/// A log with a value that ends only with its line, beyond all bounds, and a token behind it.
fn log(endless: usize) -> String {
    format!("first\nok password=\"{}\nlast {TOKEN}\n", CANARY.repeat(endless / CANARY.len()))
}

/// Runs the pipe with a quarantine `q`; `more` are further options.
fn withhold(home: &Path, recipient: &str, log: &str, more: &[&str]) -> Output {
    let mut command = pipe(home);
    command.args(["--max-line", "256K", "--quarantine", "q", "--quarantine-recipient", recipient]).args(more);
    run_with(&mut command, log.as_bytes())
}

fn quarantine_command(home: &Path, args: &[&str]) -> Output {
    run(inkprint(home).arg("quarantine").args(args).args(["--directory", "q"]))
}

fn replay(home: &Path, more: &[&str]) -> Output {
    quarantine_command(home, &[&["replay", "--identity", "identity", "--keyring", "k"], more].concat())
}

fn files(home: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(home.join("q")).expect("there").map(|entry| entry.expect("there").path()).collect();
    files.sort();
    files
}

#[test]
fn a_withheld_line_is_in_no_file_in_clear_and_its_holder_reads_it() {
    let (home, recipient) = home_with_identity();
    let home = home.path();
    let cleaned = ended(&withhold(home, &recipient, &log(400_000), &[]), 0);
    assert!(cleaned.contains("ink1-withheld-oversized-") && !cleaned.contains(CANARY));
    let files = files(home);
    assert_eq!(files.len(), 1);
    assert_eq!(home.join("q").metadata().expect("there").permissions().mode() & 0o777, 0o700);
    for file in &files {
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(file).expect("readable");
        assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
        for hidden in [CANARY, "oversized", "stdin", "password"] {
            assert!(memchr::memmem::find(&bytes, hidden.as_bytes()).is_none(), "{hidden}");
        }
    }

    let listed = quarantine_command(home, &["list"]);
    assert!(stdout(&listed).contains(".age") && !stdout(&listed).contains("oversized"), "{}", stdout(&listed));
    let listed = ended(&quarantine_command(home, &["list", "--identity", "identity"]), 0);
    assert!(listed.contains("oversized") && listed.contains("399996 bytes") && !listed.contains(CANARY), "{listed}");
    let row = ended(&quarantine_command(home, &["list", "--identity", "identity", "--json"]), 0);
    let row: serde_json::Value = serde_json::from_str(&row).expect("JSON");
    assert_eq!((&row["reason"], &row["length"]), (&"oversized".into(), &399_996.into()));
    assert_eq!((&row["source"], &row["kept"]), (&"stdin".into(), &(256 << 10).into()), "the first part is kept");
}

#[test]
fn another_identity_or_none_reads_nothing() {
    let (home, recipient) = home_with_identity();
    let home = home.path();
    ended(&withhold(home, &recipient, &log(400_000), &[]), 0);
    let (other, _) = home_with_identity();
    fs::copy(other.path().join("identity"), home.join("other")).expect("copied");
    for args in [&["list", "--identity", "other"][..], &["replay", "--identity", "other", "--keyring", "k"]] {
        let output = quarantine_command(home, args);
        assert_eq!(ended(&output, 1), "");
        assert!(stderr(&output).contains("another recipient"), "{}", stderr(&output));
    }
    fs::set_permissions(home.join("other"), fs::Permissions::from_mode(0o644)).expect("set");
    let output = quarantine_command(home, &["list", "--identity", "other"]);
    ended(&output, 2);
    assert!(stderr(&output).contains("chmod 600"), "{}", stderr(&output));
    // A recipient in an identity's place, and the other way round: neither is repeated.
    fs::write(home.join("other"), &recipient).expect("written");
    fs::set_permissions(home.join("other"), fs::Permissions::from_mode(0o600)).expect("set");
    let output = quarantine_command(home, &["list", "--identity", "other"]);
    assert!(stderr(&output).contains("AGE-SECRET-KEY-1") && !stderr(&output).contains(&recipient));
    let identity = fs::read_to_string(home.join("identity")).expect("there");
    let secret = identity.lines().last().expect("a line");
    let output = withhold(home, secret, "x\n", &[]);
    ended(&output, 2);
    assert!(!stderr(&output).contains(&secret[20..]), "an identity is shown");
}

/// Puts lines into the quarantine `q`, each in a file of its own: why it was withheld, what was passed on of it, the rest, and how
/// much more of it there was.
fn put(home: &Path, recipient: &str, lines: &[(Reason, &[u8], &[u8], u64)]) {
    for (reason, context, rest, lost) in lines {
        let settings = quarantine::Settings {
            directory: home.join("q"),
            recipient: Recipient::parse(recipient).expect("a recipient"),
            max_bytes: 1 << 20,
        };
        let (to, quarantine) = Quarantine::start(settings, |error| panic!("{error}")).expect("it opens");
        let line = WithheldLine {
            time: 1_700_000_000,
            source: SourceId::new("10.0.0.1:5"),
            reason: *reason,
            length: rest.len() as u64 + lost,
            bytes: [*context, *rest].concat().into(),
            before: context.len(),
        };
        to.send(line).expect("it is open");
        drop(to);
        assert_eq!(quarantine.finish().kept(), 1);
    }
}

#[test]
fn replay_cleans_what_was_withheld_and_removes_only_what_was_cleaned_whole() {
    let (home, recipient) = home_with_identity();
    let home = home.path();
    let open = format!("{CANARY} and so on, ").repeat(200);
    let (token, cut) = (format!("one {TOKEN} two"), format!("{}{TOKEN}", "fox, ".repeat(60_000)));
    let row = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI";
    let lines: &[(Reason, &[u8], &[u8], u64)] = &[
        (Reason::ScanFailed, b"", token.as_bytes(), 0),
        (Reason::ScanFailed, b"", b"no secret, \xff and no text", 0),
        // Only what stands before it tells what it is.
        (Reason::Oversized, b"ok {\"password\":\"", b"Vq7molten\",\"n\":1}", 0),
        // What is missing may go on with what is there.
        (Reason::Oversized, b"ok password=\"", open.as_bytes(), 1_000_000),
        (Reason::Oversized, b"", &cut.as_bytes()[..300_030], 10),
        // A row of a key, without the lines around it.
        (Reason::ScanFailed, b"", row.as_bytes(), 0),
    ];
    put(home, &recipient, lines);
    assert_eq!(files(home).len(), lines.len());
    let output = replay(home, &[]);
    ended(&Output { stdout: Vec::new(), ..output.clone() }, 1);
    let again = output.stdout.clone();
    for hidden in [CANARY, &TOKEN[..12], &row[..12]] {
        assert!(memchr::memmem::find(&again, hidden.as_bytes()).is_none(), "{hidden}: {}", again.escape_ascii());
    }
    let again: Vec<&[u8]> = again.split(|byte| *byte == b'\n').collect();
    assert!(again[0].starts_with(b"one ink1-github-pat-k1-") && again[0].ends_with(b" two"));
    assert_eq!(again[1], b"no secret, \xff and no text");
    assert!(again[2].starts_with(b"ink1-password-k1-") && again[2].ends_with(b"\",\"n\":1}"));
    assert!(again[3].starts_with(b"ink1-withheld-oversized-"), "{}", again[3].escape_ascii());
    assert!(again[4].starts_with(b"fox, fox, "));
    assert_eq!(again[5], b"ink1-withheld-scan-failed-64");
    assert_eq!(files(home).len(), lines.len(), "nothing is removed unasked");
    assert!(stderr(&output).contains("3 lines cleaned, 3 withheld again"), "{}", stderr(&output));
    ended(&Output { stdout: Vec::new(), ..replay(home, &["--remove"]) }, 1);
    assert_eq!(files(home).len(), 3);
}

#[test]
fn a_cut_line_is_never_passed_on_to_its_cut() {
    let (home, recipient) = home_with_identity();
    let home = home.path();
    ended(&withhold(home, &recipient, &log(2_000_000), &[]), 0);
    let output = replay(home, &["--remove"]);
    let again = ended(&output, 1);
    assert!(again.contains("ink1-withheld-oversized-") && !again.contains(CANARY), "{again}");
    assert!(stderr(&output).contains("only the first part was kept"), "{}", stderr(&output));
    assert_eq!(files(home).len(), 1, "it stays");
}

#[test]
fn a_full_quarantine_says_so_and_lines_are_withheld_all_the_same() {
    let (home, recipient) = home_with_identity();
    let home = home.path();
    let logs = log(400_000).repeat(8);
    let output = withhold(home, &recipient, &logs, &["--quarantine-max-size", "1M"]);
    let cleaned = stdout(&output);
    assert_eq!(cleaned.matches("ink1-withheld-oversized-").count(), 8);
    assert!(!cleaned.contains(CANARY));
    ended(&output, 2);
    assert!(stderr(&output).contains("is full") && stderr(&output).contains("replay --remove"), "{}", stderr(&output));
    let used: u64 = files(home).iter().map(|file| file.metadata().expect("there").len()).sum();
    assert!(used > 200_000 && used < 1 << 20, "{used}");
}

#[test]
fn a_damaged_file_is_told_and_the_others_are_read() {
    let (home, recipient) = home_with_identity();
    let home = home.path();
    for _ in 0..3 {
        ended(&withhold(home, &recipient, &log(400_000), &[]), 0);
    }
    let files = files(home);
    assert_eq!(files.len(), 3);
    let mut bytes = fs::read(&files[1]).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], bytes).expect("written");
    let output = quarantine_command(home, &["list", "--identity", "identity"]);
    assert_eq!(ended(&output, 1).lines().count(), 2);
    assert!(stderr(&output).contains("is damaged"), "{}", stderr(&output));
    fs::write(&files[1], b"age-encryption.org/v1\n").expect("written");
    assert_eq!(ended(&quarantine_command(home, &["list", "--identity", "identity"]), 1).lines().count(), 2);
}

#[test]
fn the_real_age_reads_it() {
    if !tool("age") {
        return;
    }
    let (home, recipient) = home_with_identity();
    let home = home.path();
    ended(&withhold(home, &recipient, &log(400_000), &[]), 0);
    let decrypted = Command::new("age").args(["-d", "-i", "identity"]).arg(&files(home)[0]).current_dir(home).output();
    let text = ended(&decrypted.expect("it runs"), 0);
    assert!(text.starts_with("inkprint-quarantine 1\n{\"time\":"), "{}", &text[..80]);
    assert!(text.contains(CANARY) && text.contains("\"reason\":\"oversized\""));
}
