use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::Index;

use inkprint::pipeline::detect::MAX_SECRET;
use inkprint::pipeline::framing::{MAX_LINE, MIN_MAX_LINE};

use super::engine::{Engine, POLICY, rules};
use super::hay::{cases, logs};
use super::program::{ended, home_with_keyring, long_tests, pipe, run, run_with};
use super::targets::random;

const TOKEN: &str = "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";

/// Lines of many forms, some with secrets, the last one open.
fn sample() -> String {
    let json = r#"{"ts":1,"auth":{"token":"8dk2Jq0Zm4xW"},"body":"{\"password\":\"r4ttle+snake\"}","pin":1}"#;
    let lines = [
        "plain text",
        "",
        "\r",
        json,
        &format!("GITHUB_TOKEN={TOKEN}"),
        "GET /v1?access_token=a8Kd%2B02mXq&page=2 HTTP/1.1",
        "postgres://app:Zk81mQx0@db.internal:5432/orders",
        "> Authorization: Basic c3ZjOlptNFF4ODFM",
        "aws ASIAQNZGKIQY56JQ7WML done",
        "ink1-github-pat-k1-j0rsygyc7vcqksbhm88pac2z",
        "nul \0 and \u{feff} and é",
        TOKEN,
    ];
    lines.join("\n")
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    let (engine, sample) = (Engine::new(&POLICY), sample());
    let whole = engine.redact(sample.as_bytes());
    assert!(whole.windows(5).filter(|w| w == b"ink1-").count() > 8);
    for cut in 0..=sample.len() {
        assert!(engine.redact_in_pieces(MAX_LINE, sample.as_bytes(), &[cut]) == whole, "cut at {cut}");
    }
    for chunk in [1, 2, 3, 7, 64] {
        let cuts: Vec<usize> = (0..sample.len()).step_by(chunk).collect();
        assert!(engine.redact_in_pieces(MAX_LINE, sample.as_bytes(), &cuts) == whole, "chunks of {chunk}");
    }
}

#[test]
fn cuts_anywhere_in_any_log_change_nothing() {
    let engine = Engine::new(&POLICY);
    proptest!(cases(1000), |(log in logs(&rules(&[]), 40), cuts in prop::collection::vec(any::<Index>(), 0..9))| {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert!(engine.redact_in_pieces(MAX_LINE, &log, &cuts) == engine.redact(&log));
    });
}

/// Found by fuzzing: of three readings of a password's first part, which one counted depended on the order in which the candidates of the
/// whole block were sorted.
#[test]
fn how_many_secrets_stand_beside_a_password_in_parts_changes_nothing() {
    let engine = Engine::new(&POLICY);
    let part = "2026-11-22T08:00:00.1Z stdout P ";
    for count in 0..50 {
        let before =
            format!("token {TOKEN} ").repeat(count) + "\n" + &format!("{part}password={TOKEN}\n").repeat(count);
        let log = format!("{before}{part}password=\"\\/fk\n{part}pass=passwd=\"abc");
        let whole = engine.redact(log.as_bytes());
        for cut in [0, log.find('\n').expect("lines") + 1, before.len(), log.len()] {
            assert!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]) == whole, "{count}, cut at {cut}");
        }
    }
}

/// Where a token is known by a word before it, what stands in it in base64 is nobody's secret.
#[test]
fn a_near_word_in_a_later_line_changes_nothing() {
    let engine = Engine::new(&POLICY);
    let mut bytes = b"postgres://app:Zk81mQx0qT@db.internal/orders and more".to_vec();
    bytes.extend(random(5, 172).iter().map(|byte| byte | 0x80));
    let log = format!("line_channel {}\nline_channel x\n", STANDARD.encode(&bytes));
    let whole = engine.redact(log.as_bytes());
    assert!(memchr::memmem::find(&whole, b"ink1-line-channel-token-near-").is_some());
    for cut in 0..=log.len() {
        assert!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]) == whole, "cut at {cut}");
    }
}

