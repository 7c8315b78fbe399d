use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use inkprint::pipeline::sink::http::{Compression, Endpoint, Format, Headers, Retry, Settings, run};
use inkprint::pipeline::tls::{Acceptor, ClientAuth, Connector, ServerSettings};

use super::super::tcp::service::{unused_address, wait_for};
use super::super::tls::certificates::Authority;
use super::feeding::Running;
use super::server::{Reply, Server};

/// Retries are quick here, and hangs are noticed soon.
fn settings(url: &str) -> Settings {
    Settings {
        endpoint: Endpoint::parse(url).expect("a URL"),
        headers: Headers::default(),
        tls: None,
        format: Format::Text,
        compression: Compression::None,
        batch_size: 1 << 20,
        batch_wait: Duration::ZERO,
        timeout: Duration::from_secs(60),
        retry: Retry { first: Duration::from_millis(5), longest: Duration::from_millis(20) },
        dead_letter: None,
    }
}

fn start(settings: Settings) -> Running {
    Running::start(async move |feed, up, meters| run(&feed, &settings, &up, &meters).await.expect("begun"))
}

/// Numbered lines.
fn lines(range: std::ops::Range<usize>) -> Vec<u8> {
    range.flat_map(|number| format!("line {number}\n").into_bytes()).collect()
}

#[test]
fn what_the_server_does_not_take_is_kept_and_sent_again() {
    for reply in [
        Reply::Status(401, ""),
        Reply::Status(403, ""),
        Reply::Status(404, ""),
        Reply::Status(408, ""),
        Reply::Status(429, "Retry-After: 0\r\n"),
        Reply::Status(500, ""),
        Reply::Status(503, ""),
        Reply::Status(302, "Location: /elsewhere\r\n"),
        Reply::StatusAndClose(503),
        Reply::Close,
    ] {
        let server = Server::start([]);
        server.always(Some(reply.clone()));
        let sink = start(settings(&server.url()));
        let position = sink.push(&lines(0..10));
        wait_for("some attempts", || (server.requests().len() > 3).then_some(()));
        assert!(!sink.is_held(position), "{reply:?}");
        sink.wait_until_up(false);
        server.always(None);
        sink.wait_until_held(position);
        assert_eq!(server.taken(), lines(0..10), "{reply:?}");
        sink.wait_until_up(true);
        assert!(sink.metric("retries_total") >= 3.0);
        assert_eq!(sink.metric("batches_total"), 1.0);
        sink.end();
    }
}

#[test]
fn an_answer_that_does_not_end_is_none() {
    for reply in [Reply::HangInBody, Reply::Hang] {
        let server = Server::start([reply.clone()]);
        let sink = start(Settings { timeout: Duration::from_millis(300), ..settings(&server.url()) });
        let position = sink.push(b"a line\n");
        sink.wait_until_held(position);
        // Twice: the server may have had it, or not.
        let bodies: Vec<Vec<u8>> = server.requests().into_iter().map(|request| request.body).collect();
        assert!(bodies.len() >= 2 && bodies.iter().all(|body| body == b"a line\n"), "{reply:?}");
        sink.end();
    }
}

#[test]
fn the_server_is_left_alone_for_as_long_as_it_asks() {
    let server = Server::start([Reply::Status(429, "Retry-After: 1\r\n")]);
    let sink = start(settings(&server.url()));
    let position = sink.push(b"a line\n");
    sink.wait_until_held(position);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
    sink.end();
}

#[test]
fn what_is_too_large_is_halved_until_it_is_taken() {
    let server = Server::start([]);
    server.always(Some(Reply::AtMost(3)));
    let sink = start(settings(&server.url()));
    let position = sink.push(&lines(0..100));
    sink.wait_until_held(position);
    assert_eq!(server.taken(), lines(0..100));
    assert_eq!(sink.metric("dead_letter_lines_total"), 0.0);
    sink.end();
}

#[test]
fn what_is_too_large_by_its_head_alone_is_halved_too() {
    let server = Server::start([]);
    server.always(Some(Reply::AtMostBytes(300_000)));
    let sink = start(settings(&server.url()));
    let body = lines(0..400_000);
    let position = sink.push(&body);
    sink.wait_until_held(position);
    assert!(server.taken() == body);
    sink.end();
}

