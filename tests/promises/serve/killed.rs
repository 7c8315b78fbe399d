use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use inkprint::pipeline::spool::{Settings, Spool};
use rustix::process::Signal;

use super::super::program::long_tests;
use super::super::tcp::service::wait_for;
use super::ledger::{Ledger, lines};
use super::peers::Peer;
use super::service::{Ends, Home, Service, free_address, let_pass};

const SOURCE: &str = "[limits]\nmemory = \"4M\"\nmax_line = \"256K\"\ndrain_timeout = \"60s\"\n\
    [sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nmax_connections = 16\n";
const SPOOL: &str = "[sinks.out.spool]\ndirectory = \"spool\"\nmax_size = \"64M\"\n";

fn with_sink(address: &str, spool: &str) -> String {
    format!("{SOURCE}[sinks.out]\ntype = \"tcp\"\naddress = \"{address}\"\n{spool}")
}

/// Sends lines until the other side is gone or it is told to stop; the number of lines that were written whole.
fn send_until_gone(service: &Service, connection: usize, stop: &AtomicBool) -> usize {
    let Ok(mut socket) = TcpStream::connect(service.address("in")) else { return 0 };
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) && socket.write_all(&lines(connection, number..number + 20)).is_ok() {
        number += 20;
    }
    number
}

/// What a spool holds that nobody works in, line by line.
fn held(directory: &Path, copy: &Path) -> Vec<u8> {
    fs::create_dir_all(copy).expect("a directory");
    for entry in fs::read_dir(directory).expect("there").flatten() {
        fs::copy(entry.path(), copy.join(entry.file_name())).expect("copied");
    }
    let settings = Settings { directory: copy.to_owned(), max_bytes: 64 << 20 };
    let (spool, found) = Spool::open(&settings).expect("it opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    (0..found.records).flat_map(|_| runtime.block_on(spool.next()).expect("a record").bytes.clone()).collect()
}

#[test]
fn what_the_spool_held_when_it_was_killed_arrives_whole_and_little_of_it_twice() {
    let kills = if long_tests() { 100 } else { 10 };
    let home = Home::new();
    let peer = Peer::away(&free_address());
    let parts = with_sink(&peer.address, SPOOL);
    let copies = tempfile::tempdir().expect("a directory");
    let (mut due, mut flaps) = (BTreeSet::new(), 0);
    for round in 0..kills {
        let mut service = home.start(&parts);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let _ends = Ends(&stop);
            let (on, service) = (&stop, &service);
            scope.spawn(move || send_until_gone(service, round, on));
            wait_for("the first lines", || {
                (service.metric("inkprint_source_lines_total{source=\"in\"}") > 0.0).then_some(())
            });
            // The peer is there, or not, or comes and goes.
            for _ in 0..fastrand::usize(0..3) {
                peer.come_back();
                let_pass(Duration::from_millis(fastrand::u64(0..200)));
                flaps += 1;
                peer.leave();
            }
            let_pass(Duration::from_millis(fastrand::u64(0..100)));
            service.signal(Signal::KILL);
            stop.store(true, Ordering::Relaxed);
        });
        service.ended();
        service.assert_clean();
        let held = held(&home.path("spool"), &copies.path().join(round.to_string()));
        for (connection, numbers) in Ledger::of(&held).seen {
            due.extend(numbers.into_keys().map(|number| (connection, number)));
        }
    }
    peer.come_back();
    let mut service = home.start(&parts);
    wait_for("an empty spool", || (service.metric("inkprint_spool_records{sink=\"out\"}") == 0.0).then_some(()));
    service.stop();
    peer.leave();
    let ledger = peer.ledger();
    let arrived =
        |(connection, number): &(usize, usize)| ledger.seen.get(connection).is_some_and(|n| n.contains_key(number));
    let missing: Vec<_> = due.iter().filter(|line| !arrived(line)).take(10).collect();
    assert!(missing.is_empty(), "{missing:?} were in the spool");
    assert!(due.len() > kills, "{} lines were ever in the spool", due.len());
    // A batch is what was read at once and cleaned, of which none is longer than this in lines of at least 60 bytes.
    let batch = (256 << 10) / 60;
    assert!(ledger.duplicates() <= (kills + flaps) * batch, "{} twice, of {}", ledger.duplicates(), due.len());
    home.journal();
}

