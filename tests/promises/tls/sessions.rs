use std::io::ErrorKind;
use std::time::Duration;

use futures_util::FutureExt as _;
use inkprint::pipeline::tls::{Acceptor, Connector};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::program::long_tests;
use super::certificates::Authority;
use super::server::{Server, runtime, send};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn all_bytes_arrive_in_order_whatever_is_read_at_once() {
    let authority = Authority::new();
    let server = Server::start(&authority.server());
    let sent: Vec<u8> = (0..8_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    send(&server.address, &authority.client(), &sent).expect("sent");
    let served = server.let_in();
    assert!(served.bytes == sent);
    assert_eq!(served.end, Ok(()));
}

#[test]
fn a_connection_that_is_cut_is_told_from_one_that_has_ended() {
    let authority = Authority::new();
    let server = Server::start(&authority.server());
    let connector = Connector::new(&authority.client()).expect("good settings");
    runtime().block_on(async {
        let socket = TcpStream::connect(&server.address).await.expect("it listens");
        let mut session = connector.connect_stream(socket, "localhost", PATIENCE).await.expect("let in");
        session.write_all(b"half a line").await.expect("sent");
        session.flush().await.expect("sent");
        // Without the session's end.
        let (mut socket, _) = session.into_inner();
        socket.shutdown().await.expect("closed");
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    let served = server.let_in();
    assert_eq!((served.bytes.as_slice(), served.end), (&b"half a line"[..], Err(ErrorKind::UnexpectedEof)));
}

#[test]
fn what_is_not_the_peers_ends_the_session_after_what_was() {
    let authority = Authority::new();
    let server = Server::start(&authority.server());
    let connector = Connector::new(&authority.client()).expect("good settings");
    runtime().block_on(async {
        let socket = TcpStream::connect(&server.address).await.expect("it listens");
        let mut session = connector.connect_stream(socket, "localhost", PATIENCE).await.expect("let in");
        session.write_all(b"a line\n").await.expect("sent");
        session.flush().await.expect("sent");
        let (mut socket, _) = session.into_inner();
        // A record that nobody has enciphered.
        socket.write_all(&[0x17, 3, 3, 0, 32]).await.expect("sent");
        socket.write_all(&[b'x'; 32]).await.expect("sent");
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    let served = server.let_in();
    assert_eq!((served.bytes.as_slice(), served.end), (&b"a line\n"[..], Err(ErrorKind::InvalidData)));
}

#[test]
fn a_line_can_be_read_to_its_end_and_no_further() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.server().load().expect("good settings"));
    let connector = Connector::new(&authority.client()).expect("good settings");
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = async {
            let socket = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
            let mut session = connector.connect_stream(socket, "localhost", PATIENCE).await.expect("let in");
            session.write_all(b"first\nsecond\nthird").await.expect("sent");
            session.flush().await.expect("sent");
            session
        };
        let server = async {
            let (socket, _) = listener.accept().await.expect("a client");
            acceptor.accept(socket, PATIENCE).await.expect("let in")
        };
        let (mut client, mut server) = tokio::join!(client, server);
        let mut read = Vec::new();
        for expected in ["first\n", "second\n", "third"] {
            let length = loop {
                match server.up_to_newline().expect("open") {
                    0 => server.readable().await.expect("open"),
                    length => break length,
                }
            };
            assert_eq!(length, expected.len());
            assert!(server.has_arrived().expect("open"));
            let mut line = bytes::BufMut::limit(&mut read, length);
            assert_eq!(server.try_read_buf(&mut line).expect("there"), length);
            assert!(read.ends_with(expected.as_bytes()));
        }
        assert!(!server.has_arrived().expect("open"));
        assert_eq!(server.up_to_newline().expect("open"), 0);
        assert_eq!(server.try_read_buf(&mut read).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        client.shutdown().await.expect("closed");
        server.readable().await.expect("open");
        assert_eq!(server.try_read_buf(&mut read).expect("the end"), 0);
        drop(server);
        assert_eq!(client.read_to_end(&mut Vec::new()).await.expect("the server's end"), 0);
    });
}

#[test]
fn what_is_written_is_counted_once_the_kernel_has_it() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.server().load().expect("good settings"));
    let connector = Connector::new(&authority.client()).expect("good settings");
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = async {
            let socket = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
            connector.connect(socket, "localhost", PATIENCE).await.expect("let in")
        };
        let server = async {
            let (socket, _) = listener.accept().await.expect("a client");
            acceptor.accept_stream(socket, PATIENCE).await.expect("let in")
        };
        let (mut client, mut server) = tokio::join!(client, server);
        // More than all buffers on the way hold, to a peer that reads nothing.
        let sent: Vec<u8> = (0..40_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut written = 0;
        loop {
            match client.try_write(&sent[written..]) {
                Ok(more) => written += more,
                Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert!(written < sent.len());
        assert!(!client.has_closed().expect("open"));
        let rest = async {
            while written < sent.len() {
                match client.try_write(&sent[written..]) {
                    Ok(more) => written += more,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        client.writable().await.expect("open");
                    }
                }
            }
        };
        let mut received = vec![0; sent.len()];
        let ((), read) = tokio::join!(rest, server.read_exact(&mut received));
        read.expect("all of it");
        assert!(received == sent);
        server.shutdown().await.expect("closed");
        assert!(client.closed().await.is_none());
        drop(client);
        assert_eq!(server.read(&mut [0; 10]).await.expect("the client's own end"), 0);
    });
}

