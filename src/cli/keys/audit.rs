//! `inkprint keys audit`: whether the keys were rotated as often as they should have been.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cli::audit::public_key;
use crate::cli::custody::place;
use crate::cli::journal_args::{JournalArgs, reader, span};
use crate::cli::keyring_args::KeyringArgs;
use crate::cli::print::print;
use crate::control::journal::verify::verify;
use crate::control::schedule::{self, Account};

/// Prove from the journal that the keys were rotated as often as they should have been, or say where they were not
///
/// The journal is verified first. Without --keyring, every keyring that it tells of is looked at.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The longest time that an epoch may be the current one, such as 90d
    #[arg(long, value_name = "TIME", value_parser = span)]
    every: SignedDuration,
    /// The journal's public key: a file, or the key itself (NAME+ID+KEY); by default the file beside the journal
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// A checkpoint that was kept elsewhere: the journal must hold what it signs
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    kept: bool,
    every_seconds: i64,
    journal_sound: bool,
    signed: u64,
    unsigned: u64,
    keyrings: &'a BTreeMap<String, Account>,
}

/// Runs the command.
///
/// # Errors
/// That there is no journal, or it or its public key cannot be read.
pub(super) fn run(keyring: &KeyringArgs, journal: &JournalArgs, args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let path = journal.path().context("no journal is named; give --journal PATH, or set INKPRINT_JOURNAL")?;
    let read = || format!("the journal {} cannot be read", path.display());
    let key = public_key(path, journal, args.public_key.as_deref())?;
    let head = args.head.as_deref().map(|head| crate::cli::audit::checkpoint(head, &key)).transpose()?;
    let verdict = verify(reader(path)?, &key, head.as_ref()).with_context(read)?;
    let mut keyrings = schedule::audit(reader(path)?, args.every, Timestamp::now()).with_context(read)?;
    if !keyring.is_automatic() {
        let place = place(&keyring.source()?);
        keyrings.retain(|name, _| *name == place);
        if keyrings.is_empty() {
            bail!("the journal tells of no change of the keyring {place}");
        }
    }
    if keyrings.is_empty() {
        bail!("the journal tells of no change of any keyring");
    }
    let kept = verdict.is_sound() && keyrings.values().all(Account::is_kept);
    if args.json {
        let answer = Answer {
            kept,
            every_seconds: args.every.as_secs(),
            journal_sound: verdict.is_sound(),
            signed: verdict.signed,
            unsigned: verdict.unsigned(),
            keyrings: &keyrings,
        };
        print(&(serde_json::to_string(&answer)? + "\n"))?;
    } else {
        let mut out = String::new();
        if let Some(fault) = verdict.faults.first() {
            let _ = writeln!(out, "NOT PROVED: the journal is not sound: {fault}");
        }
        for (name, account) in &keyrings {
            write_account(&mut out, name, account, args.every);
        }
        if verdict.unsigned() > 0 {
            let _ = writeln!(out, "the last {} records of the journal are not signed yet", verdict.unsigned());
        }
        print(&out)?;
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_account(out: &mut String, name: &str, account: &Account, every: SignedDuration) {
    let made = account
        .made
        .map_or_else(|| "made before the journal tells of it".to_owned(), |record| format!("made in record {record}"));
    let _ = writeln!(
        out,
        "{name}: {}: a rotation every {} at most, {} rotations, {made}",
        if account.is_kept() { "kept" } else { "NOT KEPT" },
        days(every),
        account.rotations
    );
    for gap in &account.too_long {
        let epoch = gap.epoch.map_or_else(|| "the first epoch known".to_owned(), |epoch| format!("epoch {epoch}"));
        let length = gap.to.duration_since(gap.from);
        let _ = writeln!(
            out,
            "  {epoch} {} {} after it began: since {} (record {}){}",
            if gap.overdue { "is still the current one" } else { "was only followed" },
            days(length),
            gap.from,
            gap.record,
            if gap.overdue { String::new() } else { format!(", until {}", gap.to) }
        );
    }
    for record in &account.unconfirmed {
        let _ =
            writeln!(out, "  record {record} announces a rotation, and nothing shows that it was done: not counted");
    }
}

fn days(time: SignedDuration) -> String {
    let hours = time.as_hours();
    if hours >= 48 { format!("{} days", hours / 24) } else { format!("{:#}", time) }
}
