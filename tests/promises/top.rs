//! `inkprint top` shows how a service is, and nothing that could act on a terminal.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::tempdir;

use super::program::{ended, home_with_keyring, inkprint, run, stderr, stdout, tool};
use super::tcp::service::{Collected, Service, canary, unused_address, wait_for};

/// A name that would clear the screen and set the window's title.
const HOSTILE: &str = "evil\u{1b}[2J\u{1b}]0;taken over\u{7}\u{9b}31m\u{202e}";

fn page(lines: usize) -> String {
    format!(
        "inkprint_build_info{{version=\"0.1.0\"}} 1\ninkprint_lines_total {lines}\n\
         inkprint_source_lines_total{{source=\"{HOSTILE}\"}} {lines}\ninkprint_sink_up{{sink=\"siem\"}} 0\n"
    )
}

fn top(admin: &str, args: &[&str]) -> Command {
    let mut command = inkprint(&std::env::temp_dir());
    command.args(["top", "--admin", admin, "--interval", "10ms"]).args(args);
    command
}

/// Answers a request like the admin address, if it shows the token, with a page that grows.
fn answer(mut socket: impl Read + Write, token: Option<&str>, lines: usize) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && matches!(socket.read(&mut byte), Ok(1)) {
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let known = token.is_none_or(|token| request.contains(&format!("uthorization: Bearer {token}\r\n")));
    let (status, body) = if known { ("200 OK", page(lines)) } else { ("401 Unauthorized", String::new()) };
    // A reader that has gone away has seen enough.
    let _ = write!(socket, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
}

/// An admin address on a port of its own, which answers as long as the test runs.
fn serve(token: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    thread::spawn(move || {
        for (count, socket) in listener.incoming().enumerate() {
            answer(socket.expect("accepted"), token, 1000 * count);
        }
    });
    address
}

#[test]
fn one_picture_tells_of_a_real_service() {
    let mut service = Service::start(&[]);
    service.send(format!("one token={}\n", canary(1)).as_bytes());
    service.wait_for_metric("inkprint_lines_total", 1.0);
    let admin = service.admin.clone();
    let picture = ended(&run(&mut top(&admin, &["--once"])), 0);
    for told in ["inkprint 0.", "lines/s 0", "withheld 0", "unverified marks 0", "RULE", "github-pat"] {
        assert!(picture.contains(told), "{told}: {picture}");
    }
    assert!(!picture.contains("ghp_") && picture.ends_with('\n'));
    service.stop();
}

#[test]
fn a_name_made_to_do_harm_is_shown_as_text() {
    let picture = ended(&run(&mut top(&serve(None), &["--once"])), 0);
    assert!(picture.contains("evil?[2J?]0;taken over??31m?"), "{picture}");
    assert!(picture.contains("siem") && picture.contains("down"), "{picture}");
    assert!(!picture.chars().any(|c| c.is_control() && c != '\n'), "{picture:?}");
    assert!(!picture.contains("lines/s 0 "), "two readings are compared: {picture}");
}

#[test]
fn a_unix_socket_is_asked_too_and_both_with_a_token() {
    let home = tempdir().expect("a directory");
    let path = home.path().join("admin.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    thread::spawn(move || listener.incoming().for_each(|socket| answer(socket.expect("accepted"), Some("t0ken"), 1)));
    let file = home.path().join("token");
    std::fs::write(&file, "t0ken\n").expect("written");
    let file = file.display().to_string();
    for admin in [format!("unix:{}", path.display()), serve(Some("t0ken"))] {
        ended(&run(&mut top(&admin, &["--once", "--token-file", &file])), 0);
        ended(&run(top(&admin, &["--once", "--token-env", "TOP_TOKEN"]).env("TOP_TOKEN", "t0ken")), 0);
        let refused = run(&mut top(&admin, &["--once"]));
        ended(&refused, 2);
        assert!(stderr(&refused).contains("--token-file"), "{}", stderr(&refused));
        let wrong = run(top(&admin, &["--once", "--token-env", "TOP_TOKEN"]).env("TOP_TOKEN", "an0ther"));
        ended(&wrong, 2);
        assert!(!stderr(&wrong).contains("an0ther"));
    }
}

#[test]
fn who_cannot_be_shown_is_told() {
    let address = unused_address();
    let away = run(&mut top(&address, &["--once"]));
    ended(&away, 2);
    assert!(stderr(&away).contains(&address), "{}", stderr(&away));
    // Not a service of ours.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("accepted");
            let _ = socket.read(&mut [0; 1024]);
            let _ = socket
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n<html>\x1b[2J</html>");
        }
    });
    let foreign = run(&mut top(&other, &["--once"]));
    ended(&foreign, 2);
    assert!(stderr(&foreign).contains("line 1 of the answer is no metric") && !stderr(&foreign).contains('\u{1b}'));
    let piped = run(&mut top(&other, &[]));
    ended(&piped, 2);
    assert!(stderr(&piped).contains("--once"));
    for bad in [
        &["--interval", "0s"][..],
        &["--admin", "ftp://x"],
        &["--key", "x"],
        &["--token-file", "/no/such"],
        &["--ca", "/no/such"],
    ] {
        ended(&run(inkprint(&std::env::temp_dir()).args(["top", "--once"]).args(bad)), 2);
    }
}

#[test]
fn on_a_terminal_it_goes_on_until_q_and_gives_the_screen_back() {
    if !tool("script") {
        return;
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for socket in listener.incoming() {
            let number = count.fetch_add(1, Ordering::Relaxed);
            // The second is turned away: it is told, and the picture comes back.
            let token = (number == 1).then_some("none has it");
            answer(socket.expect("accepted"), token, number);
        }
    });
    let home = home_with_keyring();
    // Without a size of its own, there would be nothing to draw on.
    let command =
        format!("stty rows 24 cols 80; exec {} top --admin {address} --interval 50ms", env!("CARGO_BIN_EXE_inkprint"));
    let mut script = Command::new("script")
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .current_dir(home.path())
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("installed");
    let (out, reader) = Collected::from(script.stdout.take().expect("piped"));
    wait_for("a picture, and its return", || {
        (out.text().contains("siem") && out.text().contains("no answer") && asked.load(Ordering::Relaxed) > 4)
            .then_some(())
    });
    script.stdin.as_mut().expect("piped").write_all(b"q").expect("it listens");
    assert!(script.wait().expect("a child").success());
    reader.join().expect("it ends");
    let text = out.text();
    assert!(!text.contains("\u{1b}]0;") && !text.contains("\u{9b}"), "{text:?}");
    let (entered, left) = (text.find("\u{1b}[?1049h"), text.rfind("\u{1b}[?1049l"));
    assert!(entered.is_some() && left > entered, "{text:?}");
}

#[test]
fn its_help_names_what_it_takes() {
    let help = stdout(&run(inkprint(&std::env::temp_dir()).args(["top", "--help"])));
    for option in ["--admin", "--token-env", "--token-file", "--interval", "--once", "--ca"] {
        assert!(help.contains(option), "{option}");
    }
}
