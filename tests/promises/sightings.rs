use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use inkprint::control::sightings::Store;
use inkprint::model::{Coverage, Fingerprint, Hour, KeyEpoch, Namespace, RuleId, Sighting, SourceId};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::tempdir;

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, tool};

const TOKEN: &str = "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";

fn info(home: &Path, file: &str) -> Value {
    let shown = ended(&run(inkprint(home).args(["sightings", "info", "--json", file])), 0);
    serde_json::from_str(&shown).expect("JSON")
}

#[test]
fn every_match_is_a_sighting_with_its_source_and_its_coverage() {
    let home = home_with_keyring();
    let line = format!("GITHUB_TOKEN={TOKEN} and password=Vq7-molten-Harbor\nnothing here\n");
    fs::write(home.path().join("a.log"), line.repeat(5000)).expect("written");
    fs::write(home.path().join("b.log"), line.repeat(3)).expect("written");
    let mut command = pipe(home.path());
    command.args(["--sightings", "s", "--threads", "4", "--stats=json", "--max-line", "256K", "a.log", "b.log"]);
    let output = run(&mut command);
    ended(&output, 0);
    let stats: Value = serde_json::from_str(&stderr(&output)).expect("JSON");
    let info = info(home.path(), "s");
    assert_eq!((&info["sightings"], &info["lines"]), (&stats["matches"], &stats["lines"]));
    assert_eq!((&info["sightings"], &info["fingerprints"]), (&10_006.into(), &2.into()));
    let store = Store::open_existing(&home.path().join("s")).expect("an index");
    let covered = store.coverage().expect("readable");
    let lines: BTreeMap<String, u64> = covered
        .iter()
        .map(|covered| {
            (covered.source.to_string(), covered.hours.iter().map(|(_, coverage)| coverage.lines).sum::<u64>())
        })
        .collect();
    assert_eq!(lines, [("a.log".to_owned(), 10_000), ("b.log".to_owned(), 6)].into());
}

#[test]
fn a_secret_without_a_mark_is_seen_and_a_mark_that_comes_in_only_where_asked_for() {
    let home = home_with_keyring();
    let log = format!("GITHUB_TOKEN={TOKEN}\n");
    for action in ["mark", "mask", "drop-line"] {
        let args = ["--sightings", action, "--source", "unit", "--action", &format!("tokens={action}")];
        ended(&run_with(pipe(home.path()).args(args), log.as_bytes()), 0);
    }
    let marked = ended(&run_with(&mut pipe(home.path()), log.as_bytes()), 0);
    let mark = marked.trim().trim_start_matches("GITHUB_TOKEN=");
    for (file, options) in [("none", &[][..]), ("again", &["--sightings-marks"])] {
        ended(&run_with(pipe(home.path()).args(["--sightings", file]).args(options), marked.as_bytes()), 0);
    }
    for (file, seen) in [("mark", 1), ("mask", 1), ("drop-line", 1), ("none", 0), ("again", 1)] {
        let store = Store::open_existing(&home.path().join(file)).expect("an index");
        let print = &mark[mark.len() - Fingerprint::LEN..][..Fingerprint::PRINT_LEN];
        let sightings = store.reader().and_then(|reader| reader.sightings(print)).expect("readable");
        assert_eq!(sightings.iter().map(|sighting| sighting.count).sum::<u64>(), seen, "{file}");
        let whole = |s: &Sighting| format!("ink1-{}-k{}-{}", s.rule, s.epoch, s.fingerprint);
        assert!(sightings.iter().all(|sighting| whole(sighting) == mark), "{file}");
    }
}

#[test]
fn what_was_flushed_survives_a_kill() {
    let home = home_with_keyring();
    let mut child = pipe(home.path())
        .args(["--sightings", "s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program was built");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(format!("GITHUB_TOKEN={TOKEN}\n").repeat(1000).as_bytes()).expect("written");
    // It writes once a second, though its input is still open.
    let deadline = Instant::now() + Duration::from_secs(60);
    let seen =
        || Store::open_existing(&home.path().join("s")).and_then(|store| store.info()).map(|info| info.sightings);
    while !seen().is_ok_and(|seen| seen == 1000) {
        assert!(Instant::now() < deadline, "nothing is flushed");
        thread::yield_now();
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    ended(&run_with(pipe(home.path()).args(["--sightings", "s"]), format!("x={TOKEN}\n").as_bytes()), 0);
    assert_eq!(info(home.path(), "s")["sightings"], 1001);
}

#[test]
fn many_writers_of_one_file_lose_nothing() {
    let home = home_with_keyring();
    let log = format!("GITHUB_TOKEN={TOKEN}\n").repeat(500);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| ended(&run_with(pipe(home.path()).args(["--sightings", "s"]), log.as_bytes()), 0));
        }
    });
    let info = info(home.path(), "s");
    assert_eq!((&info["sightings"], &info["rows"], &info["lines"]), (&3000.into(), &info["rows"], &3000.into()));
}

