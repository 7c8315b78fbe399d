use std::fs;
use std::net::TcpStream as StdStream;
use std::time::Duration;

use inkprint::pipeline::tls::{
    Acceptor, ClientAuth, ClientSettings, Connector, HandshakeFailure, Part, ServerSettings, TlsError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::certificates::{Authority, replace};
use super::server::{Server, runtime, send};

#[test]
fn a_new_certificate_is_shown_to_the_next_client_and_sessions_go_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let settings = old.server();
    let server = Server::start(&settings);
    let runtime = runtime();
    let connector = Connector::new(&old.client()).expect("good settings");
    let mut session = runtime.block_on(async {
        let socket = TcpStream::connect(&server.address).await.expect("it listens");
        let mut session = connector.connect_stream(socket, "localhost", Duration::from_secs(60)).await.expect("let in");
        session.write_all(b"before\n").await.expect("sent");
        session.flush().await.expect("sent");
        session
    });

    let other = new.server();
    replace(&other.certificate, &settings.certificate);
    replace(&other.key, &settings.key);
    send(&server.address, &old.client(), b"").expect("nothing is read before it is asked for");
    server.let_in();
    server.acceptor.reload().expect("good files");
    send(&server.address, &new.client(), b"").expect("the new certificate");
    server.let_in();
    assert!(send(&server.address, &old.client(), b"").is_err(), "the old one is gone");
    server.refused();

    runtime.block_on(async {
        session.write_all(b"after\n").await.expect("sent");
        session.shutdown().await.expect("closed");
        session.read_to_end(&mut Vec::new()).await.expect("the server's end");
    });
    let served = server.let_in();
    assert_eq!((served.bytes.as_slice(), served.end), (&b"before\nafter\n"[..], Ok(())));
}

#[test]
fn a_client_that_is_revoked_is_out_at_its_next_session() {
    let authority = Authority::new();
    let list = authority.revoke("list.pem", &[], 4000);
    let settings = ServerSettings { crl: vec![list], ..authority.strict_server() };
    let server = Server::start(&settings);
    let client = authority.client_with(&authority.issue_until("client", 22, &["a.example.com"], 4000));
    send(&server.address, &client, b"").expect("let in");
    server.let_in();
    authority.revoke("list.pem", &[22], 4000);
    server.acceptor.reload().expect("good files");
    assert!(send(&server.address, &client, b"").is_err());
    assert_eq!(server.refused(), HandshakeFailure::Revoked);
}

#[test]
fn a_reload_with_a_fault_is_refused_by_name_and_the_old_stays() {
    let authority = Authority::new();
    let list = authority.revoke("list.pem", &[22], 4000);
    let settings = ServerSettings { crl: vec![list.clone()], ..authority.strict_server() };
    let server = Server::start(&settings);
    let ended = authority.issue_until("ended", 1, &["localhost"], 2020);
    let (certificate, key) = (settings.certificate.clone(), settings.key.clone());
    let cut = |path: &std::path::Path| {
        let text = fs::read_to_string(path).expect("text");
        text[..text.len() / 2].to_owned().into_bytes()
    };
    let text = |path: &std::path::Path| fs::read(path).expect("there");
    let faults = [
        ("missing certificate", vec![(certificate.clone(), None)], "cannot read"),
        ("cut certificate", vec![(certificate.clone(), Some(cut(&certificate)))], "is damaged"),
        ("empty certificate", vec![(certificate.clone(), Some(Vec::new()))], "there is no certificate in"),
        ("cut key", vec![(key.clone(), Some(cut(&key)))], "is damaged"),
        ("no key", vec![(key.clone(), Some(text(&certificate)))], "there is no private key that is not encrypted in"),
        ("another's key", vec![(key.clone(), Some(text(&ended.key)))], "is not that of the certificate"),
        (
            "ended",
            vec![(certificate.clone(), Some(text(&ended.certificate))), (key.clone(), Some(text(&ended.key)))],
            "ended on 2020-12-31T00:00:00Z: put a new one there",
        ),
        ("no authority", vec![(authority.certificate(), Some(text(&key)))], "there is no certificate in"),
        ("no list", vec![(list.clone(), Some(text(&certificate)))], "there is no revocation list in"),
        ("a broken list", vec![(list.clone(), Some(vec![0x30, 0x82, 0, 1, 0]))], "revocation list in"),
    ];
    let client = authority.client_with(&authority.issue("client", &["a.example.com"]));
    for (what, changes, expected) in faults {
        let before: Vec<_> = changes.iter().map(|(path, _)| (path.clone(), text(path))).collect();
        for (path, content) in &changes {
            match content {
                Some(content) => fs::write(path, content).expect("written"),
                None => fs::remove_file(path).expect("there"),
            }
        }
        let told = server.acceptor.reload().expect_err(what).to_string();
        assert!(told.contains(expected), "{what}: {told}");
        assert!(told.contains(&*changes[0].0.to_string_lossy()), "{what}: {told}");
        assert!(!told.contains("BEGIN") && !told.contains("MI"), "{what}: nothing of the file: {told}");
        for (path, content) in before {
            fs::write(path, content).expect("written");
        }
        send(&server.address, &client, b"").expect("the old is in force");
        server.let_in();
    }
    server.acceptor.reload().expect("all is well again");
}

