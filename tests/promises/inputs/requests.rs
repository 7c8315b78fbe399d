use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use super::super::program::tool;
use super::super::serve::ledger::{Ledger, canary, line};
use super::super::serve::service::{Home, Service};
use super::super::tcp::service::wait_for;

fn answering(more: &str) -> String {
    format!(
        "[sources.web]\ntype = \"http\"\nlisten = \"127.0.0.1:0\"\npath = \"/in\"\n{more}\n[sinks.out]\ntype = \"stdout\""
    )
}

/// Posts `body` with these header lines; status and body of the answer.
fn post(service: &Service, headers: &str, body: &[u8]) -> (u16, String) {
    let length = format!("Content-Length: {}\r\n", body.len());
    ask(service, "POST /in", &format!("{length}{headers}"), body)
}

fn ask(service: &Service, what: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut socket = service.connect("web");
    write!(socket, "{what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").expect("sent");
    // A body that is refused by its headers need not be read.
    let _ = socket.write_all(body);
    answer(&mut socket)
}

fn answer(socket: &mut TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = socket.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..read]);
    }
    let text = String::from_utf8(answer).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"), body.to_owned())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).expect("packed");
    encoder.finish().expect("packed")
}

const NDJSON: &str = "Content-Type: application/x-ndjson\r\n";
const JSON: &str = "Content-Type: application/json; charset=utf-8\r\n";

#[test]
fn what_is_posted_is_cleaned_and_counted_however_it_is_packed() {
    let home = Home::new();
    let mut service = home.start(&answering(""));
    let text: String = (0..500).map(|number| line(1, number)).collect();
    let (first, last) = (line(1, 0), line(1, 499));
    let sent = |headers: &str, body: &[u8]| {
        let before = service.out.lines();
        let (status, answer) = post(&service, headers, body);
        assert_eq!((status, answer.as_str()), (200, "{\"accepted\":500}\n"));
        wait_for("the lines", || (service.out.lines() == before + 500).then_some(()));
    };
    sent(NDJSON, text.as_bytes());
    sent("Content-Type: text/plain\r\n", text.trim_end().as_bytes());
    sent("", text.as_bytes());
    sent(&format!("{NDJSON}Content-Encoding: gzip\r\n"), &gzip(text.as_bytes()));
    sent(&format!("{NDJSON}Content-Encoding: zstd\r\n"), &zstd::encode_all(text.as_bytes(), 3).expect("packed"));
    let values: Vec<serde_json::Value> = text.lines().map(|line| serde_json::json!({ "message": line })).collect();
    sent(JSON, serde_json::to_string_pretty(&values).expect("JSON").as_bytes());
    let (first, last) = (first.split(" token").next().expect("a start"), last.split(" token").next().expect("a start"));
    let out = service.out.text();
    assert_eq!((out.matches(&format!("{first} ")).count(), out.matches(&format!("{last} ")).count()), (6, 6));
    for line in out.lines().skip(2500) {
        serde_json::from_str::<serde_json::Value>(line).expect("an element is one line of JSON");
    }
    let (status, answer) = post(&service, JSON, b"{\"a\":\n\"one value\"}");
    assert_eq!((status, answer.as_str()), (200, "{\"accepted\":1}\n"));
    wait_for("it", || service.out.text().ends_with("\n{\"a\": \"one value\"}\n").then_some(()));
    service.stop();
}

#[test]
fn chunks_and_more_requests_on_one_connection() {
    let home = Home::new();
    let mut service = home.start(&answering(""));
    let mut socket = service.connect("web");
    let secret = canary(3);
    let (left, right) = secret.split_at(17);
    for (chunks, accepted) in [(vec!["one\ntoken=", left, right, " end\nlast"], 3), (vec!["four\n"], 1)] {
        write!(socket, "POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").expect("sent");
        for chunk in chunks {
            write!(socket, "{:x}\r\n{chunk}\r\n", chunk.len()).expect("sent");
        }
        write!(socket, "0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        while !answer.contains("accepted") || !answer.ends_with('\n') {
            let mut byte = [0];
            socket.read_exact(&mut byte).expect("an answer");
            answer.push(char::from(byte[0]));
        }
        assert!(answer.ends_with(&format!("{{\"accepted\":{accepted}}}\n")), "{answer}");
    }
    wait_for("all", || (service.out.lines() == 4).then_some(()));
    assert!(service.out.text().contains("token=ink1-github-pat-k1-") && service.out.text().ends_with("\nlast\nfour\n"));
    drop(socket);
    service.stop();
}

