//! A case as a page for a breach notification. One text, written as HTML or Markdown; nothing in it comes from elsewhere.

mod html;
mod markdown;

use jiff::SignedDuration;

use super::timeline::{Signs, Timeline, shown};
use super::{Case, EpochView, ForeignView, LogView, SourceCoverage, SourceView, Subject};

/// A page is written as this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One file with its picture in it.
    Html,
    /// CommonMark with tables.
    Markdown,
}

/// What a page is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Heading(u8, String),
    Text(String),
    List(Vec<String>),
    Table(Vec<&'static str>, Vec<Vec<String>>),
    /// As SVG, and in characters.
    Picture(String, String),
}

/// The case as a page.
pub fn document(case: &Case, format: Format) -> String {
    let blocks = blocks(case);
    match format {
        Format::Html => html::page(&blocks),
        Format::Markdown => markdown::page(&blocks),
    }
}

fn blocks(case: &Case) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(1, "Case file: secrets in logs".to_owned())];
    let asked = case.subjects.len();
    blocks.push(Block::Text(format!(
        "Made by inkprint {} at {}. Of {asked} secrets asked for, {} were found. This page holds no secret: each is named by its place in \
         the input and by its fingerprints, which nobody can turn back.",
        env!("CARGO_PKG_VERSION"),
        shown(case.made),
        case.found
    )));
    clock(case, &mut blocks);
    for subject in case.subjects.iter().filter(|subject| subject.is_found()) {
        of_subject(case, subject, &mut blocks);
    }
    let absent: Vec<String> =
        case.subjects.iter().filter(|subject| !subject.is_found()).map(|subject| subject.number.to_string()).collect();
    if !absent.is_empty() {
        blocks.push(Block::Heading(2, "Not found".to_owned()));
        blocks.push(Block::Text(format!("Secrets {}: no sighting within what is covered below.", absent.join(", "))));
    }
    limits(case, &mut blocks);
    blocks
}

fn clock(case: &Case, blocks: &mut Vec<Block>) {
    let (Some(detected), Some(by)) = (case.detected, case.notify_by) else { return };
    blocks.push(Block::Heading(2, "The 72 hours".to_owned()));
    let left = by.duration_since(case.made);
    let time = |left: SignedDuration| format!("{} h {} min", left.as_hours(), left.as_mins() % 60);
    let left = if left.is_negative() {
        format!("that time passed {} before this page was made", time(left.abs()))
    } else {
        format!("{} were left when this page was made", time(left))
    };
    blocks.push(Block::Text(format!(
        "Detected at {}. A supervisory authority is to be told by {} (GDPR, article 33: 72 hours); {left}.",
        shown(detected),
        shown(by)
    )));
}

fn of_subject(case: &Case, subject: &Subject, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading(2, format!("Secret {}", subject.number)));
    let owners = subject.owners.iter().map(|token| {
        let mut text = format!("Token {}, owned by {}", token.id, token.owner);
        let parts =
            [("for", &token.subject), ("purpose", &token.purpose), ("scope", &token.scope), ("issuer", &token.issuer)];
        for (name, value) in parts {
            if let Some(value) = value {
                text += &format!("; {name}: {value}");
            }
        }
        if let Some(expires) = token.expires {
            text += &format!("; expires {}", shown(expires));
        }
        text
    });
    let owners: Vec<String> = owners.collect();
    blocks.push(if owners.is_empty() {
        Block::Text("Its owner is not known: no inventory names it.".to_owned())
    } else {
        Block::List(owners)
    });
    if let (Some(first), Some(last)) = (subject.first, subject.last) {
        let (count, sources) = (subject.count, subject.sources.len());
        blocks.push(Block::Text(format!(
            "Logged {count} times in {sources} sources, first at {}, last at {}.",
            shown(first),
            shown(last)
        )));
        blocks.push(Block::Table(vec!["source", "count", "first", "last"], {
            let row = |SourceView { source, count, first, last }: &SourceView| {
                vec![source.clone(), count.to_string(), shown(*first), shown(*last)]
            };
            subject.sources.iter().map(row).collect()
        }));
        let timeline = Timeline { hours: &subject.hours, covered: &case.covered };
        blocks.push(Block::Picture(timeline.svg(), timeline.drawn(timeline.step(), Signs::Ascii)));
        let pairs = |name: &str, count: &u64| format!("{name} ({count})");
        let rules: Vec<String> = subject.rules.iter().map(|(rule, count)| pairs(rule, count)).collect();
        let epochs: Vec<String> =
            subject.epochs.iter().map(|(epoch, count)| pairs(&format!("k{epoch}"), count)).collect();
        blocks.push(Block::Text(format!("Found by rule {}; key epochs {}.", rules.join(", "), epochs.join(", "))));
        blocks.push(Block::Text("The marks that stand in its place in the logs:".to_owned()));
        blocks.push(Block::List(subject.marks.iter().cloned().collect()));
    }
    let found: Vec<Vec<String>> = subject.logs.iter().map(log_row).collect();
    if !found.is_empty() {
        blocks.push(Block::Table(vec!["log", "epoch", "marks", "seal not ours", "first line", "last line"], found));
    }
    let foreign: Vec<Vec<String>> = subject.foreign.iter().map(foreign_row).collect();
    if !foreign.is_empty() {
        blocks.push(Block::Table(vec!["log", "written by", "found", "first line", "last line"], foreign));
    }
    if !subject.interop.is_empty() {
        blocks.push(Block::Text("What other products write in its place:".to_owned()));
        blocks.push(Block::List(subject.interop.iter().map(|(name, form)| format!("{name}: {form}")).collect()));
    }
}

