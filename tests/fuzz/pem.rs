//! Private keys over lines of many forms: no row comes through, and the lines of others do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::choices::{Choices, random};

const LABELS: &[&str] =
    &["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];

/// What stands before and behind each line.
const AROUND: &[&(&str, &str)] = &[
    &("", ""),
    &("", "\r"),
    &("    ", ""),
    &("+", ""),
    &(" * ", ""),
    &("> ", ""),
    &("    \"", "\\n\" +"),
    &("2026-11-22T08:00:00.000000001Z INFO ", ""),
    &("2026-11-22T08:00:00.000000001Z stdout F ", ""),
    &("{\"log\":\"", "\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-22T08:00:00.1Z\"}"),
    &("Nov 22 08:00:00 host app[17]: ", ""),
];

const FOREIGN: &[&str] = &[
    "a request came in",
    "2026-11-22 10:00:00 INFO another thread",
    "\tat main.rs:17",
    "{\"level\":\"info\"}",
    "é\0\u{feff}",
];

pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let (before, behind) = *choices.pick(AROUND);
    let label = choices.pick(LABELS);
    let columns = *choices.pick(&[&64usize, &76, &70, &60, &48]);
    // The shortest private key there is has a body of 48 bytes.
    let body = random(choices.number() as u64, 48 + choices.number() % 2000);
    let text = STANDARD.encode(body);
    let rows: Vec<&str> = text.as_bytes().chunks(columns).map(|row| std::str::from_utf8(row).expect("ASCII")).collect();
    if rows.last().is_some_and(|row| row.bytes().all(|byte| byte == b'=')) {
        // A known gap (docs/testing.md): behind a prefix, such a line is not known for the end of the body.
        return;
    }
    let closed = !choices.flag();
    let mut foreign = vec![choices.pick(FOREIGN).to_owned()];
    let mut lines = vec![foreign[0].to_owned(), format!("{before}-----BEGIN {label}-----{behind}")];
    for row in &rows {
        lines.push(format!("{before}{row}{behind}"));
        if !choices.is_empty() && choices.byte() > 200 {
            foreign.push(choices.pick(FOREIGN).to_owned());
            lines.extend(foreign.last().cloned());
        }
    }
    if closed {
        lines.push(format!("{before}-----END {label}-----{behind}"));
    }
    let last = String::from_utf8_lossy(choices.junk(40)).replace('\n', " ");
    lines.push(format!("the end {last}"));
    let log = lines.join("\n");
    let cleaned = super::cleaned(log.as_bytes(), &[choices.number(), choices.number()]);
    for row in rows.iter().filter(|row| row.len() >= 12) {
        assert!(!super::holds(&cleaned, row.as_bytes()), "{row} in\n{}\nof\n{log}", cleaned.escape_ascii());
        assert!(!super::holds(&cleaned, &row.as_bytes()[..12]), "{row} in\n{}", cleaned.escape_ascii());
    }
    let mut rest = cleaned.split(|byte| *byte == b'\n');
    for line in &foreign {
        assert!(rest.any(|kept| kept == line.as_bytes()), "{line} is gone:\n{}\nof\n{log}", cleaned.escape_ascii());
    }
}
