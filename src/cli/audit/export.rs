//! `inkprint audit export`: a checkpoint to keep elsewhere, or a range of records.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;

use crate::cli::journal_args::{JournalArgs, reader};
use crate::cli::print::print;
use crate::control::journal::entry::Entry;
use crate::control::journal::lines;

/// Write the last checkpoint, to be kept or posted elsewhere, or a range of records
///
/// Whoever holds a checkpoint can tell later with inkprint audit verify --head that the journal was not cut or replaced since.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Sign what is not signed yet first; this needs the journal's private key
    #[arg(long)]
    sign: bool,
    /// Every checkpoint instead of the last, one after the other
    #[arg(long)]
    all: bool,
    /// Records instead of checkpoints: FROM..TO, both included; either may be left out
    #[arg(long, value_name = "RANGE", value_parser = range, conflicts_with = "all")]
    records: Option<(u64, u64)>,
    /// Write to this file, which is made anew, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// That the journal cannot be read or signed, or holds nothing of what is asked for.
pub(super) fn run(path: &Path, journal: &JournalArgs, args: &ExportArgs) -> anyhow::Result<ExitCode> {
    // Read first: an export begins no journal.
    let mut file = reader(path)?;
    if args.sign
        && let Some(mut journal) = journal.open(Timestamp::now())?
    {
        journal.checkpoint(Timestamp::now())?;
    }
    let mut text = String::new();
    lines::read(&mut file, |record, line| {
        match (args.records, record.kind) {
            (Some((from, to)), _) if (from..=to).contains(&record.seq) => {
                text += &String::from_utf8_lossy(line);
                text.push('\n');
            }
            (None, "checkpoint") => {
                if let Some(Entry::Checkpoint(checkpoint)) = record.entry() {
                    if !args.all {
                        text.clear();
                    }
                    text += &checkpoint.note;
                    text += if args.all { "\n" } else { "" };
                }
            }
            _ => {}
        }
        Ok::<(), io::Error>(())
    })
    .with_context(|| format!("the journal {} cannot be read", path.display()))?;
    if text.is_empty() && args.records.is_some() {
        bail!("the journal has no record in this range");
    } else if text.is_empty() {
        bail!("the journal has no checkpoint yet; --sign makes one");
    }
    match &args.output {
        Some(output) => fs::write(output, text).with_context(|| format!("cannot write {}", output.display()))?,
        None => print(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str, without: u64| if text.is_empty() { Some(without) } else { text.parse().ok() };
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let range = number(from, 1).zip(number(to, u64::MAX)).filter(|(from, to)| from <= to && !text.is_empty());
    range.ok_or_else(|| "a range of record numbers such as 1..64, 100.. or 7".to_owned())
}
