use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use inkprint::control::sightings::{Place, SightingsError, Store};
use inkprint::model::{Coverage, Fingerprint, Hour, KeyEpoch, Namespace, RuleId, Sighting, SourceId};
use serde_json::Value;
use tempfile::TempDir;

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, tool_in};

const TOKEN: &str = "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";
const PASSWORD: &str = "mallow-hunter2-harbor";
/// Where Debian keeps the server's programs.
const SERVER_DIRECTORIES: &str = "/usr/lib/postgresql/*/bin";
const NOBODY: u32 = 65534;

/// A real PostgreSQL of this test's own: over its socket everybody is let in, over TCP with a password.
struct Database {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Database {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let programs = tool_in("initdb", SERVER_DIRECTORIES)?.parent().expect("in a folder").to_owned();
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut database = Self { folder, programs, port, server: None };
        let path = database.folder.path();
        fs::write(path.join("password"), PASSWORD).expect("written");
        if rustix::process::getuid().is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("owned");
        }
        let mut initdb = database.program("initdb");
        initdb.args(["-D", "data", "-U", "ink", "--no-sync", "-E", "UTF8", "--auth-local=trust"]);
        ended(&run(initdb.args(["--auth-host=scram-sha-256", "--pwfile=password"])), 0);
        database.run();
        Some(database)
    }

    /// One of the server's programs, as a user that it accepts: it refuses to be run by root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env("LC_ALL", "C");
        command
    }

    /// Starts the server, and waits until it answers.
    fn run(&mut self) {
        let mut server = self.program("postgres");
        server.args(["-D", "data", "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]);
        server.arg("-k").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        self.server = Some(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("installed"));
        let there = Place::parse(self.url("postgres").as_ref()).expect("a URL");
        // An empty database is no index: that is an answer.
        wait_for("the server", || !matches!(Store::open_existing_at(&there), Err(SightingsError::Away { .. })));
    }

    /// Ends it without a good-bye.
    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let pid = rustix::process::Pid::from_child(&server);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
            let _ = server.wait();
        }
    }

    /// Over its socket.
    fn url(&self, database: &str) -> String {
        format!("postgres://ink@/{database}?host={}&port={}", self.folder.path().display(), self.port)
    }

    fn place(&self) -> Place {
        Place::parse(self.url("postgres").as_ref()).expect("a URL")
    }

    fn sql(&self, sql: &str) -> String {
        let mut psql = self.program("psql");
        psql.args(["-qAt", "-U", "ink", "-d", "postgres", "-c", sql, "-h"]).arg(self.folder.path());
        ended(&run(psql.args(["-p", &self.port.to_string()])), 0).trim().to_owned()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop();
    }
}

#[track_caller]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "no {what}");
        thread::yield_now();
    }
}

fn info(home: &Path, index: &str) -> Value {
    let shown = ended(&run(inkprint(home).args(["sightings", "info", "--json", index])), 0);
    serde_json::from_str(&shown).expect("JSON")
}

fn sighting(letter: u8, source: &str, time: i64, count: u64) -> Sighting {
    Sighting {
        fingerprint: Fingerprint::from_bytes(&[letter; Fingerprint::LEN]).expect("of the alphabet"),
        rule: RuleId::new("github-pat").expect("an id"),
        epoch: KeyEpoch::FIRST,
        source: SourceId::new(source),
        hour: Hour::of(time),
        count,
        first: time,
        last: time,
    }
}