#[test]
fn a_file_that_cannot_be_written_stops_no_log_and_is_told() {
    let home = home_with_keyring();
    fs::write(home.path().join("text"), "no database but a text\n".repeat(100)).expect("written");
    let refused = run_with(pipe(home.path()).args(["--sightings", "text"]), b"password=Vq7-molten-Harbor\n");
    ended(&refused, 2);
    assert!(stderr(&refused).contains("text"), "{}", stderr(&refused));
    if !tool("mount") || !rustix::process::getuid().is_root() {
        return;
    }
    // A small file system: full when the index should grow.
    let disk = home.path().join("disk");
    fs::create_dir(&disk).expect("made");
    let mount = |args: &[&str]| std::process::Command::new("mount").args(args).arg(&disk).status();
    if !mount(&["-t", "tmpfs", "-o", "size=160k", "tmpfs"]).is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no file system can be mounted");
        return;
    }
    let log: String = (0..20_000).map(|n| format!("password=Vq7-molten-{n}-Harbor\n")).collect();
    let output = run_with(pipe(home.path()).args(["--sightings", "disk/s"]), log.as_bytes());
    let unmounted = std::process::Command::new("umount").arg(&disk).status();
    let cleaned = ended(&output, 2);
    assert_eq!((cleaned.lines().count(), cleaned.matches("ink1-").count()), (20_000, 20_000));
    assert!(stderr(&output).contains("full"), "{}", stderr(&output));
    assert!(unmounted.is_ok_and(|status| status.success()));
}

#[test]
fn what_is_pruned_is_gone_and_remembered() {
    let home = tempdir().expect("a folder");
    let path = home.path().join("s");
    let mut store = Store::open(&path).expect("made");
    let covered = Coverage { lines: 1, ..Coverage::default() };
    let source = SourceId::new("a");
    let old = sighting(0, 0, 0, 10);
    let new = Sighting { hour: Hour::of(4_000_000_000), first: 4_000_000_000, last: 4_000_000_000, ..old.clone() };
    let coverage = [(&source, old.hour, covered), (&source, new.hour, covered)];
    store.add(&Namespace::default(), [old.clone(), new.clone()].into_iter(), coverage.into_iter()).expect("added");
    drop(store);
    ended(&run(inkprint(home.path()).args(["sightings", "prune", "--older-than", "1d", "s"])), 0);
    let info = info(home.path(), "s");
    assert_eq!((&info["rows"], &info["lines"], &info["first"]), (&1.into(), &1.into(), &4_000_000_000i64.into()));
    assert!(info["pruned_before"].as_i64().is_some_and(|before| before > 1_700_000_000));
    ended(&run(inkprint(home.path()).args(["sightings", "prune", "--older-than", "soon", "s"])), 2);
}

#[test]
fn an_analyst_can_ask_by_hand() {
    if !tool("sqlite3") {
        return;
    }
    let home = home_with_keyring();
    let log = format!("GITHUB_TOKEN={TOKEN}\n");
    let marked = ended(
        &run_with(pipe(home.path()).args(["--sightings", "s", "--source", "web-1"]), log.repeat(3).as_bytes()),
        0,
    );
    let mark = marked.lines().next().expect("a line").trim_start_matches("GITHUB_TOKEN=");
    // The documented questions.
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sightings.md")).expect("there");
    let queries: Vec<&str> = page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(queries.len() >= 3);
    for query in queries {
        let mut sqlite = std::process::Command::new("sqlite3");
        ended(&run_with(sqlite.current_dir(home.path()).args(["-readonly", "-bail", "s"]), query.as_bytes()), 0);
    }
    let asked = format!("SELECT source, rule, count FROM sightings WHERE mark = '{mark}'");
    let output = run(std::process::Command::new("sqlite3").current_dir(home.path()).args(["s", &asked]));
    assert_eq!(ended(&output, 0), "web-1|github-pat|3\n");
}

