//! `inkprint audit verify`: every change of the journal, and where.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{checkpoint, public_key};
use crate::cli::journal_args::{JournalArgs, reader};
use crate::cli::print::print;
use crate::control::journal::note::PublicKey;
use crate::control::journal::verify::{Verdict, verify};

/// Find every edited, removed, moved, repeated or cut record, with the public key alone
///
/// Whoever may write the journal may also replace the public key beside it, and cut what stands behind a checkpoint: keep the public
/// key and a checkpoint (inkprint audit export) elsewhere, and give them here.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The public key: a file, or the key itself (NAME+ID+KEY); by default the file beside the journal
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// A checkpoint that was kept elsewhere: the journal must hold what it signs
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// Records behind the last checkpoint are a fault too
    #[arg(long)]
    complete: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    journal: String,
    key: String,
    sound: bool,
    records: u64,
    bytes: u64,
    last: u64,
    signed: u64,
    unsigned: u64,
    recovered: u64,
    fault_count: u64,
    faults: Vec<FaultRow<'a>>,
}

#[derive(Serialize)]
struct FaultRow<'a> {
    record: u64,
    line: u64,
    byte: u64,
    problem: &'a str,
}

/// Runs the command.
///
/// # Errors
/// That the journal, the key or the checkpoint cannot be read, or is none of this key's.
pub(super) fn run(path: &Path, journal: &JournalArgs, args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let file = reader(path)?;
    let key = public_key(path, journal, args.public_key.as_deref())?;
    let head = args.head.as_deref().map(|head| checkpoint(head, &key)).transpose()?;
    let verdict =
        verify(file, &key, head.as_ref()).with_context(|| format!("the journal {} cannot be read", path.display()))?;
    let sound = verdict.is_sound() && !(args.complete && verdict.unsigned() > 0);
    print(&if args.json { json(path, &key, &verdict, sound)? } else { text(&key, &verdict, args, sound) })?;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn json(path: &Path, key: &PublicKey, verdict: &Verdict, sound: bool) -> anyhow::Result<String> {
    let problems: Vec<String> = verdict.faults.iter().map(|fault| fault.problem.to_string()).collect();
    let faults = verdict.faults.iter().zip(&problems).map(|(fault, problem)| FaultRow {
        record: fault.record,
        line: fault.line,
        byte: fault.byte,
        problem,
    });
    let answer = Answer {
        journal: path.display().to_string(),
        key: key.to_string(),
        sound,
        records: verdict.records,
        bytes: verdict.bytes,
        last: verdict.last,
        signed: verdict.signed,
        unsigned: verdict.unsigned(),
        recovered: verdict.recovered,
        fault_count: verdict.fault_count,
        faults: faults.collect(),
    };
    Ok(serde_json::to_string(&answer)? + "\n")
}

fn text(key: &PublicKey, verdict: &Verdict, args: &VerifyArgs, sound: bool) -> String {
    let mut out = String::new();
    for fault in &verdict.faults {
        let _ = writeln!(out, "{fault}");
    }
    let more = verdict.fault_count - verdict.faults.len() as u64;
    if more > 0 {
        let _ = writeln!(out, "and {more} more");
    }
    let _ = writeln!(
        out,
        "{}: {} records, {} bytes, signed up to record {} by {}",
        if sound { "sound" } else { "NOT SOUND" },
        verdict.records,
        verdict.bytes,
        verdict.signed,
        key.name()
    );
    if verdict.unsigned() > 0 {
        let _ = writeln!(
            out,
            "{} records behind the last checkpoint are not signed yet: the journal is in use, or a program did not stop as it should",
            verdict.unsigned()
        );
    }
    if verdict.recovered > 0 {
        let _ =
            writeln!(out, "{} half records were cut off after crashes, as the journal itself tells", verdict.recovered);
    }
    if args.head.is_none() {
        out += "without --head, a tail that was cut off whole is not found\n";
    }
    out
}
