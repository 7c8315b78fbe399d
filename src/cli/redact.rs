//! `inkprint` itself: standard input or files in, the cleaned log out.

use std::process::ExitCode;

use clap::Command;

use super::keyring_args::KeyringArgs;
use super::rule_args::RuleArgs;

/// Options of the pipe.
#[derive(Debug, clap::Args)]
pub struct RedactArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
    #[command(flatten)]
    rules: RuleArgs,
}

/// Runs the pipe.
///
/// # Errors
/// None yet.
pub fn run(_args: RedactArgs, mut command: Command) -> anyhow::Result<ExitCode> {
    command.print_help()?;
    Ok(ExitCode::SUCCESS)
}
