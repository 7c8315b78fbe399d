use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use inkprint::pipeline::tls::{ClientSettings, Connector};
use tokio::io::AsyncWriteExt as _;

use super::super::program::{run_with, tool};
use super::super::tcp::service::wait_for;
use super::super::tls::certificates::{Authority, Pair, replace};
use super::super::tls::server::{runtime, send};
use super::ledger::{line, lines};
use super::peers::Peer;
use super::service::{Home, Service};

/// A service that lets in clients of `authority` that are called *.example.com, and hands on to a plain peer.
fn start(authority: &Authority, server: &Pair, more: &str) -> (Peer, Service) {
    let peer = Peer::new();
    let parts = format!(
        "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n{more}\n[sources.in.tls]\n\
         certificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\nnames = [\"*.example.com\"]\n\
         [sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n",
        server.certificate.display(),
        server.key.display(),
        authority.certificate().display(),
        peer.address
    );
    let service = Home::new().start(&parts);
    (peer, service)
}

fn failures(service: &Service, reason: &str) -> f64 {
    service.metric(&format!("inkprint_tls_handshake_failures_total{{source=\"in\",reason=\"{reason}\"}}"))
}

/// One more was refused for this reason, and none for another, since `before`.
#[track_caller]
fn assert_refused(service: &Service, reason: &str, what: &str, refuse: impl FnOnce()) {
    let all = || {
        let text = service.get("/metrics").1;
        let lines = text.lines().filter_map(|line| line.strip_prefix("inkprint_tls_handshake_failures_total{"));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
    };
    let (before, sum) = (failures(service, reason), all());
    refuse();
    wait_for(&format!("{what} to be refused for {reason}"), || (failures(service, reason) > before).then_some(()));
    assert_eq!((failures(service, reason), all()), (before + 1.0, sum + 1.0), "{what}");
}

#[test]
fn whoever_may_not_connect_is_refused_and_counted_by_reason() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = authority.issue("server", &["localhost"]);
    let (peer, mut service) = start(&authority, &server, "");
    let address = service.address("in");
    let good = authority.issue("good", &["a.example.com"]);
    let of = |pair: &Pair| authority.client_with(pair);
    let stranger = other.issue("stranger", &["a.example.com"]);
    let named = authority.issue("named", &["a.example.org"]);
    let expired = authority.issue_until("expired", 5, &["a.example.com"], 2020);
    for (what, client, reason) in [
        ("another authority", of(&stranger), "unknown_authority"),
        ("no certificate", authority.client(), "no_certificate"),
        ("another name", of(&named), "name_not_allowed"),
        ("an expired certificate", of(&expired), "certificate_expired"),
    ] {
        assert_refused(&service, reason, what, || assert!(send(&address, &client, &lines(7, 0..1)).is_err()));
    }
    assert_refused(&service, "not_tls", "plain text", || {
        TcpStream::connect(&address).and_then(|mut socket| socket.write_all(&lines(7, 0..1))).expect("sent");
    });
    // A client that trusts somebody else refuses us.
    let wary = ClientSettings { ca: Some(other.certificate()), ..of(&good) };
    assert_refused(&service, "refused_by_peer", "a client that does not trust us", || {
        assert!(send(&address, &wary, &lines(7, 0..1)).is_err());
    });
    if tool("openssl") {
        for version in ["-tls1", "-tls1_1"] {
            assert_refused(&service, "version", version, || s_client(&address, version));
        }
    }
    // The control: with a certificate that is as it should be, all of it passes.
    send(&address, &of(&good), &lines(1, 0..100)).expect("let in");
    peer.wait_for_lines(100);
    service.stop();
    peer.ledger().assert_is(1, 0..100);
    assert!(peer.ledger().numbers(7).is_empty());
}

/// That this client does speak the old versions is shown by `tls::foreign`.
fn s_client(address: &str, version: &str) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-quiet", "-no_ign_eof", version, "-cipher", "ALL:@SECLEVEL=0"]);
    run_with(&mut command, &lines(7, 0..1));
}

#[test]
fn a_handshake_that_is_never_finished_is_ended_and_counted() {
    let authority = Authority::new();
    let server = authority.issue("server", &["localhost"]);
    let (peer, mut service) = start(&authority, &server, "header_timeout = \"500ms\"");
    // What is only opened with the first lines, such as the connection to the peer, is open by then.
    let good = authority.issue("good", &["a.example.com"]);
    let client = authority.client_with(&good);
    send(&service.address("in"), &client, &lines(1, 0..100)).expect("let in");
    peer.wait_for_lines(100);
    wait_for("its end", || (service.metric("inkprint_source_connections{source=\"in\"}") == 0.0).then_some(()));
    let before = service.sockets();
    // One says nothing, one begins a record and says no more.
    let mut silent = [service.connect("in"), service.connect("in")];
    silent[1].write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).expect("sent");
    wait_for("both to be refused", || (failures(&service, "timeout") == 2.0).then_some(()));
    for socket in &mut silent {
        // Closed by the other side, while this one is still open.
        let _ = socket.read_to_end(&mut Vec::new());
    }
    wait_for("sockets to be given back", || (service.sockets() <= before).then_some(()));
    send(&service.address("in"), &client, &lines(2, 0..100)).expect("let in");
    peer.wait_for_lines(200);
    service.stop();
}

/// What a client sees of the server's certificate: whether it comes of this authority.
fn is_of(address: &str, authority: &Authority, client: &ClientSettings) -> bool {
    let settings = ClientSettings { ca: Some(authority.certificate()), ..client.clone() };
    // On a thread of its own: the caller's may be within a runtime.
    thread::scope(|scope| scope.spawn(|| send(address, &settings, b"").is_ok()).join().expect("no panic"))
}