/// Wherever a body's chunks, members of gzip or frames of zstd end, within a secret or beside it.
#[test]
fn a_secret_cut_at_every_offset_by_what_a_body_comes_in_goes() {
    let home = Home::new();
    let mut service = home.start(&answering(""));
    let zstd = |text: &[u8]| zstd::encode_all(text, 3).expect("packed");
    let length = line(1, 0).len();
    for at in 1..length {
        let text = line(1, at * 1_000);
        let (left, right) = text.as_bytes().split_at(at.min(text.len() - 1));
        let mut socket = service.connect("web");
        socket.set_nodelay(true).expect("a socket");
        write!(socket, "POST /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
            .expect("sent");
        for chunk in [left, right] {
            socket.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).expect("sent");
            socket.write_all(&[chunk, b"\r\n"].concat()).expect("sent");
        }
        write!(socket, "0\r\n\r\n").expect("sent");
        assert_eq!(answer(&mut socket), (200, "{\"accepted\":1}\n".to_owned()), "chunks, {at}");
        for (name, packed) in [("gzip", [gzip(left), gzip(right)]), ("zstd", [zstd(left), zstd(right)])] {
            let got = post(&service, &format!("Content-Encoding: {name}\r\n"), &packed.concat());
            assert_eq!(got, (200, "{\"accepted\":1}\n".to_owned()), "{name}, {at}");
        }
    }
    wait_for("all", || (service.out.lines() == 3 * (length - 1)).then_some(()));
    service.stop();
    for got in service.out.text().lines() {
        assert!(
            Ledger::of(format!("{got}\n").as_bytes()).numbers(1).len() == 1,
            "a line that was sent, with a mark in it: {got}"
        );
    }
}

