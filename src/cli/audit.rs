//! `inkprint audit`: what the journal tells, and whether it can be believed.

mod export;
mod show;
mod verify;
mod view;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::journal_args::JournalArgs;
use crate::control::journal::key;
use crate::control::journal::note::{Checkpoint, PublicKey};

/// Verify, show and export the journal of keys, rules and lookups
///
/// The journal is named by --journal or INKPRINT_JOURNAL.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 sound, or shown; 1 something was changed, removed or cut; 2 an error.")]
pub struct AuditArgs {
    #[command(flatten)]
    journal: JournalArgs,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    Verify(verify::VerifyArgs),
    Show(show::ShowArgs),
    Export(export::ExportArgs),
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let path = args.journal.path().context("no journal is named; give --journal PATH, or set INKPRINT_JOURNAL")?;
    match args.command {
        AuditCommand::Verify(verify) => verify::run(path, &args.journal, &verify),
        AuditCommand::Show(show) => show::run(path, &show),
        AuditCommand::Export(export) => export::run(path, &args.journal, &export),
    }
}

/// The key to verify with: the one given, or that of the file given or beside the journal.
///
/// # Errors
/// That there is none.
pub(super) fn public_key(path: &Path, journal: &JournalArgs, given: Option<&str>) -> anyhow::Result<PublicKey> {
    if let Some(key) = given.and_then(|given| given.parse().ok()) {
        return Ok(key);
    }
    let beside = || key::public_path(&journal.key().map_or_else(|| key::private_path(path), Path::to_path_buf));
    let file = given.map_or_else(beside, PathBuf::from);
    key::load_public(&file).context("no public key to verify with (--public-key)")
}

/// A checkpoint that was kept elsewhere.
///
/// # Errors
/// That it cannot be read, or this key has not signed it.
pub(super) fn checkpoint(file: &Path, key: &PublicKey) -> anyhow::Result<Checkpoint> {
    let name = file.display();
    let note = std::fs::read_to_string(file).with_context(|| format!("the checkpoint {name} cannot be read"))?;
    key.open(&note).with_context(|| format!("the checkpoint {name} is not to be believed"))
}
