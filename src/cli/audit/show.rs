//! `inkprint audit show`: the records, filtered.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use super::view;
use crate::cli::journal_args::{reader, time};
use crate::cli::print::tell;
use crate::control::journal::entry::KINDS;
use crate::control::journal::lines;

/// Show the journal's records; they are not verified by that
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Only records of these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = PossibleValuesParser::new(KINDS))]
    kind: Vec<String>,
    /// Only records from this time on: a time, a day, or so long ago, such as 7d
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only records before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Print the records as they stand, a JSON object on each line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// That the journal cannot be read.
pub(super) fn run(path: &Path, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let outcome = lines::read(reader(path)?, |record, line| {
        let of_kind = args.kind.is_empty() || args.kind.iter().any(|kind| kind == record.kind);
        // A time that cannot be read is shown, as it should be looked at.
        let is_in = |time: Timestamp| {
            args.since.is_none_or(|since| since <= time) && args.until.is_none_or(|until| time < until)
        };
        if !of_kind || !record.time().is_none_or(is_in) {
            return Ok(());
        }
        if args.json {
            out.write_all(line)?;
            return out.write_all(b"\n");
        }
        writeln!(out, "{:>6}  {:<24}  {:<13}  {}", record.seq, record.time, record.kind, view::summary(record))
    });
    match outcome.and_then(|others| out.flush().map(|()| others)) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error).with_context(|| format!("the journal {} cannot be shown", path.display())),
        Ok(0) => Ok(ExitCode::SUCCESS),
        Ok(others) => {
            tell(&format!("inkprint: {others} lines are no records; inkprint audit verify tells more\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}
