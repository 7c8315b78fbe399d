//! `inkprint check`: every fault of a configuration, and what it needs of this machine.

mod summary;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::print::{print, tell};
use crate::control::config::Config;
use crate::control::config::load::{DEFAULT_PATH, LoadError};
use crate::control::preflight;

/// The exit code where there are faults.
const FAULTY: u8 = 1;

/// Tell every fault of a configuration of the service
///
/// Each is a line on standard error, FILE:LINE: FIELD: what is wrong. Then what the configuration names is looked at: keyring, rules,
/// allow lists, certificates, secrets, directories. Exit codes: 0 sound; 1 faults; 2 the configuration cannot be read.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration; `-` is standard input
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Look at the configuration alone, and at nothing that it names
    #[arg(long)]
    no_files: bool,
}

/// Runs the command.
///
/// # Errors
/// When the configuration cannot be read.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let name = if args.config == Path::new("-") { Path::new("standard input") } else { &args.config };
    let loaded = if args.config == Path::new("-") {
        Config::load_from(io::stdin().lock(), name)
    } else {
        Config::load(&args.config)
    };
    let config = match loaded {
        Ok(config) => config,
        Err(LoadError::Faults(faults)) => {
            tell(&format!("{faults}\n"));
            return Ok(ExitCode::from(FAULTY));
        }
        Err(error) => return Err(error.into()),
    };
    let lacks = if args.no_files { Vec::new() } else { preflight::examine(&config) };
    for lack in &lacks {
        tell(&format!("{}: {lack}\n", name.display()));
    }
    if !lacks.is_empty() {
        return Ok(ExitCode::from(FAULTY));
    }
    print(&summary::summary(name, &config))?;
    Ok(ExitCode::SUCCESS)
}
