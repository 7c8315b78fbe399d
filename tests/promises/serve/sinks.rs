use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::super::program::tool;
use super::super::tcp::service::wait_for;
use super::ledger::lines;
use super::peers::Peer;
use super::service::{Ends, Home, free_address, let_pass};

/// Lines that together are some twenty times what the queues hold.
const MANY: usize = 40_000;
/// Memory for few connections, so that little is under way.
const SMALL: &str = "[limits]\nmemory = \"4M\"\nmax_line = \"256K\"\n\
    [sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nmax_connections = 16\n";

fn tcp_sink(name: &str, address: &str, more: &str) -> String {
    format!("[sinks.{name}]\ntype = \"tcp\"\naddress = \"{address}\"\n{more}\n")
}

fn spool(name: &str, size: &str) -> String {
    format!("[sinks.{name}.spool]\ndirectory = \"spool-{name}\"\nmax_size = \"{size}\"\n")
}

/// Sends lines of connection `connection` in the background; no write may fail.
fn sending(socket: TcpStream, connection: usize, count: usize) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut socket = socket;
        for from in (0..count).step_by(500) {
            socket.write_all(&lines(connection, from..count.min(from + 500))).expect("the source sees no error");
        }
    })
}

#[test]
fn a_sink_that_never_reads_stops_the_other_only_when_its_spool_is_full() {
    let (good, slow) = (Peer::new(), Peer::new());
    slow.stall();
    let parts =
        [SMALL.to_owned(), tcp_sink("good", &good.address, ""), tcp_sink("slow", &slow.address, &spool("slow", "4M"))];
    let mut service = Home::new().start(&parts.concat());
    let sender = sending(service.connect("in"), 1, MANY);
    // More than its queue and its spool have room for never gets into them, and the good sink is not kept waiting until then.
    service.wait_for_metric("inkprint_spool_bytes{sink=\"slow\"}", 3.5 * f64::from(1 << 20));
    let bytes_of_the_spool = 3 << 20;
    good.wait_for_bytes(bytes_of_the_spool);
    // Full: it is said, and the source is held back, with the sender in the midst of its lines.
    wait_for("the spool to be full", || (service.metric("inkprint_spool_healthy{sink=\"slow\"}") == 0.0).then_some(()));
    wait_for("the queue to be full", || {
        (service.metric("inkprint_sink_queue_bytes{sink=\"slow\"}") > f64::from(500 << 10)).then_some(())
    });
    assert!(!sender.is_finished() && good.lines() < MANY, "the source is held back");
    slow.read_on();
    sender.join().expect("no write failed");
    good.wait_for_lines(MANY);
    slow.wait_for_lines(MANY);
    service.stop();
    good.ledger().assert_is(1, 0..MANY);
    slow.ledger().assert_is(1, 0..MANY);
}

#[test]
fn a_sink_that_is_away_for_a_while_misses_nothing_and_the_source_does_not_notice() {
    let peer = Peer::away(&free_address());
    let parts = [SMALL.to_owned(), tcp_sink("out", &peer.address, &spool("out", "64M"))];
    let mut service = Home::new().start(&parts.concat());
    assert_eq!(service.get("/readyz").0, 200, "its spool has room");
    // All of it is taken though nobody is there: some twenty times what the memory has room for.
    sending(service.connect("in"), 1, MANY).join().expect("no write failed");
    sending(service.connect("in"), 2, 100).join().expect("no write failed");
    service.wait_for_metric("inkprint_source_lines_total{source=\"in\"}", (MANY + 100) as f64);
    assert!(service.metric("inkprint_spool_bytes{sink=\"out\"}") > f64::from(10 << 20));
    assert_eq!(service.metric("inkprint_sink_up{sink=\"out\"}"), 0.0);
    wait_for("an age", || (service.metric("inkprint_sink_oldest_unsent_seconds{sink=\"out\"}") > 0.0).then_some(()));
    peer.come_back();
    peer.wait_for_lines(MANY + 100);
    wait_for("an empty spool", || (service.metric("inkprint_spool_records{sink=\"out\"}") == 0.0).then_some(()));
    service.stop();
    let ledger = peer.ledger();
    ledger.assert_is(1, 0..MANY);
    ledger.assert_is(2, 0..100);
}

