use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use inkprint::control::sightings::Store;
use inkprint::model::{Coverage, Fingerprint, Hour, Namespace, RuleId, Sighting, SourceId};
use inkprint::pipeline::fingerprint::Mark;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, tool};

const TOKEN: &str = "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";
const OTHER: &str = "Vq7-molten-Harbor";

/// The first hour in which the token is seen.
const START: i64 = 1_772_366_400; // 2026-03-01 12:00

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = inkprint(home);
    command.args(args).env("INKPRINT_KEYRING", "k");
    command
}

fn trace(home: &Path, args: &[&str]) -> Command {
    let mut command = command(home, &["trace"]);
    command.args(args);
    command
}

fn answer(home: &Path, args: &[&str], input: &str) -> Value {
    let output = run_with(trace(home, args).arg("--json"), input.as_bytes());
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The token's mark under the current epoch, as the pipe writes it.
fn mark(home: &Path) -> String {
    let marked = ended(&run_with(&mut pipe(home), format!("GITHUB_TOKEN={TOKEN}\n").as_bytes()), 0);
    marked.trim().trim_start_matches("GITHUB_TOKEN=").to_owned()
}

/// A home in which the token was seen in two sources in 2026, before and after a rotation, with a gap.
fn incident() -> TempDir {
    let home = home_with_keyring();
    let mut store = Store::open(&home.path().join("s")).expect("made");
    let mut add = |source: &str, hour: i64, count: u64, covered: &[i64]| {
        let mark = mark(home.path());
        let Mark { epoch, fingerprint, .. } = Mark::parse(mark.as_bytes()).expect("a mark");
        let time = START + 3600 * hour;
        let source = SourceId::new(source);
        let sighting = Sighting {
            fingerprint,
            rule: RuleId::new("github-pat").expect("an id"),
            epoch,
            source: source.clone(),
            hour: Hour::of(time),
            count,
            first: time + 60,
            last: time + 120,
        };
        let coverage = Coverage { lines: 1000, bytes: 100_000, withheld: 1, lost: 0 };
        let covered = covered.iter().map(|hour| (&source, Hour::of(START + 3600 * hour), coverage));
        store.add(&Namespace::default(), [sighting].into_iter(), covered).expect("added");
    };
    add("web-1", 0, 3, &[0, 1, 2]);
    add("<script>|web-2", 5, 4, &[5, 9]);
    ended(&run(&mut command(home.path(), &["keys", "rotate"])), 0);
    add("web-1", 26, 1, &[26]);
    drop(store);
    home
}

#[test]
fn a_token_is_answered_under_every_epoch_with_times_sources_and_gaps() {
    let home = incident();
    let case = answer(home.path(), &["--sightings", "s"], &format!("{OTHER}\n{TOKEN}\n"));
    assert_eq!((&case["found"], &case["subjects"][0]["count"]), (&json!(1), &json!(0)));
    let subject = &case["subjects"][1];
    assert_eq!((&subject["count"], &subject["epochs"]), (&json!(8), &json!({"1": 7, "2": 1})));
    assert_eq!(subject["first"], "2026-03-01T12:01:00Z");
    assert_eq!(subject["last"], "2026-03-02T14:02:00Z");
    let sources: Vec<_> = subject["sources"].as_array().expect("sources").iter().map(|s| &s["source"]).collect();
    assert_eq!(sources, ["web-1", "<script>|web-2"]);
    assert_eq!(subject["marks"].as_array().map(Vec::len), Some(2));
    let web = case["coverage"].as_array().expect("coverage").iter().find(|c| c["source"] == "web-1").expect("there");
    assert_eq!((&web["lines"], &web["withheld"], &web["gap_hours"]), (&json!(4000), &json!(4), &json!(23)));
    assert_eq!(web["gaps"], json!([["2026-03-01T15:00:00Z", "2026-03-02T14:00:00Z"]]));

    let text = ended(&run_with(trace(home.path(), &["--sightings", "s"]).env("LC_ALL", "C"), TOKEN.as_bytes()), 0);
    assert!(text.contains("secret 1: seen 8 times in 2 sources"), "{text}");
    assert!(text.contains("2026-03-01  |            6..  8   .  |  7\n"), "{text}");
    let blocks =
        ended(&run_with(trace(home.path(), &["--sightings", "s"]).env("LC_ALL", "C.UTF-8"), TOKEN.as_bytes()), 0);
    assert!(blocks.contains('█') && blocks.contains("not covered: No data of web-1 for 23 hours"), "{blocks}");
    let by_day = ["--sightings", "s", "--by", "day"];
    let text = ended(&run_with(trace(home.path(), &by_day).env("LC_ALL", "C"), TOKEN.as_bytes()), 0);
    assert!(text.contains("2026-03  |82   "), "{text}");
    ended(&run_with(&mut trace(home.path(), &["--sightings", "s"]), OTHER.as_bytes()), 1);
    ended(&run_with(&mut trace(home.path(), &["--sightings", "none"]), OTHER.as_bytes()), 2);
    ended(&run_with(&mut trace(home.path(), &[]), OTHER.as_bytes()), 2);
}

#[test]
fn marks_and_fingerprints_are_asked_for_like_secrets() {
    let home = incident();
    let mark = mark(home.path());
    let fingerprint = &mark[mark.len() - Fingerprint::LEN..];
    let input = [&mark[..], fingerprint, &fingerprint[..Fingerprint::PRINT_LEN]].join("\n");
    let case = answer(home.path(), &["--sightings", "s"], &input);
    for subject in case["subjects"].as_array().expect("subjects") {
        assert_eq!(subject["count"], 1, "only the epoch's own: {subject}");
    }
}

#[test]
fn what_cannot_be_answered_any_longer_is_said() {
    let home = incident();
    ended(&run(&mut command(home.path(), &["keys", "destroy", "1", "--yes"])), 0);
    let text = ended(&run_with(&mut trace(home.path(), &["--sightings", "s"]), TOKEN.as_bytes()), 0);
    assert!(text.contains("seen 1 times") && text.contains("not covered: key epoch k1 is destroyed since"), "{text}");
}

#[test]
fn a_case_file_names_clock_owner_and_gaps_and_no_secret() {
    let home = incident();
    let inventory = ["inventory", "--inventory", "i"];
    let add = [&inventory[..], &["add", "--id", "deploy-7", "--owner", "platform", "--purpose", "a <b>"]].concat();
    ended(&run_with(&mut command(home.path(), &add), TOKEN.as_bytes()), 0);
    let base = ["--sightings", "s", "--inventory", "i", "--detected", "2026-03-03T10:00Z"];
    for (format, name) in [("html", "case.html"), ("md", "case.md")] {
        let args = [&base[..], &["--report", format, "-o", name]].concat();
        assert_eq!(ended(&run_with(&mut trace(home.path(), &args), format!("{TOKEN}\n{OTHER}\n").as_bytes()), 0), "");
        let page = fs::read_to_string(home.path().join(name)).expect("written");
        for said in [
            "2026-03-06 10:00:00Z",
            "that time passed",
            "owned by platform",
            "Logged 8 times in 2 sources",
            "for 23 hours",
            "were withheld",
            "Secrets 2:",
        ] {
            assert!(page.contains(said), "{name} without {said:?}: {page}");
        }
        assert!(
            !page.contains(TOKEN) && !page.contains(OTHER) && !page.contains("<script>") && !page.contains("a <b>")
        );
        if format == "html" {
            assert!(page.contains("<svg") && page.contains("&lt;script&gt;|web-2"), "{page}");
        }
    }
    // Well-formed, by another program's judgement.
    if tool("python3") {
        let check = "import sys,html.parser as h\nclass P(h.HTMLParser):\n def __init__(s): super().__init__(); s.t=[]\n def handle_starttag(s,t,a): s.t.append(t) if t not in('meta','rect','line') else 0\n def handle_endtag(s,t):\n  if t not in('rect','line'): assert s.t.pop()==t,t\np=P();p.feed(open('case.html').read());assert not p.t,p.t";
        ended(&run(Command::new("python3").args(["-c", check]).current_dir(home.path())), 0);
    }
}

#[test]
fn cleaned_logs_are_searched_with_context_in_every_form() {
    let home = home_with_keyring();
    let log = format!("one\ntwo\ntoken={TOKEN}\nfour\nfive\n{}token={TOKEN}\n", "more\n".repeat(50));
    let cleaned = ended(&run_with(&mut pipe(home.path()), log.as_bytes()), 0);
    fs::write(home.path().join("a.log"), &cleaned).expect("written");
    fs::write(home.path().join("b.zst"), zstd::encode_all(cleaned.as_bytes(), 1).expect("packed")).expect("written");
    let mut forms = vec!["a.log", "b.zst"];
    if tool("gzip") {
        ended(&run(Command::new("gzip").args(["-k", "a.log"]).current_dir(home.path())), 0);
        forms.push("a.log.gz");
    }
    for form in forms {
        let args = ["--in", form, "--context", "1"];
        let case = answer(home.path(), &args, TOKEN);
        assert_eq!(case["subjects"][0]["logs"][0]["lines"], json!([3, 56]));
        let lines: Vec<u64> = case["excerpts"][form]
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| line["line"].as_u64().expect("a number"))
            .collect();
        assert_eq!(lines, [2, 3, 4, 55, 56]);
        let text = ended(&run_with(&mut trace(home.path(), &args), TOKEN.as_bytes()), 0);
        let line = format!(">       3  {}\n", cleaned.lines().nth(2).expect("there"));
        assert!(text.contains(&line) && text.contains("  --\n"), "{text}");
    }
    // An uncleaned log by mistake: nothing is found in it, and nothing of it would be shown as it is.
    fs::write(home.path().join("raw.log"), format!("{}password={OTHER}\n", cleaned.lines().nth(2).expect("there")))
        .expect("written");
    let shown = ended(&run_with(&mut trace(home.path(), &["--in", "raw.log", "--context", "2"]), TOKEN.as_bytes()), 0);
    assert!(!shown.contains(OTHER), "{shown}");
    fs::write(home.path().join("cut.gz"), b"\x1f\x8b\x08\x00\x00").expect("written");
    ended(&run_with(&mut trace(home.path(), &["--in", "cut.gz", "a.log"]), TOKEN.as_bytes()), 2);
}