#[test]
fn the_client_reads_its_files_again_too() {
    let (old, new) = (Authority::new(), Authority::new());
    let (before, after) = (Server::start(&old.server()), Server::start(&new.server()));
    let connector = Connector::new(&old.client()).expect("good settings");
    let try_both = || {
        [&before, &after].map(|server| {
            let connected = runtime().block_on(async {
                let socket = TcpStream::connect(&server.address).await.expect("it listens");
                connector.connect_stream(socket, "localhost", Duration::from_secs(60)).await.is_ok()
            });
            server.served().is_ok_and(|served| served.end == Err(std::io::ErrorKind::UnexpectedEof)) && connected
        })
    };
    assert_eq!(try_both(), [true, false]);
    replace(&new.certificate(), &old.certificate());
    connector.reload().expect("good files");
    assert_eq!(try_both(), [false, true]);
    fs::remove_file(old.certificate()).expect("there");
    assert!(matches!(connector.reload(), Err(TlsError::Read { .. })));
    assert_eq!(try_both(), [false, true]);
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let authority = Authority::new();
    let refused = |settings: ServerSettings| settings.load().err().expect("refused").to_string();
    let told = "client certificates need `client_ca`, the authorities that may sign them";
    assert_eq!(refused(ServerSettings { client: ClientAuth::Required, ..authority.server() }), told);
    let names = vec!["a.example.com".parse().expect("a pattern")];
    assert_eq!(refused(ServerSettings { names, ..authority.server() }), told);
    let name = ClientSettings { server_name: Some("a b".to_owned()), ..authority.client() };
    assert!(matches!(Connector::new(&name), Err(TlsError::ServerName { .. })));
}

#[test]
fn what_runs_out_first_is_told() {
    let authority = Authority::new();
    let server = authority.issue_until("short", 5, &["localhost"], 2090);
    let list = authority.revoke("list.pem", &[], 2080);
    let settings = ServerSettings {
        certificate: server.certificate,
        key: server.key,
        crl: vec![list],
        ..authority.strict_server()
    };
    let expiry = Acceptor::new(settings.load().expect("good settings")).expiry();
    let year = |part| expiry.of(part).map(|end| jiff::Timestamp::from_second(end).expect("a time").to_string());
    assert_eq!(year(Part::Certificate).as_deref(), Some("2090-12-31T00:00:00Z"));
    assert_eq!(year(Part::Authority).as_deref(), Some("4096-01-01T00:00:00Z"));
    assert_eq!(year(Part::RevocationList).as_deref(), Some("2080-12-31T00:00:00Z"));
    assert_eq!(expiry.earliest(), expiry.of(Part::RevocationList));
}

#[test]
fn sessions_under_way_outlive_many_reloads() {
    let authority = Authority::new();
    let server = Server::start(&authority.server());
    let connector = Connector::new(&authority.client()).expect("good settings");
    let mut sent = Vec::new();
    runtime().block_on(async {
        let socket = StdStream::connect(&server.address).expect("it listens");
        socket.set_nonblocking(true).expect("a socket");
        let socket = TcpStream::from_std(socket).expect("a socket");
        let mut session = connector.connect_stream(socket, "localhost", Duration::from_secs(60)).await.expect("let in");
        for number in 0..50 {
            let line = format!("line {number} {}\n", "x".repeat(number * 1000));
            session.write_all(line.as_bytes()).await.expect("sent");
            sent.extend_from_slice(line.as_bytes());
            server.acceptor.reload().expect("good files");
        }
        session.shutdown().await.expect("closed");
        session.read_to_end(&mut Vec::new()).await.expect("the server's end");
    });
    assert_eq!(server.let_in().bytes, sent);
}
