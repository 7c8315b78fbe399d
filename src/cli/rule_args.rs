//! `--patterns`, `--only`, `--disable`: which rules are in force, the same on every command that needs rules.

use std::path::PathBuf;

use crate::pipeline::detect::rule::{RuleError, RuleSet};

/// Options that choose the rules.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// Add the rules of a TOML file, or of every *.toml in a folder; a rule with a known id takes that one's place
    #[arg(long, value_name = "PATH")]
    patterns: Vec<PathBuf>,
    /// Leave the built-in rules out: only those of --patterns are there
    #[arg(long, requires = "patterns")]
    no_builtin: bool,
    /// Only these rules or packs (tokens, context, personal); may be given several times or separated by commas
    #[arg(long, value_name = "RULE|PACK", value_delimiter = ',')]
    only: Vec<String>,
    /// These rules or packs too, beside those that are on by default (personal is off): may be given several times or separated by
    /// commas
    #[arg(long, value_name = "RULE|PACK", value_delimiter = ',')]
    enable: Vec<String>,
    /// Without these rules or packs
    #[arg(long, value_name = "RULE|PACK", value_delimiter = ',')]
    disable: Vec<String>,
}

impl RuleArgs {
    /// Every rule there is, whether on or off.
    ///
    /// # Errors
    /// [`RuleError`] with all faults of the files named.
    pub fn all(&self) -> Result<RuleSet, RuleError> {
        let mut set = RuleSet::builtin()?;
        if self.no_builtin {
            set.rules.clear();
        }
        for path in &self.patterns {
            set = set.extended(path)?;
        }
        Ok(set)
    }

    /// The rules in force.
    ///
    /// # Errors
    /// As [`RuleArgs::all`], and for a name that fits no rule.
    pub fn load(&self) -> Result<RuleSet, RuleError> {
        self.all()?.chosen(&self.only, &self.enable, &self.disable)
    }

    /// What is asked for by name; where no name is given, every rule there is, on or off.
    ///
    /// # Errors
    /// As [`RuleArgs::load`].
    pub fn shown(&self) -> Result<RuleSet, RuleError> {
        if self.only.is_empty() && self.enable.is_empty() && self.disable.is_empty() { self.all() } else { self.load() }
    }
}
