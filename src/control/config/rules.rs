//! Which rules are in force, and what is done with what they find; the same as the pipe's options.

use std::path::PathBuf;

use toml::de::DeValue;

use super::fault::Problem;
use super::field::{Kind, Shape, Spec, default, settings};
use super::reader::{At, Section};
use crate::pipeline::detect::action::{ActionError, Order};
use crate::pipeline::detect::rule::{RuleError, RuleSet};

settings! {
    /// Which rules are in force, and what is done with what they find.
    pub struct Rules {
        /// Whether the built-in rules are there; without them only those of `patterns` are.
        builtin: bool = default("true");
        /// Rules of TOML files, or of every *.toml in a folder, beside the built-in ones; one with a known id takes that one's place.
        patterns: Vec<PathBuf> = default("[]").example(r#"["/etc/inkprint/rules.d"]"#);
        /// Rules or packs (tokens, context, personal) beside those that are on by default; personal is off.
        enable: Vec<RuleName> = default("[]").example(r#"["personal"]"#);
        /// Rules or packs that are off.
        disable: Vec<RuleName> = default("[]").example(r#"["jwt"]"#);
        /// Only these rules or packs; empty means those that are on by default.
        only: Vec<RuleName> = default("[]").example(r#"["tokens", "context"]"#);
        /// TOML files that say what may stay, by fingerprint, value, rule, key and source.
        allow: Vec<PathBuf> = default("[]").example(r#"["/etc/inkprint/allow.toml"]"#);
        /// What takes the place of what a rule, a pack or a kind (secret, identifier, personal) finds: WHO=WHAT, where WHAT is mark,
        /// mask, keep-last=N or drop-line. The most exact WHO counts.
        actions: Vec<Order> = default("[]").example(r#"["personal=mask"]"#);
    } check = check;
}

impl Rules {
    /// Every rule there is, whether on or off.
    ///
    /// # Errors
    /// [`RuleError`] with all faults of the files named.
    pub fn all(&self) -> Result<RuleSet, RuleError> {
        let mut set = RuleSet::builtin()?;
        if !self.builtin {
            set.rules.clear();
        }
        for path in &self.patterns {
            set = set.extended(path)?;
        }
        Ok(set)
    }

    /// The rules in force, of `all` of them, with their actions.
    ///
    /// # Errors
    /// [`RulesError`] for a name that fits no rule, and for an action that cannot be taken.
    pub fn in_force(&self, all: &RuleSet) -> Result<RuleSet, RulesError> {
        let set = all.clone().chosen(&self.only, &self.enable, &self.disable)?;
        Ok(if self.actions.is_empty() { set } else { set.ordered(all, &self.actions)? })
    }
}

/// Why the rules cannot be put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// A name fits no rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// An action cannot be taken.
    #[error("actions: {0}")]
    Action(#[from] ActionError),
}

fn check(rules: &Rules, section: &mut Section<'_, '_>) -> Option<()> {
    if rules.builtin || !rules.patterns.is_empty() {
        Some(())
    } else {
        section.refuse("builtin", Problem::Needs("patterns"))
    }
}

/// The name of a rule or a pack, as a [`Shape`].
#[derive(Clone, Copy, Debug)]
pub struct RuleName;

impl Shape for RuleName {
    type Value = String;
    const KIND: Kind = Kind::Text("the name of a rule or a pack", Some("^[a-z0-9-]{1,40}$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<String> {
        let text = at.text(value)?;
        if is_name(text) { Some(text.to_owned()) } else { at.refuse(Problem::Value("the name of a rule or a pack")) }
    }
}

fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl Shape for Order {
    type Value = Self;
    const KIND: Kind = Kind::Text("WHO=WHAT", Some("^[a-z0-9-]+=(mark|mask|keep-last=[1-4]|drop-line)$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let text = at.text(value)?;
        let named = text.split_once('=').is_some_and(|(who, _)| is_name(who));
        let order = Self::parse(text).ok().filter(|_| named);
        order.or_else(|| at.refuse(Problem::Action))
    }
}
