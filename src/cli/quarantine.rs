//! `inkprint quarantine`: what was withheld and kept, and cleaning it again.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;

use super::custody::Custody;
use super::handling_args::HandlingArgs;
use super::journal_args::JournalArgs;
use super::keyring_args::KeyringArgs;
use super::print::{print, print_bytes, tell};
use super::rule_args::RuleArgs;
use super::time::shown;
use crate::control::quarantine::entry::Head;
use crate::control::quarantine::identity::Identity;
use crate::control::quarantine::{Entry, Listed, list};
use crate::model::Namespace;
use crate::pipeline::detect::Detector;
use crate::pipeline::policy::Policy;
use crate::pipeline::worker::Worker;

/// List lines that were withheld and kept encrypted, or clean them again
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 1 some lines or files could not be read or cleaned, 2 an error.")]
pub struct QuarantineCommands {
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// Show what is in quarantine: times and sizes, and with the identity where each line came from and why it was withheld
    ///
    /// The lines themselves are never shown.
    List(ListArgs),
    /// Decrypt what is in quarantine, clean each line with the present rules and keys, and write it to standard output
    ///
    /// What still cannot be scanned, or of which only a part was kept, is withheld again, and its file stays.
    Replay(Box<ReplayArgs>),
}

#[derive(Debug, Args)]
struct Place {
    /// The directory of the quarantine
    #[arg(long, value_name = "DIR", default_value = "/var/lib/inkprint/quarantine", env = "INKPRINT_QUARANTINE")]
    directory: PathBuf,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// The file with the age identity (AGE-SECRET-KEY-1…) that the quarantine is for
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Print a JSON object on a line for each file or, with an identity, for each line in it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    place: Place,
    /// The file with the age identity (AGE-SECRET-KEY-1…) that the quarantine is for
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Delete each file of which every line was cleaned and written
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    keyring: KeyringArgs,
    /// The namespace (tenant) in whose name fingerprints are made
    #[arg(long, value_name = "NAME", default_value = Namespace::DEFAULT, value_parser = |text: &str| Namespace::new(text))]
    namespace: Namespace,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    handling: HandlingArgs,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: QuarantineCommands) -> anyhow::Result<ExitCode> {
    let whole = match args.command {
        QuarantineCommand::List(args) => show(&args)?,
        QuarantineCommand::Replay(args) => replay(&args)?,
    };
    Ok(ExitCode::from(u8::from(!whole)))
}

/// What is printed of a file, or of a line in it.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a Path,
    written: i64,
    size: u64,
    #[serde(flatten)]
    line: Option<&'a Head>,
}

fn show(args: &ListArgs) -> anyhow::Result<bool> {
    let identity = args.identity.as_deref().map(Identity::load).transpose()?;
    let files = list(&args.place.directory)?;
    let mut whole = true;
    for file in &files {
        let Some(identity) = &identity else {
            show_row(args, file, None)?;
            continue;
        };
        for entry in entries(identity, file, &mut whole) {
            show_row(args, file, Some(&entry.head))?;
        }
    }
    if !args.json {
        let bytes: u64 = files.iter().map(|file| file.size).sum();
        tell(&format!("inkprint: {} files, {bytes} bytes\n", files.len()));
    }
    Ok(whole)
}

fn show_row(args: &ListArgs, file: &Listed, line: Option<&Head>) -> anyhow::Result<()> {
    if args.json {
        let row = Row { file: &file.path, written: file.time, size: file.size, line };
        return print(&(serde_json::to_string(&row)? + "\n"));
    }
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    match line {
        None => print(&format!("{}  {:>10} bytes  {name}\n", shown(file.time), file.size)),
        Some(head) => {
            let cut = if head.lost() > 0 { format!(", the first {} kept", head.kept) } else { String::new() };
            let Head { time, source, reason, length, .. } = head;
            print(&format!("{}  {name}  {reason}  {length} bytes{cut}  {source}\n", shown(*time)))
        }
    }
}

/// What a file holds; one that cannot be read is told, and the others are read all the same.
fn entries(identity: &Identity, file: &Listed, whole: &mut bool) -> Vec<Entry> {
    identity.read(file).unwrap_or_else(|error| {
        tell(&format!("inkprint: {error}\n"));
        *whole = false;
        Vec::new()
    })
}

fn replay(args: &ReplayArgs) -> anyhow::Result<bool> {
    let identity = Identity::load(&args.identity)?;
    let files = list(&args.place.directory)?;
    let policy = policy(args)?;
    let mut worker = Worker::new(&policy)?;
    let mut whole = true;
    let (mut cleaned, mut withheld, mut cut) = (0_u64, 0_u64, 0_u64);
    for file in &files {
        let mut good = true;
        for entry in entries(&identity, file, &mut good) {
            print_bytes(&clean(&mut worker, &policy, &entry))?;
            let failed = worker.take_tally().withheld.total() > 0;
            good &= !failed;
            *(if failed { &mut withheld } else { &mut cleaned }) += 1;
            cut += u64::from(entry.head.lost() > 0);
        }
        if good && args.remove {
            let path = file.path.display();
            std::fs::remove_file(&file.path).with_context(|| format!("{path} was replayed and cannot be removed"))?;
        }
        whole &= good;
    }
    let again = if withheld > 0 { format!(", {withheld} withheld again") } else { String::new() };
    let first = if cut > 0 { format!("; of {cut} of them only the first part was kept") } else { String::new() };
    tell(&format!("inkprint: {cleaned} lines cleaned{again}{first}\n"));
    Ok(whole)
}

/// What was withheld of a line, as it is now, with a newline.
fn clean(worker: &mut Worker<'_>, policy: &Policy, entry: &Entry) -> Vec<u8> {
    worker.enter(&policy.scope(&entry.head.source));
    let mut out = Vec::new();
    let before = usize::try_from(entry.head.before).unwrap_or(usize::MAX);
    worker.redact_again(entry.head.cause(), &entry.bytes, before, entry.head.lost(), &mut out);
    out.push(b'\n');
    out
}

fn policy(args: &ReplayArgs) -> anyhow::Result<Policy> {
    let mut custody = Custody::open(&args.journal, Timestamp::now())?;
    let detector = Detector::new(args.handling.load(&args.rules)?)?;
    let keyring = args.keyring.load_or_make(Timestamp::now(), &mut custody)?.keyring;
    let live_keys = keyring.all_mark_keys(&args.namespace)?;
    Ok(Policy {
        allow: args.handling.allow_list(&args.rules, &detector, live_keys.clone(), false)?,
        detector: Arc::new(detector),
        keys: keyring.current_mark_keys(&args.namespace)?,
        live_keys,
    })
}
