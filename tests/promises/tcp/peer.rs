use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::service::{Peer, Service, canary, lines, unused_address, wait_for};

/// Numbered lines, each with a secret, about 100 bytes.
fn numbered(range: std::ops::Range<usize>) -> Vec<u8> {
    range.flat_map(|number| format!("n={number} token={} {}\n", canary(number), "x".repeat(40)).into_bytes()).collect()
}

#[track_caller]
fn assert_all_once(text: &str, lines: usize) {
    assert_eq!(text.lines().count(), lines);
    for (number, line) in text.lines().enumerate() {
        assert!(line.starts_with(&format!("n={number} token=ink1-")), "{line}");
    }
}

#[test]
fn a_peer_that_comes_late_gets_everything_and_until_then_senders_wait() {
    const LINES: usize = 300_000;
    let address = unused_address();
    let mut service = Service::forwarding(&address, &["--max-memory", "16M", "--max-connections", "16"]);
    assert_eq!(service.get("/readyz").0, 503);
    let sent = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut socket = service.connect();
            for start in (0..LINES).step_by(10_000) {
                socket.write_all(&numbered(start..start + 10_000)).expect("sent");
            }
            sent.store(true, Ordering::Relaxed);
        });
        // The queue has half of what the fixed parts leave: it is full when more than 6 MiB are in it, and stays so.
        service.wait_for_metric("inkprint_buffered_bytes", f64::from(6 << 20));
        service.logged("cannot connect", "error");
        assert!(!sent.load(Ordering::Relaxed), "the sender is held back");
        let peer = Peer::on(TcpListener::bind(&address).expect("still unused"));
        peer.received.wait_for_lines(LINES);
        assert_all_once(&peer.received.text(), LINES);
    });
    assert_eq!(service.get("/readyz"), (200, "ready\n".to_owned()));
    let peak = service.peak_memory();
    assert!(peak < 160 << 20, "{peak} bytes");
    service.stop();
}

#[test]
fn a_peer_that_does_not_read_holds_the_senders_back_and_loses_nothing() {
    const LINES: usize = 300_000;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let mut service = Service::forwarding(&address, &["--max-memory", "16M", "--max-connections", "16"]);
    let (mut socket, _) = listener.accept().expect("it connects");
    let mut received = String::new();
    thread::scope(|scope| {
        scope.spawn(|| service.send(&numbered(0..LINES)));
        service.wait_for_metric("inkprint_buffered_bytes", f64::from(6 << 20));
        let before = service.metric("inkprint_bytes_in_total");
        assert!(before < numbered(0..LINES).len() as f64);
        scope.spawn(|| {
            let mut chunk = vec![0; 64 << 10];
            let mut newlines = 0;
            while newlines < LINES {
                let read = socket.read(&mut chunk).expect("open");
                newlines += chunk[..read].iter().filter(|byte| **byte == b'\n').count();
                received.push_str(std::str::from_utf8(&chunk[..read]).expect("text"));
            }
        });
    });
    assert_all_once(&received, LINES);
    assert!(service.peak_memory() < 160 << 20);
    assert!(!service.log.text().contains("connection lost"), "slow is not gone");
    drop(socket);
    service.stop();
}

#[test]
fn a_peer_that_closes_and_comes_back_sees_every_line() {
    const LINES: usize = 50_000;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut service = Service::forwarding(&listener.local_addr().expect("bound").to_string(), &[]);
    let mut seen = vec![0u32; LINES];
    thread::scope(|scope| {
        scope.spawn(|| service.send(&numbered(0..LINES)));
        let mut whole = 0;
        while whole < LINES {
            let (socket, _) = listener.accept().expect("it connects again");
            for (count, line) in lines(&socket).enumerate() {
                // Five thousand lines from each connection; then this side says that it has had enough, and reads to the end.
                if count == 5_000 {
                    socket.shutdown(Shutdown::Write).expect("shut down");
                }
                // A line cut by the close is sent again; its number may be cut, its end is missing.
                let Some(number) = line.strip_prefix("n=").and_then(|rest| rest.split_once(' ')) else { continue };
                if line.ends_with(&"x".repeat(40)) {
                    let number: usize = number.0.parse().expect("a number");
                    whole += usize::from(seen[number] == 0);
                    seen[number] += 1;
                }
                if whole == LINES {
                    break;
                }
            }
        }
    });
    assert!(seen.iter().all(|times| *times >= 1));
    assert!(service.metric("inkprint_sink_reconnects_total{sink=\"forward\"}") >= 1.0);
    service.terminate();
    service.ended();
}

#[test]
fn what_cannot_be_passed_on_in_time_is_told() {
    let mut service = Service::forwarding(&unused_address(), &["--drain-timeout", "0.2"]);
    service.send(&numbered(0..100));
    service.wait_for_metric("inkprint_lines_total", 100.0);
    service.terminate();
    assert_eq!(service.ended().code(), Some(2));
    assert_eq!(service.logged("not passed on", "lines"), "100");
    assert!(!service.log.text().contains("ghp_"));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut service = Service::forwarding(&unused_address(), &["--drain-timeout", "1000"]);
    service.send(&numbered(0..100));
    service.wait_for_metric("inkprint_lines_total", 100.0);
    service.terminate();
    service.logged("stopping", "level");
    service.terminate();
    assert_eq!(service.ended().code(), None);
}

#[test]
fn a_closed_standard_output_is_an_error() {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = super::super::program::inkprint(home.path());
    command.args(["--listen", "127.0.0.1:0"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the program was built");
    drop(child.stdout.take());
    let (log, _reader) = super::service::Collected::from(child.stderr.take().expect("piped"));
    let address = wait_for("its address", || {
        let text = log.text();
        text.split_once("listening address=")
            .and_then(|(_, rest)| rest.split_once('\n'))
            .map(|(address, _)| address.to_owned())
    });
    std::net::TcpStream::connect(address).expect("it listens").write_all(b"line\n").expect("sent");
    let status = wait_for("its end", || child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(2));
    wait_for("the reason", || log.text().contains("cannot write standard output").then_some(()));
}