#[test]
fn what_a_fleet_writes_adds_up_and_answers_as_a_file_does() {
    let Some(database) = Database::start() else { return };
    let (home, url) = (home_with_keyring(), database.url("postgres"));
    let log: String = (0..500).map(|n| format!("GITHUB_TOKEN={TOKEN} and password=Vq7-molten-{n}-Harbor\n")).collect();
    // All of them make the tables, the rules, the sources and the rows at the same time.
    thread::scope(|scope| {
        for node in 0..6 {
            let mut command = pipe(home.path());
            command.args(["--sightings", &url, "--source", &format!("node-{}", node % 2)]);
            scope.spawn(|| ended(&run_with(&mut { command }, log.as_bytes()), 0));
        }
    });
    let all = info(home.path(), &url);
    assert_eq!((&all["sightings"], &all["fingerprints"], &all["sources"]), (&6000.into(), &501.into(), &2.into()));
    assert_eq!((&all["lines"], &all["schema"], &all["lost"]), (&3000.into(), &1.into(), &0.into()));

    // Merged into a file it is the same, also twice, and back again.
    for _ in 0..2 {
        ended(&run(inkprint(home.path()).args(["sightings", "merge", "file", &url])), 0);
        ended(&run(inkprint(home.path()).args(["sightings", "merge", &url, "file"])), 0);
    }
    let counts =
        |info: Value| ["sightings", "rows", "fingerprints", "lines", "first", "last"].map(|name| info[name].clone());
    assert_eq!(counts(info(home.path(), "file")), counts(all.clone()));
    assert_eq!(counts(info(home.path(), &url)), counts(all));
    let ask = |index: &str| -> Value {
        let asked = format!("{TOKEN}\nVq7-molten-7-Harbor\nnever-seen-in-any-log\n");
        let mut command = inkprint(home.path());
        command.args(["trace", "--keyring", "k", "--sightings", index, "--json"]);
        let answer: Value = serde_json::from_str(&ended(&run_with(&mut command, asked.as_bytes()), 0)).expect("JSON");
        answer
    };
    let (file, fleet) = (ask("file"), ask(&url));
    assert_eq!(fleet["subjects"], file["subjects"]);
    assert_eq!((&fleet["subjects"][0]["count"], &fleet["found"]), (&3000.into(), &2.into()));
    assert_eq!(fleet["coverage"], file["coverage"]);
    // By hand, as the documentation says.
    let print = fleet["subjects"][0]["prints"][0]["print"].as_str().expect("a print");
    let by_hand = format!(
        "SELECT sum(count), count(DISTINCT source) FROM sightings WHERE fingerprint BETWEEN '{print}' AND '{print}zzzz'"
    );
    assert_eq!(database.sql(&by_hand), "3000|2");
    assert_eq!(database.sql("SELECT sum(lines) FROM covered"), "3000");
    // Nothing that was logged stands anywhere in the database's files.
    let grep = run(Command::new("grep").args(["-rlaF", "-e", TOKEN, "-e", "molten"]).arg(database.folder.path()));
    assert_eq!(String::from_utf8_lossy(&grep.stdout), "");
}

#[test]
fn a_flush_that_is_sent_again_counts_once() {
    let Some(database) = Database::start() else { return };
    let mut store = Store::open_at(&database.place()).expect("made");
    let none = || std::iter::empty();
    let namespace = Namespace::default();
    let source = SourceId::new("a");
    let coverage = Coverage { lines: 5, bytes: 50, withheld: 1, lost: 0 };
    for number in [1, 1, 2, 2, 1] {
        let covered = [(&source, Hour::of(0), coverage)];
        let seen = [sighting(b'q', "a", 7200, 3), sighting(b'z', "a", 7200, 1)];
        store.add_once(number, &namespace, seen.into_iter(), covered.into_iter()).expect("added");
    }
    let mut other = Store::open_at(&database.place()).expect("opened");
    other.add_once(1, &namespace, [sighting(b'q', "a", 7300, 10)].into_iter(), none()).expect("added");
    let info = store.info().expect("readable");
    assert_eq!((info.sightings, info.rows, info.lines, info.withheld), (18, 2, 10, 2));
    assert_eq!((info.first, info.last), (Some(7200), Some(7300)));
    let reader = store.reader().expect("readable");
    let seen = reader.sightings(&"q".repeat(Fingerprint::PRINT_LEN)).expect("readable");
    assert_eq!(seen.iter().map(|sighting| sighting.count).collect::<Vec<_>>(), [16]);
}

