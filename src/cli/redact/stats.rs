//! The summary that `--stats` prints.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::cli::print::tell;
use crate::pipeline::policy::Policy;
use crate::pipeline::tally::Tally;

/// How the summary is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatsFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// What a run did.
#[derive(Debug, Serialize)]
pub struct Summary {
    lines: u64,
    bytes_in: u64,
    bytes_out: u64,
    seconds: f64,
    bytes_per_second: u64,
    matches: u64,
    withheld_lines: u64,
    /// Lines that went whole, as a rule's action asks for.
    dropped_lines: u64,
    /// Marks that came in with a seal of this keyring.
    known_marks: u64,
    /// Marks that came in with another seal.
    unverified_marks: u64,
    rules: Vec<RuleCount>,
    /// The entries of the allow list, also those that let nothing through: these may go.
    allowed: Vec<AllowCount>,
}

#[derive(Debug, Serialize)]
struct AllowCount {
    entry: String,
    reason: String,
    matches: u64,
}

#[derive(Debug, Serialize)]
struct RuleCount {
    rule: String,
    severity: String,
    matches: u64,
}

impl Summary {
    /// The summary of a run that took `elapsed`.
    pub fn new(tally: &Tally, policy: &Policy, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        let mut rules: Vec<RuleCount> = policy
            .detector
            .rules()
            .zip(&tally.matches)
            .filter(|(_, matches)| **matches > 0)
            .map(|(rule, matches)| RuleCount {
                rule: rule.id.to_string(),
                severity: rule.severity.to_string(),
                matches: *matches,
            })
            .collect();
        rules.sort_by(|a, b| b.matches.cmp(&a.matches).then_with(|| a.rule.cmp(&b.rule)));
        let entries = policy.allow.iter().flat_map(|allow| allow.entries());
        let counts = tally.allowed.iter().copied().chain(std::iter::repeat(0));
        let allowed = entries.zip(counts).map(|(entry, matches)| AllowCount {
            entry: entry.origin.to_string(),
            reason: entry.reason.clone(),
            matches,
        });
        Self {
            lines: tally.lines,
            bytes_in: tally.bytes_in,
            bytes_out: tally.bytes_out,
            seconds,
            bytes_per_second: (tally.bytes_in as f64 / seconds.max(1e-9)) as u64,
            matches: tally.matches_total(),
            withheld_lines: tally.withheld.total(),
            dropped_lines: tally.dropped_lines,
            known_marks: tally.marks,
            unverified_marks: tally.unverified_marks,
            rules,
            allowed: allowed.collect(),
        }
    }

    /// Prints it to standard error.
    pub fn print(&self, format: StatsFormat) {
        match format {
            StatsFormat::Json => tell(&(serde_json::to_string(self).unwrap_or_default() + "\n")),
            StatsFormat::Text => tell(&self.text()),
        }
    }

    fn text(&self) -> String {
        let rate = self.bytes_per_second as f64 / 1e6;
        let mut text = format!(
            "inkprint: {} lines, {} bytes in, {} bytes out, {:.3} s, {rate:.1} MB/s\n",
            self.lines, self.bytes_in, self.bytes_out, self.seconds
        );
        text += &format!("inkprint: {} secrets in {} rules\n", self.matches, self.rules.len());
        for rule in &self.rules {
            text += &format!("  {:>9}  {:<40} {}\n", rule.matches, rule.rule, rule.severity);
        }
        if !self.allowed.is_empty() {
            let total: u64 = self.allowed.iter().map(|entry| entry.matches).sum();
            text += &format!("inkprint: {total} secrets let through by the allow list\n");
            for entry in &self.allowed {
                text += &format!("  {:>9}  {:<40} {:?}\n", entry.matches, entry.entry, entry.reason);
            }
        }
        if self.dropped_lines > 0 {
            text += &format!("inkprint: {} lines dropped\n", self.dropped_lines);
        }
        if self.withheld_lines > 0 {
            text += &format!("inkprint: {} lines withheld\n", self.withheld_lines);
        }
        if self.known_marks + self.unverified_marks > 0 {
            text += &format!(
                "inkprint: {} marks came in, {} of them unverified\n",
                self.known_marks + self.unverified_marks,
                self.unverified_marks
            );
        }
        text
    }
}
