use std::io::Write as _;
use std::net::TcpStream;
use std::thread;

use super::super::program::long_tests;
use super::super::tcp::service::wait_for;
use super::ledger::{assert_clean, canary, lines};
use super::peers::Peer;
use super::service::{Home, Service};

/// Beyond its limit: the program, its rules, its threads' stacks and what they work with.
const BASE: usize = 96 << 20;

fn start(memory: &str, framing: &str) -> (Peer, Service) {
    let peer = Peer::new();
    let parts = format!(
        "threads = 2\n[limits]\nmemory = \"{memory}\"\n[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         framing = \"{framing}\"\nmax_connections = 128\n[sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n",
        peer.address
    );
    (peer, Home::new().start(&parts))
}

/// A line of so many bytes with secrets at its beginning, at its end and in between, without its end.
fn long_line(bytes: usize, mut write: impl FnMut(&[u8])) {
    let filler = "word ".repeat(13_000);
    let mut written = 0;
    while written < bytes {
        let token = format!("token={} ", canary(written));
        let padding = &filler[..filler.len().min(bytes - written)];
        write(token.as_bytes());
        write(padding.as_bytes());
        written += token.len() + padding.len();
    }
}

/// Many lines that are far longer than what memory has room for, all at once and none ended before the others: bounded, and another's
/// lines pass.
#[test]
fn many_long_lines_at_once_take_no_more_memory_than_allowed() {
    let (connections, length, memory) = if long_tests() { (64, 8 << 20, 32 << 20) } else { (24, 2 << 20, 8 << 20) };
    for framing in ["lf", "octet-counting"] {
        let (peer, mut service) = start(&format!("{}K", memory >> 10), framing);
        thread::scope(|scope| {
            for connection in 0..connections {
                let service = &service;
                scope.spawn(move || {
                    let mut socket = service.connect("in");
                    if framing == "octet-counting" {
                        let mut whole = 0;
                        long_line(length, |part| whole += part.len());
                        write!(socket, "{whole} ").expect("sent");
                    }
                    long_line(length, |part| socket.write_all(part).expect("sent"));
                    if framing == "lf" {
                        writeln!(socket, "end {connection}").expect("sent");
                    }
                });
            }
        });
        peer.wait_for_lines(connections);
        let peak = service.memory("VmHWM");
        assert!(peak < BASE + memory, "{framing}: {} MiB", peak >> 20);
        let good = lines(1000, 0..10);
        let good: Vec<u8> = match framing {
            "lf" => good,
            _ => good
                .split_inclusive(|b| *b == b'\n')
                .flat_map(|l| [format!("{} ", l.len()).as_bytes(), l].concat())
                .collect(),
        };
        service.send("in", &good);
        peer.wait_for_line(1000, 9);
        assert_clean("what the peer got", &peer.bytes());
        service.stop();
    }
}

/// A line of a GiB, by itself and beside others: only on demand, as it takes minutes.
#[test]
fn a_line_of_a_gibibyte_is_bounded_and_clean() {
    if !long_tests() {
        return;
    }
    for framing in ["lf", "octet-counting"] {
        let (peer, mut service) = start("64M", framing);
        let length = 1 << 30;
        let mut socket = service.connect("in");
        if framing == "octet-counting" {
            let mut whole = 0;
            long_line(length, |part| whole += part.len());
            write!(socket, "{whole} ").expect("sent");
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                long_line(length, |part| socket.write_all(part).expect("sent"));
                if framing == "lf" {
                    socket.write_all(b"\n").expect("sent");
                }
            });
            // Another's lines wait no longer than the long one's patience lasts.
            let mut other: TcpStream = service.connect("in");
            for number in 0..5 {
                let text = lines(1, number..number + 1);
                if framing == "octet-counting" {
                    write!(other, "{} ", text.len()).expect("sent");
                }
                other.write_all(&text).expect("sent");
                peer.wait_for_line(1, number);
            }
        });
        wait_for("all of it", || (service.metric("inkprint_source_connections{source=\"in\"}") <= 1.0).then_some(()));
        let peak = service.memory("VmHWM");
        assert!(peak < BASE + (64 << 20), "{framing}: {} MiB", peak >> 20);
        assert_clean("what the peer got", &peer.bytes());
        service.stop();
    }
}
