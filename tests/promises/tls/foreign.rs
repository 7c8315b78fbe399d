use std::process::{Command, Stdio};

use inkprint::pipeline::tls::{HandshakeFailure, ServerSettings};

use super::super::program::{run_with, tool};
use super::certificates::Authority;
use super::server::{Server, send};

/// What `openssl s_client` with `options` sends.
fn s_client(address: &str, options: &[&str]) -> std::process::Output {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-quiet", "-no_ign_eof"]).args(options);
    run_with(&mut command, b"a line\n")
}

#[test]
fn versions_before_1_2_are_refused_and_later_ones_are_not() {
    if !tool("openssl") {
        return;
    }
    let server = Server::start(&Authority::new().server());
    for (version, expected) in [
        ("-tls1", Some(HandshakeFailure::Version)),
        ("-tls1_1", Some(HandshakeFailure::Version)),
        ("-tls1_2", None),
        ("-tls1_3", None),
    ] {
        s_client(&server.address, &[version, "-cipher", "ALL:@SECLEVEL=0"]);
        assert_eq!(server.served().err(), expected, "{version}");
    }
}

/// The test above is worth something: the same client does speak the old versions with a server that does.
#[test]
fn the_client_of_the_version_test_does_speak_old_versions() {
    if !tool("openssl") {
        return;
    }
    let authority = Authority::new();
    let certificate = authority.issue("old", &["localhost"]);
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cipher", "ALL:@SECLEVEL=0", "-tls1_1", "-cert"])
        .arg(&certificate.certificate)
        .arg("-key")
        .arg(&certificate.key)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::piped())
        .spawn()
        .expect("there");
    let mut told = std::io::BufReader::new(server.stdout.take().expect("piped"));
    let address = std::io::BufRead::lines(&mut told)
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned))
        .expect("it listens");
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        .stdin(Stdio::null())
        .output()
        .expect("there");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Protocol  : TLSv1.1"), "{output:?}");
    server.kill().expect("a child");
    server.wait().expect("a child");
}

#[test]
fn weak_ciphers_are_refused() {
    if !tool("openssl") {
        return;
    }
    let server = Server::start(&Authority::new().server());
    for cipher in ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "NULL-SHA256"] {
        s_client(&server.address, &["-tls1_2", "-cipher", &format!("{cipher}:@SECLEVEL=0")]);
        assert_eq!(server.refused(), HandshakeFailure::Parameters, "{cipher}");
    }
    s_client(&server.address, &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
    assert_eq!(server.let_in().bytes, b"a line\n");
}

#[test]
fn openssl_and_python_show_certificates() {
    if !tool("openssl") || !tool("python3") {
        return;
    }
    let authority = Authority::new();
    let names = vec!["*.example.com".parse().expect("a pattern")];
    let server = Server::start(&ServerSettings { names, ..authority.strict_server() });
    let good = authority.issue("good", &["a.example.com"]);
    let bad = authority.issue("bad", &["a.example.org"]);
    let other = Authority::new();
    let stranger = other.issue("stranger", &["a.example.com"]);
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    for (pair, expected) in
        [(&good, None), (&bad, Some(HandshakeFailure::Name)), (&stranger, Some(HandshakeFailure::UnknownAuthority))]
    {
        s_client(&server.address, &["-cert", &text(&pair.certificate), "-key", &text(&pair.key)]);
        assert_eq!(server.served().err(), expected, "openssl {pair:?}");
        let mut python = Command::new("python3");
        python.args(["-c", PYTHON, &server.address, &text(&authority.certificate())]);
        python.args([&text(&pair.certificate), &text(&pair.key)]);
        run_with(&mut python, b"");
        assert_eq!(server.served().err(), expected, "python {pair:?}");
    }
}

const PYTHON: &str = "
import socket, ssl, sys
host, port = sys.argv[1].split(':')
context = ssl.create_default_context(cafile=sys.argv[2])
context.load_cert_chain(sys.argv[3], sys.argv[4])
with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname='localhost') as peer:
    peer.sendall(b'a line\\n')
    peer.unwrap()
";

/// Ours connects to a server of another make, which asks for a certificate.
#[test]
fn our_client_shows_its_certificate_to_others() {
    if !tool("python3") {
        return;
    }
    let authority = Authority::new();
    let (server, client) = (authority.issue("server", &["localhost"]), authority.issue("client", &["a.example.com"]));
    let start = || {
        let mut child = Command::new("python3")
            .args(["-c", PYTHON_SERVER])
            .args([&server.certificate, &server.key, &authority.certificate()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there");
        let mut told = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("piped")));
        let address = told.next().expect("it listens").expect("text");
        (child, address, told)
    };
    let (mut child, address, mut told) = start();
    send(&address, &authority.client_with(&client), b"a line\n").expect("let in");
    assert_eq!(told.next().expect("a line").expect("text"), "a.example.com a line");
    child.wait().expect("it ends");
    let (mut child, address, _) = start();
    assert!(send(&address, &authority.client(), b"a line\n").is_err());
    child.wait().expect("it ends");
}

const PYTHON_SERVER: &str = "
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.load_verify_locations(sys.argv[3])
context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(('127.0.0.1', 0))
print('%s:%d' % listener.getsockname(), flush=True)
with context.wrap_socket(listener.accept()[0], server_side=True) as peer:
    line = peer.recv(1000).decode()
    print(peer.getpeercert()['subjectAltName'][0][1], line, end='', flush=True)
    peer.unwrap()
";

#[test]
fn a_scanner_finds_nothing_old() {
    if !tool("sslscan") {
        return;
    }
    let server = Server::start(&Authority::new().server());
    let output = Command::new("sslscan").args(["--no-colour", &server.address]).output().expect("there");
    let text = String::from_utf8_lossy(&output.stdout);
    for old in ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"] {
        assert!(text.lines().any(|line| line.starts_with(old) && line.ends_with("disabled")), "{old}: {text}");
    }
    for new in ["TLSv1.2", "TLSv1.3"] {
        assert!(text.lines().any(|line| line.starts_with(new) && line.ends_with("enabled")), "{new}: {text}");
    }
    assert!(!text.contains("RC4") && !text.contains("3DES") && !text.contains("-CBC"), "{text}");
}
