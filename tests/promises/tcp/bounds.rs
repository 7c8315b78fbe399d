use std::io::Write;
use std::net::TcpStream;

use super::super::program::{ended, inkprint, run, stderr};
use super::service::{Peer, Service, canary};

#[test]
fn half_lines_of_many_connections_are_bounded_and_none_waits_for_ever() {
    const CONNECTIONS: usize = 120;
    const LINE: usize = 240 << 10;
    let peer = Peer::new();
    let options = ["--max-memory", "4M", "--max-line", "256K", "--max-connections", "200"];
    let mut service = Service::forwarding(&peer.address, &options);
    let begin = |number: usize| -> TcpStream {
        let mut socket = service.connect();
        let head = format!("c={number} token={} ", canary(number));
        socket.write_all(head.as_bytes()).expect("sent");
        socket
    };
    let sockets: Vec<TcpStream> = (0..CONNECTIONS).map(begin).collect();
    service.wait_for_metric("inkprint_source_connections{source=\"listen\"}", CONNECTIONS as f64);
    // Everybody sends all but the newline, more than may be held; then everybody's line ends, in the order of nobody's choosing.
    let rests: Vec<_> = sockets.iter().map(|socket| socket.try_clone().expect("a descriptor")).collect();
    std::thread::scope(|scope| {
        for mut socket in rests {
            scope.spawn(move || {
                socket.write_all(&vec![b'y'; LINE]).expect("sent");
                socket.write_all(b"\n").expect("sent");
            });
        }
    });
    peer.received.wait_for_lines(CONNECTIONS);
    assert!(service.metric("inkprint_buffered_bytes") <= f64::from(4 << 20));
    let peak = service.peak_memory();
    assert!(peak < 150 << 20, "{peak} bytes");
    service.stop();
    let text = peer.received.text();
    for line in text.lines() {
        assert!(line.contains(" token=ink1-github-pat") && line.ends_with(&"y".repeat(LINE)), "{} bytes", line.len());
    }
    assert_eq!(text.lines().count(), CONNECTIONS);
}

#[test]
fn a_silent_sender_in_the_midst_of_a_long_line_does_not_keep_the_others_waiting() {
    let mut service = Service::start(&["--max-line", "256K"]);
    let mut long = service.connect();
    // More than the limit: the output is open in the midst of this line.
    long.write_all(&vec![b'a'; 300 << 10]).expect("sent");
    service.wait_for_metric("inkprint_bytes_out_total", 1.0);
    service.send(b"another's line\n");
    service.out.wait_for_lines(2);
    long.write_all(b"the rest\nits next line\n").expect("sent");
    service.out.wait_for_lines(4);
    service.stop();
    let text = service.out.text();
    let lines: Vec<&str> = text.lines().collect();
    let (passed, mark) = lines[0].split_once("ink1-withheld-oversized-").expect("what is missing is told");
    assert!(passed.bytes().all(|byte| byte == b'a'));
    assert_eq!(passed.len() + mark.parse::<usize>().expect("a length"), 300 << 10);
    assert_eq!(lines[1..], ["another's line", "ink1-withheld-oversized-8", "its next line"]);
}

#[test]
fn connections_beyond_the_limit_wait_their_turn() {
    let mut service = Service::start(&["--max-connections", "2"]);
    let mut first = [service.connect(), service.connect()];
    service.wait_for_metric("inkprint_source_connections{source=\"listen\"}", 2.0);
    service.send(b"third\n");
    for socket in &mut first {
        socket.write_all(b"first\n").expect("sent");
    }
    service.out.wait_for_lines(2);
    assert_eq!(service.out.text(), "first\nfirst\n");
    assert_eq!(service.metric("inkprint_source_connections_total{source=\"listen\"}"), 2.0);
    drop(first);
    service.out.wait_for_lines(3);
    service.stop();
    assert_eq!(service.out.text(), "first\nfirst\nthird\n");
}

#[test]
fn idle_connections_hold_no_memory() {
    let mut service = Service::start(&[]);
    let mut sockets: Vec<_> = (0..500).map(|_| service.connect()).collect();
    for socket in &mut sockets {
        socket.write_all(&[b'z'; 2000]).expect("sent");
        socket.write_all(b"\n").expect("sent");
    }
    service.out.wait_for_lines(500);
    super::service::wait_for("empty buffers", || (service.metric("inkprint_buffered_bytes") == 0.0).then_some(()));
    service.stop();
}

#[test]
fn wrong_usage_is_told_before_anything_starts() {
    let home = tempfile::tempdir().expect("a directory");
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = held.local_addr().expect("bound").to_string();
    for (options, reason) in [
        (vec!["--admin", "127.0.0.1:0"], "--listen"),
        (vec!["--forward", "127.0.0.1:9"], "--listen"),
        (vec!["--listen", "nowhere"], "a host and a port"),
        (vec!["--listen", "127.0.0.1:0", "some.log"], "cannot be used with"),
        (vec!["--listen", "127.0.0.1:0", "--max-memory", "1M"], "--max-memory"),
        (vec!["--listen", "127.0.0.1:0", "--drain-timeout", "soon"], "--drain-timeout"),
    ] {
        let output = run(inkprint(home.path()).args(&options));
        ended(&output, 2);
        assert!(stderr(&output).contains(reason), "{options:?}: {}", stderr(&output));
    }
    let output = run(inkprint(home.path()).args(["--listen", &taken]));
    ended(&output, 2);
    assert!(stderr(&output).contains(&format!("cannot listen on {taken}")), "{}", stderr(&output));
}
