//! A process in the sandbox can do what it needs, and none of what an intruder in it would want.
//!
//! Each attempt is made by a child process, once without the sandbox, where it must succeed, and once within: what fails there fails
//! because of it. The child is this program itself, without the usual harness: a process must enter the sandbox before it has a second
//! thread.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use inkprint::control::notify;
use inkprint::control::sandbox::{Account, Ports, Sandbox};
use tempfile::{TempDir, tempdir};

/// The tests, by name.
const TESTS: &[(&str, fn())] = &[
    ("the_sandbox_leaves_what_is_needed_and_nothing_else", the_sandbox_leaves_what_is_needed_and_nothing_else),
    ("another_user_has_no_way_back", another_user_has_no_way_back),
    ("what_cannot_be_had_is_told_or_refused", what_cannot_be_had_is_told_or_refused),
    ("what_cannot_be_is_refused_before_anything_is_given_up", what_cannot_be_is_refused_before_anything_is_given_up),
];

fn main() -> ExitCode {
    if let Ok(scene) = std::env::var(SCENE) {
        the_child(&scene);
        return ExitCode::SUCCESS;
    }
    // As the usual harness is called: words choose tests, and options are about its own output.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in TESTS.iter().filter(|(name, _)| chosen(name)) {
        let good = std::panic::catch_unwind(test).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        *(if good { &mut passed } else { &mut failed }) += 1;
    }
    let outcome = if failed == 0 { "ok" } else { "FAILED" };
    let filtered = TESTS.len() - passed - failed;
    println!(
        "\ntest result: {outcome}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {filtered} filtered out"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What tells the child where to act and how.
const SCENE: &str = "INKPRINT_TEST_SANDBOX";

/// A place with everything that the attempts need.
struct Scene {
    home: TempDir,
    allowed: TcpListener,
    forbidden: TcpListener,
    /// Stands for the service manager.
    manager: UnixDatagram,
}

impl Scene {
    fn new() -> Self {
        let home = tempdir().expect("a directory");
        // Another user must come to it.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        for folder in ["etc", "state", "outside"] {
            fs::create_dir(home.path().join(folder)).expect("made");
            fs::set_permissions(home.path().join(folder), fs::Permissions::from_mode(0o777)).expect("ours");
        }
        fs::write(home.path().join("etc/inkprint.toml"), "version = 1\n").expect("written");
        fs::write(home.path().join("outside/secret"), "hunter2\n").expect("written");
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let manager = UnixDatagram::bind(home.path().join("outside/notify")).expect("bound");
        manager.set_nonblocking(true).expect("ours");
        fs::set_permissions(home.path().join("outside/notify"), fs::Permissions::from_mode(0o777)).expect("ours");
        Self { home, allowed: listen(), forbidden: listen(), manager }
    }

    /// What the service manager was told, message by message.
    fn told(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let received =
            std::iter::from_fn(|| self.manager.recv(&mut message).ok().map(|length| message[..length].to_vec()));
        received.map(|message| String::from_utf8(message).expect("text")).collect()
    }

    /// Starts the child, which waits once it is in the sandbox until it is told to go on.
    fn child(&self, mode: &str) -> Child {
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        let scene = format!("{mode} {} {} {}", self.home.path().display(), port(&self.allowed), port(&self.forbidden));
        Command::new(std::env::current_exe().expect("a test program"))
            .env(SCENE, scene)
            .env("NOTIFY_SOCKET", self.home.path().join("outside/notify"))
            .env("WATCHDOG_USEC", "3000000")
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a test program")
    }
}

/// A child that waits, and what it said by then.
struct Waiting {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    said: Vec<String>,
}

impl Waiting {
    fn new(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut said = Vec::new();
        loop {
            let line = lines.next().expect("it goes on").expect("text");
            if line == "waiting" {
                return Self { child, lines, said };
            }
            said.push(line);
        }
    }

