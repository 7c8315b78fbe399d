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

/// The mebibyte `number` of a line without an end. A secret ends it whose rest begins the next one, cut in another place each time,
/// and one lies around its middle.
fn mebibyte(number: usize, count: usize) -> Vec<u8> {
    let planted = format!(" {TOKEN} ");
    let cut = |number: usize| number % (planted.len() - 1) + 1;
    let mut text: Vec<u8> = b"the quick brown fox, ".iter().copied().cycle().take(MAX_LINE).collect();
    let mut plant = |at: usize, part: &str| text[at..at + part.len()].copy_from_slice(part.as_bytes());
    if number > 0 {
        plant(0, &planted[cut(number - 1)..]);
    }
    if number + 1 < count {
        plant(MAX_LINE - cut(number), &planted[..cut(number)]);
    }
    plant(MAX_LINE / 2 - cut(number), &planted);
    text
}

#[test]
fn an_endless_line_is_scanned_whole_in_bounded_memory() {
    let home = home_with_keyring();
    let mebibytes = if long_tests() { 1024 } else { 128 };
    let mut child =
        pipe(home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program was built");
    let (mut stdin, mut stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let reader = thread::spawn(move || {
        // Marks and tokens are shorter than what is kept of one read for the next.
        let (mut kept, mut chunk, mut marks, mut parts) = (Vec::new(), vec![0; 1 << 20], 0, 0);
        loop {
            let read = stdout.read(&mut chunk).expect("readable");
            kept.extend_from_slice(&chunk[..read]);
            let whole = if read == 0 { kept.len() } else { kept.len().saturating_sub(128) };
            let starts = |what: &str| memchr::memmem::find_iter(&kept, what).filter(|at| *at < whole).count();
            marks += starts("ink1-github-pat-k1-");
            parts += starts(&TOKEN[..8]) + starts(&TOKEN[TOKEN.len() - 8..]);
            kept.drain(..whole);
            if read == 0 {
                return (marks, parts);
            }
        }
    });
    for number in 0..mebibytes {
        stdin.write_all(&mebibyte(number, mebibytes)).expect("it reads on");
    }
    let peak = peak_memory(&child);
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    assert_eq!(reader.join().expect("read"), (2 * mebibytes - 1, 0));
    assert!(peak < MEMORY, "{peak} KiB");
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
        let log = format!(
            "{}{{\"password\":\"{value}\",\"n\":1}}{}\n",
            "fox, ".repeat(lead / 5),
            " and so on".repeat(30_000)
        );
        let cleaned = ended(&run_with(pipe(home.path()).args(["--max-line", "256K"]), log.as_bytes()), 0);
        assert!(!cleaned.contains("molten") && !cleaned.contains("withheld"), "behind {lead} bytes");
        assert_eq!(cleaned.matches("{\"password\":\"ink1-password-k1-").count(), 1, "behind {lead} bytes");
        assert!(cleaned.contains("\",\"n\":1} and so on"), "behind {lead} bytes");
    }
}