/// A line of `len` bytes of text without a secret, with `planted` at `at`.
fn long_line(len: usize, at: usize, planted: &str) -> Vec<u8> {
    let mut line: Vec<u8> = b"the quick brown fox, ".iter().copied().cycle().take(len).collect();
    line[at..at + planted.len()].copy_from_slice(planted.as_bytes());
    line
}

#[test]
fn a_cut_in_a_long_line_changes_nothing() {
    let engine = Engine::new(&POLICY);
    let planted = format!(" token={TOKEN} ");
    let mut log = long_line(3 * MIN_MAX_LINE, MIN_MAX_LINE - 20, &planted);
    log.extend_from_slice(b"\nshort line\n");
    let whole = engine.redact_in_pieces(MIN_MAX_LINE, &log, &[]);
    assert!(memchr::memmem::find(&whole, TOKEN.as_bytes()).is_none());
    let borders = [0, 1, MIN_MAX_LINE / 2, MIN_MAX_LINE, 2 * MIN_MAX_LINE, log.len() - 12];
    let near = |border: usize| border.saturating_sub(30)..=(border + 30).min(log.len());
    for cut in borders.into_iter().flat_map(near) {
        assert!(engine.redact_in_pieces(MIN_MAX_LINE, &log, &[cut]) == whole, "cut at {cut}");
    }
}

/// A stretch of a long line with secrets of several forms, some of which need what stands before them.
const STRETCH: &str = concat!(
    "fox 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 jumps, token=8dk2Jq0Zm4xW and {\"password\": \"Tr1cky-quoted-One\", \"n\": 1} ",
    "aws access key id and then the secret access key: 8fKq02mZxLw93JdPq71bNvTr8fKq02mZxLw93JdP over ",
    "postgres://app:Zk81mQx0@db.internal:5432 or ink1-github-pat-k1-j0rsygyc7vcqksbhm88pac2z, the lazy dog. ",
);

#[test]
fn a_secret_across_any_border_of_windows_is_found() {
    let engine = Engine::new(&POLICY);
    assert_eq!(engine.matches(STRETCH.as_bytes()).len(), 5);
    let line: Vec<u8> = STRETCH.bytes().cycle().take(3 * MIN_MAX_LINE).collect();
    // Wherever the borders are, each of them meets every place of the stretch.
    for shift in (0..STRETCH.len()).step_by(if long_tests() { 1 } else { 3 }) {
        let line = &line[shift..];
        let (whole, in_windows) = (engine.redact(line), engine.redact_in_pieces(MIN_MAX_LINE, line, &[]));
        assert!(in_windows == whole, "shifted by {shift}");
    }
}

#[test]
fn a_long_secret_across_any_border_of_windows_goes_whole() {
    let engine = Engine::new(&POLICY);
    // Nothing of it is a secret before its second full stop, as in a window that ends too early.
    let token = format!("eyJhbGciOiJIUzI1NiJ9.eyJz{}.s1gN4tur3Zk81LmX0w7-q9Zk31", "dWIiOi1x".repeat(MAX_SECRET / 9));
    for at in (0..2 * MIN_MAX_LINE).step_by(5_003) {
        let line = long_line(3 * MIN_MAX_LINE, at, &format!(" {token} "));
        let cleaned = engine.redact_in_pieces(MIN_MAX_LINE, &line, &[]);
        assert!(cleaned == engine.redact(&line), "at {at}");
        assert_eq!(line.len() - cleaned.len(), token.len() - "ink1-jwt-k1-".len() - 24, "at {at}");
    }
}

/// A numbered log of several blocks, with a secret in every tenth line and lines of very different lengths.
fn numbered() -> Vec<u8> {
    let mut log = Vec::new();
    for n in 0..40_000 {
        let token = if n % 10 == 0 { format!(" token=q{n:05}Zk81LmX0w7") } else { String::new() };
        log.extend(format!("line {n}{token} {}\n", "x".repeat(n * 7919 % 300)).bytes());
    }
    log
}

