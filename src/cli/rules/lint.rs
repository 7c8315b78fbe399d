//! `inkprint rules lint`: what the rules cost, and what is weak about them.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::print::print;
use crate::cli::rule_args::RuleArgs;
use crate::control::rules::lint::{FoundBy, Linted, Report, Shared, Warning, lint};

/// Show by which triggers each rule is found, what that costs, and what could be better
///
/// A rule is fast when strings that must occur in what it finds are looked for at once with those of all other rules, and
/// slow when its whole expression is matched against every byte.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 there are warnings and --strict was given, 2 the rules cannot be loaded."
)]
pub struct LintArgs {
    #[command(flatten)]
    rules: RuleArgs,
    /// End with exit code 1 if there are warnings
    #[arg(long)]
    strict: bool,
    /// Show only rules with warnings
    #[arg(long)]
    warnings: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ReportRow<'r> {
    rules: Vec<RuleRow<'r>>,
    literals: usize,
    shared: Vec<SharedRow<'r>>,
    warnings: usize,
}

#[derive(Serialize)]
struct RuleRow<'r> {
    id: &'r str,
    origin: String,
    cost: &'static str,
    found_by: &'static str,
    triggers: &'r [String],
    bits: Option<f32>,
    warnings: Vec<WarningRow>,
}

#[derive(Serialize)]
struct WarningRow {
    name: &'static str,
    text: String,
}

#[derive(Serialize)]
struct SharedRow<'r> {
    literal: &'r str,
    rules: usize,
}

/// Runs the command.
///
/// # Errors
/// Every fault of the rules.
pub fn run(args: &LintArgs) -> anyhow::Result<ExitCode> {
    let set = args.rules.shown()?;
    let report = lint(&set);
    print(&if args.json { json(&report, args.warnings)? } else { text(&report, args.warnings) })?;
    Ok(if args.strict && report.warnings() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn cost(linted: &Linted<'_>) -> &'static str {
    if linted.found_by == FoundBy::Expression { "slow" } else { "fast" }
}

fn shown<'a, 'r>(report: &'a Report<'r>, warnings_only: bool) -> impl Iterator<Item = &'a Linted<'r>> {
    report.rules.iter().filter(move |linted| !warnings_only || !linted.warnings.is_empty())
}

fn json(report: &Report<'_>, warnings_only: bool) -> anyhow::Result<String> {
    let warning = |warning: &Warning| WarningRow { name: warning.name(), text: warning.to_string() };
    let rules = shown(report, warnings_only)
        .map(|linted| RuleRow {
            id: linted.rule.id.as_str(),
            origin: linted.rule.origin.to_string(),
            cost: cost(linted),
            found_by: linted.found_by.as_str(),
            triggers: &linted.triggers,
            bits: linted.bits,
            warnings: linted.warnings.iter().map(warning).collect(),
        })
        .collect();
    let shared = report.shared.iter().map(|Shared { literal, rules }| SharedRow { literal, rules: *rules }).collect();
    let row = ReportRow { rules, literals: report.literals, shared, warnings: report.warnings() };
    Ok(serde_json::to_string(&row)? + "\n")
}

fn text(report: &Report<'_>, warnings_only: bool) -> String {
    let mut out = String::new();
    for linted in shown(report, warnings_only) {
        let bits = linted.bits.map(|bits| format!(", {bits:.0} bits")).unwrap_or_default();
        let (id, cost, found_by) = (linted.rule.id.as_str(), cost(linted), linted.found_by.as_str());
        let triggers: Vec<String> = linted.triggers.iter().map(|trigger| format!("{trigger:?}")).collect();
        let triggers = if triggers.is_empty() { String::new() } else { format!(": {}", triggers.join(" ")) };
        let _ = writeln!(out, "{id}  {cost}, by {found_by}{bits}{triggers}");
        for warning in &linted.warnings {
            let _ = writeln!(out, "    {}: warning: {warning}", linted.rule.origin);
        }
    }
    if !report.shared.is_empty() && !warnings_only {
        let _ = writeln!(out, "\nliterals that several rules use:");
        for Shared { literal, rules } in &report.shared {
            let _ = writeln!(out, "{rules:>6}  {literal:?}");
        }
    }
    let (fast, slow) = (report.fast(), report.rules.len() - report.fast());
    let _ = writeln!(
        out,
        "{}{} rules, {fast} fast, {slow} slow; {} literals, {} of them used by several rules; {} warnings",
        if out.is_empty() { "" } else { "\n" },
        report.rules.len(),
        report.literals,
        report.shared.len(),
        report.warnings()
    );
    out
}
