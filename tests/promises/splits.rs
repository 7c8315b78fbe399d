use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::thread;

use proptest::prelude::*;
use proptest::sample::Index;

use inkprint::pipeline::framing::{MAX_LINE, MIN_MAX_LINE};

use super::engine::{Engine, POLICY, rules};
use super::hay::{cases, logs};
use super::program::{ended, home_with_keyring, pipe, run, run_with};

const TOKEN: &str = "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";

/// Lines of many forms, some with secrets, the last one open.
fn sample() -> String {
    let json = r#"{"ts":1,"auth":{"token":"8dk2Jq0Zm4xW"},"body":"{\"password\":\"r4ttle+snake\"}","pin":1}"#;
    let lines = [
        "plain text", "", "\r", json, &format!("GITHUB_TOKEN={TOKEN}"), "GET /v1?access_token=a8Kd%2B02mXq&page=2 HTTP/1.1",
        "postgres://app:Zk81mQx0@db.internal:5432/orders", "> Authorization: Basic c3ZjOlptNFF4ODFM", "aws ASIAQNZGKIQY56JQ7WML done",
        "ink1-github-pat-k1-j0rsygyc7vcqksbhm88pac2z", "nul \0 and \u{feff} and é", TOKEN,
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

/// The secrets that are planted at every offset around the borders of windows, and what stands before each that stays.
const PLANTED: &[(&str, &str)] = &[
    ("", TOKEN),
    (" token=", "8dk2Jq0Zm4xW"),
    (" {\"password\": \"", "Tr1cky-quoted-One"),
    (" aws access key id and then the secret access key: ", "8fKq02mZxLw93JdPq71bNvTr8fKq02mZxLw93JdP"),
    (" postgres://app:", "Zk81mQx0"),
];

#[test]
fn a_secret_across_any_border_of_windows_is_found() {
    let engine = Engine::new(&POLICY);
    let step = if std::env::var_os("INKPRINT_LONG").is_some() { 1 } else { 3 };
    for (before, secret) in PLANTED {
        let planted = format!(" {before}{secret}\" @db.internal:5432 ").replace("\" @db", if before.contains("://") { "@db" } else { "\" db" });
        // Windows end at the limit and then every half of it, and are dealt with up to half of it before their end.
        for border in [MIN_MAX_LINE / 2, MIN_MAX_LINE, 2 * MIN_MAX_LINE] {
            for at in (border - planted.len() - 8..border + 8).step_by(step) {
                let cleaned = engine.redact_in_pieces(MIN_MAX_LINE, &long_line(3 * MIN_MAX_LINE, at, &planted), &[]);
                assert!(memchr::memmem::find(&cleaned, secret.as_bytes()).is_none(), "{secret} at {at}");
                assert_eq!(memchr::memmem::find_iter(&cleaned, "ink1-").count(), 1, "{secret} at {at}");
                assert!(memchr::memmem::find(&cleaned, before.as_bytes()).is_some(), "{before} at {at}");
            }
        }
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
            let output = run_with(pipe(home.path()).args(["--threads", threads, source]), if source == "-" { &log } else { b"" });
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