#[test]
fn certificates_change_while_sessions_go_on_and_bad_ones_are_refused() {
    let (authority, next) = (Authority::new(), Authority::new());
    let server = authority.issue("server", &["localhost"]);
    let (peer, mut service) = start(&authority, &server, "");
    let address = service.address("in");
    let good = authority.issue("good", &["a.example.com"]);
    let client = authority.client_with(&good);
    runtime().block_on(async {
        let connector = Connector::new(&client).expect("good settings");
        let connect = async || {
            let socket = tokio::net::TcpStream::connect(&address).await.expect("it listens");
            connector.connect_stream(socket, "localhost", Duration::from_secs(60)).await.expect("let in")
        };
        let mut session = connect().await;
        let mut sent = 0;
        let mut go_on = async || {
            session.write_all(&lines(1, sent..sent + 50)).await.expect("the session goes on");
            session.flush().await.expect("the session goes on");
            sent += 50;
            peer.wait_for_line(1, sent - 1);
        };
        go_on().await;
        // Bad files leave the old ones in force.
        let expired = authority.issue_until("over", 6, &["localhost"], 2020);
        let (certificate, key) = (fs::read(&server.certificate).expect("there"), fs::read(&server.key).expect("there"));
        let other = next.issue("other", &["localhost"]);
        for (what, certificate, key) in [
            ("expired", fs::read(&expired.certificate).expect("there"), fs::read(&expired.key).expect("there")),
            ("another key", certificate.clone(), fs::read(&other.key).expect("there")),
            ("cut", certificate[..certificate.len() / 2].to_vec(), key.clone()),
            ("empty", Vec::new(), key.clone()),
        ] {
            fs::write(&server.certificate, certificate).expect("written");
            fs::write(&server.key, key).expect("written");
            let (status, text) = service.post("/reload");
            assert!(status == 422 && text.contains("sources.in.tls"), "{what}: {status} {text}");
            go_on().await;
            assert!(is_of(&address, &authority, &client), "{what}: the old one stays");
        }
        fs::remove_file(&server.key).expect("there");
        assert_eq!(service.post("/reload").0, 422);
        // Good ones are what new sessions see; the old session goes on.
        replace(&other.certificate, &server.certificate);
        replace(&other.key, &server.key);
        assert!(is_of(&address, &authority, &client));
        let (status, text) = service.post("/reload");
        assert_eq!(status, 200, "{text}");
        assert!(is_of(&address, &next, &client) && !is_of(&address, &authority, &client));
        go_on().await;
        session.shutdown().await.expect("closed");
    });
    service.stop();
    peer.ledger().assert_is(1, 0..300);
}

#[test]
fn a_secret_cut_at_every_offset_by_records_goes() {
    let authority = Authority::new();
    let server = authority.issue("server", &["localhost"]);
    let (peer, mut service) = start(&authority, &server, "");
    let client = authority.client_with(&authority.issue("good", &["a.example.com"]));
    let (address, count) = (service.address("in"), line(1, 0).len() - 1);
    runtime().block_on(async {
        let connector = Connector::new(&client).expect("good settings");
        let socket = tokio::net::TcpStream::connect(&address).await.expect("it listens");
        socket.set_nodelay(true).expect("a socket");
        let mut session = connector.connect_stream(socket, "localhost", Duration::from_secs(60)).await.expect("let in");
        for at in 0..count {
            let text = line(1, at);
            // What is written at once and flushed is a record of its own.
            for record in [&text.as_bytes()[..=at], &text.as_bytes()[at + 1..]] {
                session.write_all(record).await.expect("sent");
                session.flush().await.expect("sent");
            }
        }
        session.shutdown().await.expect("closed");
    });
    peer.wait_for_lines(count);
    service.stop();
    peer.ledger().assert_is(1, 0..count);
}

/// Two services with TLS between them, which show each other their certificates.
#[test]
fn one_service_passes_on_to_the_next_over_tls() {
    let authority = Authority::new();
    let server = authority.issue("server", &["localhost"]);
    let client = authority.issue("client", &["a.example.com"]);
    let (peer, mut second) = start(&authority, &server, "framing = \"octet-counting\"");
    let sink = |identity: &str| {
        format!(
            "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nframing = \"octet-counting\"\n\
             [sinks.next]\ntype = \"tcp\"\naddress = \"{}\"\nframing = \"octet-counting\"\n\
             [sinks.next.tls]\nca = \"{}\"\nserver_name = \"localhost\"\n{identity}",
            second.address("in"),
            authority.certificate().display(),
        )
    };
    let identity = format!("certificate = \"{}\"\nkey = \"{}\"\n", client.certificate.display(), client.key.display());
    let mut first = Home::new().start(&sink(&identity));
    let text = String::from_utf8(lines(1, 0..1_000)).expect("text");
    let counted: String = text.split_inclusive('\n').map(|line| format!("{} {line}", line.len())).collect();
    first.send("in", counted.as_bytes());
    peer.wait_for_lines(1_000);
    first.stop();
    // What it had marked was let through as marks of the same keyring, or another's: either way once more is no harm.
    assert_eq!(peer.lines(), 1_000);
    // The control: without its certificate it is not let in, and says so.
    let unknown = Home::new().start(&sink(""));
    unknown.send("in", counted.as_bytes());
    wait_for("a refusal", || (failures(&second, "no_certificate") > 0.0).then_some(()));
    unknown.wait_for_readiness(503);
    drop(unknown);
    second.stop();
    peer.ledger().assert_is(1, 0..1_000);
}