#[test]
fn thousands_of_secrets_are_checked_at_once() {
    let home = incident();
    let mut input: String = (0..9_999).map(|n| format!("ghp_{n:036}\n")).collect();
    input += TOKEN;
    let started = Instant::now();
    let case = answer(home.path(), &["--sightings", "s"], &input);
    eprintln!("10,000 secrets in {:?}", started.elapsed());
    assert_eq!((&case["found"], &case["subjects"][9_999]["count"]), (&json!(1), &json!(8)));
    let text = ended(&run_with(&mut trace(home.path(), &["--sightings", "s"]), input.as_bytes()), 0);
    assert!(text.contains("total: 1 of 10000 secrets found") && text.lines().count() < 40, "{text}");
}

#[test]
fn other_products_forms_are_shown_where_asked_for() {
    let home = incident();
    fs::write(home.path().join("salt"), "salt\n").expect("written");
    let args = ["--sightings", "s", "--interop", "github", "--vault-salt", "salt"];
    let case = answer(home.path(), &args, TOKEN);
    if tool("python3") {
        let script = format!(
            "import hashlib,hmac,base64\ns=b'{TOKEN}'\nprint(base64.b64encode(hashlib.sha256(s).digest()).decode())\n\
             print('hmac-sha256:'+hmac.new(b'salt',s,hashlib.sha256).hexdigest())"
        );
        let expected = ended(&run(Command::new("python3").args(["-c", &script])), 0);
        let interop = &case["subjects"][0]["interop"];
        let forms = [&interop["github"], &interop["vault"]].map(|form| form.as_str().unwrap_or_default());
        assert_eq!(forms.to_vec(), expected.lines().collect::<Vec<_>>());
    }
    assert_eq!(answer(home.path(), &args[..2], TOKEN)["subjects"][0]["interop"], json!({}));
}

