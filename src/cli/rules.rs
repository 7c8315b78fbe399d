//! `inkprint rules`: what is looked for, whether it works, what it costs, and what it makes of a line.

mod diff;
mod explain;
mod import;
mod lint;
mod list;
mod masked;
mod test;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Show, test and check the rules, explain what they make of a line, take over those of other tools, and compare two sets
#[derive(Debug, Args)]
pub struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    List(list::ListArgs),
    Test(test::TestArgs),
    Lint(lint::LintArgs),
    Explain(explain::ExplainArgs),
    Import(import::ImportArgs),
    Diff(diff::DiffArgs),
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: RulesArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        RulesCommand::List(args) => list::run(&args),
        RulesCommand::Test(args) => test::run(&args),
        RulesCommand::Lint(args) => lint::run(&args),
        RulesCommand::Explain(args) => explain::run(&args),
        RulesCommand::Import(args) => import::run(&args),
        RulesCommand::Diff(args) => diff::run(&args),
    }
}
