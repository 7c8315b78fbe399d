use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use inkprint::model::{KeyEpoch, NamespaceSalt, RuleId, Secret, SecretKey};
use inkprint::pipeline::fingerprint::MarkKeys;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::program::{ended, inkprint, run_with, stderr, stdout};

/// The keyring of docs/fingerprint.md: epoch 1 with the bytes 0 to 31 as its key, the default salt the bytes 32 to 63.
const KEYRING: &str = "\
version = 1
current = 2

[[epochs]]
number = 1
created = 2026-01-02T03:04:05Z
activated = 2026-01-02T03:04:05Z
key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"

[[epochs]]
number = 2
created = 2026-02-02T03:04:05Z
activated = 2026-02-02T03:04:05Z
key = \"//////////////////////////////////////////8=\"

[[namespaces]]
name = \"default\"
created = 2026-01-02T03:04:05Z
salt = \"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\"

[[namespaces]]
name = \"red\"
created = 2026-01-02T03:04:05Z
salt = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"
";

const TOKEN: &str = "ghp_000000000000000000000000000000000000";
const MARK: &str = "ink1-github-pat-k1-j0rsygyc7vcqksbhm88pac2z";

fn home() -> TempDir {
    let home = tempdir().expect("a directory");
    let path = home.path().join("k");
    fs::write(&path, KEYRING).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    home
}