/// A spool that is full is no place for lines: it is said, and taken back once there is room.
#[test]
fn with_its_sink_away_and_its_spool_full_it_is_not_ready() {
    let peer = Peer::away(&free_address());
    let mut service =
        Home::new().start(&[SMALL.to_owned(), tcp_sink("out", &peer.address, &spool("out", "1M"))].concat());
    service.wait_for_readiness(200);
    let sender = sending(service.connect("in"), 1, MANY / 4);
    let why = service.wait_for_readiness(503);
    assert!(why.contains("full"), "{why}");
    assert_eq!(service.metric("inkprint_spool_healthy{sink=\"out\"}"), 0.0);
    peer.come_back();
    sender.join().expect("no write failed");
    peer.wait_for_lines(MANY / 4);
    service.wait_for_readiness(200);
    assert_eq!(service.metric("inkprint_spool_healthy{sink=\"out\"}"), 1.0);
    service.stop();
    peer.ledger().assert_is(1, 0..MANY / 4);
}

/// The same without a spool: the source is held back, which is what the spool is for.
#[test]
fn without_a_spool_a_sink_that_is_away_holds_the_source_back() {
    let peer = Peer::away(&free_address());
    let mut service = Home::new().start(&[SMALL.to_owned(), tcp_sink("out", &peer.address, "")].concat());
    let sender = sending(service.connect("in"), 1, MANY);
    let why = service.wait_for_readiness(503);
    assert!(why.contains("out"), "{why}");
    wait_for("the queue to be full", || {
        (service.metric("inkprint_sink_queue_bytes{sink=\"out\"}") > f64::from(500 << 10)).then_some(())
    });
    assert!(!sender.is_finished());
    peer.come_back();
    sender.join().expect("no write failed");
    peer.wait_for_lines(MANY);
    service.wait_for_readiness(200);
    service.stop();
    peer.ledger().assert_is(1, 0..MANY);
}

/// Each time the sink waits longer before it tries again.
const FLAPS: u32 = 6;

/// Lets the peer come and go while lines flow: `go` makes it go.
fn flapping(sink: &str, go: fn(&Peer)) -> Peer {
    let peer = Peer::new();
    let parts = [SMALL.to_owned(), tcp_sink("out", &peer.address, sink)];
    let mut service = Home::new().start(&parts.concat());
    let socket = service.connect("in");
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let _ends = Ends(&ended);
        scope.spawn(|| {
            let mut socket = socket;
            let mut number = 0;
            while !ended.load(Ordering::Relaxed) || number < 2_000 {
                socket.write_all(&lines(1, number..number + 20)).expect("the source sees no error");
                number += 20;
                let_pass(Duration::from_millis(1));
            }
            socket.write_all(&lines(1, number..number + 1)).expect("the source sees no error");
            socket.write_all(&lines(2, 0..100)).expect("the source sees no error");
        });
        for _ in 0..FLAPS {
            let (before, lines) = (peer.connections(), peer.lines());
            wait_for("lines", || (peer.lines() > lines).then_some(()));
            go(&peer);
            let_pass(Duration::from_millis(fastrand::u64(0..30)));
            peer.come_back();
            peer.wait_for_connections(before + 1);
        }
        ended.store(true, Ordering::Relaxed);
    });
    peer.wait_for_line(2, 99);
    assert!(service.metric("inkprint_sink_reconnects_total{sink=\"out\"}") >= f64::from(FLAPS));
    service.stop();
    peer
}

#[test]
fn a_peer_that_leaves_and_comes_back_misses_nothing() {
    for sink in [String::new(), spool("out", "16M")] {
        let peer = flapping(&sink, Peer::leave);
        let ledger = peer.ledger();
        let last = *ledger.numbers(1).last().expect("lines");
        ledger.assert_has(1, 0..last + 1);
        ledger.assert_is(2, 0..100);
        // Of each connection, no more than the line that was cut is sent once more.
        assert!(ledger.duplicates() <= peer.connections(), "{}", ledger.duplicates());
    }
}