#[test]
fn what_is_refused_for_good_goes_to_the_dead_letters_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("dead");
    // One line alone is too large; then a batch is refused; then all is well.
    for (script, count, dead) in [
        (vec![Reply::Status(413, ""); 2], 2, "\"status\":413,\"message\":\"line 0\"}\n"),
        (vec![Reply::Status(400, "")], 1, "\"status\":400,\"message\":\"line 0\"}\n"),
        (vec![Reply::Status(422, "")], 1, "\"status\":422,\"message\":\"line 0\"}\n"),
    ] {
        let server = Server::start(script);
        let sink = start(Settings { dead_letter: Some(path.clone()), ..settings(&server.url()) });
        let first = sink.push(&lines(0..count));
        sink.wait_until_held(first);
        let last = sink.push(b"after\n");
        sink.wait_until_held(last);
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("{\"time\":\"20") && text.ends_with(dead), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(server.taken(), [lines(1..count), b"after\n".to_vec()].concat());
        assert_eq!(sink.metric("dead_letter_lines_total"), 1.0);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        fs::remove_file(&path).expect("there");
        sink.end();
    }
}

#[test]
fn without_a_place_for_dead_letters_they_are_kept() {
    for status in [400, 413, 422] {
        let server = Server::start([]);
        server.always(Some(Reply::Status(status, "")));
        let sink = start(settings(&server.url()));
        let position = sink.push(b"a line\n");
        wait_for("some attempts", || (server.requests().len() > 3).then_some(()));
        assert!(!sink.is_held(position));
        sink.wait_until_up(false);
        server.always(None);
        sink.wait_until_held(position);
        assert_eq!(server.taken(), b"a line\n");
        sink.end();
    }
}

#[test]
fn dead_letters_that_cannot_be_written_are_kept() {
    let folder = tempfile::tempdir().expect("a directory");
    let place = folder.path().join("place");
    fs::create_dir(&place).expect("made");
    let path = place.join("dead");
    let server = Server::start([]);
    server.always(Some(Reply::Status(400, "")));
    let sink = start(Settings { dead_letter: Some(path.clone()), ..settings(&server.url()) });
    sink.wait_until_up(true);
    fs::remove_dir_all(&place).expect("there");
    let position = sink.push(b"a line\n");
    wait_for("some attempts", || (server.requests().len() > 3).then_some(()));
    assert!(!sink.is_held(position));
    fs::create_dir(&place).expect("made");
    sink.wait_until_held(position);
    assert!(fs::read_to_string(&path).expect("text").contains("\"message\":\"a line\""));
    sink.end();
}

#[test]
fn a_server_that_comes_late_or_goes_is_waited_for() {
    let address = unused_address();
    let sink = start(settings(&format!("http://{address}/")));
    let position = sink.push(&lines(0..10));
    sink.wait_until_up(false);
    assert!(!sink.is_held(position));
    let server = Server::on(TcpListener::bind(&address).expect("still unused"), []);
    sink.wait_until_held(position);
    // It answers, and closes what it has answered on: that is no failure.
    for number in 10..30 {
        server.always(Some(Reply::StatusAndClose(200)));
        sink.wait_until_held(sink.push(&lines(number..number + 1)));
    }
    assert_eq!(server.taken(), lines(0..30));
    assert!(sink.metric("reconnects_total") >= 19.0);
    sink.end();
}

#[test]
fn lines_arrive_in_order_in_requests_of_the_size_that_was_asked_for() {
    let server = Server::start([]);
    let sink = start(Settings { batch_size: 10_000, ..settings(&server.url()) });
    let mut last = None;
    for number in 0..2_000 {
        last = Some(sink.push(&lines(number * 10..number * 10 + 10)));
    }
    sink.wait_until_held(last.expect("pushed"));
    assert_eq!(server.taken(), lines(0..20_000));
    assert!(server.requests().iter().all(|request| request.body.len() <= 10_000));
    sink.end();
}

