//! `--action`, `--allow`: what is done with what the rules find, and what of it may stay.

use std::path::PathBuf;
use std::sync::Arc;

use super::print::tell;
use super::rule_args::RuleArgs;
use crate::pipeline::detect::Detector;
use crate::pipeline::detect::action::Order;
use crate::pipeline::detect::allow::{AllowList, read_files, today};
use crate::pipeline::detect::rule::RuleSet;
use crate::pipeline::fingerprint::MarkKeys;

/// Options about what is done with what the rules find.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Rules")]
pub struct HandlingArgs {
    /// What takes the place of what a rule, a pack or a kind (secret, identifier, personal) finds
    ///
    /// WHAT is mark, mask (a fixed text without a fingerprint), keep-last=N (the fixed text and the last N characters, where the
    /// rule allows it) or drop-line (the whole line goes). The most exact WHO counts. May be given several times.
    #[arg(long, value_name = "WHO=WHAT", value_parser = |text: &str| Order::parse(text))]
    action: Vec<Order>,
    /// Leave what the entries of this TOML file allow, by fingerprint, value, rule, key and source; each has a reason and an end
    #[arg(long, value_name = "FILE")]
    allow: Vec<PathBuf>,
}

impl HandlingArgs {
    /// The files of the allow list.
    pub fn allow(&self) -> &[PathBuf] {
        &self.allow
    }

    /// The rules in force, with their actions.
    ///
    /// # Errors
    /// As [`RuleArgs::load`], and for an action that cannot be taken.
    pub fn load(&self, rules: &RuleArgs) -> anyhow::Result<RuleSet> {
        let set = rules.load()?;
        Ok(if self.action.is_empty() { set } else { set.ordered(&rules.all()?, &self.action)? })
    }

    /// The allow list, if there is one. What of it has expired is told, unless `quiet`.
    ///
    /// # Errors
    /// Every fault of its files.
    pub fn allow_list(
        &self,
        rules: &RuleArgs,
        detector: &Detector,
        keys: Vec<MarkKeys>,
        quiet: bool,
    ) -> anyhow::Result<Option<Arc<AllowList>>> {
        if self.allow.is_empty() {
            return Ok(None);
        }
        let mut entries = read_files(&self.allow, &rules.all()?)?;
        let today = today();
        entries.retain(|entry| {
            let over = entry.is_over(today);
            if let Some(last_day) = entry.last_day.filter(|_| over && !quiet) {
                let origin = &entry.origin;
                tell(&format!("inkprint: {origin}: expired after {last_day}, and allows nothing any longer\n"));
            }
            !over
        });
        Ok(Some(Arc::new(AllowList::new(entries, detector.rules(), keys))))
    }
}