#[test]
fn what_is_refused_is_told_why_and_never_what() {
    let home = Home::new();
    fs::write(home.path("token"), "open-sesame").expect("written");
    fs::set_permissions(home.path("token"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    let token = home.path("token");
    let token = format!("token = {{ file = {:?} }}\nmax_body = \"64K\"", token.to_str().expect("text"));
    let mut service = home.start(&answering(&token));
    let shown = "Authorization: Bearer open-sesame\r\n";
    let with = |headers: &str| format!("{shown}{headers}");
    let secret = canary(1);
    for (headers, told) in
        [(String::new(), 401), ("Authorization: Bearer open-sesamf\r\n".to_owned(), 401), (with(""), 200)]
    {
        assert_eq!(post(&service, &headers, b"a line\n").0, told, "{headers}");
    }
    assert_eq!(ask(&service, "GET /in", shown, b"").0, 405);
    assert_eq!(ask(&service, "POST /elsewhere", &with("Content-Length: 0\r\n"), b"").0, 404);
    assert_eq!(post(&service, &with("Content-Type: application/x-www-form-urlencoded\r\n"), b"a=b").0, 415);
    assert_eq!(post(&service, &with("Content-Encoding: br\r\n"), b"a").0, 415);
    let bomb = vec![b'0'; 64 << 20];
    assert_eq!(post(&service, shown, &bomb[..65_537]).0, 413);
    for (encoding, packed) in [("gzip", gzip(&bomb)), ("zstd", zstd::encode_all(&bomb[..], 19).expect("packed"))] {
        let (status, answer) = post(&service, &with(&format!("Content-Encoding: {encoding}\r\n")), &packed);
        assert_eq!(status, 413, "{encoding}: {answer}");
        assert_eq!(post(&service, &with(&format!("Content-Encoding: {encoding}\r\n")), b"no such thing").0, 400);
    }
    for body in [
        format!("[{{\"fine\":1}},{{\"token\":\"{secret}\"]"),
        format!("[{{\"fine\":1}},{{\"token\":{secret}}}]"),
        format!("[{{\"fine\":1}},{{\"token\":\"{secret}"),
    ] {
        let (status, answer) = post(&service, &with(JSON), body.as_bytes());
        assert_eq!(status, 400);
        assert!(answer.contains("in element 2, at byte") && !answer.contains("ghp_"), "{answer}");
    }
    let deep = [vec![b'['; 5000], vec![b']'; 5000]].concat();
    let (status, answer) = post(&service, &with(JSON), &deep);
    assert!(status == 400 && answer.contains("too deep"), "{answer}");
    service.wait_for_metric("inkprint_source_refused_total{source=\"web\",reason=\"unauthorized\"}", 2.0);
    service.wait_for_metric("inkprint_source_refused_total{source=\"web\",reason=\"malformed\"}", 6.0);
    let peak = service.memory("VmHWM");
    assert!(peak < 400 << 20, "{peak} bytes at the most");
    service.stop();
    assert!(!service.out.text().contains("open-sesame") && !service.log.text().contains("open-sesame"));
}

#[test]
fn a_slow_sender_holds_nobody_up_and_half_a_line_goes_nowhere() {
    let home = Home::new();
    let mut service = home.start(&answering("header_timeout = \"2s\""));
    let mut slow = service.connect("web");
    write!(slow, "POST /in HTTP/1.1\r\nHos").expect("sent");
    let mut half = service.connect("web");
    write!(half, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nwhole\nhalf a li").expect("sent");
    wait_for("the whole line", || (service.out.text() == "whole\n").then_some(()));
    assert_eq!(post(&service, "", b"another\n").0, 200);
    drop(half);
    service.wait_for_metric("inkprint_source_refused_total{source=\"web\",reason=\"broken\"}", 1.0);
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).expect("it is closed");
    assert_eq!(service.out.text(), "whole\nanother\n");
    service.stop();
}

#[test]
fn who_says_nothing_makes_room_for_those_that_wait() {
    let home = Home::new();
    let mut service = home.start(&answering("header_timeout = \"1s\"\nidle_timeout = \"1s\"\nmax_connections = 2"));
    let _silent = service.connect("web");
    let mut half = service.connect("web");
    write!(half, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nwhole\nhalf a li").expect("sent");
    wait_for("the whole line", || (service.out.text() == "whole\n").then_some(()));
    // Both places are taken until the one who says nothing is sent away, and the other is told why.
    assert_eq!(post(&service, "", b"another\n").0, 200);
    assert_eq!(answer(&mut half).0, 408);
    service.wait_for_metric("inkprint_source_refused_total{source=\"web\",reason=\"slow\"}", 1.0);
    service.stop();
    assert_eq!(service.out.text(), "whole\nanother\n");
}

#[test]
fn without_a_sink_that_holds_it_there_is_no_answer_of_success() {
    let home = Home::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
    let parts = answering("").replace("type = \"stdout\"", &format!("type = \"tcp\"\naddress = \"{free}\""));
    let service = home.start(&parts);
    let (status, answer) = post(&service, "", b"a line\n");
    assert!(status == 503 && answer.contains("once more"), "{status} {answer}");
}

#[test]
fn curl_is_understood() {
    if !tool("curl") {
        return;
    }
    let home = Home::new();
    let mut service = home.start(&answering(""));
    let url = format!("http://{}/in", service.address("web"));
    let text: String = (0..2000).map(|number| line(1, number)).collect();
    std::fs::create_dir(home.path("raw")).expect("made");
    home.write("raw/body", &text);
    home.write("raw/body.gz", gzip(text.as_bytes()));
    for (file, headers) in [
        ("raw/body", &[][..]),
        ("raw/body.gz", &["Content-Encoding: gzip"][..]),
        ("raw/body", &["Transfer-Encoding: chunked", "Expect: 100-continue"]),
    ] {
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail-with-body", "--data-binary"]).arg(format!("@{}", home.path(file).display()));
        command.args(["-H", "Content-Type: application/x-ndjson"]);
        for header in headers {
            command.args(["-H", header]);
        }
        let output = command.arg(&url).output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"accepted\":2000}\n", "{output:?}");
    }
    wait_for("all", || (service.out.lines() == 6000).then_some(()));
    service.stop();
}