#[test]
fn what_is_old_is_pruned_and_what_is_a_persons_forgotten() {
    let Some(database) = Database::start() else { return };
    let mut store = Store::open_at(&database.place()).expect("made");
    let seen = [sighting(b'q', "a", 3600, 1), sighting(b'q', "a", 7200, 2), sighting(b'z', "b", 7200, 4)];
    let source = SourceId::new("a");
    let covered = [3600, 7200].map(|time| (&source, Hour::of(time), Coverage { lines: 1, ..Coverage::default() }));
    store.add(&Namespace::default(), seen.into_iter(), covered.into_iter()).expect("added");
    let rows = store.prune(7200).expect("pruned");
    assert_eq!((rows.sightings, rows.coverage), (1, 1));
    let info = store.info().expect("readable");
    assert_eq!((info.sightings, info.lines, info.pruned_before), (6, 1, Some(7200)));
    assert_eq!(store.forget(&["z".repeat(20), "0".repeat(20)]).expect("forgotten"), 1);
    assert_eq!(store.info().expect("readable").sightings, 2);
    assert!(store.coverage().expect("readable").iter().all(|covered| covered.pruned == Some(7200)));
}

#[test]
fn what_is_no_index_is_left_as_it_is() {
    let Some(database) = Database::start() else { return };
    assert!(matches!(Store::open_existing_at(&database.place()), Err(SightingsError::Foreign { .. })));
    database.sql("CREATE TABLE meta (id int); CREATE TABLE rule (name text)");
    assert!(matches!(Store::open_at(&database.place()), Err(SightingsError::Foreign { .. })));
    database.sql("DROP TABLE meta");
    assert!(matches!(Store::open_at(&database.place()), Err(SightingsError::Foreign { .. })));
    database.sql("DROP TABLE rule");
    drop(Store::open_at(&database.place()).expect("made"));
    database.sql("UPDATE meta SET value = '99' WHERE key = 'schema'");
    assert!(matches!(Store::open_at(&database.place()), Err(SightingsError::Newer { found: 99, .. })));
}

