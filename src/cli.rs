//! The command line: what may be typed, and one file per command.

pub mod fingerprint;
pub mod keyring_args;
pub mod keys;
mod print;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The exit code of an error or of wrong usage; 0 is success, 1 a negative answer.
const FAILURE: u8 = 2;

/// Finds the secrets in a log stream and puts a keyed fingerprint in each one's place.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Keys(keys::KeysArgs),
    Fingerprint(fingerprint::FingerprintArgs),
}

/// Runs the program: parses the command line and turns what comes of it into an exit code.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Keys(args) => keys::run(args),
        Command::Fingerprint(args) => fingerprint::run(args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("inkprint: {error:#}");
        ExitCode::from(FAILURE)
    })
}
