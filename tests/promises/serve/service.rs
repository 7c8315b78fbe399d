use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::super::program::{ended, home_with_keyring, inkprint};
use super::super::tcp::service::{Collected, wait_for};
use super::ledger::assert_clean;

/// A home with a keyring, which outlives the services that run on it.
#[derive(Clone)]
pub struct Home(Arc<TempDir>);

impl Home {
    pub fn new() -> Self {
        Self(Arc::new(home_with_keyring()))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a file into the home, in another's place at once.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let (path, beside) = (self.path(name), self.path(&format!("{name}.new")));
        fs::write(&beside, text).expect("written");
        fs::rename(&beside, &path).expect("renamed");
        path
    }

    /// Writes the configuration: `parts`, with all else that a service has in a test where `parts` say nothing of it.
    pub fn configure(&self, parts: &str) -> PathBuf {
        let mut text = format!("version = 1\nkeyring = \"k\"\n{parts}\n");
        for (table, lines) in [
            ("admin", "listen = \"127.0.0.1:0\""),
            ("journal", "path = \"journal.jsonl\""),
            ("sightings", "index = \"sightings.db\""),
            ("log", "level = \"debug\"\nformat = \"json\""),
        ] {
            if !parts.contains(&format!("[{table}]")) {
                text.push_str(&format!("[{table}]\n{lines}\n"));
            }
        }
        self.write("inkprint.toml", text)
    }

    /// The program about to serve what was configured.
    pub fn command(&self) -> Command {
        let mut command = inkprint(self.0.path());
        command.args(["serve", "--config", "inkprint.toml"]);
        command
    }

    /// Starts the service, and waits until it accepts.
    #[track_caller]
    pub fn start(&self, parts: &str) -> Service {
        self.configure(parts);
        let service = Service::spawn(self, &mut self.command());
        service.wait_until_it_listens();
        service
    }

    /// The same, run by other words, such as `sh -c '…; exec "$@"' sh`.
    #[track_caller]
    pub fn start_by(&self, words: &[&str], parts: &str) -> Service {
        self.configure(parts);
        let inner = self.command();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(self.0.path()).stdin(Stdio::null());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let service = Service::spawn(self, &mut command);
        service.wait_until_it_listens();
        service
    }

    /// Runs the program to its end with other arguments, which must succeed, and gives what it printed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = inkprint(self.0.path());
        ended(
            command.env("INKPRINT_JOURNAL", "journal.jsonl").args(arguments).output().as_ref().expect("it was built"),
            0,
        )
    }

    /// The records of the journal, which must be sound.
    #[track_caller]
    pub fn journal(&self) -> Vec<serde_json::Value> {
        self.run(&["audit", "verify"]);
        let text = fs::read_to_string(self.path("journal.jsonl")).expect("a journal");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    /// No file below the home holds a part of a canary. What a test has put into `raw` itself is what was to be cleaned.
    #[track_caller]
    pub fn assert_clean(&self) {
        let raw = self.0.path().join("raw");
        for path in files_below(self.0.path()).into_iter().filter(|path| !path.starts_with(&raw)) {
            // Removed a moment ago, as segments of a spool are, or a socket.
            if let Ok(bytes) = fs::read(&path) {
                assert_clean(&path.display().to_string(), &bytes);
            }
        }
    }
}

/// Every file below a directory.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// `inkprint serve`, killed when dropped.
pub struct Service {
    child: Child,
    pub home: Home,
    pub log: Collected,
    /// What it wrote to standard output.
    pub out: Collected,
    readers: Vec<JoinHandle<()>>,
    /// Sent with every request to the admin side.
    pub token: Option<String>,
    admin: OnceLock<Admin>,
}

/// Where the admin side is.
enum Admin {
    Tcp(String),
    Unix(PathBuf),
}

impl Service {
    /// Runs it, and waits for nothing.
    pub fn spawn(home: &Home, command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program was built");
        let (out, out_reader) = Collected::from(child.stdout.take().expect("piped"));
        let (log, log_reader) = Collected::from(child.stderr.take().expect("piped"));
        Self {
            child,
            home: home.clone(),
            log,
            out,
            readers: vec![out_reader, log_reader],
            token: None,
            admin: OnceLock::new(),
        }
    }

    /// Waits until it accepts; a service that ends instead fails the test with its log.
    #[track_caller]
    pub fn wait_until_it_listens(&self) {
        self.logged("serving", "message");
        wait_for("it to accept", || (!self.get("/readyz").1.contains("not accepting")).then_some(()));
    }

    /// A field of the first message that begins like this.
    #[track_caller]
    pub fn logged(&self, message: &str, field: &str) -> String {
        wait_for(message, || {
            let text = self.log.text();
            let found = messages(&text).find(|entry| begins(entry, message));
            assert!(found.is_some() || self.runs(), "it has ended: {text}");
            found.map(|entry| entry[field].to_string().trim_matches('"').to_owned())
        })
    }