    /// A line of what the kernel says of it.
    #[track_caller]
    fn status(&self, name: &str) -> Vec<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a field");
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// Lets it go on, and gives what became of each attempt.
    fn attempts(mut self, scene: &Scene) -> BTreeMap<String, String> {
        // As an editor or a package manager does it.
        let etc = scene.home.path().join("etc");
        fs::write(etc.join("new"), "version = 1\n# changed\n").expect("written");
        fs::rename(etc.join("new"), etc.join("inkprint.toml")).expect("renamed");
        self.child.stdin.take().expect("piped").write_all(b"go\n").expect("it reads");
        let lines = self.lines.map(|line| line.expect("text"));
        let attempts = lines.filter_map(|line| {
            let (name, outcome) = line.strip_prefix("attempt ")?.split_once(": ")?;
            Some((name.to_owned(), outcome.to_owned()))
        });
        let attempts = attempts.collect();
        assert!(self.child.wait().expect("a child").success(), "{attempts:?}");
        attempts
    }
}

/// What must work within and without.
const NEEDED: &[&str] = &[
    "read the configuration, replaced",
    "write state",
    "write its own directory",
    "rename state",
    "remove state",
    "listen on a socket in the state",
    "sqlite",
    "connect to the allowed port",
    "accept",
    "udp",
    "threads",
    "tokio",
    "time zone",
    "own status",
    "processors",
    "resolve",
    "watchdog",
];

/// What must work without, and not within.
const FORBIDDEN: &[&str] = &[
    "read outside",
    "list outside",
    "write outside",
    "make outside",
    "write the configuration",
    "rename outside",
    "run a program",
    "connect to another port",
    "bind another port",
    "truncate outside",
    "device",
    "another kind of socket",
    "signal another",
];

fn the_sandbox_leaves_what_is_needed_and_nothing_else() {
    let scene = Scene::new();
    let without = Waiting::new(scene.child("without")).attempts(&scene);
    for name in NEEDED.iter().chain(FORBIDDEN) {
        let outcome = without.get(*name).unwrap_or_else(|| panic!("{name} was not tried: {without:?}"));
        assert_eq!(outcome, "ok", "{name}, the control without a sandbox");
    }
    assert_eq!(without.len(), NEEDED.len() + FORBIDDEN.len(), "{without:?}");
    assert_is_told(&scene.told());
    let within = Waiting::new(scene.child("within"));
    assert!(!within.said.iter().any(|line| line.starts_with("error")), "{:?}", within.said);
    for part in ["files", "network", "system calls", "core dumps", "new privileges", "capabilities"] {
        if !within.said.iter().any(|line| line.starts_with(&format!("{part}: Applied"))) {
            eprintln!("SKIPPED: this kernel has not all of the sandbox: {:?}", within.said);
            return;
        }
    }
    assert_eq!(within.status("NoNewPrivs"), ["1"]);
    assert_eq!(within.status("Seccomp"), ["2"]);
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(within.status(capabilities), ["0000000000000000"], "{capabilities}");
    }
    let within = within.attempts(&scene);
    for name in NEEDED {
        assert_eq!(within[*name], "ok", "{name} is needed");
    }
    for name in FORBIDDEN {
        assert_ne!(within[*name], "ok", "{name} must not be possible");
    }
    assert_is_told(&scene.told());
}

/// Each of the messages to the service manager came, in one line each.
#[track_caller]
fn assert_is_told(told: &[String]) {
    let [ready, reloading, status, alive, stopping] = told else { panic!("{told:?}") };
    assert_eq!(ready, "READY=1\nSTATUS=in the sandbox MAINPID=1\n");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!([status.as_str(), alive, stopping], ["STATUS=busy\n", "WATCHDOG=1\n", "STOPPING=1\n"]);
}

fn another_user_has_no_way_back() {
    if !rustix::process::getuid().is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let scene = Scene::new();
    for (mode, held) in [("user", "0000000000000000"), ("reader", "0000000000000004")] {
        let child = Waiting::new(scene.child(mode));
        assert_eq!(child.status("Uid"), ["65534"; 4], "{mode}");
        assert_eq!(child.status("Gid"), ["65534"; 4], "{mode}");
        assert_eq!(child.status("Groups"), ["65534"], "{mode}");
        assert_eq!((child.status("CapEff"), child.status("CapPrm")), (vec![held.to_owned()], vec![held.to_owned()]));
        assert_eq!(child.status("CapBnd"), [held], "{mode}");
        let attempts = child.attempts(&scene);
        for name in NEEDED {
            assert_eq!(attempts[*name], "ok", "{name} is needed by {mode}");
        }
        for name in FORBIDDEN {
            assert_ne!(attempts[*name], "ok", "{name} must not be possible for {mode}");
        }
    }
}

