//! `inkprint rules`: what is looked for, and whether it works.

use std::process::ExitCode;

/// Show, test and check the rules
#[derive(Debug, clap::Args)]
pub struct RulesArgs {}

/// Runs `rules`.
///
/// # Errors
/// None yet.
pub fn run(_args: RulesArgs) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