fn fingerprint(home: &Path, args: &[&str]) -> Command {
    let mut command = inkprint(home);
    command.args(["fingerprint", "--keyring", "k"]).args(args);
    command
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What the Python program beside the tests gives for these vectors.
fn reference(vectors: &[Value]) -> Vec<String> {
    let mut input = String::new();
    for vector in vectors {
        writeln!(input, "{vector}").expect("a string");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/fingerprint.py");
    let output = run_with(Command::new("python3").arg(script), input.as_bytes());
    ended(&output, 0).lines().map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn another_program_gets_the_same_marks() {
    let strategy = (
        any::<[u8; 32]>(),
        any::<[u8; 32]>(),
        1u32..,
        "[a-z]([a-z0-9-]{0,38}[a-z0-9])?",
        prop::collection::vec(any::<u8>(), 0..300),
    );
    let mut runner = TestRunner::default();
    let mut vectors = Vec::new();
    let mut marks = Vec::new();
    while marks.len() < 300 {
        let (key, salt, epoch, id, secret) = strategy.new_tree(&mut runner).expect("a value").current();
        let Ok(rule) = RuleId::new(&id) else { continue };
        let number = KeyEpoch::new(epoch).expect("not zero");
        let keys = MarkKeys::derive(number, &SecretKey::new(key), &NamespaceSalt::new(salt));
        let mut mark = Vec::new();
        keys.write_mark(&rule, &Secret::borrowed(&secret), &mut mark);
        marks.push(String::from_utf8(mark).expect("letters, digits and hyphens"));
        let secret = hex(&secret);
        vectors.push(json!({"key": hex(&key), "salt": hex(&salt), "epoch": epoch, "rule": id, "secret": secret}));
    }
    assert_eq!(reference(&vectors), marks);
}

#[test]
fn the_documented_vectors_hold_in_both_programs() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fingerprint.md")).expect("there");
    let block = page.split("<!-- vectors -->").nth(1).expect("a block of vectors");
    let vectors = json_lines(block.trim().trim_start_matches("```json").trim_end_matches("```").trim());
    assert!(vectors.len() >= 6);
    let expected: Vec<_> = vectors.iter().map(|vector| vector["mark"].as_str().expect("a mark").to_owned()).collect();
    assert_eq!(reference(&vectors), expected);
    for vector in &vectors {
        let bytes = |field: &str| {
            let text = vector[field].as_str().expect("hex");
            let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
            pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect::<Vec<_>>()
        };
        let array = |field: &str| <[u8; 32]>::try_from(bytes(field)).expect("32 bytes");
        let epoch = KeyEpoch::new(vector["epoch"].as_u64().expect("a number") as u32).expect("not zero");
        let keys = MarkKeys::derive(epoch, &SecretKey::new(array("key")), &NamespaceSalt::new(array("salt")));
        let rule = RuleId::new(vector["rule"].as_str().expect("a rule")).expect("an id");
        let mut mark = Vec::new();
        keys.write_mark(&rule, &Secret::owned(bytes("secret")), &mut mark);
        assert_eq!(String::from_utf8_lossy(&mark), vector["mark"].as_str().expect("a mark"));
    }
}

#[test]
fn prints_are_shown_under_every_epoch() {
    let home = home();
    let input = format!("{TOKEN}\r\n\nhunter2\n");
    let shown =
        ended(&run_with(&mut fingerprint(home.path(), &["--json", "--rule", "github-pat"]), input.as_bytes()), 0);
    let rows = json_lines(&shown);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["secret"], 1);
    let epochs: Vec<_> = rows[0]["prints"].as_array().expect("prints").iter().map(|print| &print["epoch"]).collect();
    assert_eq!(epochs, [2, 1]);
    assert_eq!(rows[0]["prints"][1]["mark"], MARK);
    assert_eq!(rows[0]["prints"][1]["print"], MARK[19..39]);
    let table = ended(&run_with(&mut fingerprint(home.path(), &[]), input.as_bytes()), 0);
    assert!(table.contains(&MARK[19..39]) && !table.contains(MARK), "{table}");
    assert!(!(shown + &table).contains(TOKEN));
    let red = ended(&run_with(&mut fingerprint(home.path(), &["--namespace", "red"]), input.as_bytes()), 0);
    assert!(!red.contains(&MARK[19..39]) && red.contains("nwhwt8tfa7n38bb0tzgg"), "{red}");
    ended(&run_with(&mut fingerprint(home.path(), &["--namespace", "blue"]), input.as_bytes()), 2);
}

#[test]
fn with_nul_every_other_byte_is_part_of_the_secret() {
    let home = home();
    let lines = ended(&run_with(&mut fingerprint(home.path(), &["--json"]), b"a\r\n"), 0);
    let same = ended(&run_with(&mut fingerprint(home.path(), &["--json", "-0"]), b"a\0"), 0);
    let other = ended(&run_with(&mut fingerprint(home.path(), &["--json", "-0"]), b"a\r\n\0"), 0);
    assert_eq!(lines, same);
    assert_ne!(lines, other);
}

#[test]
fn retired_and_destroyed_epochs_answer_nothing() {
    let home = home();
    let keys = |args: &[&str]| {
        ended(&run_with(inkprint(home.path()).args(["keys", "--keyring", "k"]).args(args), b""), 0);
    };
    let epochs = || {
        let shown = ended(&run_with(&mut fingerprint(home.path(), &["--json"]), b"hunter2"), 0);
        json_lines(&shown)[0]["prints"]
            .as_array()
            .expect("prints")
            .iter()
            .map(|p| p["epoch"].clone())
            .collect::<Vec<_>>()
    };
    keys(&["rotate"]);
    assert_eq!(epochs(), [3, 2, 1]);
    keys(&["retire", "1"]);
    assert_eq!(epochs(), [3, 2]);
    keys(&["destroy", "2", "--yes"]);
    assert_eq!(epochs(), [3]);
}

#[test]
fn marks_are_found_in_plain_and_compressed_logs() {
    let home = home();
    let forged = MARK.replace("ac2z", "0000");
    let log = format!("first line\ntoken={MARK} again {MARK}\nforged {forged}\n");
    fs::write(home.path().join("a.log"), &log).expect("written");
    let mut packed = GzEncoder::new(File::create(home.path().join("b.log.gz")).expect("made"), Compression::fast());
    packed.write_all("\n".repeat(4).as_bytes()).expect("written");
    packed.write_all(log.as_bytes()).expect("written");
    packed.finish().expect("written");
    let input = format!("hunter2\n{TOKEN}\n");

    let args = ["--json", "--in", "a.log", "b.log.gz"];
    let rows = json_lines(&ended(&run_with(&mut fingerprint(home.path(), &args), input.as_bytes()), 0));
    let [absent, present, totals] = &rows[..] else { panic!("two secrets and the totals: {rows:?}") };
    assert_eq!((&absent["secret"], &absent["found"]), (&json!(1), &json!(0)));
    assert_eq!((&present["found"], &present["unverified"]), (&json!(4), &json!(2)));
    let epoch = present["epochs"].as_array().expect("epochs").iter().find(|epoch| epoch["epoch"] == 1).expect("found");
    assert_eq!(
        epoch["files"],
        json!([
            {"file": "a.log", "found": 2, "unverified": 1, "first": {"line": 2, "offset": 17},
             "last": {"line": 2, "offset": 67}, "rules": {"github-pat": 2}},
            {"file": "b.log.gz", "found": 2, "unverified": 1, "first": {"line": 6, "offset": 21},
             "last": {"line": 6, "offset": 71}, "rules": {"github-pat": 2}},
        ])
    );
    assert_eq!(totals["totals"]["secrets_found"], 1);
    assert_eq!((&totals["totals"]["files"], &totals["totals"]["lines"]), (&json!(2), &json!(10)));

    let text = ended(&run_with(&mut fingerprint(home.path(), &args[1..]), input.as_bytes()), 0);
    assert!(text.contains("secret 1: not found\n"), "{text}");
    assert!(
        text.contains("    a.log: 2 (and 1 whose seal is not ours), first line 2 (byte 17), last line 2"),
        "{text}"
    );
    ended(&run_with(&mut fingerprint(home.path(), &args[1..]), b"hunter2\n"), 1);
}

#[test]
fn a_log_that_cannot_be_read_is_an_error_and_the_others_are_searched() {
    let home = home();
    fs::write(home.path().join("a.log"), MARK).expect("written");
    fs::write(home.path().join("b.zst"), b"\x28\xb5\x2f\xfd....").expect("written");
    for bad in ["missing", ".", "b.zst"] {
        let output = run_with(&mut fingerprint(home.path(), &["--in", bad, "a.log"]), TOKEN.as_bytes());
        assert!(ended(&output, 2).contains("a.log: 1"), "{}", stdout(&output));
        assert!(stderr(&output).contains(bad), "{}", stderr(&output));
    }
}

#[test]
fn standard_input_gives_secrets_or_a_log_and_not_both() {
    let home = home();
    fs::write(home.path().join("secrets"), TOKEN).expect("written");
    let both = run_with(&mut fingerprint(home.path(), &["--in", "-"]), TOKEN.as_bytes());
    ended(&both, 2);
    assert!(stderr(&both).contains("--from"), "{}", stderr(&both));
    let log = run_with(&mut fingerprint(home.path(), &["--from", "secrets", "--in", "-"]), MARK.as_bytes());
    assert!(ended(&log, 0).contains("1 of 1 secrets found"));
    let none = run_with(&mut fingerprint(home.path(), &[]), b"\n\r\n");
    ended(&none, 2);
}

#[test]
fn a_secret_is_never_shown() {
    let home = home();
    fs::write(home.path().join("a.log"), MARK).expect("written");
    let secret = b"canary-7f3a9c-\xff\x00-canary\ncanary-7f3a9c\n";
    let forms: [&[&str]; 7] = [
        &["canary-7f3a9c"],
        &[],
        &["--json"],
        &["--rule", "x"],
        &["--in", "a.log"],
        &["--json", "--in", "a.log", "missing"],
        &["--namespace", "blue"],
    ];
    for args in forms {
        let output = run_with(&mut fingerprint(home.path(), args), secret);
        let shown = [&output.stdout[..], &output.stderr].concat();
        assert!(!String::from_utf8_lossy(&shown).contains("canary-7f3a9c"), "{args:?}");
    }
}
