use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::super::program::{home_with_keyring, inkprint, long_tests, tool};
use super::super::tcp::service::{Collected, canary, wait_for};
use super::server::{Reply, Server};

/// The program with a configuration of one TCP source and `sink`, killed when dropped.
struct Serving {
    child: Child,
    log: Collected,
    address: String,
}

impl Serving {
    fn start(home: &Path, sink: &str) -> Self {
        Self::start_by(home, sink, &[])
    }

    /// The same, run by another program's words.
    fn start_by(home: &Path, sink: &str, words: &[&str]) -> Self {
        let config = format!(
            "version = 1\nkeyring = \"{}\"\n[limits]\nmemory = \"32M\"\n[log]\nformat = \"json\"\n\
             [sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n[sinks.out]\n{sink}",
            home.join("k").display()
        );
        fs::write(home.join("inkprint.toml"), config).expect("written");
        let mut command = inkprint(home);
        if let [program, words @ ..] = words {
            let inner = std::mem::replace(&mut command, Command::new(program));
            command.args(words).arg(inner.get_program()).current_dir(home).env("HOME", home).stdin(Stdio::null());
        }
        command.args(["serve", "--config", "inkprint.toml"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program was built");
        let (log, _reader) = Collected::from(child.stderr.take().expect("piped"));
        let address = wait_for("it to listen", || {
            let told = log.text().lines().find(|line| line.contains("the source in listens"))?.to_owned();
            let told: serde_json::Value = serde_json::from_str(&told).ok()?;
            Some(told["address"].as_str()?.to_owned())
        });
        Self { child, log, address }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Ends it by SIGTERM; everything must have been passed on.
    #[track_caller]
    fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let status = wait_for("its end", || self.child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0), "{}", self.log.text());
        self.log.text()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Numbered lines, each with a secret.
fn lines(range: std::ops::Range<usize>) -> Vec<u8> {
    range.flat_map(|number| format!("n={number} token={} end\n", canary(number)).into_bytes()).collect()
}

#[track_caller]
fn numbers(text: &str) -> Vec<usize> {
    let number = |line: &str| {
        let (number, rest) = line.strip_prefix("n=")?.split_once(" token=ink1-github-pat-k1-")?;
        rest.ends_with(" end").then(|| number.parse().ok()).flatten()
    };
    text.lines().map(|line| number(line).unwrap_or_else(|| panic!("no whole cleaned line: {line}"))).collect()
}

#[test]
fn a_file_gets_cleaned_lines_and_is_opened_again_on_a_reload() {
    let home = home_with_keyring();
    let (path, moved) = (home.path().join("clean.log"), home.path().join("moved.log"));
    let sink = format!("type = \"file\"\npath = \"{}\"\n", path.display());
    let service = Serving::start(home.path(), &sink);
    let send =
        |range| TcpStream::connect(&service.address).expect("it listens").write_all(&lines(range)).expect("sent");
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    send(0..1000);
    wait_for("the lines", || (text(&path).lines().count() == 1000).then_some(()));
    fs::rename(&path, &moved).expect("renamed");
    service.signal(Signal::HUP);
    wait_for("the reload", || service.log.text().contains("reloaded").then_some(()));
    send(1000..2000);
    wait_for("the lines", || (text(&path).lines().count() == 1000).then_some(()));
    assert_eq!(numbers(&text(&moved)), (0..1000).collect::<Vec<_>>());
    assert_eq!(numbers(&text(&path)), (1000..2000).collect::<Vec<_>>());
    assert!(!service.stop().contains("ghp_"));
}

#[test]
fn killed_at_any_moment_a_file_has_whole_lines_only() {
    let home: TempDir = home_with_keyring();
    let path = home.path().join("clean.log");
    let sink = format!("type = \"file\"\npath = \"{}\"\nrotate_size = \"256K\"\nkeep = 100000\n", path.display());
    let kills = if long_tests() { 100 } else { 8 };
    let block = lines(0..20_000);
    for kill in 0..kills {
        let mut service = Serving::start(home.path(), &sink);
        let mut socket = TcpStream::connect(&service.address).expect("it listens");
        // As much as is taken until it is killed: at another moment each time.
        let before = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        std::thread::scope(|scope| {
            scope.spawn(|| while socket.write_all(&block).is_ok() {});
            wait_for("something new", || {
                (fs::metadata(&path).map_or(0, |metadata| metadata.len()) != before).then_some(())
            });
            std::thread::sleep(std::time::Duration::from_millis(3 * (kill % 13)));
            service.child.kill().expect("a child");
            service.child.wait().expect("a child");
        });
    }
    Serving::start(home.path(), &sink).stop();
    let mut checked = 0;
    for entry in fs::read_dir(home.path()).expect("a folder") {
        let entry = entry.expect("an entry").path();
        let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
        if name.starts_with("clean.log") {
            let text = fs::read_to_string(&entry).expect("text");
            assert!(!text.contains("ghp_"), "{name}");
            if !name.ends_with(".torn") {
                checked += numbers(&text).len();
            }
        }
    }
    assert!(checked > 1000, "{checked} lines");
}

#[test]
fn after_a_failed_sync_nothing_is_missing_and_nothing_is_there_twice() {
    if !tool("strace") {
        return;
    }
    let home = home_with_keyring();
    let path = home.path().join("clean.log");
    let sink = format!("type = \"file\"\npath = \"{}\"\n", path.display());
    // Every third sync fails. The program is this process's own child, and strace another.
    let fault = "inject=fdatasync:error=EIO:when=2+3";
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", fault];
    let service = Serving::start_by(home.path(), &sink, &strace);
    let mut socket = TcpStream::connect(&service.address).expect("it listens");
    for start in (0..1000).step_by(100) {
        socket.write_all(&lines(start..start + 100)).expect("sent");
        wait_for("the lines", || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            (text.lines().count() == start + 100).then_some(())
        });
    }
    drop(socket);
    let log = service.stop();
    assert!(log.contains("cannot write: lines are held back"), "{log}");
    assert_eq!(numbers(&fs::read_to_string(&path).expect("text")), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_new_token_is_taken_up_on_a_reload() {
    let home = home_with_keyring();
    let token = home.path().join("token");
    let write = |text: &str| {
        let _ = fs::remove_file(&token);
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&token);
        file.expect("made").write_all(text.as_bytes()).expect("written");
    };
    write("old\n");
    let server = Server::start([]);
    server.always(Some(Reply::Status(401, "")));
    let sink = format!(
        "type = \"http\"\nurl = \"{}\"\nformat = \"text\"\ntoken = {{ file = \"{}\" }}\n",
        server.url(),
        token.display()
    );
    let service = Serving::start(home.path(), &sink);
    TcpStream::connect(&service.address).expect("it listens").write_all(&lines(0..10)).expect("sent");
    wait_for("a refusal", || server.requests().first().cloned());
    write("new\n");
    service.signal(Signal::HUP);
    wait_for("the new token", || {
        server
            .requests()
            .last()
            .is_some_and(|request| request.header("authorization") == Some("bearer new"))
            .then_some(())
    });
    server.always(None);
    wait_for("the lines", || (!server.taken().is_empty()).then_some(()));
    assert_eq!(numbers(&String::from_utf8_lossy(&server.taken())), (0..10).collect::<Vec<_>>());
    let log = service.stop();
    assert!(log.contains("see to the token") && !log.contains("ghp_") && !log.contains("bearer"), "{log}");
}
