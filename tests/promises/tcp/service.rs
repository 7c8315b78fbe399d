use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

use super::super::program::inkprint;

/// Polling ends in failure after this: far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A secret that no output may show, different for each number.
pub fn canary(number: usize) -> String {
    let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    let mut state = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::from("ghp_");
    for _ in 0..36 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(letters[(state >> 33) as usize % letters.len()]));
    }
    text
}

/// Waits for what must come.
#[track_caller]
pub fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Bytes that a thread collects as they come.
#[derive(Clone, Default)]
pub struct Collected(Arc<Mutex<Vec<u8>>>);

impl Collected {
    pub fn from(mut reader: impl Read + Send + 'static) -> (Self, JoinHandle<()>) {
        let collected = Self::default();
        let into = collected.clone();
        let thread = thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            while let Ok(read @ 1..) = reader.read(&mut chunk) {
                into.0.lock().expect("no panic").extend_from_slice(&chunk[..read]);
            }
        });
        (collected, thread)
    }

    pub fn add(&self, bytes: &[u8]) {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic").clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    pub fn len(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    pub fn lines(&self) -> usize {
        self.0.lock().expect("no panic").iter().filter(|byte| **byte == b'\n').count()
    }

    #[track_caller]
    pub fn wait_for_lines(&self, lines: usize) {
        wait_for(&format!("{lines} lines"), || (self.lines() >= lines).then_some(()));
    }
}

/// inkprint as a service, killed when dropped.
pub struct Service {
    child: Child,
    pub address: String,
    pub admin: String,
    pub log: Collected,
    /// What it wrote to standard output.
    pub out: Collected,
    readers: Vec<JoinHandle<()>>,
    _home: TempDir,
}

impl Service {
    /// Starts it on ports of its own, with an admin address, and everything logged.
    pub fn start(options: &[&str]) -> Self {
        let home = tempdir().expect("a directory");
        let mut command = inkprint(home.path());
        command
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-level", "trace", "--log-format", "json"])
            .args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program was built");
        let (out, out_reader) = Collected::from(child.stdout.take().expect("piped"));
        let (log, log_reader) = Collected::from(child.stderr.take().expect("piped"));
        let mut service = Self {
            child,
            address: String::new(),
            admin: String::new(),
            log,
            out,
            readers: vec![out_reader, log_reader],
            _home: home,
        };
        service.admin = service.logged("serving", "address");
        service.address = service.logged("listening", "address");
        // It says so once the address is bound, a moment before it accepts.
        wait_for("it to accept", || (!service.get("/readyz").1.contains("not accepting")).then_some(()));
        service
    }

    pub fn forwarding(peer: &str, options: &[&str]) -> Self {
        Self::start(&[&["--forward", peer], options].concat())
    }

    /// A field of the first message that begins like this.
    #[track_caller]
    pub fn logged(&self, message: &str, field: &str) -> String {
        wait_for(message, || {
            self.log.text().lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).find_map(
                |entry| {
                    entry["message"]
                        .as_str()?
                        .starts_with(message)
                        .then(|| entry[field].to_string().trim_matches('"').to_owned())
                },
            )
        })
    }

    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).expect("it listens")
    }

    /// Sends all of `bytes` on a connection of its own.
    pub fn send(&self, bytes: &[u8]) {
        self.connect().write_all(bytes).expect("sent");
    }

    /// Status and body of an HTTP answer.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(&self.admin).expect("it listens");
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"), body.to_owned())
    }

    /// A metric by its name and labels.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    #[track_caller]
    pub fn wait_for_metric(&self, name: &str, value: f64) {
        wait_for(name, || (self.metric(name) >= value).then_some(()));
    }

    /// The most memory it ever had, in bytes.
    pub fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    }

    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    }

    /// Waits for its end, and for all of its output.
    pub fn ended(&mut self) -> ExitStatus {
        let status = wait_for("its end", || self.child.try_wait().expect("a child"));
        self.readers.drain(..).for_each(|reader| reader.join().expect("no panic"));
        status
    }

    /// Ends it by SIGTERM; everything must have been passed on.
    #[track_caller]
    pub fn stop(&mut self) {
        self.terminate();
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{}", self.log.text());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A peer that takes every connection and collects what comes, on all of them together.
pub struct Peer {
    pub address: String,
    pub received: Collected,
}

impl Peer {
    pub fn new() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("bound").to_string();
        let received = Collected::default();
        let into = received.clone();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let Ok(mut socket) = socket else { return };
                let mut chunk = vec![0; 64 << 10];
                while let Ok(read @ 1..) = socket.read(&mut chunk) {
                    into.0.lock().expect("no panic").extend_from_slice(&chunk[..read]);
                }
            }
        });
        Self { address, received }
    }
}

/// A port that nobody listens on, for now.
pub fn unused_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").to_string()
}

/// Lines of a socket.
pub fn lines(socket: &TcpStream) -> impl Iterator<Item = String> {
    BufReader::new(socket.try_clone().expect("a descriptor")).lines().map_while(Result::ok)
}