/// What was under way is lost with a connection that breaks off, as nobody can know of it; everything else is whole and in order, and
/// the source sees no error.
#[test]
fn a_peer_that_breaks_off_and_comes_back_gets_whole_lines_in_order() {
    let peer = flapping("", Peer::break_off);
    let ledger = peer.ledger();
    ledger.assert_is(2, 0..100);
    assert!(ledger.duplicates() <= peer.connections(), "{}", ledger.duplicates());
}

#[test]
fn what_is_dropped_for_want_of_room_is_counted_and_the_others_get_it() {
    let (good, slow) = (Peer::new(), Peer::new());
    slow.stall();
    let parts = [
        SMALL.to_owned(),
        tcp_sink("good", &good.address, ""),
        tcp_sink("slow", &slow.address, "when_full = \"drop-newest\""),
    ];
    let mut service = Home::new().start(&parts.concat());
    sending(service.connect("in"), 1, MANY).join().expect("no write failed");
    good.wait_for_lines(MANY);
    let dropped = service.metric(DROPPED) as usize;
    assert!(dropped > 0 && dropped < MANY, "{dropped}");
    assert_eq!(service.metric("inkprint_sink_dropped_lines_total{sink=\"good\"}"), 0.0);
    slow.read_on();
    slow.wait_for_lines(MANY - dropped);
    // With room again, what comes is taken again.
    service.send("in", &lines(2, 0..100));
    slow.wait_for_line(2, 99);
    service.stop();
    good.ledger().assert_is(1, 0..MANY);
    let ledger = slow.ledger();
    ledger.assert_is(2, 0..100);
    assert_eq!((ledger.numbers(1).len(), ledger.duplicates()), (MANY - dropped, 0));
}

const DROPPED: &str = "inkprint_sink_dropped_lines_total{sink=\"slow\"}";

/// A network that swallows everything: the peer is given up, and found again once the network is.
#[test]
fn a_peer_in_a_black_hole_is_given_up_and_found_again() {
    if !tool("nft") {
        return;
    }
    let peer = Peer::new();
    let Some(hole) = Hole::ready() else { return };
    let parts = [SMALL.to_owned(), tcp_sink("out", &peer.address, &spool("out", "16M"))];
    let mut service = Home::new().start(&parts.concat());
    let mut socket = service.connect("in");
    socket.write_all(&lines(1, 0..100)).expect("sent");
    peer.wait_for_line(1, 99);
    hole.swallow(&peer.address);
    socket.write_all(&lines(1, 100..200)).expect("the source sees no error");
    // Enough that some of it stays with the program, and can be noticed not to go on.
    sending(service.connect("in"), 3, 20_000).join().expect("no write failed");
    let reason = service.logged("connection lost", "error");
    assert!(reason.contains("does not answer"), "{reason}");
    drop(hole);
    peer.wait_for_connections(2);
    peer.wait_for_line(3, 19_999);
    socket.write_all(&lines(2, 0..100)).expect("sent");
    peer.wait_for_line(2, 99);
    service.stop();
    let ledger = peer.ledger();
    ledger.assert_has(1, 0..100);
    ledger.assert_is(2, 0..100);
}

/// A table of the packet filter's that drops what is sent to one port of this machine; gone when dropped.
struct Hole {
    table: String,
}

impl Hole {
    /// `None`, and a word why, where the packet filter cannot be used.
    fn ready() -> Option<Self> {
        let hole = Self { table: format!("inkprint_test_{}", std::process::id()) };
        let chain =
            format!("add table inet {0}; add chain inet {0} out {{ type filter hook output priority 0; }}", hole.table);
        if nft(&chain) {
            return Some(hole);
        }
        eprintln!("SKIPPED: the packet filter cannot be used");
        None
    }

    fn swallow(&self, address: &str) {
        let port = address.rsplit(':').next().expect("a port");
        assert!(nft(&format!("add rule inet {} out tcp dport {port} drop", self.table)));
    }
}

impl Drop for Hole {
    fn drop(&mut self) {
        nft(&format!("delete table inet {}", self.table));
    }
}

fn nft(words: &str) -> bool {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "PATH=$PATH:/usr/sbin:/sbin exec nft \"$0\"", words]);
    command.output().is_ok_and(|output| output.status.success())
}