fn log_row(log: &LogView) -> Vec<String> {
    let line = |line: Option<u64>| line.map(|line| line.to_string()).unwrap_or_default();
    vec![
        log.file.clone(),
        log.epoch.to_string(),
        log.found.to_string(),
        log.unverified.to_string(),
        line(log.first_line),
        line(log.last_line),
    ]
}

fn foreign_row(log: &ForeignView) -> Vec<String> {
    let line = |line: Option<u64>| line.map(|line| line.to_string()).unwrap_or_default();
    let product = log.product.to_owned();
    vec![log.file.clone(), product, log.found.to_string(), line(log.first_line), line(log.last_line)]
}

fn limits(case: &Case, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading(2, "What this answer covers, and what not".to_owned()));
    let mut notes = vec![
        format!("Looked up in namespace {}: marks that were made in another one are not among these.", case.namespace),
        "Times are those at which a line passed inkprint, in UTC. What was looked at is known by the hour; of times before and after those hours nothing is known.".to_owned(),
    ];
    for EpochView { epoch, state, since, .. } in case.epochs.iter().filter(|epoch| !epoch.answers) {
        let since = since.map(shown).unwrap_or_default();
        notes.push(format!("Key epoch k{epoch} is {state} since {since}: what was logged under it cannot be found."));
    }
    if case.indexes.is_empty() {
        notes.push("No index of sightings was asked.".to_owned());
    }
    for coverage in &case.coverage {
        notes.extend(coverage_notes(coverage));
    }
    if let Some(logs) = &case.logs {
        let searched = logs.searched;
        notes.push(format!(
            "{} logs were searched: {} lines, {} bytes.",
            searched.files, searched.lines, searched.bytes
        ));
        notes.extend(logs.failed.iter().map(|log| format!("The log {log} could not be read to its end.")));
    }
    blocks.push(Block::List(notes));
    if !case.epochs.is_empty() {
        let row = |epoch: &EpochView| {
            vec![
                format!("k{}", epoch.epoch),
                epoch.state.to_owned(),
                shown(epoch.activated),
                epoch.since.map(shown).unwrap_or_default(),
            ]
        };
        let rows = case.epochs.iter().map(row).collect();
        blocks.push(Block::Table(vec!["key epoch", "state", "activated", "answers nothing since"], rows));
    }
    if !case.coverage.is_empty() {
        let row = |coverage: &SourceCoverage| {
            vec![
                coverage.source.clone(),
                shown(coverage.from),
                shown(coverage.to),
                coverage.lines.to_string(),
                coverage.withheld.to_string(),
                coverage.gap_hours.to_string(),
            ]
        };
        let rows = case.coverage.iter().map(row).collect();
        blocks.push(Block::Table(
            vec!["source", "hours looked at, from", "to", "lines", "withheld", "hours without data"],
            rows,
        ));
    }
}

/// What cannot be known of a source, in sentences.
pub fn coverage_notes(coverage: &SourceCoverage) -> Vec<String> {
    let mut notes = Vec::new();
    let SourceCoverage { source, withheld, lost, gap_hours, gaps, pruned_before, .. } = coverage;
    if *gap_hours > 0 {
        let spans: Vec<String> = gaps.iter().map(|(from, to)| format!("{} to {}", shown(*from), shown(*to))).collect();
        let more = if gaps.len() == super::MAX_GAPS { ", and maybe more" } else { "" };
        notes.push(format!("No data of {source} for {gap_hours} hours: {}{more}.", spans.join(", ")));
    }
    if *withheld > 0 {
        notes.push(format!("{withheld} lines of {source} were withheld: what they held is not known."));
    }
    if *lost > 0 {
        notes.push(format!("{lost} sightings in {source} could not be recorded."));
    }
    if let Some(before) = pruned_before {
        notes.push(format!("Sightings in {source} before {} were deleted.", shown(*before)));
    }
    notes
}
