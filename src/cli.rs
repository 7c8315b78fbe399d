//! The command line: what may be typed, and one file per command.

pub mod audit;
pub mod check;
mod completions;
pub mod config;
pub mod custody;
pub mod fingerprint;
pub mod handling_args;
pub mod inquiry;
pub mod inventory;
pub mod journal_args;
pub mod keyring_args;
pub mod keys;
pub mod listen;
mod log;
mod mute;
mod print;
mod progress;
pub mod quarantine;
pub mod quarantine_args;
pub mod redact;
pub mod rule_args;
pub mod rules;
mod secrets;
pub mod serve;
pub mod sightings;
pub mod sightings_args;
mod time;
pub mod top;
pub mod trace;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// The exit code of an error or of wrong usage; 0 is success, 1 a negative answer.
const FAILURE: u8 = 2;

/// Finds the secrets in a log stream and puts a keyed fingerprint in each one's place
///
/// Reads standard input, or the files named, and writes the cleaned log to standard output. Each secret becomes
/// ink1-<rule>-k<epoch>-<fingerprint>: the same secret has the same fingerprint wherever it is logged, and nobody without the
/// keyring can tell what it was.
// The mark's parts are in angle brackets on the terminal, where no escape would be read.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 success; 1 a negative answer, such as a match with --fail-on-match; 2 an error or wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    redact: redact::RedactArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Keys(keys::KeysArgs),
    Fingerprint(fingerprint::FingerprintArgs),
    Rules(rules::RulesArgs),
    Audit(audit::AuditArgs),
    Trace(trace::TraceArgs),
    Sightings(sightings::SightingsCommands),
    Inventory(inventory::InventoryArgs),
    Quarantine(quarantine::QuarantineCommands),
    Check(check::CheckArgs),
    Config(config::ConfigArgs),
    Top(top::TopArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Runs the program: parses the command line and turns what comes of it into an exit code.
pub fn main() -> ExitCode {
    mute::mute();
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Keys(args)) => keys::run(args),
        Some(Command::Fingerprint(args)) => fingerprint::run(args),
        Some(Command::Rules(args)) => rules::run(args),
        Some(Command::Audit(args)) => audit::run(args),
        Some(Command::Trace(args)) => trace::run(args),
        Some(Command::Sightings(args)) => sightings::run(args),
        Some(Command::Inventory(args)) => inventory::run(args),
        Some(Command::Quarantine(args)) => quarantine::run(args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Config(args)) => config::run(&args),
        Some(Command::Top(args)) => top::run(args),
        Some(Command::Completions(args)) => completions::completions(args, Cli::command()),
        Some(Command::Man(args)) => completions::man(args, Cli::command()),
        None => redact::run(cli.redact, Cli::command()),
    };
    outcome.unwrap_or_else(|error| {
        print::tell(&format!("inkprint: {error:#}\n"));
        ExitCode::from(FAILURE)
    })
}