#[test]
fn a_client_that_asks_for_new_keys_and_takes_no_answer_is_read_all_the_same() {
    let authority = Authority::new();
    let server = Server::start(&authority.server());
    let connector = Connector::new(&authority.client()).expect("good settings");
    const TIMES: usize = 20_000;
    runtime().block_on(async {
        let socket = TcpStream::connect(&server.address).await.expect("it listens");
        let mut session = connector.connect_stream(socket, "localhost", PATIENCE).await.expect("let in");
        for _ in 0..TIMES {
            session.write_all(b"a line\n").await.expect("sent");
            session.get_mut().1.refresh_traffic_keys().expect("TLS 1.3");
        }
        session.shutdown().await.expect("closed");
        session.read_to_end(&mut Vec::new()).await.expect("the server's end");
    });
    let served = server.let_in();
    assert_eq!((served.bytes, served.end), (b"a line\n".repeat(TIMES), Ok(())));
}

/// This process's memory, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

/// For long runs: alone, since other tests' memory would be measured too.
#[test]
fn idle_sessions_hold_little() {
    const SESSIONS: usize = 1000;
    if !long_tests() {
        return;
    }
    let authority = Authority::new();
    let acceptor = Acceptor::new(authority.strict_server().load().expect("good settings"));
    let pair = authority.issue("client", &["a.example.com"]);
    let connector = Connector::new(&authority.client_with(&pair)).expect("good settings");
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (mut clients, mut sessions, mut before) = (Vec::new(), Vec::new(), 0);
        let mut memory = Vec::with_capacity(64 << 10);
        for number in 0..SESSIONS + 100 {
            if number == 100 {
                before = resident();
            }
            let client = async {
                let socket = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
                let mut session = connector.connect_stream(socket, "localhost", PATIENCE).await.expect("let in");
                session.write_all(&b"a line\n".repeat(5000)).await.expect("sent");
                session.flush().await.expect("sent");
                // Only the socket: what the client holds is not asked for.
                session.into_inner().0
            };
            let server = async {
                let (socket, _) = listener.accept().await.expect("a client");
                let mut session = acceptor.accept(socket, PATIENCE).await.expect("let in");
                let mut read = 0;
                while read < 35_000 {
                    session.readable().await.expect("open");
                    memory.clear();
                    match session.try_read_buf(&mut memory) {
                        Ok(more) => read += more,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                }
                // As whoever serves it does, until there is nothing more.
                while session.readable().now_or_never().is_some() {
                    let _ = session.try_read_buf(&mut memory);
                }
                session
            };
            let (client, session) = tokio::join!(client, server);
            clients.push(client);
            sessions.push(session);
        }
        let each = (resident() - before) / SESSIONS;
        println!("{each} bytes a session");
        assert!(each < 20 << 10, "{each} bytes a session");
    });
}
