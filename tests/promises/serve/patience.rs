use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use super::super::tcp::service::wait_for;
use super::ledger::{canary, line, lines};
use super::peers::Peer;
use super::service::{Home, Service};

fn start(more: &str) -> (Peer, Service) {
    let peer = Peer::new();
    let parts = format!(
        "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n{more}\n[sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n",
        peer.address
    );
    let service = Home::new().start(&parts);
    (peer, service)
}

const CONNECTIONS: &str = "inkprint_source_connections{source=\"in\"}";

#[track_caller]
fn wait_for_connections(service: &Service, connections: usize) {
    wait_for("connections", || (service.metric(CONNECTIONS) == connections as f64).then_some(()));
}

/// Hundreds of connections that say a byte now and then, in the midst of a line with a secret: a good one's lines pass all the while.
#[test]
fn slow_connections_keep_no_other_waiting_and_leave_nothing_behind() {
    const SLOW: usize = 300;
    for framing in ["lf", "octet-counting", "auto"] {
        let (peer, mut service) = start(&format!("framing = \"{framing}\""));
        wait_for("the sink", || (service.get("/readyz").0 == 200).then_some(()));
        let mut good = service.connect("in");
        wait_for_connections(&service, 1);
        let before = service.sockets();
        let counted = |text: &str| match framing {
            "octet-counting" => format!("{} {text}", text.len()),
            _ => text.to_owned(),
        };
        let slow_line = counted(&format!("slow token={}\n", canary(1)));
        let mut slow: Vec<TcpStream> = (0..SLOW).map(|_| service.connect("in")).collect();
        wait_for_connections(&service, SLOW + 1);
        for (number, byte) in slow_line.bytes().take(slow_line.len() - 1).enumerate() {
            slow.iter_mut().for_each(|socket| socket.write_all(&[byte]).expect("sent"));
            good.write_all(counted(&line(1, number)).as_bytes()).expect("sent");
            // What was sent a moment ago has arrived, while none of the others' lines has ended.
            peer.wait_for_lines(number + 1);
        }
        let count = slow_line.len() - 1;
        peer.ledger().assert_is(1, 0..count);
        // A third ends its line, a third goes away in the midst of it, a third closes one side only.
        for (at, socket) in slow.iter_mut().enumerate() {
            match at % 3 {
                0 => socket.write_all(b"\n").expect("sent"),
                1 => drop(TcpStream::shutdown(socket, Shutdown::Both)),
                _ => socket.shutdown(Shutdown::Write).expect("shut down"),
            }
        }
        peer.wait_for_lines(count + SLOW);
        drop(slow);
        wait_for_connections(&service, 1);
        wait_for("sockets to be given back", || (service.sockets() <= before).then_some(()));
        service.stop();
        let text = String::from_utf8(peer.bytes()).expect("text");
        let slow_lines: Vec<&str> = text.lines().filter(|line| line.starts_with("slow ")).collect();
        assert_eq!(slow_lines.len(), SLOW);
        assert!(slow_lines.iter().all(|line| line.starts_with("slow token=ink1-github-pat-k1-")), "{framing}");
    }
}

/// What begins as a length and does not go on is given up after a while, and passed on as what it is.
#[test]
fn the_length_before_a_message_does_not_take_for_ever() {
    let (peer, mut service) = start("framing = \"octet-counting\"\nheader_timeout = \"300ms\"");
    let mut stuck = service.connect("in");
    stuck.write_all(b"12").expect("sent");
    // Closed by the other side, with this one still open.
    let _ = stuck.read_to_end(&mut Vec::new());
    peer.wait_for_bytes(3);
    wait_for_connections(&service, 0);
    let mut good = service.connect("in");
    good.write_all(b"5 hello").expect("sent");
    peer.wait_for_bytes(9);
    service.stop();
    assert_eq!(peer.bytes(), b"12\nhello\n");
}

#[test]
fn a_connection_that_says_nothing_is_closed_where_that_is_asked_for() {
    let (peer, mut service) = start("idle_timeout = \"1s\"");
    let mut idle = service.connect("in");
    idle.write_all(b"whole\nbegun").expect("sent");
    let _ = idle.read_to_end(&mut Vec::new());
    peer.wait_for_lines(2);
    wait_for_connections(&service, 0);
    service.stop();
    assert_eq!(peer.bytes(), b"whole\nbegun\n");
}

/// A client that reads nothing and one that has closed its writing side: both are served to their ends.
#[test]
fn half_closed_connections_are_served_to_their_ends() {
    let (peer, mut service) = start("");
    wait_for("the sink", || (service.get("/readyz").0 == 200).then_some(()));
    let before = service.sockets();
    let mut sockets: Vec<TcpStream> = (0..50).map(|_| service.connect("in")).collect();
    for (connection, socket) in sockets.iter_mut().enumerate() {
        socket.write_all(&lines(connection, 0..20)).expect("sent");
        let side = if connection % 2 == 0 { Shutdown::Write } else { Shutdown::Read };
        socket.shutdown(side).expect("shut down");
    }
    peer.wait_for_lines(50 * 20);
    // Those that have ended their side are ended by us, too, though they read nothing.
    wait_for_connections(&service, 25);
    for socket in sockets.iter_mut().step_by(2) {
        assert_eq!(socket.read(&mut [0; 10]).expect("ended in good order"), 0);
    }
    drop(sockets);
    wait_for_connections(&service, 0);
    wait_for("sockets to be given back", || (service.sockets() <= before).then_some(()));
    service.stop();
    let ledger = peer.ledger();
    (0..50).for_each(|connection| ledger.assert_is(connection, 0..20));
}

#[test]
fn more_connections_than_allowed_wait_until_others_end() {
    let (peer, mut service) = start("max_connections = 5");
    let first: Vec<TcpStream> = (0..5).map(|_| service.connect("in")).collect();
    wait_for_connections(&service, 5);
    let mut waiting = service.connect("in");
    waiting.write_all(&lines(6, 0..10)).expect("the system takes it");
    service.logged("at the limit of connections", "connections");
    // Those within the limit are served meanwhile.
    (&first[0]).write_all(&lines(0, 0..10)).expect("sent");
    peer.wait_for_lines(10);
    assert_eq!(service.metric(CONNECTIONS), 5.0);
    assert!(peer.ledger().numbers(6).is_empty());
    drop(first);
    peer.wait_for_lines(20);
    service.stop();
    peer.ledger().assert_is(6, 0..10);
}

/// Without descriptors nothing is accepted, and nothing spins: those that are there go on.
#[test]
fn without_descriptors_those_that_are_connected_go_on() {
    let peer = Peer::new();
    let parts = format!(
        "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n[sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n",
        peer.address
    );
    let mut service = Home::new().start_by(&["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"], &parts);
    let mut good = service.connect("in");
    good.write_all(&lines(1, 0..10)).expect("sent");
    peer.wait_for_lines(10);
    let mut others: Vec<TcpStream> = (0..100).map(|_| service.connect("in")).collect();
    service.logged("cannot accept a connection", "error");
    for (at, socket) in others.iter_mut().enumerate() {
        socket.write_all(&lines(100 + at, 0..1)).expect("the system takes it");
    }
    good.write_all(&lines(1, 10..20)).expect("sent");
    peer.wait_for_line(1, 19);
    // As some go, others get in, down to the last.
    others.drain(..).for_each(drop);
    peer.wait_for_lines(20 + 100);
    service.stop();
    let ledger = peer.ledger();
    (0..100).for_each(|at| ledger.assert_is(100 + at, 0..1));
}