fn sighting(secret: u8, rule: u8, source: u8, time: i64) -> Sighting {
    let mut print = [b'0'; Fingerprint::LEN];
    print[19] = Fingerprint::ALPHABET[usize::from(secret)];
    print[23] = Fingerprint::ALPHABET[usize::from(rule)];
    Sighting {
        fingerprint: Fingerprint::from_bytes(&print).expect("of the alphabet"),
        rule: RuleId::new(["a", "b", "c"][usize::from(rule)]).expect("an id"),
        epoch: KeyEpoch::FIRST,
        source: SourceId::new(["x", "y"][usize::from(source)]),
        hour: Hour::of(time),
        count: 1,
        first: time,
        last: time,
    }
}

/// Something done to one of three files.
#[derive(Clone, Debug)]
enum Step {
    Add(usize, Vec<(u8, u8, u8, i64, u64)>),
    Reopen(usize),
    Merge(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0u8..4, 0u8..3, 0u8..2, 0i64..20_000, 1u64..5);
    prop_oneof![
        3 => (0usize..3, prop::collection::vec(row, 0..12)).prop_map(|(file, rows)| Step::Add(file, rows)),
        1 => (0usize..3).prop_map(Step::Reopen),
        2 => (0usize..3, 0usize..3).prop_map(|(into, from)| Step::Merge(into, from)),
    ]
}

/// Fingerprint, rule, source, hour: count, first, last.
type Rows = BTreeMap<(String, String, String, i64), (u64, i64, i64)>;

fn rows<'s>(sightings: impl Iterator<Item = &'s Sighting>) -> Rows {
    let mut rows = Rows::new();
    for s in sightings {
        let key = (s.fingerprint.to_string(), s.rule.to_string(), s.source.to_string(), s.hour.start());
        let row = rows.entry(key).or_insert((0, s.first, s.last));
        *row = (row.0 + s.count, row.1.min(s.first), row.2.max(s.last));
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn restarts_and_merges_count_as_a_simple_model_does(steps in prop::collection::vec(step(), 0..14)) {
        let folder = tempdir().expect("a folder");
        let path = |file: usize| folder.path().join(file.to_string());
        let mut stores: Vec<Store> = (0..3).map(|file| Store::open(&path(file)).expect("made")).collect();
        // What each file was told itself; and of which state of which file it knows: a merge takes over what the other knows.
        let mut own: Vec<Vec<Sighting>> = vec![Vec::new(); 3];
        let mut known: Vec<[usize; 3]> = vec![[0; 3]; 3];
        for step in steps {
            match step {
                Step::Add(file, rows) => {
                    let sightings: Vec<Sighting> = rows
                        .into_iter()
                        .map(|(secret, rule, source, time, count)| Sighting { count, ..sighting(secret, rule, source, time) })
                        .collect();
                    stores[file].add(&Namespace::default(), sightings.iter().cloned(), std::iter::empty()).expect("added");
                    own[file].extend(sightings);
                    known[file][file] = own[file].len();
                }
                Step::Reopen(file) => stores[file] = Store::open(&path(file)).expect("opened again"),
                Step::Merge(into, from) if into != from => {
                    let other = Store::open_existing(&path(from)).expect("there");
                    stores[into].merge(&other).expect("merged");
                    let theirs = known[from];
                    known[into].iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours = theirs.max(*ours));
                }
                Step::Merge(..) => {}
            }
        }
        for (file, store) in stores.iter().enumerate() {
            let told = known[file].iter().zip(&own).flat_map(|(known, own)| &own[..*known]);
            let wanted = rows(told);
            let prints: BTreeSet<String> =
                own.iter().flatten().map(|sighting| sighting.fingerprint.print().to_owned()).collect();
            let reader = store.reader().expect("readable");
            let found: Vec<Sighting> =
                prints.iter().flat_map(|print| reader.sightings(print).expect("readable")).collect();
            let found = rows(found.iter());
            prop_assert_eq!(found, wanted);
        }
    }
}