fn what_cannot_be_is_refused_before_anything_is_given_up() {
    for (mode, told) in [
        ("nobody", "error: there is no user no-such-user: make it, or name another one"),
        ("threads", "error: the sandbox must be entered before other threads run, and there are 2"),
    ] {
        let scene = Scene::new();
        let child = Waiting::new(scene.child(mode));
        assert_eq!(child.said.last().map(String::as_str), Some(told));
        assert_eq!(child.status("NoNewPrivs"), ["0"]);
        child.attempts(&scene);
    }
}

fn what_cannot_be_had_is_told_or_refused() {
    // In the sandbox, the calls that make one are gone, as on an old kernel.
    let scene = Scene::new();
    let child = Waiting::new(scene.child("twice"));
    let again = child.said.iter().skip_while(|line| *line != "again");
    let again: Vec<&str> = again.map(String::as_str).collect();
    for told in ["files: Unsupported(\"the kernel is built without Landlock\")", "user: Off"] {
        assert!(again.iter().any(|line| line.starts_with(told)), "{told}: {again:?}");
    }
    let refused = again.last().expect("told");
    assert!(refused.starts_with("error: the sandbox is required, and its part `"), "{refused}");
    child.attempts(&scene);
}

/// What the tests start.
fn the_child(scene: &str) {
    let words: Vec<&str> = scene.split(' ').collect();
    let [mode, home, allowed, forbidden] = words[..] else { panic!("{scene}") };
    let home = PathBuf::from(home);
    let (allowed, forbidden) = (allowed.parse().expect("a port"), forbidden.parse().expect("a port"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let account = |user: &str| Some(Account { user: user.to_owned(), group: None });
    let sandbox = Sandbox {
        read: vec![home.join("etc/inkprint.toml")],
        write: vec![home.join("state")],
        own: vec![home.join("state/own/below")],
        bind: Ports::Only(vec![]),
        connect: Ports::Only(vec![allowed, listener.local_addr().expect("bound").port()]),
        account: match mode {
            "user" | "reader" => account("65534"),
            "nobody" => account("no-such-user"),
            _ => None,
        },
        read_all_files: mode == "reader",
        required: false,
    };
    let (thread, waits) = std::sync::mpsc::channel::<()>();
    if mode == "threads" {
        std::thread::spawn(move || waits.recv());
    }
    if mode != "without" {
        match sandbox.enter() {
            Ok(report) => report.parts().for_each(|(part, outcome)| println!("{part}: {outcome:?}")),
            Err(error) => println!("error: {error}"),
        }
    }
    if mode == "twice" {
        println!("again");
        match sandbox.enter() {
            Ok(report) => report.parts().for_each(|(part, outcome)| println!("{part}: {outcome:?}")),
            Err(error) => println!("error: {error}"),
        }
        match (Sandbox { required: true, ..sandbox }).enter() {
            Ok(_) => println!("entered"),
            Err(error) => println!("error: {error}"),
        }
    }
    println!("waiting");
    std::io::stdin().read_line(&mut String::new()).expect("the test is there");
    drop(thread);
    if ["nobody", "threads", "twice"].contains(&mode) {
        return;
    }
    let other = std::os::unix::process::parent_id();
    let (etc, state, outside) = (home.join("etc"), home.join("state"), home.join("outside"));
    attempt("read the configuration, replaced", || fs::read(etc.join("inkprint.toml")));
    attempt("write state", || fs::write(state.join("a"), "a"));
    attempt("write its own directory", || {
        if mode == "without" {
            fs::create_dir_all(state.join("own/below"))?;
        }
        fs::write(state.join("own/below/a"), "a")
    });
    attempt("rename state", || fs::rename(state.join("a"), state.join("b")));
    attempt("remove state", || fs::remove_file(state.join("b")));
    attempt("listen on a socket in the state", || {
        let listener = UnixListener::bind(state.join("socket"))?;
        UnixStream::connect(state.join("socket"))?;
        drop(listener);
        fs::remove_file(state.join("socket"))
    });
    attempt("sqlite", || sqlite(&state.join("index")));
    attempt("connect to the allowed port", || TcpStream::connect(("127.0.0.1", allowed)));
    attempt("accept", || {
        let client = TcpStream::connect(listener.local_addr()?)?;
        listener.accept()?.0.write_all(b"x")?;
        drop(client);
        Ok(())
    });
    attempt("udp", || UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", "127.0.0.1:9").map(|_| ()));
    attempt("threads", || {
        std::thread::Builder::new()
            .name("named".to_owned())
            .spawn(|| ())?
            .join()
            .map_err(|_| other_error("it panicked"))
    });
    attempt("tokio", tokio_works);
    attempt("time zone", || Ok(jiff::Zoned::now()));
    attempt("own status", || fs::read("/proc/self/net/tcp"));
    attempt("processors", || fs::read("/sys/devices/system/cpu/online"));
    attempt("resolve", || std::net::ToSocketAddrs::to_socket_addrs("localhost:1").map(|_| ()));

    notify::ready("in the sandbox\nMAINPID=1");
    notify::reloading();
    notify::status("busy");
    notify::alive();
    notify::stopping();
    attempt("watchdog", || {
        (notify::watched() == Some(Duration::from_millis(1500)))
            .then_some(())
            .ok_or_else(|| other_error("another time"))
    });

    attempt("read outside", || fs::read(outside.join("secret")));
    attempt("list outside", || fs::read_dir(&outside));
    attempt("write outside", || fs::OpenOptions::new().append(true).open(outside.join("secret")));
    attempt("make outside", || File::create(outside.join("made")));
    attempt("truncate outside", || {
        rustix::fs::openat(
            rustix::fs::CWD,
            outside.join("secret"),
            rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::TRUNC,
            rustix::fs::Mode::empty(),
        )
        .map_err(Into::into)
    });
    attempt("write the configuration", || fs::OpenOptions::new().append(true).open(etc.join("inkprint.toml")));
    attempt("rename outside", || {
        fs::write(state.join("c"), "c")?;
        fs::rename(state.join("c"), outside.join("c"))
    });
    attempt("run a program", || Command::new("/bin/true").status());
    attempt("connect to another port", || TcpStream::connect(("127.0.0.1", forbidden)));
    attempt("bind another port", || TcpListener::bind("127.0.0.1:0"));
    attempt("device", || File::open("/dev/full"));
    attempt("another kind of socket", || {
        use rustix::net::{AddressFamily, SocketType, socket};
        match socket(AddressFamily::APPLETALK, SocketType::DGRAM, None) {
            // Few kernels have it; what counts is who says no.
            Ok(_) | Err(rustix::io::Errno::AFNOSUPPORT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    });
    attempt("signal another", || {
        let other = rustix::process::Pid::from_raw(other as i32).ok_or_else(|| other_error("no parent"))?;
        Ok(rustix::process::test_kill_process(other)?)
    });
}

fn other_error(text: &str) -> std::io::Error {
    std::io::Error::other(text.to_owned())
}

fn attempt<T>(name: &str, attempt: impl FnOnce() -> std::io::Result<T>) {
    match attempt() {
        Ok(_) => println!("attempt {name}: ok"),
        Err(error) => println!("attempt {name}: {error}"),
    }
}

/// A database with a write-ahead log, as the sightings are kept.
fn sqlite(path: &Path) -> std::io::Result<()> {
    let written = || {
        let database = rusqlite::Connection::open(path)?;
        database.execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full; CREATE TABLE IF NOT EXISTS t (a);
             BEGIN; INSERT INTO t VALUES (1); COMMIT; PRAGMA wal_checkpoint(truncate);",
        )?;
        database.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
    };
    written().map(|_| ()).map_err(|error: rusqlite::Error| other_error(&error.to_string()))
}

/// A runtime with threads, timers, sockets and signals.
fn tokio_works() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP)?;
        hangup.recv().await;
        tokio::task::spawn_blocking(|| ()).await.map_err(|error| other_error(&error.to_string()))
    })
}
