//! Which rules are in force, and what is done with what they find; the same as the pipe's options.

use std::path::PathBuf;

use toml::de::DeValue;

use super::fault::Problem;
use super::field::{Kind, Shape, Spec, default, settings};
use super::reader::{At, Section};
use crate::pipeline::detect::action::Order;

settings! {
    /// Which rules are in force, and what is done with what they find.
    pub struct Rules {
        /// Whether the built-in rules are there; without them only those of `patterns` are.
        builtin: bool = default("true");
        /// Rules of TOML files, or of every *.toml in a folder, beside the built-in ones; one with a known id takes that one's place.
        patterns: Vec<PathBuf> = default("[]").example(r#"["/etc/inkprint/rules.d"]"#);
        /// Rules or packs (tokens, context, personal) beside those that are on by default; personal is off.
        enable: Vec<String> = default("[]").example(r#"["personal"]"#);
        /// Rules or packs that are off.
        disable: Vec<String> = default("[]").example(r#"["jwt"]"#);
        /// Only these rules or packs; empty means those that are on by default.
        only: Vec<String> = default("[]").example(r#"["tokens", "context"]"#);
        /// TOML files that say what may stay, by fingerprint, value, rule, key and source.
        allow: Vec<PathBuf> = default("[]").example(r#"["/etc/inkprint/allow.toml"]"#);
        /// What takes the place of what a rule, a pack or a kind (secret, identifier, personal) finds: WHO=WHAT, where WHAT is mark,
        /// mask, keep-last=N or drop-line. The most exact WHO counts.
        actions: Vec<Order> = default("[]").example(r#"["personal=mask"]"#);
    } check = check;
}

fn check(rules: &Rules, section: &mut Section<'_, '_>) -> Option<()> {
    if rules.builtin || !rules.patterns.is_empty() {
        Some(())
    } else {
        section.refuse("builtin", Problem::Needs("patterns"))
    }
}

impl Shape for Order {
    type Value = Self;
    const KIND: Kind = Kind::Text("WHO=WHAT", Some("^[a-z0-9-]+=(mark|mask|keep-last=[1-4]|drop-line)$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let order = Self::parse(at.text(value)?).ok();
        order.or_else(|| at.refuse(Problem::Action))
    }
}
