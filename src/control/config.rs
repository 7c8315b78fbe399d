//! The configuration of the service: TOML as it is written, to a [`Config`] that nothing downstream has to check again.
//!
//! - Every fault is told at once, each with its path, its line and what to do, and never with what was written there.
//! - What may be written is described once, in the declarations of the parts (see [`field`]): the reading, the example, the JSON
//!   schema and the reference are made of these.
//! - The text is all that is looked at: no file is opened and no secret is read here. `inkprint check` does.
//!
//! ```text
//! text --toml--> table --reader, field by field--> RawConfig --check, one part against another--> Config
//! ```

pub mod address;
pub mod admin;
mod check;
pub mod example;
pub mod fault;
pub mod field;
pub mod keys;
pub mod limits;
pub mod load;
pub mod log;
pub mod name;
mod reader;
pub mod records;
pub mod reference;
pub mod route;
pub mod rules;
pub mod sandbox;
pub mod schema;
pub mod secret;
pub mod shape;
pub mod sink;
pub mod source;
pub mod tls;
mod union;

use std::collections::BTreeMap;

use toml::de::DeTable;

pub use self::fault::{ConfigError, Problem};
pub use self::name::PartName;

use self::admin::Admin;
use self::field::{Settings as _, default, optional, required, settings};
use self::keys::Keys;
use self::limits::Limits;
use self::log::Log;
use self::reader::{At, Faults, Section};
use self::records::{Journal, Quarantine, Sightings};
use self::route::{RawRoute, Route};
use self::rules::Rules;
use self::sandbox::Sandbox;
use self::shape::measure::Count;
use self::shape::{Maybe, Table, Tables, Told};
use self::sink::{RawSink, Sink, SinkKind};
use self::source::{RawSource, Source, SourceKind};
use self::union::Named;
use super::keyring::source::KeyringSource;
use crate::model::Namespace;

/// The version of the layout.
pub const VERSION: u64 = 1;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the keyring comes from.
    pub keyring: KeyringSource,
    /// What becomes of its keys.
    pub keys: Keys,
    /// The namespace of sources that name none.
    pub namespace: Namespace,
    /// Threads that clean; as many as there are processors where there is no number.
    pub threads: Option<usize>,
    /// Bounds on the process.
    pub limits: Limits,
    /// Which rules are in force.
    pub rules: Rules,
    /// The program's own log.
    pub log: Log,
    /// The journal, if one is kept.
    pub journal: Option<Journal>,
    /// The index of sightings, if one is kept.
    pub sightings: Option<Sightings>,
    /// The admin pages, if they are served.
    pub admin: Option<Admin>,
    /// Where withheld lines are kept, if they are.
    pub quarantine: Option<Quarantine>,
    /// What the process gives up.
    pub sandbox: Sandbox,
    /// Where lines come from; at least one.
    pub sources: BTreeMap<PartName, Source>,
    /// Where they go; at least one.
    pub sinks: BTreeMap<PartName, Sink>,
    /// Which source feeds which sinks: each source and each sink is in at least one.
    pub routes: Vec<Route>,
}

settings! {
    /// A configuration as it is written. Where a part has a fault, which was told, there is `None`.
    pub struct RawConfig {
        /// The version of the layout.
        version: Told<Count> = required("1").between(VERSION, VERSION);
        /// Where the keyring comes from: a path or file:PATH, env:NAME, fd:N, credential:NAME, command:PROGRAM ARGS, or vault:…, as
        /// --keyring takes it.
        keyring: Told<KeyringSource> = required("/etc/inkprint/keyring");
        /// What becomes of keys while the service runs.
        keys: Told<Table<Keys>> = default("{}");
        /// The namespace (tenant) of sources that name none.
        namespace: Told<Namespace> = default(Namespace::DEFAULT);
        /// Threads that clean.
        threads: Told<Maybe<Count>> = optional("2", "as many as there are processors").between(1, 256);
        /// Bounds on the process as a whole.
        limits: Told<Table<Limits>> = default("{}");
        /// Which rules are in force, and what is done with what they find; the same as the pipe's options.
        rules: Told<Table<Rules>> = default("{}");
        /// The program's own log, on standard error; never a line that passes through.
        log: Told<Table<Log>> = default("{}");
        /// The signed record of starts, stops, rules, keys and lookups.
        journal: Told<Maybe<Table<Journal>>> = optional("{}", "no journal is kept");
        /// The index of which fingerprint was seen where and when, for `inkprint trace`.
        sightings: Told<Maybe<Table<Sightings>>> = optional("{}", "nothing is recorded");
        /// Metrics, health and the API, over HTTP.
        admin: Told<Maybe<Table<Admin>>> = optional("{}", "nothing is served");
        /// Lines that could not be scanned, encrypted so that only the holder of an age identity can read them.
        quarantine: Told<Maybe<Table<Quarantine>>> = optional("{}", "such lines are not kept");
        /// What the process gives up after its start.
        sandbox: Told<Table<Sandbox>> = default("{}");
        /// Where lines come from: tables by name, of 1 to 40 of a-z, 0-9, hyphens and underscores.
        sources: Told<Named<RawSource, SourceKind>> = required("{}");
        /// Where cleaned lines go: tables by name.
        sinks: Told<Named<RawSink, SinkKind>> = required("{}");
        /// Which sources feed which sinks.
        routes: Told<Maybe<Tables<RawRoute>>> = optional("[]", "every source feeds every sink");
    }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// Every fault that there is, in the order of the text; at least one.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigError>> {
        let mut faults = Faults::default();
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let offset = error.span().map_or(0, |span| span.start);
            faults.note(String::new(), offset, Problem::Syntax(error.message().to_owned()));
        }
        // What the parser made of the rest would only raise faults that are none.
        let config = if errors.is_empty() { read(table.get_ref(), &mut faults) } else { None };
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(faults.into_errors(text)),
        }
    }

    /// As [`Config::parse`], for what was read from a file.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, Vec<ConfigError>> {
        std::str::from_utf8(bytes)
            .map_err(|error| {
                let before = &bytes[..error.valid_up_to()];
                let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
                vec![ConfigError { path: String::new(), line: Some(line), problem: Problem::NotText }]
            })
            .and_then(Self::parse)
    }

    /// The sinks that a source feeds.
    pub fn sinks_of<'c>(&'c self, source: &PartName) -> impl Iterator<Item = &'c PartName> {
        self.sinks.keys().filter(move |sink| self.routes.iter().any(|route| route.joins(source, sink)))
    }
}

fn read(table: &DeTable<'_>, faults: &mut Faults) -> Option<Config> {
    // Another version may have any fields: telling more of them than the version would mislead.
    if let Some((key, value)) = table.get_key_value("version")
        && let Some(number) = value.get_ref().as_integer()
        && u64::from_str_radix(number.as_str(), number.radix()) != Ok(VERSION)
    {
        faults.note("version".to_owned(), key.span().start, Problem::Version);
        return None;
    }
    let known: Vec<_> = RawConfig::FIELDS.iter().map(|field| field.name).collect();
    let raw = RawConfig::read(&mut Section::new(table, At::root(faults), &known))?;
    check::check(raw, table, faults)
}
