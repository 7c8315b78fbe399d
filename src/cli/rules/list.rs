//! `inkprint rules list`: the rules as a table or as JSON.

use std::collections::HashSet;
use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::print::print;
use crate::cli::rule_args::RuleArgs;
use crate::model::RuleId;
use crate::pipeline::detect::rule::{Rule, RuleSet};

/// List the rules: all there are, or those that --only and --disable leave
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    rules: RuleArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listing<'r> {
    rules: Vec<Row<'r>>,
}

#[derive(Serialize)]
struct Row<'r> {
    id: &'r str,
    pack: &'static str,
    severity: String,
    kind: String,
    on: bool,
    action: String,
    description: &'r str,
    origin: String,
    references: &'r [String],
}

/// Runs the command.
///
/// # Errors
/// Every fault of the rules.
pub fn run(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let shown = args.rules.shown()?;
    let on: HashSet<RuleId> = args.rules.load()?.rules.into_iter().map(|rule| rule.id).collect();
    print(&if args.json { json(&shown, &on)? } else { table(&shown, &on) })?;
    Ok(ExitCode::SUCCESS)
}

fn rows<'r>(set: &'r RuleSet, on: &HashSet<RuleId>) -> Vec<Row<'r>> {
    let mut rules: Vec<&Rule> = set.rules.iter().collect();
    rules.sort_by(|a, b| b.pack.cmp(&a.pack).then_with(|| a.id.cmp(&b.id)));
    let row = |rule: &'r Rule| Row {
        id: rule.id.as_str(),
        pack: rule.pack.as_str(),
        severity: rule.severity.to_string(),
        kind: rule.kind.to_string(),
        on: on.contains(&rule.id),
        action: rule.action.to_string(),
        description: &rule.description,
        origin: rule.origin.to_string(),
        references: &rule.references,
    };
    rules.into_iter().map(row).collect()
}

fn json(set: &RuleSet, on: &HashSet<RuleId>) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&Listing { rules: rows(set, on) })? + "\n")
}

fn table(set: &RuleSet, on: &HashSet<RuleId>) -> String {
    let rows = rows(set, on);
    let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0).max("rule".len());
    let mut out =
        format!("{:<width$}  {:<8}  {:<8}  {:<10}  {:<3}  description\n", "rule", "pack", "severity", "kind", "on");
    for Row { id, pack, severity, kind, on, description, .. } in &rows {
        let on = if *on { "on" } else { "off" };
        let _ = writeln!(out, "{id:<width$}  {pack:<8}  {severity:<8}  {kind:<10}  {on:<3}  {description}");
    }
    let off = rows.iter().filter(|row| !row.on).count();
    let _ = writeln!(out, "\n{} rules, {off} off", rows.len());
    out
}
