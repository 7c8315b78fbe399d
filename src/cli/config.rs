//! `inkprint config`: what a configuration of the service may hold, as an example, a schema or a reference.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::print::print;
use crate::control::config::example::example;
use crate::control::config::reference::reference;
use crate::control::config::schema::schema;

/// Print what a configuration of the service may hold
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print a configuration of the common case, with every other setting in comments
    Example,
    /// Print the JSON schema (draft 2020-12), by which editors help and check
    Schema,
    /// Print every field with its meaning, its values and its default, in Markdown
    Reference,
}

/// Runs the command.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let text = match args.command {
        ConfigCommand::Example => example(),
        ConfigCommand::Schema => format!("{:#}\n", schema()),
        ConfigCommand::Reference => reference(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