/// Posts lines until the other side is gone; the numbers of those that it has answered for.
fn post_until_gone(address: &str, connection: usize, count: &AtomicUsize) -> BTreeSet<(usize, usize)> {
    let mut answered = BTreeSet::new();
    let Ok(mut socket) = TcpStream::connect(address) else { return answered };
    // A service that answers nothing fails the test, and does not stop it.
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    for from in (0..).step_by(20) {
        let body = lines(connection, from..from + 20);
        let head = format!(
            "POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut answer = Vec::new();
        let sent = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(&body));
        while sent.is_ok() && !answer.ends_with(b"}\n") {
            let mut part = [0; 512];
            match socket.read(&mut part) {
                Ok(read) if read > 0 => answer.extend_from_slice(&part[..read]),
                _ => return answered,
            }
        }
        if sent.is_err() {
            return answered;
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"{\"accepted\":20}\n"),
            "{}",
            answer.escape_ascii()
        );
        answered.extend((from..from + 20).map(|number| (connection, number)));
        count.fetch_add(20, Ordering::Relaxed);
    }
    answered
}

#[test]
fn what_was_answered_for_before_it_was_killed_arrives() {
    let kills = if long_tests() { 100 } else { 10 };
    let home = Home::new();
    let peer = Peer::away(&free_address());
    let source = SOURCE.replace("\"tcp\"", "\"http\"").replace("listen = ", "path = \"/ingest\"\nlisten = ");
    let parts = format!("{source}[sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n{SPOOL}", peer.address);
    let (mut due, mut flaps) = (BTreeSet::new(), 0);
    for round in 0..kills {
        let mut service = home.start(&parts);
        let (address, answered) = (service.address("in"), AtomicUsize::new(0));
        thread::scope(|scope| {
            let clients: Vec<_> = [2 * round, 2 * round + 1]
                .map(|connection| {
                    let (address, answered) = (&address, &answered);
                    scope.spawn(move || post_until_gone(address, connection, answered))
                })
                .into();
            wait_for("the first answers", || (answered.load(Ordering::Relaxed) > 0).then_some(()));
            for _ in 0..fastrand::usize(0..3) {
                peer.come_back();
                let_pass(Duration::from_millis(fastrand::u64(0..100)));
                flaps += 1;
                peer.leave();
            }
            let_pass(Duration::from_millis(fastrand::u64(0..50)));
            service.signal(Signal::KILL);
            due.extend(clients.into_iter().flat_map(|client| client.join().expect("no panic")));
        });
        service.ended();
        service.assert_clean();
    }
    peer.come_back();
    let mut service = home.start(&parts);
    wait_for("an empty spool", || (service.metric("inkprint_spool_records{sink=\"out\"}") == 0.0).then_some(()));
    service.stop();
    peer.leave();
    let ledger = peer.ledger();
    let arrived =
        |(connection, number): &(usize, usize)| ledger.seen.get(connection).is_some_and(|n| n.contains_key(number));
    let missing: Vec<_> = due.iter().filter(|line| !arrived(line)).take(10).collect();
    assert!(missing.is_empty(), "{missing:?} were answered for");
    assert!(due.len() > kills, "{} lines were answered for", due.len());
    let at_once = (256 << 10) / 60;
    assert!(ledger.duplicates() <= (kills + flaps) * at_once, "{} twice, of {}", ledger.duplicates(), due.len());
}

/// What the test above is worth: without a spool, what was in memory is gone.
#[test]
fn without_a_spool_what_waited_when_it_was_killed_is_gone() {
    let home = Home::new();
    let peer = Peer::away(&free_address());
    let parts = with_sink(&peer.address, "");
    let mut service = home.start(&parts);
    service.send("in", &lines(1, 0..100));
    service.wait_for_metric("inkprint_source_lines_total{source=\"in\"}", 100.0);
    service.kill();
    peer.come_back();
    let mut service = home.start(&parts);
    service.send("in", &lines(2, 0..100));
    peer.wait_for_line(2, 99);
    service.stop();
    assert!(peer.ledger().numbers(1).is_empty());
}

/// What the journal says of the run that ended last: bytes read and passed on.
fn last_stop(home: &Home) -> (u64, u64) {
    let find = |record: &serde_json::Value| {
        let counts = find_counts(record)?;
        Some((counts["bytes_in"].as_u64()?, counts["bytes_out"].as_u64()?))
    };
    home.journal().iter().rev().find_map(find).expect("a stop with counts")
}

fn find_counts(entry: &serde_json::Value) -> Option<&serde_json::Value> {
    match entry {
        serde_json::Value::Object(fields) => {
            fields.get("counts").filter(|counts| counts.is_object()).or_else(|| fields.values().find_map(find_counts))
        }
        _ => None,
    }
}

