//! `inkprint rules diff`: what a change of rules does, before it is deployed.

mod view;

use std::io::{self, ErrorKind, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use self::view::{FileSample, View};
use crate::cli::print::print;
use crate::cli::redact::When;
use crate::cli::redact::inputs::{self, Named};
use crate::cli::redact::progress::Progress;
use crate::control::rules::diff::{Differ, rule_changes};
use crate::pipeline::detect::Detector;
use crate::pipeline::detect::rule::{RuleError, RuleSet};

/// The largest read.
const CHUNK: usize = 1 << 20;
/// A longer line is not compared.
const MAX_LINE: usize = 64 << 20;

/// Show what differs between two sets of rules, and what that does to real logs
///
/// OLD and NEW are rule files or folders, as for --patterns: each adds to the built-in rules, or takes the place of those with
/// its ids. `builtin` is the built-in rules alone.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing differs, 1 something does, 2 an error.")]
pub struct DiffArgs {
    /// The rules as they are
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The rules as they shall be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Compare what both make of these logs; `-` is standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    on: Vec<PathBuf>,
    /// Leave the built-in rules out of both sides
    #[arg(long)]
    no_builtin: bool,
    /// Only these rules or packs (tokens, context, personal), on both sides
    #[arg(long, value_name = "RULE|PACK", value_delimiter = ',')]
    only: Vec<String>,
    /// Without these rules or packs, on both sides
    #[arg(long, value_name = "RULE|PACK", value_delimiter = ',')]
    disable: Vec<String>,
    /// Show at most so many lines of each sort of change
    #[arg(long, value_name = "N", default_value = "3")]
    samples: usize,
    /// Show lines as they are, with the secrets in them
    #[arg(long)]
    reveal: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Show a progress bar while files are read
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    progress: When,
}

/// Runs the command.
///
/// # Errors
/// When rules cannot be loaded, or a log cannot be read.
pub fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let (old, new) = (args.side(&args.old)?, args.side(&args.new)?);
    args.check_names(&[&old, &new])?;
    let (old, new) = (args.selected(old)?, args.selected(new)?);
    let changes = rule_changes(&old, &new);
    let logs = if args.on.is_empty() { Vec::new() } else { inputs::check(&args.on, None)? };
    let mut view = View::new(args.reveal, &changes);
    if !logs.is_empty() {
        let (old, new) = (Detector::new(old)?, Detector::new(new)?);
        let everything = if args.reveal { None } else { Some(Detector::new(RuleSet::builtin()?)?) };
        let mut differ = Differ::new(&old, &new, everything.as_ref(), args.samples)?;
        let progress = Progress::over(&logs, args.progress.applies(io::stderr().is_terminal()));
        let mut samples = Vec::new();
        for log in &logs {
            compare(log, &mut differ, &mut samples, &progress)?;
        }
        progress.finish();
        view.logs(&differ, samples);
    }
    print(&if args.json { view.json()? } else { view.text() })?;
    Ok(if view.differs() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl DiffArgs {
    /// The rules of one side, on and off.
    fn side(&self, path: &Path) -> Result<RuleSet, RuleError> {
        let mut set = RuleSet::builtin()?;
        if path == Path::new("builtin") {
            return Ok(set);
        }
        if self.no_builtin {
            set.rules.clear();
        }
        set.extended(path)
    }

    /// A name may be known to one side alone, but not to none.
    fn check_names(&self, sides: &[&RuleSet]) -> anyhow::Result<()> {
        for name in self.only.iter().chain(&self.disable) {
            if !sides.iter().any(|set| knows(set, name)) {
                return Err(RuleError::Unknown(name.clone()).into());
            }
        }
        Ok(())
    }

    fn selected(&self, set: RuleSet) -> Result<RuleSet, RuleError> {
        let known =
            |names: &[String]| -> Vec<String> { names.iter().filter(|name| knows(&set, name)).cloned().collect() };
        let (only, disable) = (known(&self.only), known(&self.disable));
        if only.is_empty() && !self.only.is_empty() {
            // None of what is asked for is there: that is not the same as asking for nothing.
            return Ok(RuleSet { rules: Vec::new(), words: set.words });
        }
        set.selected(&only, &disable)
    }
}

fn knows(set: &RuleSet, name: &str) -> bool {
    set.clone().selected(&[], &[name.to_owned()]).is_ok()
}

/// Reads a log in blocks of whole lines.
fn compare(
    log: &Named,
    differ: &mut Differ<'_>,
    samples: &mut Vec<FileSample>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let name = log.name();
    let mut reader = log.open().with_context(|| format!("cannot read {name}"))?;
    let mut held = Zeroizing::new(Vec::new());
    let (mut number, mut ended) = (1, false);
    while !ended {
        let before = held.len();
        let read = match reader.by_ref().take(CHUNK as u64).read_to_end(&mut held) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other.with_context(|| format!("cannot read {name}"))?,
        };
        progress.advance(read as u64);
        ended = read == 0;
        let whole = memchr::memrchr(b'\n', &held[before..]).map(|newline| before + newline + 1);
        let Some(whole) = whole.or(ended.then_some(held.len())) else {
            if held.len() > MAX_LINE {
                bail!("line {number} of {name} is longer than {MAX_LINE} bytes; take it out to compare the rest");
            }
            continue;
        };
        if whole > 0 {
            let show = |sample| samples.push(FileSample { file: name.clone(), sample });
            number += differ.read(&held[..whole], number, show).with_context(|| format!("cannot scan {name}"))?;
            held.drain(..whole);
        }
    }
    Ok(())
}
