//! `inkprint sightings`: what an index holds, many into one, and what is old out of it.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::print::{print, tell};
use super::time::{age, shown};
use crate::control::sightings::{Place, Store};

/// Merge, prune and describe indexes of sightings
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 2 an error.")]
pub struct SightingsCommands {
    #[command(subcommand)]
    command: SightingsCommand,
}

#[derive(Debug, Subcommand)]
enum SightingsCommand {
    /// Take over what other indexes hold; what was taken over before is not counted twice
    Merge {
        /// The index to merge into, a file or postgres://USER@HOST/DATABASE; it is made if it is not there
        #[arg(value_name = "INTO")]
        into: OsString,
        /// The indexes to take over; they are not changed
        #[arg(value_name = "FROM", required = true)]
        from: Vec<OsString>,
    },
    /// Show what an index holds
    Info {
        /// The index: a file, or postgres://USER@HOST/DATABASE
        #[arg(value_name = "INDEX", env = "INKPRINT_SIGHTINGS", hide_env_values = true)]
        index: OsString,
        /// Print one JSON object instead
        #[arg(long)]
        json: bool,
    },
    /// Delete what is older than a time, and remember that it was deleted
    Prune {
        /// The index: a file, or postgres://USER@HOST/DATABASE
        #[arg(value_name = "INDEX", env = "INKPRINT_SIGHTINGS", hide_env_values = true)]
        index: OsString,
        /// Delete hours that ended so long ago: a number with d (days), h (hours) or w (weeks)
        #[arg(long, value_name = "AGE", value_parser = age)]
        older_than: SignedDuration,
    },
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: SightingsCommands) -> anyhow::Result<ExitCode> {
    match args.command {
        SightingsCommand::Merge { into, from } => {
            let mut store = Store::open_at(&Place::parse(&into)?)?;
            for other in from {
                let other = existing(&other)?;
                let rows = store.merge(&other)?;
                tell(&format!(
                    "inkprint: {}: {} rows of sightings, {} of coverage\n",
                    other.name(),
                    rows.sightings,
                    rows.coverage
                ));
            }
        }
        SightingsCommand::Info { index, json } => {
            let info = existing(&index)?.info()?;
            if json {
                print(&(serde_json::to_string(&info)? + "\n"))?;
                return Ok(ExitCode::SUCCESS);
            }
            let time = |seconds: Option<i64>| seconds.map_or_else(|| "none".to_owned(), shown);
            print(&format!(
                "schema       {}\nnode         {}\nfingerprints {}\nsightings    {}, in {} rows\nsources      {}, of {} nodes\n\
                 first        {}\nlast         {}\ncoverage     {} lines, {} of them withheld; {} sightings lost\n\
                 pruned       {}\n",
                info.schema,
                info.node,
                info.fingerprints,
                info.sightings,
                info.rows,
                info.sources,
                info.nodes,
                time(info.first),
                time(info.last),
                info.lines,
                info.withheld,
                info.lost,
                info.pruned_before.map_or_else(|| "never".to_owned(), |time| format!("before {}", shown(time))),
            ))?;
        }
        SightingsCommand::Prune { index, older_than } => {
            let mut store = existing(&index)?;
            let Ok(before) = Timestamp::now().checked_sub(older_than) else { bail!("that is before all time") };
            let rows = store.prune(before.as_second())?;
            tell(&format!(
                "inkprint: deleted what is before {}: {} rows of sightings, {} of coverage\n",
                shown(before.as_second()),
                rows.sightings,
                rows.coverage
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens an index that is there, as it was typed.
///
/// # Errors
/// That it cannot be read, or that what was typed names none.
pub(super) fn existing(index: &OsStr) -> anyhow::Result<Store> {
    Ok(Store::open_existing_at(&Place::parse(index)?)?)
}