#[test]
fn on_sigterm_under_load_all_that_was_read_is_passed_on() {
    for round in 0..10 {
        let home = Home::new();
        let peer = Peer::new();
        let mut service = home.start(&with_sink(&peer.address, ""));
        let stop = AtomicBool::new(false);
        let written = thread::scope(|scope| {
            let _ends = Ends(&stop);
            let (on, service) = (&stop, &service);
            let sender = scope.spawn(move || send_until_gone(service, round, on));
            wait_for("the first lines", || (peer.lines() > 0).then_some(()));
            let_pass(Duration::from_millis(fastrand::u64(0..100)));
            service.signal(Signal::TERM);
            wait_for("its end", || (!service.runs()).then_some(()));
            stop.store(true, Ordering::Relaxed);
            sender.join().expect("no panic")
        });
        assert_eq!(service.ended().code(), Some(0), "{}", service.log.text());
        service.assert_clean();
        peer.leave();
        let bytes = peer.bytes();
        let (bytes_in, bytes_out) = last_stop(&home);
        assert_eq!(bytes.len() as u64, bytes_out, "what was passed on has arrived");
        // The last line may have been cut, by the sender's end or ours; up to it there is no gap.
        let last_line = memchr::memrchr(b'\n', &bytes[..bytes.len() - 1]).map_or(0, |at| at + 1);
        let ledger = Ledger::of(&bytes[..last_line]);
        let count = ledger.numbers(round).len();
        ledger.assert_is(round, 0..count);
        let length = |count: usize| lines(round, 0..count).len() as u64;
        assert!(
            (length(count)..=length(count + 1)).contains(&bytes_in),
            "{bytes_in} bytes read, {count} lines arrived"
        );
        assert!(count <= written + 20);
    }
}

#[test]
fn a_second_sigterm_ends_it_at_once() {
    let peer = Peer::away(&free_address());
    let home = Home::new();
    let mut service = home.start(&with_sink(&peer.address, ""));
    service.send("in", &lines(1, 0..100));
    service.wait_for_metric("inkprint_source_lines_total{source=\"in\"}", 100.0);
    service.signal(Signal::TERM);
    service.logged("stopping", "message");
    assert!(service.runs(), "it waits for its sink");
    service.signal(Signal::TERM);
    assert_eq!(service.ended().signal(), Some(15));
    service.assert_clean();
    // Its journal says that it never stopped, and is sound.
    home.journal();
}

#[test]
fn what_cannot_be_passed_on_in_time_is_told_and_with_a_spool_it_is_kept() {
    let peer = Peer::away(&free_address());
    let home = Home::new();
    let at_once =
        |spool: &str| with_sink(&peer.address, spool).replace("drain_timeout = \"60s\"", "drain_timeout = \"1s\"");
    let mut service = home.start(&at_once(""));
    service.send("in", &lines(1, 0..100));
    service.wait_for_metric("inkprint_source_lines_total{source=\"in\"}", 100.0);
    service.signal(Signal::TERM);
    assert_eq!(service.ended().code(), Some(2));
    assert_eq!(service.logged("not passed on within the time to drain", "lines"), "100");
    let mut service = home.start(&at_once(SPOOL));
    service.send("in", &lines(2, 0..100));
    service.wait_for_metric("inkprint_source_lines_total{source=\"in\"}", 100.0);
    service.stop();
    peer.come_back();
    let mut service = home.start(&at_once(SPOOL));
    assert!(service.count_logged("the spool holds what was not delivered") == 1);
    peer.wait_for_line(2, 99);
    service.stop();
    peer.ledger().assert_is(2, 0..100);
}

#[test]
fn the_end_of_standard_input_is_the_end_where_there_is_no_other_source() {
    let home = Home::new();
    let peer = Peer::new();
    home.configure(&format!(
        "[sources.in]\ntype = \"stdin\"\n[sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n",
        peer.address
    ));
    let mut service = Service::spawn(&home, home.command().stdin(Stdio::piped()));
    service.wait_until_it_listens();
    let mut stdin = service.stdin();
    stdin.write_all(&lines(1, 0..5_000)).expect("written");
    drop(stdin);
    assert_eq!(service.ended().code(), Some(0), "{}", service.log.text());
    peer.leave();
    peer.ledger().assert_is(1, 0..5_000);
    service.assert_clean();
}

/// With another source beside it, it goes on.
#[test]
fn the_end_of_standard_input_is_no_end_where_there_is_another_source() {
    let home = Home::new();
    let peer = Peer::new();
    let mut service = home.start(&format!("[sources.std]\ntype = \"stdin\"\n{}", with_sink(&peer.address, "")));
    service.send("in", &lines(1, 0..100));
    peer.wait_for_line(1, 99);
    assert!(service.runs());
    service.stop();
    peer.ledger().assert_is(1, 0..100);
}
