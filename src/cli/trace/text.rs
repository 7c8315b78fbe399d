//! A case for a terminal.

use std::fmt::Write as _;

use super::excerpts::Excerpts;
use crate::control::trace::document::coverage_notes;
use crate::control::trace::timeline::{Signs, Step, Timeline, shown};
use crate::control::trace::{Case, Subject};

/// With more secrets than these, those that were not found are only counted.
const FEW: usize = 20;

/// The whole answer.
pub(super) fn text(case: &Case, excerpts: &Excerpts, step: Option<Step>) -> String {
    let mut out = String::new();
    for subject in &case.subjects {
        if subject.is_found() {
            found(&mut out, case, subject, step);
        } else if case.subjects.len() <= FEW {
            let _ = writeln!(out, "secret {}: not found", subject.number);
            owners(&mut out, subject);
            interop(&mut out, subject);
        }
    }
    for (log, lines) in excerpts.logs() {
        let _ = writeln!(out, "{log}");
        let mut last = None;
        for line in lines {
            if last.is_some_and(|last| last + 1 != line.line) {
                out.push_str("  --\n");
            }
            last = Some(line.line);
            let sign = if line.found { '>' } else { ' ' };
            let _ = writeln!(out, "{sign} {:>7}  {}", line.line, line.text);
        }
    }
    let _ = writeln!(out, "total: {} of {} secrets found", case.found, case.subjects.len());
    limits(&mut out, case);
    out
}

fn found(out: &mut String, case: &Case, subject: &Subject, step: Option<Step>) {
    if let (Some(first), Some(last)) = (subject.first, subject.last) {
        let (number, count, sources) = (subject.number, subject.count, subject.sources.len());
        let (first, last) = (shown(first), shown(last));
        let _ = writeln!(out, "secret {number}: seen {count} times in {sources} sources, from {first} to {last}");
    } else {
        let _ = writeln!(out, "secret {}: found in logs", subject.number);
    }
    owners(out, subject);
    for mark in &subject.marks {
        let _ = writeln!(out, "  mark    {mark}");
    }
    for source in &subject.sources {
        let (first, last) = (shown(source.first), shown(source.last));
        let _ = writeln!(out, "  source  {}: {}, from {first} to {last}", source.source, source.count);
    }
    if subject.count > 0 {
        let rules: Vec<String> = subject.rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        let epochs: Vec<String> = subject.epochs.iter().map(|(epoch, count)| format!("k{epoch} {count}")).collect();
        let _ = writeln!(out, "  rules   {}; key epochs {}", rules.join(", "), epochs.join(", "));
        let timeline = Timeline { hours: &subject.hours, covered: &case.covered };
        let drawn = timeline.drawn(step.unwrap_or(timeline.step()), signs());
        for row in drawn.lines() {
            let _ = writeln!(out, "  {row}");
        }
    }
    for log in &subject.logs {
        let _ = write!(out, "  log     {}: {} marks of epoch {}", log.file, log.found, log.epoch);
        if let (Some(first), Some(last)) = (log.first_line, log.last_line) {
            let _ = write!(out, ", first line {first}, last line {last}");
        }
        if log.unverified > 0 {
            let _ = write!(out, " (and {} whose seal is not ours)", log.unverified);
        }
        out.push('\n');
    }
    interop(out, subject);
}

fn owners(out: &mut String, subject: &Subject) {
    for token in &subject.owners {
        let _ = write!(out, "  token   {}, owned by {}", token.id, token.owner);
        for (name, value) in [("for", &token.subject), ("purpose", &token.purpose), ("issuer", &token.issuer)] {
            if let Some(value) = value {
                let _ = write!(out, "; {name}: {value}");
            }
        }
        if let Some(expires) = token.expires {
            let _ = write!(out, "; expires {}", shown(expires));
        }
        out.push('\n');
    }
}

fn interop(out: &mut String, subject: &Subject) {
    for log in &subject.foreign {
        let _ = write!(out, "  log     {}: {} times as {} writes it", log.file, log.found, log.product);
        if let (Some(first), Some(last)) = (log.first_line, log.last_line) {
            let _ = write!(out, ", first line {first}, last line {last}");
        }
        out.push('\n');
    }
    for (product, form) in &subject.interop {
        let _ = writeln!(out, "  {product}  {form}");
    }
}

fn limits(out: &mut String, case: &Case) {
    for epoch in case.epochs.iter().filter(|epoch| !epoch.answers) {
        let since = epoch.since.map(shown).unwrap_or_default();
        let _ = writeln!(out, "not covered: key epoch k{} is {} since {since}", epoch.epoch, epoch.state);
    }
    for coverage in &case.coverage {
        let (source, from, to) = (&coverage.source, shown(coverage.from), shown(coverage.to));
        let _ = writeln!(out, "covered: {source}, {} lines in the hours from {from} to {to}", coverage.lines);
        for note in coverage_notes(coverage) {
            let _ = writeln!(out, "not covered: {note}");
        }
    }
    if let Some(logs) = &case.logs {
        let searched = logs.searched;
        let _ = writeln!(out, "searched: {} logs, {} lines, {} bytes", searched.files, searched.lines, searched.bytes);
    }
    if let Some(by) = case.notify_by {
        let _ = writeln!(out, "72 hours from detection end at {}", shown(by));
    }
}

/// Blocks where the locale says that they can be shown.
fn signs() -> Signs {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    let utf8 = locale.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    if utf8 { Signs::Unicode } else { Signs::Ascii }
}