#[test]
fn each_form_of_a_request() {
    let body = b"{\"a\":1}\nplain \xff\n";
    let ndjson = "{\"a\":1}\n{\"message\":\"plain \u{fffd}\",\"message_base64\":\"cGxhaW4g/w==\"}\n{\"message\":\"one\\ntwo\"}\n";
    for (format, content_type, expected) in [
        (Format::Text, "text/plain", [&body[..], b"one\ntwo\n"].concat()),
        (Format::Ndjson, "application/x-ndjson", ndjson.as_bytes().to_vec()),
    ] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let server = Server::start([Reply::Status(204, "")]);
            let mut headers = Headers::default();
            headers.bearer(b"t0ken").expect("a token");
            headers.add("X-Scope-OrgID", b"tenant").expect("a header");
            let sink = start(Settings { format, compression, headers, ..settings(&server.url()) });
            sink.push(body);
            let last = sink.push_message(b"one\ntwo\n");
            sink.wait_until_held(last);
            let mut read = Vec::new();
            for request in server.requests() {
                assert!(request.head.starts_with("post /in?x=1 http/1.1\n"), "{}", request.head);
                assert_eq!(request.header("authorization"), Some("bearer t0ken"));
                assert_eq!(request.header("x-scope-orgid"), Some("tenant"));
                assert_eq!(request.header("content-type"), Some(content_type));
                assert_eq!(request.header("host"), Some(server.address.as_str()));
                let coding = request.header("content-encoding");
                let part = match compression {
                    Compression::None => {
                        assert_eq!(coding, None);
                        request.body
                    }
                    Compression::Gzip => {
                        assert_eq!(coding, Some("gzip"));
                        let mut part = Vec::new();
                        flate2::read::GzDecoder::new(&*request.body).read_to_end(&mut part).expect("gzip");
                        part
                    }
                    Compression::Zstd => {
                        assert_eq!(coding, Some("zstd"));
                        zstd::stream::decode_all(&*request.body).expect("zstd")
                    }
                };
                read.extend_from_slice(&part);
            }
            assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&expected));
            sink.end();
        }
    }
}

#[test]
fn a_new_token_is_used_from_the_next_request_on() {
    let server = Server::start([]);
    let token = |token: &[u8]| {
        let mut headers = Headers::default();
        headers.bearer(token).expect("a token");
        headers
    };
    let headers = token(b"old");
    server.always(Some(Reply::Status(401, "")));
    let sink = start(Settings { headers: headers.clone(), ..settings(&server.url()) });
    let position = sink.push(b"a line\n");
    sink.wait_until_up(false);
    headers.install(&token(b"new"));
    wait_for("the new token", || {
        server
            .requests()
            .last()
            .is_some_and(|request| request.header("authorization") == Some("bearer new"))
            .then_some(())
    });
    server.always(None);
    sink.wait_until_held(position);
    sink.end();
}

#[test]
fn a_server_by_tls_is_spoken_to_only_if_it_is_who_it_should_be() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(
        ServerSettings { client_ca: Some(authority.certificate()), client: ClientAuth::Required, ..authority.server() }
            .load()
            .expect("good settings"),
    );
    let plain = Server::start([]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let behind = plain.address.clone();
    thread::spawn(move || {
        super::super::tls::server::runtime().block_on(async {
            listener.set_nonblocking(true).expect("a socket");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(mut session) = acceptor.accept_stream(socket, Duration::from_secs(60)).await else { continue };
                let mut server = tokio::net::TcpStream::connect(&behind).await.expect("it listens");
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut session, &mut server).await });
            }
        });
    });
    let connector = |settings| Some(Connector::new(&settings).expect("good settings"));
    let pair = authority.issue("client", &["a.example.com"]);
    let good = settings(&format!("https://localhost:{port}/in"));
    let good = Settings { tls: connector(authority.client_with(&pair)), ..good };

    let stranger = Settings { tls: connector(Authority::new().client()), ..good.clone() };
    let nobody = Settings { tls: connector(authority.client()), ..good.clone() };
    for bad in [stranger, nobody] {
        let sink = start(bad);
        let position = sink.push(b"not to be sent\n");
        sink.wait_until_up(false);
        thread::sleep(Duration::from_millis(100));
        assert!(!sink.is_held(position) && plain.requests().iter().all(|request| request.body.is_empty()));
    }
    let sink = start(good);
    sink.wait_until_held(sink.push(b"a line\n"));
    assert_eq!(plain.taken(), b"a line\n");
    sink.end();
}
