//! A comparison as text and as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::rules::masked::{masked_part, printable};
use crate::control::rules::diff::{Differ, Lines, RuleChange, Sample, Taken};
use crate::model::Span;

/// Of a longer field only the start is shown as text.
const MAX_FIELD: usize = 100;
/// So many bytes of a line are shown on either side of what differs.
const AROUND: usize = 120;

/// A sample and the log it is from.
#[derive(Debug)]
pub(super) struct FileSample {
    pub file: String,
    pub sample: Sample,
}

/// A comparison, ready to be shown.
#[derive(Debug, Serialize)]
pub(super) struct View {
    rules: Vec<ChangeRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<LogsRow>,
    #[serde(skip)]
    reveal: bool,
}

#[derive(Debug, Serialize)]
struct ChangeRow {
    /// `None` for the word lists.
    rule: Option<String>,
    change: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldRow>,
}

#[derive(Debug, Serialize)]
struct FieldRow {
    field: &'static str,
    before: String,
    after: String,
}

#[derive(Debug, Serialize)]
struct LogsRow {
    lines: u64,
    lines_that_differ: u64,
    lines_with_less_redacted: u64,
    lines_with_more_redacted: u64,
    lines_redacted_otherwise: u64,
    matches: Vec<CountRow>,
    samples: Vec<SampleRow>,
}

#[derive(Debug, Serialize)]
struct CountRow {
    rule: String,
    /// `None` where there is no such rule.
    before: Option<u64>,
    after: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SampleRow {
    file: String,
    line: u64,
    before: Vec<TakenRow>,
    after: Vec<TakenRow>,
    text: String,
}

#[derive(Debug, Serialize)]
struct TakenRow {
    rule: String,
    /// Offsets of the first byte that goes and of the one behind the last.
    start: usize,
    end: usize,
}

impl View {
    pub(super) fn new(reveal: bool, changes: &[RuleChange]) -> Self {
        let row = |change: &RuleChange| match change {
            RuleChange::Added(id) => ChangeRow { rule: Some(id.clone()), change: "added", fields: Vec::new() },
            RuleChange::Removed(id) => ChangeRow { rule: Some(id.clone()), change: "removed", fields: Vec::new() },
            RuleChange::Changed(id, fields) => ChangeRow {
                rule: Some(id.clone()),
                change: "changed",
                fields: fields
                    .iter()
                    .map(|changed| FieldRow {
                        field: changed.field,
                        before: changed.before.clone(),
                        after: changed.after.clone(),
                    })
                    .collect(),
            },
            RuleChange::Words => ChangeRow { rule: None, change: "word lists changed", fields: Vec::new() },
        };
        Self { rules: changes.iter().map(row).collect(), logs: None, reveal }
    }

    /// Takes in what came of the logs.
    pub(super) fn logs(&mut self, differ: &Differ<'_>, samples: Vec<FileSample>) {
        let Lines { total, differ: lines_that_differ, less, more, otherwise } = differ.lines;
        let matches = differ.matches().into_iter();
        self.logs = Some(LogsRow {
            lines: total,
            lines_that_differ,
            lines_with_less_redacted: less,
            lines_with_more_redacted: more,
            lines_redacted_otherwise: otherwise,
            matches: matches.map(|(rule, (before, after))| CountRow { rule, before, after }).collect(),
            samples: samples.into_iter().map(|sample| self.sample(sample)).collect(),
        });
    }

    fn sample(&self, FileSample { file, sample }: FileSample) -> SampleRow {
        let rows = |taken: &[Taken]| -> Vec<TakenRow> {
            taken
                .iter()
                .map(|taken| TakenRow { rule: taken.by.clone(), start: taken.span.start(), end: taken.span.end() })
                .collect()
        };
        let spans = || sample.before.iter().chain(&sample.after).map(|taken| taken.span);
        let first = spans().map(Span::start).min().unwrap_or(0).saturating_sub(AROUND);
        let last = spans().map(Span::end).max().unwrap_or(0).saturating_add(AROUND).min(sample.text.len());
        // Never from the middle of what is masked: the start would look like something else.
        let inside = |at: usize| sample.masked.iter().find(|span| span.start() < at && at < span.end());
        let part =
            Span::new(inside(first).map_or(first, |span| span.start()), inside(last).map_or(last, |span| span.end()));
        let shown = if self.reveal {
            printable(&sample.text[part.range()])
        } else {
            masked_part(&sample.text, part, &sample.masked)
        };
        let (head, tail) = (part.start() > 0, part.end() < sample.text.len());
        let text = format!("{}{shown}{}", if head { "…" } else { "" }, if tail { "…" } else { "" });
        SampleRow { file, line: sample.line, before: rows(&sample.before), after: rows(&sample.after), text }
    }

    /// Whether anything differs, in the rules or in what they do.
    pub(super) fn differs(&self) -> bool {
        !self.rules.is_empty() || self.logs.as_ref().is_some_and(|logs| logs.lines_that_differ > 0)
    }

    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for row in &self.rules {
            let _ = writeln!(out, "{:<8} {}", row.change, row.rule.as_deref().unwrap_or_default());
            for FieldRow { field, before, after } in &row.fields {
                let _ = writeln!(out, "    {field}: {} -> {}", short(before), short(after));
            }
        }
        let count = |change: &str| self.rules.iter().filter(|row| row.change == change).count();
        let (added, removed, changed) = (count("added"), count("removed"), count("changed"));
        let _ = writeln!(out, "rules: {added} added, {removed} removed, {changed} changed");
        if let Some(logs) = &self.logs {
            logs.text(&mut out);
        }
        out
    }
}

impl LogsRow {
    fn text(&self, out: &mut String) {
        let number = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let differing: Vec<&CountRow> = self.matches.iter().filter(|row| row.before != row.after).collect();
        if !differing.is_empty() {
            let width = differing.iter().map(|row| row.rule.len()).max().unwrap_or(0).max("matches of".len());
            let _ = writeln!(out, "\n{:<width$}  {:>9}  {:>9}", "matches of", "before", "after");
            for CountRow { rule, before, after } in differing {
                let _ = writeln!(out, "{rule:<width$}  {:>9}  {:>9}", number(*before), number(*after));
            }
        }
        for SampleRow { file, line, before, after, text } in &self.samples {
            let _ = writeln!(out, "\n{file}:{line}: {text}");
            for (sign, taken) in before.iter().map(|taken| ('-', taken)).chain(after.iter().map(|taken| ('+', taken))) {
                let _ = writeln!(out, "    {sign} columns {}-{}  {}", taken.start + 1, taken.end, taken.rule);
            }
        }
        let Self { lines, lines_that_differ, lines_with_less_redacted: less, lines_with_more_redacted: more, .. } =
            self;
        let otherwise = self.lines_redacted_otherwise;
        let _ = writeln!(
            out,
            "\nlogs: {lines_that_differ} of {lines} lines differ: in {less} something stays that went, in {more} something goes that \
             stayed, {otherwise} go otherwise"
        );
    }
}

fn short(field: &str) -> String {
    if field.is_empty() {
        return "nothing".to_owned();
    }
    let mut text: String = printable(field.as_bytes()).chars().take(MAX_FIELD).collect();
    if text.len() < field.len() {
        text.push('…');
    }
    text
}