#[test]
fn other_products_forms_are_found_in_their_logs() {
    let home = incident();
    let case = answer(home.path(), &["--sightings", "s", "--interop", "github,sha256"], TOKEN);
    let form = |product: &str| case["subjects"][0]["interop"][product].as_str().expect("a form").to_owned();
    let audit = format!(
        "{{\"action\":\"git.clone\",\"hashed_token\":\"{}\"}}\n{{\"token_sha256\":\"{}\"}}\n{{}}\n",
        form("github"),
        form("sha256")
    );
    fs::write(home.path().join("audit.log"), audit.repeat(2)).expect("written");
    // Only where it is asked for.
    ended(&run_with(&mut trace(home.path(), &["--in", "audit.log"]), TOKEN.as_bytes()), 1);
    let args = ["--in", "audit.log", "--interop", "github,sha256", "--context", "0"];
    let text = ended(&run_with(&mut trace(home.path(), &args), TOKEN.as_bytes()), 0);
    assert!(text.contains("audit.log: 2 times as github writes it, first line 1, last line 4"), "{text}");
    assert!(text.contains("audit.log: 2 times as sha256 writes it, first line 2, last line 5"), "{text}");
    assert!(text.contains(">       5  ") && !text.contains(">       3  "), "{text}");
    let case = answer(home.path(), &args[..4], &format!("{OTHER}\n{TOKEN}\n"));
    assert_eq!((&case["found"], &case["subjects"][1]["foreign"][0]["lines"]), (&json!(1), &json!([1, 4])));
    let args = [&args[..4], &["--report", "md"]].concat();
    let page = ended(&run_with(&mut trace(home.path(), &args), TOKEN.as_bytes()), 0);
    assert!(page.contains("| audit.log | github | 2 | 1 | 4 |"), "{page}");
}

