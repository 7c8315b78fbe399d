use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use inkprint::pipeline::tls::{ClientAuth, ClientSettings, HandshakeFailure, ServerSettings};

use super::certificates::{Authority, Pair};
use super::server::{Server, send};

/// What `client` sends to `server` does not get in, for this reason.
#[track_caller]
fn refused(server: &ServerSettings, client: &ClientSettings) -> HandshakeFailure {
    let server = Server::start(server);
    assert!(send(&server.address, client, b"no line gets in\n").is_err());
    server.refused()
}

#[track_caller]
fn let_in(server: &ServerSettings, client: &ClientSettings) -> Vec<String> {
    let server = Server::start(server);
    send(&server.address, client, b"a line\n").expect("let in");
    let served = server.let_in();
    assert_eq!((served.bytes.as_slice(), served.end), (&b"a line\n"[..], Ok(())));
    served.names
}

#[test]
fn a_client_without_a_certificate_is_let_in_where_it_may_be() {
    let authority = Authority::new();
    let strict = authority.strict_server();
    assert_eq!(refused(&strict, &authority.client()), HandshakeFailure::NoCertificate);
    let optional = ServerSettings { client: ClientAuth::Optional, ..strict };
    assert_eq!(let_in(&optional, &authority.client()), [""; 0]);
    assert_eq!(let_in(&authority.server(), &authority.client()), [""; 0]);
}

#[test]
fn a_certificate_of_another_authority_is_refused_also_where_none_is_needed() {
    let (authority, other) = (Authority::new(), Authority::new());
    let stranger = other.issue("client", &["a.example.com"]);
    let client = ClientSettings {
        certificate: Some(stranger.certificate.clone()),
        key: Some(stranger.key.clone()),
        ..authority.client()
    };
    let strict = authority.strict_server();
    let optional = ServerSettings { client: ClientAuth::Optional, ..strict.clone() };
    // Rustls shows no certificate that the server does not ask for: another client than ours would.
    assert_eq!(refused(&strict, &client), HandshakeFailure::UnknownAuthority);
    assert_eq!(refused(&optional, &client), HandshakeFailure::UnknownAuthority);
    let trusting = ServerSettings { client_ca: Some(other.certificate()), ..strict };
    assert_eq!(let_in(&trusting, &client), ["a.example.com"]);
}

#[test]
fn a_certificate_that_has_ended_or_not_begun_is_refused() {
    let authority = Authority::new();
    let strict = authority.strict_server();
    let ended = authority.issue_until("ended", 1, &["a.example.com"], 2020);
    assert_eq!(refused(&strict, &authority.client_with(&ended)), HandshakeFailure::Expired);
    let good = authority.issue("good", &["a.example.com"]);
    assert_eq!(let_in(&strict, &authority.client_with(&good)), ["a.example.com"]);
}

#[test]
fn names_are_allowed_by_pattern() {
    let authority = Authority::new();
    let allowing = |pattern: &str| ServerSettings {
        names: vec![pattern.parse().expect("a pattern")],
        ..authority.strict_server()
    };
    let client = authority.client_with(&authority.issue("c", &["a.example.com", "spiffe://org/ns/logs/sa/agent"]));
    for good in ["a.example.com", "*.example.com", "spiffe://org/ns/*", "spiffe://org/ns/*/sa/agent"] {
        assert_eq!(let_in(&allowing(good), &client).len(), 2, "{good}");
    }
    for bad in ["b.example.com", "*.com", "spiffe://org/ns/other/*", "spiffe://other/*"] {
        assert_eq!(refused(&allowing(bad), &client), HandshakeFailure::Name, "{bad}");
    }
    // The common name is no name.
    let common = authority.client_with(&authority.issue("d", &[]));
    assert_eq!(refused(&allowing("not.looked.at"), &common), HandshakeFailure::Name);
    assert_eq!(let_in(&authority.strict_server(), &common), [""; 0]);
}