#[test]
fn order_and_bytes_do_not_depend_on_threads_or_how_the_input_comes() {
    let (home, log) = (home_with_keyring(), numbered());
    fs::write(home.path().join("log"), &log).expect("written");
    let expected = run(pipe(home.path()).args(["--threads", "1", "log"])).stdout;
    let numbers = expected.split(|b| *b == b'\n').filter_map(|line| line.split(|b| *b == b' ').nth(1));
    assert!(numbers.map(|n| String::from_utf8_lossy(n).into_owned()).eq((0..40_000).map(|n| n.to_string())));
    assert_eq!(memchr::memmem::find_iter(&expected, " token=ink1-token-k1-").count(), 4000);
    for threads in ["1", "2", "4", "16"] {
        for source in ["log", "-"] {
            let output = run_with(
                pipe(home.path()).args(["--threads", threads, source]),
                if source == "-" { &log } else { b"" },
            );
            assert!(output.stdout == expected, "{threads} threads, {source}");
        }
    }
    ended(&run(pipe(home.path()).args(["--threads", "4", "-o", "out", "log"])), 0);
    assert!(fs::read(home.path().join("out")).expect("written") == expected, "-o");
}

#[test]
fn several_files_are_cleaned_one_after_the_other_and_their_frames_do_not_join() {
    let home = home_with_keyring();
    for (name, text) in [("a", "one\npass"), ("b", "word=Vq7-molten-Harbor\ntoken="), ("c", "8dk2Jq0Zm4xW\n")] {
        fs::write(home.path().join(name), text).expect("written");
    }
    let cleaned = ended(&run(pipe(home.path()).args(["a", "b", "c", "a"])), 0);
    assert_eq!(cleaned, "one\npassword=Vq7-molten-Harbor\ntoken=8dk2Jq0Zm4xW\none\npass");
}

#[test]
fn writes_of_any_size_give_the_same_output() {
    let (home, sample) = (home_with_keyring(), sample().repeat(3));
    let expected = run_with(&mut pipe(home.path()), sample.as_bytes()).stdout;
    assert!(!expected.is_empty());
    proptest!(cases(12), |(cuts in prop::collection::vec(any::<Index>(), 1..40))| {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(sample.len())).chain([0, sample.len()]).collect();
        cuts.sort_unstable();
        let mut child = pipe(home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program was built");
        let mut stdin = child.stdin.take().expect("piped");
        let pieces: Vec<Vec<u8>> = cuts.windows(2).map(|pair| sample.as_bytes()[pair[0]..pair[1]].to_vec()).collect();
        let writer = thread::spawn(move || pieces.iter().for_each(|piece| stdin.write_all(piece).expect("read")));
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("written");
        prop_assert!(output.stdout == expected);
    });
}

/// Two hundred secrets, each cut at every offset: at its border, inside, and where its key or its quotes are.
#[test]
fn a_secret_cut_at_every_offset_goes() {
    let engine = Engine::new(&POLICY);
    let contexts: &[fn(&str) -> String] = &[
        |secret| format!("db password={secret} host=db\n"),
        |secret| format!("{{\"n\":1,\"client_secret\":\"{secret}\",\"m\":2}}\n"),
        |secret| format!("dsn postgres://app:{secret}@db.internal/x\n"),
        |secret| format!("> Authorization: Bearer {secret}\n"),
    ];
    for number in 0..200u64 {
        let secret: String = random(number, 9).iter().map(|byte| format!("{byte:02x}")).collect();
        let log = contexts[number as usize % contexts.len()](&format!("q7{secret}Zx"));
        let whole = engine.redact(log.as_bytes());
        assert!(memchr::memmem::find(&whole, secret.as_bytes()).is_none(), "{log}");
        for cut in 0..=log.len() {
            assert!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]) == whole, "cut at {cut}: {log}");
        }
    }
}