#[test]
fn a_token_that_an_index_knows_is_answered_as_by_the_rules() {
    let home = incident();
    // Beside something that only rules can read, the rules read it too: the answer about it is the same.
    let pasted = format!("Authorization: Bearer {TOKEN}");
    let case = answer(home.path(), &["--sightings", "s"], &format!("{TOKEN}\n{pasted}\n"));
    let [plain, read] = [0, 1].map(|at| case["subjects"][at].clone());
    for member in ["count", "first", "last", "sources", "rules", "epochs", "marks", "hours"] {
        assert_eq!(plain[member], read[member], "{member}");
    }
    assert!(plain["prints"].as_array().expect("prints").iter().all(|print| print["mark"].is_string()), "{plain}");
    // A rule file that cannot be read is told where rules are needed, and only there.
    fs::write(home.path().join("bad.toml"), "[[rule]]\n").expect("written");
    let args = ["--sightings", "s", "--patterns", "bad.toml"];
    ended(&run_with(&mut trace(home.path(), &args), TOKEN.as_bytes()), 0);
    ended(&run_with(&mut trace(home.path(), &args), pasted.as_bytes()), 2);
}

#[test]
fn an_inventory_names_owners_reviews_access_and_forgets_a_person() {
    let home = incident();
    let inventory = |args: &[&str]| command(home.path(), &[&["inventory", "--inventory", "i"], args].concat());
    let lines = [
        json!({"id": "deploy", "owner": "platform", "subject": "ada", "secret": TOKEN, "expires": "2026-03-01"}),
        json!({"id": "idle", "owner": "data", "secret": "ghp_000000000000000000000000000000000001"}),
    ];
    let import: String = lines.iter().map(|line| format!("{line}\n")).collect();
    ended(&run_with(&mut inventory(&["import"]), import.as_bytes()), 0);
    ended(&run_with(&mut inventory(&["import"]), import.as_bytes()), 2);
    ended(&run_with(&mut inventory(&["import", "--replace"]), import.as_bytes()), 0);
    let list = ended(&run(&mut inventory(&["list"])), 0);
    assert!(list.contains("deploy") && list.contains("fingerprints of k1, k2") && !list.contains("ghp_"), "{list}");
    let case = answer(home.path(), &["--sightings", "s", "--inventory", "i"], TOKEN);
    assert_eq!(case["subjects"][0]["owners"][0]["owner"], "platform");
    let report = ended(&run(&mut inventory(&["report", "--sightings", "s"])), 0);
    assert!(report.contains("expired but still seen: 1\n  deploy"), "{report}");
    assert!(report.contains("never seen: 1\n  idle"), "{report}");

    // A token in the wrong field, or a line that is none, is refused without being shown.
    for (args, input) in [
        (&["add", "--id", "x", "--owner", TOKEN][..], OTHER.to_owned()),
        (&["import"], format!("{{\"id\":\"x\",\"owner\":\"o\",\"purpose\":\"{TOKEN}\",\"secret\":\"s\"}}\n")),
        (&["import"], format!("{{\"id\":\"x\",\"owner\":\"o\",\"expires\":{{\"{TOKEN}\":1}},\"secret\":\"s\"}}\n")),
        (&["import"], format!("{TOKEN}\n")),
        (&["add", "--id", "x", "--owner", "o"], format!("{TOKEN}\n{OTHER}\n")),
    ] {
        let refused = run_with(&mut inventory(args), input.as_bytes());
        ended(&refused, 2);
        assert!(!stderr(&refused).contains(TOKEN), "{args:?}: {}", stderr(&refused));
    }

    let gone = ended(&run(&mut inventory(&["forget", "--subject", "ada", "--sightings", "s"])), 0);
    assert!(gone.starts_with("forgotten: 1 tokens with 2 fingerprints, 3 rows"), "{gone}");
    assert_eq!(answer(home.path(), &["--sightings", "s", "--inventory", "i"], TOKEN)["found"], 0);
    let print = &mark(home.path())[19..39];
    for file in ["s", "s-wal", "i"] {
        let bytes = fs::read(home.path().join(file)).unwrap_or_default();
        assert!(memchr::memmem::find(&bytes, print.as_bytes()).is_none(), "{file} still has the print");
    }
    ended(&run(&mut inventory(&["remove", "idle"])), 0);
    ended(&run(&mut inventory(&["remove", "idle"])), 2);
}

