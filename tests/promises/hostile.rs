use std::time::{Duration, Instant};

use super::engine::{Engine, POLICY};
use super::pieces::{self, PIECES};
use super::program::long_tests;
use super::targets::random;

fn line(number: usize, length: usize) -> Vec<u8> {
    pieces::line(number, length, &random(number as u64, 64))
}

/// The slowest line and the bytes a second, of `lines` lines.
fn measure(lines: usize, length: impl Fn(usize) -> usize) -> (Duration, usize, f64) {
    let engine = Engine::new(&POLICY);
    // The first use of a rule builds its automaton.
    (0..PIECES.len()).for_each(|number| drop(engine.redact(&line(number, 10_000))));
    let (mut slowest, mut all, mut bytes) = ((Duration::ZERO, 0), Duration::ZERO, 0);
    for number in 0..lines {
        let line = line(number, length(number));
        let start = Instant::now();
        engine.redact(&line);
        let took = start.elapsed();
        slowest = slowest.max((took, number));
        (all, bytes) = (all + took, bytes + line.len());
    }
    (slowest.0, slowest.1, bytes as f64 / all.as_secs_f64() / 1e6)
}

/// Times depend on what else the machine does, so only for `INKPRINT_LONG`.
#[test]
fn twice_as_long_a_line_takes_no_more_than_some_times_as_long() {
    if !long_tests() {
        return;
    }
    let engine = Engine::new(&POLICY);
    let time = |number: usize, length: usize| {
        let line = line(number, length);
        let once = || {
            let start = Instant::now();
            engine.redact(&line);
            start.elapsed()
        };
        (0..3).map(|_| once()).min().expect("some")
    };
    // What is quadratic takes 64 times as long; the bound leaves much for a busy machine.
    let mut slow = Vec::new();
    for number in 0..3 * PIECES.len() {
        let (short, long) = (time(number, 16_000), time(number, 128_000));
        let shown = line(number, 300).escape_ascii().to_string();
        slow.extend(
            (long >= 40 * short.max(Duration::from_micros(500)))
                .then(|| format!("{number}: {short:?}, {long:?}: {shown}")),
        );
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// Figures, so only where they are asked for: `INKPRINT_LONG=1 cargo test --release hostile -- --nocapture`.
#[test]
fn ten_thousand_hostile_lines_are_cleaned_in_time() {
    if !long_tests() {
        return;
    }
    let lines = std::env::var("INKPRINT_HOSTILE").ok().and_then(|lines| lines.parse().ok()).unwrap_or(10_000);
    let (slowest, number, rate) = measure(lines, |number| 1_000 * (1 + number * 7919 % 1000));
    println!("{lines} lines: {rate:.0} MB/s, the slowest, line {number}, took {slowest:?}");
    if !cfg!(debug_assertions) {
        assert!(rate >= 50.0 && slowest <= Duration::from_millis(50), "{rate:.0} MB/s; {slowest:?} for line {number}");
    }
}
