use std::io::Write;
use std::net::Shutdown;

use super::ledger::{assert_clean, canary};
use super::peers::Peer;
use super::service::{Home, Service};

/// A source and a peer with these framings.
fn through(source: &str, sink: &str) -> (Peer, Service) {
    let peer = Peer::new();
    let parts = format!(
        "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nframing = \"{source}\"\n\
         [sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\nframing = \"{sink}\"\n",
        peer.address
    );
    let service = Home::new().start(&parts);
    (peer, service)
}

/// A message with its length before it.
fn counted(message: &str) -> String {
    format!("{} {message}", message.len())
}

/// Messages that came with their lengths, with `MARK` for each mark. All of it must be whole messages.
fn read_counted(mut wire: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while !wire.is_empty() {
        let space = wire.iter().position(|byte| *byte == b' ').expect("a length");
        let length: usize = std::str::from_utf8(&wire[..space]).expect("digits").parse().expect("a length");
        let (message, rest) = wire[space + 1..].split_at(length);
        messages.push(unmarked(message));
        wire = rest;
    }
    messages
}

/// Text with `MARK` for each mark.
fn unmarked(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut parts = text.split("ink1-github-pat-k1-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "MARK" + &part[24..])
}

fn same(message: &str, number: usize) -> String {
    message.replace(&canary(number), "MARK")
}

/// What senders of counted messages do: a newline inside the count or behind it, a byte order mark, several lines in one message.
fn quirks() -> Vec<String> {
    vec![
        format!("<13>1 - - - plain token={}", canary(1)),
        format!("<13>1 - - - \u{feff}with a mark of order token={}", canary(2)),
        format!("<13>first\n  second token={}\n  third", canary(3)),
        format!("<13>{{\"token\":\"{}\"}}", canary(4)),
        format!("<13>\ttabs\r\nand returns {}\r", canary(5)),
        "<13>nothing to see".to_owned(),
    ]
}

#[test]
fn counted_messages_stay_what_they_are_line_feeds_and_all() {
    let (peer, mut service) = through("octet-counting", "octet-counting");
    let messages = quirks();
    let mut wire = String::new();
    for (at, message) in messages.iter().enumerate() {
        wire.push_str(&match at % 3 {
            0 => counted(message),
            // As rsyslog, syslog-ng and loggen do: the newline counts.
            1 => counted(&format!("{message}\n")),
            _ => counted(message) + "\n",
        });
    }
    service.send("in", wire.as_bytes());
    let expected: Vec<String> = messages.iter().enumerate().map(|(at, message)| same(message, at + 1)).collect();
    let length = |bytes: &[u8]| unmarked(bytes).len();
    super::super::tcp::service::wait_for("all messages", || {
        (length(&peer.bytes()) >= expected.iter().map(|message| counted(message).len()).sum()).then_some(())
    });
    service.stop();
    assert_eq!(read_counted(&peer.bytes()), expected);
    assert_eq!(peer.connections(), 1);
}

/// What a source without counts would make of the same: the control of the test above.
#[test]
fn by_lines_the_same_messages_come_apart() {
    let (peer, mut service) = through("lf", "octet-counting");
    service.send("in", counted(&quirks()[2]).as_bytes());
    peer.wait_for_bytes(60);
    service.stop();
    assert_eq!(read_counted(&peer.bytes()).len(), 3);
}

#[test]
fn messages_that_end_with_nul_keep_their_line_feeds() {
    let (peer, mut service) = through("nul", "octet-counting");
    let messages = quirks();
    service.send("in", messages.iter().map(|message| format!("{message}\0")).collect::<String>().as_bytes());
    let expected: Vec<String> = messages.iter().enumerate().map(|(at, message)| same(message, at + 1)).collect();
    wait_for_messages(&peer, expected.len());
    service.stop();
    assert_eq!(read_counted(&peer.bytes()), expected);
}

#[test]
fn counted_messages_go_on_to_a_peer_that_takes_nul() {
    let (peer, mut service) = through("octet-counting", "nul");
    let messages = quirks();
    service.send("in", messages.iter().map(|message| counted(message)).collect::<String>().as_bytes());
    super::super::tcp::service::wait_for("all messages", || {
        (peer.bytes().iter().filter(|byte| **byte == 0).count() == messages.len()).then_some(())
    });
    service.stop();
    let expected: Vec<String> = messages.iter().enumerate().map(|(at, message)| same(message, at + 1) + "\0").collect();
    assert_eq!(unmarked(&peer.bytes()), expected.concat());
}

#[test]
fn automatic_framing_takes_counted_messages_and_lines_in_turn() {
    let (peer, mut service) = through("auto", "octet-counting");
    let wire = format!(
        "<13>a line token={}\n{}<13>another line\r\n{}\n404 not found token={}\n{}",
        canary(1),
        counted(&format!("<14>counted\nover lines token={}", canary(2))),
        counted("<14>counted"),
        canary(3),
        counted(&format!("<15>last token={}\n", canary(4))),
    );
    service.send("in", wire.as_bytes());
    wait_for_messages(&peer, 6);
    service.stop();
    assert_eq!(
        read_counted(&peer.bytes()),
        [
            "<13>a line token=MARK",
            "<14>counted\nover lines token=MARK",
            "<13>another line\r",
            "<14>counted",
            "404 not found token=MARK",
            "<15>last token=MARK",
        ]
    );
}

#[track_caller]
fn wait_for_messages(peer: &Peer, messages: usize) {
    let whole = |mut wire: &[u8]| {
        let mut count = 0;
        while let Some(space) = wire.iter().position(|byte| *byte == b' ') {
            let length: usize = String::from_utf8_lossy(&wire[..space]).parse().expect("a length");
            let Some(rest) = wire.get(space + 1 + length..) else { break };
            (wire, count) = (rest, count + 1);
        }
        count
    };
    super::super::tcp::service::wait_for("all messages", || (whole(&peer.bytes()) >= messages).then_some(()));
}

/// Lengths that lie, each on a connection of its own: what is not a length is a line, counted as a fault; the next message is one by
/// itself; and all of it arrives.
#[test]
fn lying_lengths_join_no_messages_and_lose_nothing() {
    let token = canary(9);
    let next = counted("<13>next");
    let cases: Vec<(&str, String, Vec<String>, f64)> = vec![
        ("zero", format!("0 token={token}\n{next}"), vec!["0 token=MARK".into(), "<13>next".into()], 1.0),
        ("a leading zero", format!("046 token={token}\n{next}"), vec!["046 token=MARK".into(), "<13>next".into()], 1.0),
        (
            "twenty digits",
            format!("99999999999999999999 token={token}\n{next}"),
            vec!["99999999999999999999 token=MARK".into(), "<13>next".into()],
            1.0,
        ),
        ("negative", format!("-46 token={token}\n{next}"), vec!["-46 token=MARK".into(), "<13>next".into()], 1.0),
        ("no space", format!("46token={token}\n{next}"), vec!["46token=MARK".into(), "<13>next".into()], 1.0),
        ("a plus", format!("+46 token={token}\n{next}"), vec!["+46 token=MARK".into(), "<13>next".into()], 1.0),
        (
            "a line among them",
            format!("<13>token={token}\n{next}"),
            vec!["<13>token=MARK".into(), "<13>next".into()],
            1.0,
        ),
        // Believed, and the rest is a line of its own.
        (
            "too small",
            format!("4 <13>token={token}\n{next}"),
            vec!["<13>".into(), "token=MARK".into(), "<13>next".into()],
            1.0,
        ),
        // Believed to the connection's end: of what was to come, as much as came.
        ("too large", format!("999 token={token}"), vec!["token=MARK".into()], 1.0),
        ("far too large", format!("9999999999 token={token}"), vec!["token=MARK".into()], 1.0),
    ];
    let (peer, mut service) = through("octet-counting", "octet-counting");
    let mut expected = Vec::new();
    for (name, wire, messages, faults) in cases {
        let before = service.find_metric(FAULTS).unwrap_or(0.0);
        let mut socket = service.connect("in");
        socket.write_all(wire.as_bytes()).expect("sent");
        socket.shutdown(Shutdown::Write).expect("shut down");
        expected.extend(messages);
        wait_for_messages(&peer, expected.len());
        assert_eq!(read_counted(&peer.bytes()), expected, "{name}");
        service.wait_for_metric(FAULTS, before + faults);
        assert_eq!(service.metric(FAULTS), before + faults, "{name}");
    }
    service.stop();
    assert_clean("what the peer got", &peer.bytes());
}

const FAULTS: &str = "inkprint_source_frame_errors_total{source=\"in\"}";

#[test]
fn a_secret_in_a_message_of_several_lines_cut_at_every_offset_goes() {
    for framing in ["octet-counting", "nul", "auto"] {
        let (peer, mut service) = through(framing, "octet-counting");
        let message = format!("<13>deploy\n  token={} done\n  bye", canary(3));
        let wire = if framing == "nul" { format!("{message}\0") } else { counted(&message) };
        let mut sockets: Vec<_> = (1..wire.len()).map(|_| service.connect("in")).collect();
        for (at, socket) in sockets.iter_mut().enumerate() {
            socket.set_nodelay(true).expect("a socket");
            socket.write_all(&wire.as_bytes()[..=at]).expect("sent");
        }
        service.wait_for_metric("inkprint_source_connections{source=\"in\"}", sockets.len() as f64);
        for (at, socket) in sockets.iter_mut().enumerate() {
            socket.write_all(&wire.as_bytes()[at + 1..]).expect("sent");
        }
        let count = sockets.len();
        drop(sockets);
        wait_for_messages(&peer, count);
        service.stop();
        let messages = read_counted(&peer.bytes());
        assert_eq!(messages.len(), count);
        for got in messages {
            assert_eq!(got, same(&message, 3), "{framing}");
        }
    }
}

/// A key over many lines within one message, and the same without its end: both go.
#[test]
fn a_private_key_within_one_message_goes() {
    let row = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCaNaRyzAnAr7ab";
    let rows = [row; 12].join("\n");
    let whole = format!("<13>key\n-----BEGIN PRIVATE KEY-----\n{rows}\n-----END PRIVATE KEY-----\nbehind");
    let cut = format!("<13>key\n-----BEGIN PRIVATE KEY-----\n{rows}");
    let (peer, mut service) = through("octet-counting", "octet-counting");
    let wire = [counted(&whole), counted(&cut), counted("<13>after")].concat();
    service.send("in", wire.as_bytes());
    wait_for_messages(&peer, 3);
    service.stop();
    let messages = read_counted(&peer.bytes());
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].starts_with("<13>key\n") && messages[0].ends_with("\nbehind"), "{messages:?}");
    assert_eq!(messages[2], "<13>after");
    assert_clean("what the peer got", &peer.bytes());
    assert!(!messages.concat().contains("MIIEvQ"), "{messages:?}");
}
