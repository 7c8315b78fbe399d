use std::collections::HashMap;
use std::io::Write;
use std::net::Shutdown;
use std::thread;

use super::service::{Peer, Service, canary, wait_for};

#[test]
fn a_thousand_connections_at_once_lose_nothing_and_keep_their_order() {
    const CONNECTIONS: usize = 1000;
    const LINES: usize = 30;
    let peer = Peer::new();
    let mut service = Service::forwarding(&peer.address, &[]);
    let mut sockets: Vec<_> = (0..CONNECTIONS).map(|_| service.connect()).collect();
    service.wait_for_metric("inkprint_source_connections{source=\"listen\"}", CONNECTIONS as f64);
    for line in 0..LINES {
        for (number, socket) in sockets.iter_mut().enumerate() {
            let text = format!("c={number} l={line} token={} end\n", canary(number * LINES + line));
            // In two writes: a line may arrive in parts.
            let (head, tail) = text.as_bytes().split_at(text.len() * (1 + number % 7) / 8);
            socket.write_all(head).expect("sent");
            socket.write_all(tail).expect("sent");
        }
    }
    drop(sockets);
    peer.received.wait_for_lines(CONNECTIONS * LINES);
    service.stop();
    let mut due: HashMap<usize, usize> = HashMap::new();
    for line in peer.received.text().lines() {
        let mut words = line.split(' ');
        let mut number = |name: &str| {
            words.next().and_then(|word| word.strip_prefix(name)?.parse::<usize>().ok()).expect("a whole line")
        };
        let (connection, count) = (number("c="), number("l="));
        let next = due.entry(connection).or_default();
        assert_eq!(count, *next, "{line}");
        *next += 1;
        assert!(line.contains("token=ink1-github-pat") && line.ends_with(" end"), "{line}");
    }
    assert!(due.len() == CONNECTIONS && due.values().all(|lines| *lines == LINES));
    assert!(!peer.received.text().contains("ghp_") && !service.log.text().contains("ghp_"));
}

#[test]
fn bytes_outside_secrets_come_out_as_they_went_in() {
    let mut service = Service::start(&[]);
    let odd = b"\xff\xfe invalid\r\n\0nul\0\n\n\r\n\x1b[31mred\xc3\n".to_vec();
    service.send(&odd);
    service.out.wait_for_lines(5);
    service.stop();
    assert_eq!(service.out.bytes(), odd);
}

#[test]
fn an_unended_last_line_is_passed_on_with_a_newline() {
    let mut service = Service::start(&[]);
    for text in ["one\nno newline", "two"] {
        service.send(text.as_bytes());
    }
    service.out.wait_for_lines(3);
    service.stop();
    let text = service.out.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["no newline", "one", "two"]);
}

#[test]
fn lines_of_different_connections_never_mix_however_long() {
    const LONG: usize = 900 << 10;
    let peer = Peer::new();
    let mut service = Service::forwarding(&peer.address, &["--max-line", "256K"]);
    thread::scope(|scope| {
        for number in 0..6u8 {
            let service = &service;
            scope.spawn(move || {
                let letter = b'a' + number;
                let mut socket = service.connect();
                for round in 0..4 {
                    let len = if (round + usize::from(number)) % 2 == 0 { LONG } else { 100 };
                    let mut line = vec![letter; len];
                    line.push(b'\n');
                    socket.write_all(&line).expect("sent");
                }
            });
        }
    });
    peer.received.wait_for_lines(24);
    service.stop();
    let mut lengths: HashMap<u8, Vec<usize>> = HashMap::new();
    for line in peer.received.bytes().split_inclusive(|byte| *byte == b'\n') {
        let body = line.strip_suffix(b"\n").expect("whole");
        assert!(body.iter().all(|byte| *byte == body[0]), "a line of one connection only");
        lengths.entry(body[0]).or_default().push(body.len());
    }
    for (letter, lengths) in lengths {
        let expected: Vec<usize> =
            (0..4).map(|round| if (round + usize::from(letter - b'a')) % 2 == 0 { LONG } else { 100 }).collect();
        assert_eq!(lengths, expected, "{}", char::from(letter));
    }
}

#[test]
fn on_sigterm_what_has_arrived_is_passed_on() {
    let peer = Peer::new();
    let mut service = Service::forwarding(&peer.address, &[]);
    let mut socket = service.connect();
    service.wait_for_metric("inkprint_source_connections{source=\"listen\"}", 1.0);
    let mut sent = 0;
    for number in 0..5_000 {
        let line = format!("n={number} token={}\n", canary(number));
        socket.write_all(line.as_bytes()).expect("sent");
        sent += 1;
    }
    socket.write_all(b"begun").expect("sent");
    socket.shutdown(Shutdown::Write).expect("shut down");
    service.terminate();
    assert_eq!(service.ended().code(), Some(0), "{}", service.log.text());
    wait_for("all lines", || (peer.received.lines() > sent).then_some(()));
    let text = peer.received.text();
    for (number, line) in text.lines().take(sent).enumerate() {
        assert!(line.starts_with(&format!("n={number} token=ink1-")), "{line}");
    }
    assert_eq!(text.lines().last(), Some("begun"));
}

#[test]
fn on_sigterm_an_open_connection_does_not_keep_it_from_ending() {
    let mut service = Service::start(&[]);
    let mut open = service.connect();
    open.write_all(b"whole\nhalf").expect("sent");
    service.out.wait_for_lines(1);
    service.stop();
    assert_eq!(service.out.text(), "whole\nhalf\n");
}

#[test]
fn a_secret_cut_at_every_offset_by_two_writes_goes() {
    let peer = Peer::new();
    let mut service = Service::forwarding(&peer.address, &[]);
    let text = format!("deploy token={} done\n", canary(3));
    let mut sockets: Vec<_> = (1..text.len()).map(|_| service.connect()).collect();
    for (at, socket) in sockets.iter_mut().enumerate() {
        socket.set_nodelay(true).expect("a socket");
        socket.write_all(&text.as_bytes()[..=at]).expect("sent");
    }
    // All first halves have been on their own for as long as it takes to send them.
    service.wait_for_metric("inkprint_source_connections{source=\"listen\"}", (text.len() - 1) as f64);
    for (at, socket) in sockets.iter_mut().enumerate() {
        socket.write_all(&text.as_bytes()[at + 1..]).expect("sent");
    }
    drop(sockets);
    peer.received.wait_for_lines(text.len() - 1);
    service.stop();
    for line in peer.received.text().lines() {
        assert!(line.starts_with("deploy token=ink1-github-pat-k1-") && line.ends_with(" done"), "{line}");
    }
}