#[test]
fn a_journal_knows_who_asked_why_and_what_was_forgotten() {
    let home = incident();
    let ask = |args: &[&str]| {
        run_with(trace(home.path(), &["--sightings", "s", "--journal", "j"]).args(args), TOKEN.as_bytes())
    };
    let refused = ask(&[]);
    assert!(ended(&refused, 2).is_empty() && stderr(&refused).contains("--reason"), "{}", stderr(&refused));
    assert!(ended(&ask(&["--reason", "case 4711"]), 0).contains("seen"));
    let inventory = |args: &[&str]| command(home.path(), &[&["inventory", "--inventory", "i"], args].concat());
    ended(&run_with(&mut inventory(&["add", "--id", "d", "--owner", "o", "--subject", "Quill"]), TOKEN.as_bytes()), 0);
    ended(&run(&mut inventory(&["forget", "--subject", "Quill", "--sightings", "s", "--journal", "j"])), 0);

    let shown = ended(&run(&mut command(home.path(), &["audit", "show", "--json", "--journal", "j"])), 0);
    let records: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of_kind = |kind: &str| records.iter().filter(|record| record["kind"] == kind).cloned().collect::<Vec<_>>();
    let (lookups, forgotten) = (of_kind("lookup"), of_kind("forgotten"));
    let [lookup] = &lookups[..] else { panic!("one lookup was answered: {shown}") };
    let text = lookup.to_string();
    for said in ["\"trace\"", "case 4711", "\"asked\":1", "\"found\":1"] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    assert_eq!(forgotten.len(), 2, "{shown}");
    assert!(
        forgotten[0].to_string().contains("\"records\":1") && forgotten[1].to_string().contains("\"records\":3"),
        "{shown}"
    );
    assert!(!shown.contains(TOKEN) && !shown.contains("Quill"), "{shown}");
    ended(&run(&mut command(home.path(), &["audit", "verify", "--journal", "j"])), 0);
}

#[test]
fn the_incident_that_is_documented_can_be_walked_through() {
    if !tool("gzip") {
        return;
    }
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/incident.md")).expect("there");
    let commands: Vec<&str> = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(commands.len() >= 8);
    let home = TempDir::new().expect("a folder");
    let folder = Path::new(env!("CARGO_BIN_EXE_inkprint")).parent().expect("a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let clean = inkprint(home.path());
    let envs: Vec<_> = clean.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()).collect();
    let mut shell = Command::new("sh");
    for name in &envs {
        shell.env_remove(name);
    }
    shell.current_dir(home.path()).env("HOME", home.path()).env("PATH", path).env("LC_ALL", "C.UTF-8").arg("-eu");
    let shown = ended(&run_with(&mut shell, commands.concat().as_bytes()), 0);
    // What does not change from one walk to the next, in the order in which the page has it.
    let mut rest = &shown[..];
    for said in [
        "secret 1: seen 3 times in 2 sources",
        "owned by platform-team",
        "covered: ci-1/runner, 4 lines",
        "web-1.log: 1 marks of epoch 1, first line 2",
        "seen in logs: 1",
    ] {
        let at = rest.find(said).unwrap_or_else(|| panic!("{said:?} is not in {rest}"));
        rest = &rest[at..];
        assert!(page.contains(said), "the page does not say {said:?}");
    }
    assert!(!shown.contains("ghp_") && home.path().join("case.html").exists());
}
