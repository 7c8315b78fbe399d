//! `inkprint rules explain`: which rules meet a line, and why each takes or leaves it.

mod view;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use zeroize::Zeroizing;

use self::view::View;
use crate::cli::print::print;
use crate::cli::rule_args::RuleArgs;
use crate::control::rules::explain::Explainer;
use crate::pipeline::detect::Detector;

/// A longer line is not explained: its explanation would be of no use to a reader.
const MAX_LINE: u64 = 16 << 20;

/// Show which rules meet each line, what they take or leave, and why
///
/// Lines are read from standard input or from a file. What may be a secret is shown as ▒, also where every rule leaves it.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 explained, 2 an error.")]
pub struct ExplainArgs {
    #[command(flatten)]
    rules: RuleArgs,
    /// Read the lines from this file instead of standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show lines as they are, with the secrets in them
    #[arg(long)]
    reveal: bool,
    /// Leave out lines that no rule meets
    #[arg(long)]
    met: bool,
    /// Print one JSON object for each line instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let detector = Detector::new(args.rules.load()?)?;
    let mut explainer = Explainer::new(&detector)?;
    let (mut input, name): (Box<dyn BufRead>, _) = match args.file.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            (Box::new(BufReader::new(file)), path.display().to_string())
        }
        None => (Box::new(io::stdin().lock()), "standard input".to_owned()),
    };
    let view = View { reveal: args.reveal };
    let mut line = Zeroizing::new(Vec::new());
    for number in 1u64.. {
        line.clear();
        let read =
            (&mut input).take(MAX_LINE).read_until(b'\n', &mut line).with_context(|| format!("cannot read {name}"))?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            bail!("line {number} of {name} is longer than {MAX_LINE} bytes; give only the part that is in question");
        }
        let body = line.strip_suffix(b"\n").unwrap_or(&line);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        let explanation = explainer.explain(body)?;
        if args.met && explanation.meetings.is_empty() {
            continue;
        }
        print(&if args.json { view.json(number, body, &explanation)? } else { view.text(number, body, &explanation) })?;
    }
    Ok(ExitCode::SUCCESS)
}