#[test]
fn who_is_revoked_is_refused_and_without_a_list_in_date_everybody() {
    let authority = Authority::new();
    let server = |list| ServerSettings { crl: vec![list], ..authority.strict_server() };
    let issue = |file: &str, serial| authority.issue_until(file, serial, &["a.example.com"], 4000);
    let (kept, revoked): (Pair, Pair) = (issue("kept", 11), issue("revoked", 22));
    for file in ["list.pem", "list.der"] {
        let server = server(authority.revoke(file, &[22, 33], 4000));
        assert_eq!(refused(&server, &authority.client_with(&revoked)), HandshakeFailure::Revoked, "{file}");
        assert_eq!(let_in(&server, &authority.client_with(&kept)), ["a.example.com"]);
    }
    let late = server(authority.revoke("late.pem", &[22], 2021));
    assert_eq!(refused(&late, &authority.client_with(&kept)), HandshakeFailure::RevocationUnknown);
    let others = server(Authority::new().revoke_into(&authority, "others.pem"));
    assert_eq!(refused(&others, &authority.client_with(&kept)), HandshakeFailure::RevocationUnknown);
    assert_eq!(let_in(&authority.strict_server(), &authority.client_with(&revoked)), ["a.example.com"]);
}

#[test]
fn plain_text_on_a_tls_port_is_refused() {
    let server = Server::start(&Authority::new().server());
    for text in ["GET / HTTP/1.1\r\n\r\n", "<34>1 2003-10-11T22:14:15Z host app - - - token\n", "\0\0\0\0\0\0\0\0"] {
        let mut socket = TcpStream::connect(&server.address).expect("it listens");
        socket.write_all(text.as_bytes()).expect("sent");
        assert_eq!(server.refused(), HandshakeFailure::NotTls, "{text:?}");
        let mut answer = Vec::new();
        // What it is told is an alert at most; that it sent more than was read may end in a reset.
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.len() <= 7, "{answer:?}");
    }
}

#[test]
fn a_handshake_that_is_never_done_has_its_time() {
    let authority = Authority::new();
    let server = Server::with_limit(&authority.server(), Duration::from_millis(200));
    // Nothing at all; and the beginning of a client's first message.
    for begun in [&b""[..], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]] {
        let mut socket = TcpStream::connect(&server.address).expect("it listens");
        socket.write_all(begun).expect("sent");
        assert_eq!(server.refused(), HandshakeFailure::Timeout);
        let _ = socket.read_to_end(&mut Vec::new());
    }
    let socket = TcpStream::connect(&server.address).expect("it listens");
    socket.shutdown(Shutdown::Write).expect("shut down");
    assert_eq!(server.refused(), HandshakeFailure::Closed);
}

#[test]
fn a_client_refuses_a_server_that_is_not_who_it_should_be() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start(&authority.server());
    let told = |client: &ClientSettings| {
        let told = send(&server.address, client, b"").expect_err("refused").to_string();
        assert_eq!(server.refused(), HandshakeFailure::RefusedByPeer);
        told
    };
    assert_eq!(told(&other.client()), HandshakeFailure::UnknownAuthority.to_string());
    assert_eq!(told(&ClientSettings::default()), HandshakeFailure::UnknownAuthority.to_string());
    let elsewhere = ClientSettings { server_name: Some("logs.example.com".to_owned()), ..authority.client() };
    assert_eq!(told(&elsewhere), HandshakeFailure::Name.to_string());
    let by_address = ClientSettings { server_name: Some("127.0.0.1".to_owned()), ..authority.client() };
    send(&server.address, &by_address, b"").expect("let in");
    server.let_in();

    let ended = authority.issue_until("ended", 1, &["localhost"], 2020);
    let ended = ServerSettings { certificate: ended.certificate, key: ended.key, ..authority.server() };
    let server = Server::start(&ended);
    let error = send(&server.address, &authority.client(), b"").expect_err("refused");
    assert_eq!(error.to_string(), HandshakeFailure::Expired.to_string());
}
