//! `inkprint rules import`: rules of other tools as a rule file of ours.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use crate::cli::print::{print, tell};
use crate::control::rules::import::{Carried, Importer, MAX_FILE, to_toml};
use crate::pipeline::detect::rule::RuleSet;

/// Take over rules of gitleaks (TOML), Nosey Parker or Kingfisher (YAML), and tell what could not be carried over
///
/// Writes a rule file for --patterns. Where a condition cannot be carried over, the rule finds more than it did, never less. A rule
/// that comes without examples says `untested = true` of itself, and `inkprint rules lint` warns of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done; 1 nothing could be carried over, or with --strict not everything; 2 an error."
)]
pub struct ImportArgs {
    /// Files of the other tool, or folders of them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Write the rules to this file, which is made anew, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End with exit code 1 if anything was not carried over as it was
    #[arg(long)]
    strict: bool,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read, holds no rules at all, or the output cannot be written.
pub fn run(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let files = expand(&args.files)?;
    if let Some(output) = &args.output
        && let Ok(output) = output.canonicalize()
        && files.iter().any(|file| file.canonicalize().is_ok_and(|file| file == output))
    {
        bail!("{} is both an input and the output; write to another file", output.display());
    }
    let mut importer = Importer::beside(&RuleSet::builtin()?);
    let (mut carried, mut refused, mut remarks): (Vec<Carried>, usize, usize) = (Vec::new(), 0, 0);
    let mut told = String::new();
    for file in &files {
        let name = file.display();
        let imported = importer.read(&read(file)?).with_context(|| format!("cannot import {name}"))?;
        for remark in &imported.remarks {
            let _ = writeln!(told, "{name}: {remark}");
        }
        for rule in &imported.carried {
            for remark in &rule.remarks {
                let _ = writeln!(told, "{name}: rule {:?}: {remark}", rule.name);
            }
        }
        for (rule, why) in &imported.refused {
            let _ = writeln!(told, "{name}: rule {rule:?}: not carried over: {}", why.to_string().replace('\n', " "));
        }
        remarks += imported.remarks.len() + imported.carried.iter().filter(|rule| !rule.remarks.is_empty()).count();
        refused += imported.refused.len();
        carried.extend(imported.carried);
    }
    let untested = carried.iter().filter(|rule| rule.examples.is_empty()).count();
    let _ = writeln!(
        told,
        "{} of {} rules carried over, {untested} of them without examples; {refused} not carried over, {remarks} remarks",
        carried.len(),
        carried.len() + refused
    );
    tell(&told);
    if carried.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let sources: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let header = format!("Carried over by `inkprint rules import` from {}.", sources.join(", "));
    let text = to_toml(&carried, &header);
    match &args.output {
        Some(output) => std::fs::write(output, text).with_context(|| format!("cannot write {}", output.display()))?,
        None => print(&text)?,
    }
    Ok(if args.strict && refused + remarks > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The files, and those in the folders among them.
fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let failed = || format!("cannot read {}", path.display());
        if !std::fs::metadata(path).with_context(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).with_context(failed)? {
            let file = entry.with_context(failed)?.path();
            let extension = file.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("toml" | "yml" | "yaml")) {
                inside.push(file);
            }
        }
        if inside.is_empty() {
            bail!("{} holds no *.toml, *.yml or *.yaml file", path.display());
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(bytes)
}
