//! `inkprint rules test`: every rule on its own examples and counterexamples.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;

use crate::cli::print::print;
use crate::cli::rule_args::RuleArgs;
use crate::control::rules::check::check;

/// Try every rule on its own examples, which it must find, and counterexamples, which it must not
///
/// Each rule is tried alone, and then beside all others: what it finds alone must go there as well. Rules that are off
/// are tried too, unless --only or --disable choose.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 all rules work, 1 some do not, 2 the rules cannot be loaded.")]
pub struct TestArgs {
    #[command(flatten)]
    rules: RuleArgs,
}

/// Runs the command.
///
/// # Errors
/// Every fault of the rule files; failures of their examples are an answer, and no error.
pub fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let outcome = check(&args.rules.shown()?)?;
    let mut out = String::new();
    for failure in &outcome.failures {
        let _ = writeln!(out, "{failure}");
    }
    let (examples, counterexamples, failures) = (outcome.examples, outcome.counterexamples, outcome.failures.len());
    let _ = writeln!(
        out,
        "{} rules, {examples} examples, {counterexamples} counterexamples, {failures} failures",
        outcome.rules
    );
    print(&out)?;
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