    /// How many messages begin like this so far.
    pub fn count_logged(&self, message: &str) -> usize {
        messages(&self.log.text()).filter(|entry| begins(entry, message)).count()
    }

    /// The address that a source listens on.
    #[track_caller]
    pub fn address(&self, source: &str) -> String {
        self.logged(&format!("the source {source} listens"), "address")
    }

    #[track_caller]
    pub fn connect(&self, source: &str) -> TcpStream {
        TcpStream::connect(self.address(source)).expect("it listens")
    }

    /// Sends all of `bytes` on a connection of its own.
    #[track_caller]
    pub fn send(&self, source: &str, bytes: &[u8]) {
        self.connect(source).write_all(bytes).expect("sent");
    }

    /// Standard input, where the command was given a pipe.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("piped")
    }

    /// Status and body of an HTTP answer of the admin side.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path)
    }

    /// The same after a POST.
    pub fn post(&self, path: &str) -> (u16, String) {
        self.ask("POST", path)
    }

    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let token = self.token.as_deref();
        match self.admin.get_or_init(|| self.find_admin()) {
            Admin::Tcp(address) => {
                request(wait_for("the admin side", || TcpStream::connect(address).ok()), method, path, token)
            }
            Admin::Unix(socket) => {
                request(wait_for("the admin side", || UnixStream::connect(socket).ok()), method, path, token)
            }
        }
    }

    fn find_admin(&self) -> Admin {
        let text = self.log.text();
        let serving = messages(&text).find(|entry| begins(entry, "serving")).expect("it has an admin side");
        match (serving["address"].as_str(), serving["path"].as_str()) {
            (Some(address), _) => Admin::Tcp(address.to_owned()),
            (_, Some(socket)) => Admin::Unix(self.home.path(socket)),
            _ => panic!("no address in {serving}"),
        }
    }

    /// A metric by its name and labels, if it is there.
    pub fn find_metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics");
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        self.find_metric(name).unwrap_or_else(|| panic!("no {name} in {}", self.get("/metrics").1))
    }

    /// Waits until a metric is as large as this.
    #[track_caller]
    pub fn wait_for_metric(&self, name: &str, value: f64) {
        wait_for(name, || (self.metric(name) >= value).then_some(()));
    }

    /// Waits until the admin side answers `/readyz` with this status, and gives what it says.
    #[track_caller]
    pub fn wait_for_readiness(&self, status: u16) -> String {
        wait_for("readiness to change", || Some(self.get("/readyz")).filter(|(found, _)| *found == status)).1
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Whether it has not ended.
    pub fn runs(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    }

    /// How many sockets it has open. Each of its threads opens descriptors of its own when it begins, perhaps after the service is
    /// ready, and has its own of a socket that all listen on: so sockets are counted, each once.
    pub fn sockets(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs");
        let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets.filter(|target| target.as_os_str().as_bytes().starts_with(b"socket:")).collect::<HashSet<_>>().len()
    }

    /// A line of its status in bytes: `VmHWM` or `VmRSS`.
    pub fn memory(&self, line: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let size = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).expect("a line");
        size.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    }

    /// Waits for its end, and for all of its output.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let status = wait_for("its end", || self.child.try_wait().expect("a child"));
        self.readers.drain(..).for_each(|reader| reader.join().expect("no panic"));
        status
    }

    /// Ends it at once, by SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.ended();
    }

    /// Ends it by SIGTERM: all must have been passed on, and nothing that it wrote holds a canary.
    #[track_caller]
    pub fn stop(&mut self) {
        self.assert_clean();
        self.signal(Signal::TERM);
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{}", self.log.text());
        self.assert_clean();
    }

    /// Nothing that it wrote holds a part of a canary: files below its home, its log, its output, its metrics.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.home.assert_clean();
        assert_clean("the log", &self.log.bytes());
        assert_clean("standard output", &self.out.bytes());
        if self.runs() && self.count_logged("serving") > 0 {
            assert_clean("the metrics", self.get("/metrics").1.as_bytes());
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn messages(log: &str) -> impl Iterator<Item = serde_json::Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok())
}

fn begins(entry: &serde_json::Value, message: &str) -> bool {
    entry["message"].as_str().is_some_and(|text| text.starts_with(message))
}

/// One request on a connection of its own; status 0 where no answer came.
pub fn request(mut socket: impl Read + Write, method: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{token}Content-Length: 0\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    // A service that is ending breaks off.
    let _: io::Result<usize> = socket.write_all(head.as_bytes()).and_then(|()| socket.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return (0, answer) };
    (head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0), body.to_owned())
}

/// A TCP address that nobody listens on, for now.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").to_string()
}

/// Waits for a moment that is no condition of anything: so that something is under way, or another moment is as good.
pub fn let_pass(time: Duration) {
    std::thread::sleep(time);
}

/// Tells threads that it is enough, also where the test fails: otherwise they would be waited for in vain.
pub struct Ends<'f>(pub &'f AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
