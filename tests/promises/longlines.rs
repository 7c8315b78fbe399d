use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::thread;

use inkprint::pipeline::framing::MAX_LINE;

use super::program::{ended, home_with_keyring, long_tests, pipe, run_with, stderr};

const TOKEN: &str = "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";

/// What the program may hold at most, in KiB.
const MEMORY: u64 = 96 << 10;

/// The most memory that `child` has had so far, in KiB.
fn peak_memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Writes a mebibyte of a line without an end, with a secret across its start and one in its middle. `number` moves both.
fn write_mebibyte(stdin: &mut impl Write, number: usize, text: &mut Vec<u8>) {
    text.clear();
    text.extend(b"the quick brown fox, ".iter().cycle().take(MAX_LINE));
    // The front of one secret ends the mebibyte and its rest begins the next: each may be cut in any place.
    let planted = format!(" {TOKEN} ");
    let cut = |number: usize| number % (planted.len() - 1) + 1;
    let (front, back) = (&planted[..cut(number)], &planted[cut(number + planted.len() - 2)..]);
    text[MAX_LINE - front.len()..].copy_from_slice(front.as_bytes());
    text[..back.len()].copy_from_slice(back.as_bytes());
    let middle = MAX_LINE / 2 - cut(number);
    text[middle..middle + planted.len()].copy_from_slice(planted.as_bytes());
    stdin.write_all(text).expect("it reads on");
}

#[test]
fn an_endless_line_is_scanned_whole_in_bounded_memory() {
    let home = home_with_keyring();
    let mebibytes = if long_tests() { 1024 } else { 128 };
    let mut child = pipe(home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program was built");
    let (mut stdin, mut stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let reader = thread::spawn(move || {
        // Marks and tokens are shorter than what is kept of one read for the next.
        let (mut kept, mut chunk, mut marks, mut tokens) = (Vec::new(), vec![0; 1 << 20], 0, 0);
        loop {
            let read = stdout.read(&mut chunk).expect("readable");
            kept.extend_from_slice(&chunk[..read]);
            let whole = if read == 0 { kept.len() } else { kept.len().saturating_sub(128) };
            let starts = |what: &str| memchr::memmem::find_iter(&kept, what).filter(|at| *at < whole).count();
            marks += starts("ink1-github-pat-k1-");
            tokens += starts(&TOKEN[..16]);
            kept.drain(..whole);
            if read == 0 {
                return (marks, tokens);
            }
        }
    });
    let mut text = Vec::new();
    (0..mebibytes).for_each(|number| write_mebibyte(&mut stdin, number, &mut text));
    let peak = peak_memory(&child);
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    let (marks, tokens) = reader.join().expect("read");
    // The first rest and the last front are no whole secrets.
    assert_eq!((marks, tokens), (2 * mebibytes - 1, usize::from(tokens > 0 && last_front_is_telling(mebibytes))));
    assert!(peak < MEMORY, "{peak} KiB");
}

/// Whether the cut-off secret at the line's end shows as much as is looked for.
fn last_front_is_telling(mebibytes: usize) -> bool {
    (mebibytes - 1) % (TOKEN.len() + 1) >= 16
}

#[test]
fn a_value_without_an_end_is_withheld_with_the_rest_of_its_line() {
    let home = home_with_keyring();
    for (before, open) in [("ok ", "password=\""), ("", "{\"token\":\"")] {
        let endless = "Vq7molten".repeat(90_000);
        let log = format!("first\n{before}{open}{endless}\ntoken=8dk2Jq0Zm4xW\n");
        let output = run_with(pipe(home.path()).args(["--max-line", "256K", "--stats=json"]), log.as_bytes());
        let cleaned = ended(&output, 0);
        let lines: Vec<&str> = cleaned.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "first"));
        assert_eq!(lines[1], format!("{before}{open}ink1-withheld-oversized-{}", endless.len()));
        assert!(lines[2].starts_with("token=ink1-token-k1-"), "{}", lines[2]);
        let stats: serde_json::Value = serde_json::from_str(&stderr(&output)).expect("JSON");
        assert_eq!((&stats["withheld_lines"], &stats["lines"]), (&1.into(), &3.into()));
        assert_eq!((&stats["bytes_in"], &stats["bytes_out"]), (&log.len().into(), &cleaned.len().into()));
    }
}

#[test]
fn a_value_within_the_limit_goes_whole_wherever_it_lies() {
    let home = home_with_keyring();
    let value = "Vq7-molten ".repeat(5_500);
    for lead in [0, 150_000, 200_000, 250_000, 300_000] {
        let log = format!("{}{{\"password\":\"{value}\",\"n\":1}}{}\n", "fox, ".repeat(lead / 5), " and so on".repeat(30_000));
        let cleaned = ended(&run_with(pipe(home.path()).args(["--max-line", "256K"]), log.as_bytes()), 0);
        assert!(!cleaned.contains("molten") && !cleaned.contains("withheld"), "behind {lead} bytes");
        assert_eq!(cleaned.matches("{\"password\":\"ink1-password-k1-").count(), 1, "behind {lead} bytes");
        assert!(cleaned.contains("\",\"n\":1} and so on"), "behind {lead} bytes");
    }
}