#[test]
fn passwords_come_from_where_nobody_sees_them() {
    let Some(database) = Database::start() else { return };
    let home = home_with_keyring();
    let log = format!("GITHUB_TOKEN={TOKEN}\n");
    let tcp = format!("postgres://ink@127.0.0.1:{}/postgres", database.port);
    let over = |url: &str| {
        let mut command = pipe(home.path());
        for name in ["PGPASSWORD", "PGPASSFILE"] {
            command.env_remove(name);
        }
        command.args(["--sightings", url]);
        command
    };
    let refused = |command: &mut Command, why: &str| {
        let output = run_with(command, log.as_bytes());
        assert_eq!(ended(&output, 2), "", "a start that cannot succeed reads nothing");
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
    };
    refused(&mut over(&tcp), "PGPASSWORD");
    refused(over(&tcp).env("PGPASSWORD", "wrong-hunter2"), "password authentication failed");
    refused(&mut over(&tcp.replace("ink@", &format!("ink:{PASSWORD}@"))), "holds a password");
    ended(&run_with(over(&tcp).env("PGPASSWORD", PASSWORD), log.as_bytes()), 0);
    let file = home.path().join("pass word");
    fs::write(&file, format!("127.0.0.1:*:postgres:ink:{PASSWORD}\n")).expect("written");
    let named = format!("{tcp}?passfile={}", file.display().to_string().replace(' ', "%20"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    refused(&mut over(&named), "chmod 600");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    ended(&run_with(&mut over(&named), log.as_bytes()), 0);
    fs::rename(&file, home.path().join(".pgpass")).expect("renamed");
    ended(&run_with(&mut over(&tcp), log.as_bytes()), 0);
    assert_eq!(database.sql("SELECT sum(count) FROM sighting"), "3");
}

#[test]
fn to_another_machine_nothing_goes_unless_it_proves_itself() {
    let Some(mut database) = Database::start() else { return };
    if tool_in("openssl", "").is_none() {
        return;
    }
    let home = home_with_keyring();
    let log = format!("GITHUB_TOKEN={TOKEN}\n");
    let over = |options: &str| {
        let url = format!("postgres://ink@localhost:{}/postgres?sslmode=require{options}", database.port);
        let mut command = pipe(home.path());
        command.args(["--sightings", &url]).env("PGPASSWORD", PASSWORD);
        command
    };
    let plain = run_with(&mut over(""), log.as_bytes());
    assert!(ended(&plain, 2).is_empty() && stderr(&plain).contains("TLS"), "{}", stderr(&plain));

    let openssl = "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca \
                   && openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost \
                   && printf subjectAltName=DNS:localhost > san \
                   && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt";
    let folder = database.folder.path().to_owned();
    ended(&run(Command::new("sh").args(["-c", openssl]).current_dir(&folder)), 0);
    for name in ["server.key", "server.crt"] {
        fs::rename(folder.join(name), folder.join("data").join(name)).expect("moved");
        let path = folder.join("data").join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        if rustix::process::getuid().is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("owned");
        }
    }
    database.sql("ALTER SYSTEM SET ssl = on");
    database.stop();
    database.run();
    let over = |options: &str| {
        let url = format!("postgres://ink@localhost:{}/postgres?sslmode=require{options}", database.port);
        let mut command = pipe(home.path());
        command.args(["--sightings", &url]).env("PGPASSWORD", PASSWORD);
        command
    };
    let authority = format!("&sslrootcert={}", folder.join("ca.pem").display());
    ended(&run_with(&mut over(&authority), log.as_bytes()), 0);
    assert_eq!(database.sql("SELECT sum(count) FROM sighting"), "1");
    let unknown = run_with(&mut over(""), log.as_bytes());
    assert!(ended(&unknown, 2).is_empty() && stderr(&unknown).contains("certificate"), "{}", stderr(&unknown));
}

#[test]
fn while_the_server_is_away_the_log_goes_on_and_nothing_is_lost_or_counted_twice() {
    let Some(mut database) = Database::start() else { return };
    let (home, url) = (home_with_keyring(), database.url("postgres"));
    // It is away at the start.
    database.stop();
    let mut child = pipe(home.path())
        .args(["--sightings", &url, "-o", "out.log"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut stdin = child.stdin.take().expect("piped");
    let mut feed = |lines: usize| {
        stdin.write_all(format!("GITHUB_TOKEN={TOKEN}\n").repeat(lines).as_bytes()).expect("it reads");
    };
    let cleaned = |lines: usize| {
        let out = fs::read_to_string(home.path().join("out.log")).unwrap_or_default();
        out.matches("ink1-github-pat").count() == lines
    };
    feed(300);
    wait_for("cleaned log", || cleaned(300));
    database.run();
    let seen = |database: &Database, all: u64| {
        wait_for("flush", || {
            Store::open_existing_at(&database.place())
                .and_then(|store| store.info())
                .is_ok_and(|info| info.sightings == all && info.lines == all)
        });
    };
    seen(&database, 300);
    // It goes in the middle of things, and comes back.
    for round in 1..4u64 {
        database.stop();
        feed(200);
        wait_for("cleaned log", || cleaned(300 + 200 * round as usize));
        database.run();
        seen(&database, 300 + 200 * round);
    }
    // It stays away: what could not be recorded is told.
    database.stop();
    feed(50);
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("50 sightings could not be recorded"), "{}", stderr(&output));
    assert!(cleaned(950));
}

/// It takes connections and never says a word: also then the start, the log and the end have their time.
#[test]
fn a_server_that_is_silent_keeps_no_log_waiting() {
    let home = home_with_keyring();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || listener.incoming().map_while(Result::ok).collect::<Vec<_>>());
    let url = format!("postgres://ink@127.0.0.1:{port}/fleet?connect_timeout=1");
    let log = format!("GITHUB_TOKEN={TOKEN}\n").repeat(20);
    let output = run_with(pipe(home.path()).args(["--sightings", &url]), log.as_bytes());
    assert_eq!(ended(&output, 2).matches("ink1-").count(), 20);
    assert!(stderr(&output).contains("20 sightings could not be recorded"), "{}", stderr(&output));
    let asked =
        run_with(inkprint(home.path()).args(["trace", "--keyring", "k", "--sightings", &url]), TOKEN.as_bytes());
    assert!(ended(&asked, 2).is_empty() && stderr(&asked).contains("no answer"), "{}", stderr(&asked));
}
