//! What is fuzzed: each target takes any bytes, and panics where a promise is broken.
//!
//! libFuzzer runs them instrumented (`make fuzz`); `cargo test` runs each over its kept inputs and over mutations of them.

use super::engine;

mod base64;
mod choices;
mod cri;
mod json;
mod mark;
mod pem;
mod redact;
mod rules;

#[allow(unused_imports, reason = "for the tests of promises")]
pub use choices::random;

pub type Target = fn(&[u8]);

pub const TARGETS: &[(&str, Target)] = &[
    ("json", json::run),
    ("pem", pem::run),
    ("base64", base64::run),
    ("cri", cri::run),
    ("mark", mark::run),
    ("rules", rules::run),
    ("redact", redact::run),
];

thread_local! {
    static ENGINE: engine::Engine<'static> = engine::Engine::new(&engine::POLICY);
}

/// What every cleaned log must be, whatever it holds: redacted twice it is redacted once, and cuts change nothing.
fn cleaned(log: &[u8], cuts: &[usize]) -> Vec<u8> {
    ENGINE.with(|engine| {
        let once = engine.redact(log);
        assert_same(&once, &engine.redact(&once), &format!("twice is once, of {}", log.escape_ascii()));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (log.len() + 1)).collect();
        cuts.sort_unstable();
        let pieces = engine.redact_in_pieces(inkprint::pipeline::framing::MAX_LINE, log, &cuts);
        assert_same(&once, &pieces, &format!("cuts at {cuts:?} change nothing, of {}", log.escape_ascii()));
        once
    })
}

fn assert_same(expected: &[u8], found: &[u8], what: &str) {
    assert!(expected == found, "{what}:\n{}\n{}", expected.escape_ascii(), found.escape_ascii());
}

/// Whether `text` holds `part`.
fn holds(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
