//! Configuration, rules and keys -> what is in force: checked whole, then put in force at once, or refused with the old left as it is.
//!
//! - What takes its place without a restart: rules, actions, allow lists and keys, and the files that these come from; certificates and
//!   revocation lists.
//! - What does not: sources, sinks, routes, limits and the rest. A configuration that changes them is refused as a whole, and it is said
//!   which: half of it in force would be neither the old nor the new.
//! - The generation grows with each that is put in force, and each lane takes it up before its next block: a line is cleaned under one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::config::rules::RulesError;
use super::config::{Config, ConfigError};
use super::journal::entry::Configuration;
use super::keyring::KeyringError;
use super::keyring::source::LoadError;
use super::metrics::Metrics;
use crate::model::{KeyEpoch, Namespace};
use crate::pipeline::detect::allow::{AllowError, AllowList, Entry, read_files, today};
use crate::pipeline::detect::rule::RuleError;
use crate::pipeline::detect::{DatabaseError, Detector};
use crate::pipeline::meters::Meters;
use crate::pipeline::policy::Policy;
use crate::pipeline::standing::{Standing, Tenant, TenantIndex};
use crate::pipeline::tls::Expiry;
use crate::pipeline::witness::Witnessing;

/// Why a configuration cannot be put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It has faults.
    #[error("{}: {}", path.display(), faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults {
        /// The file.
        path: PathBuf,
        /// All of them.
        faults: Vec<ConfigError>,
    },
    /// It changes what only a restart can.
    #[error("{} cannot be changed without a restart", sections.join(", "))]
    NeedsRestart {
        /// Sections of the configuration.
        sections: Vec<&'static str>,
    },
    /// A rule file has faults.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// A name fits no rule, or an action cannot be taken.
    #[error("rules: {0}")]
    Choice(#[from] RulesError),
    /// No rule is on, so that every secret would pass.
    #[error("rules: no rule is on, so that nothing would be found; `inkprint rules list` shows those that there are")]
    NoRules,
    /// The engine cannot be built.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An allow list has faults.
    #[error(transparent)]
    Allow(#[from] AllowError),
    /// The keyring cannot be loaded.
    #[error("keyring: {0}")]
    Keyring(#[from] LoadError),
    /// A namespace has no keys.
    #[error("keyring: {0}")]
    Namespace(#[from] KeyringError),
    /// A part that has files of its own, such as certificates, cannot take them up.
    #[error("{part}: {reason}")]
    Part {
        /// Its place in the configuration.
        part: String,
        /// Why not, without any content.
        reason: String,
    },
}

/// Tells until when certificates are good that are in force by now.
pub type ExpiryOf = Box<dyn Fn() -> Expiry + Send + Sync>;

/// Something beside rules and keys that is read again on a reload.
pub trait Reloads: Send {
    /// Its place in the configuration, such as `sources.apps.tls`.
    fn part(&self) -> &str;

    /// Reads and checks what is new, and keeps it; what is in force stays.
    ///
    /// # Errors
    /// What is wrong with it, without any content.
    fn prepare(&mut self) -> Result<(), String>;

    /// Puts in force what was prepared.
    fn apply(&mut self);

    /// Tells until when the certificates in force are good, where it has any.
    fn certificates(&self) -> Option<ExpiryOf> {
        None
    }
}

/// Rules and keys, loaded and checked.
pub struct Loaded {
    /// The policy of each namespace, at least one, in the order of [`namespaces`].
    pub policies: Vec<Arc<Policy>>,
    /// Entries of allow lists that allow nothing any longer.
    pub expired: Vec<Entry>,
    /// The epoch that makes marks.
    pub epoch: KeyEpoch,
    /// Since when it does.
    pub activated: Timestamp,
}

/// The namespaces of a configuration, each once, in a fixed order.
pub fn namespaces(config: &Config) -> Vec<Namespace> {
    let all: BTreeSet<&str> = config.sources.values().map(|source| source.namespace.as_str()).collect();
    all.into_iter().filter_map(|name| Namespace::new(name).ok()).collect()
}

/// A namespace's place among them.
pub fn tenant_of(config: &Config, namespace: &Namespace) -> TenantIndex {
    namespaces(config).iter().position(|known| known == namespace).unwrap_or_default()
}

impl Loaded {
    /// Loads what the configuration names.
    ///
    /// # Errors
    /// [`ReloadError`], the first one found.
    pub fn load(config: &Config) -> Result<Self, ReloadError> {
        let rules = &config.rules;
        let all = rules.all()?;
        let set = rules.in_force(&all)?;
        if set.rules.is_empty() {
            return Err(ReloadError::NoRules);
        }
        let detector = Arc::new(Detector::new(set)?);
        let today = today();
        let (expired, entries): (Vec<Entry>, Vec<Entry>) = if rules.allow.is_empty() {
            (Vec::new(), Vec::new())
        } else {
            read_files(&rules.allow, &all)?.into_iter().partition(|entry| entry.is_over(today))
        };
        let keyring = config.keyring.load()?;
        let policies = namespaces(config)
            .iter()
            .map(|namespace| {
                let live_keys = keyring.all_mark_keys(namespace)?;
                let allow = (!rules.allow.is_empty())
                    .then(|| Arc::new(AllowList::new(entries.clone(), detector.rules(), live_keys.clone())));
                let keys = keyring.current_mark_keys(namespace)?;
                Ok(Arc::new(Policy { detector: Arc::clone(&detector), keys, live_keys, allow }))
            })
            .collect::<Result<Vec<_>, KeyringError>>()?;
        let epoch = keyring.current();
        let current = keyring.epochs().iter().find(|entry| entry.number() == epoch);
        let activated = current.map_or(Timestamp::UNIX_EPOCH, super::keyring::Epoch::activated);
        Ok(Self { policies, expired, epoch, activated })
    }

    /// What is in force with it; its counts go on from those of `before`.
    pub fn standing(self, before: Option<&Standing>, witnessing: &[Option<Witnessing>], metrics: &Metrics) -> Standing {
        let generation = before.map_or(1, |before| before.generation + 1);
        let totals = before.map(|before| before.meters.totals()).unwrap_or_default();
        let meters = metrics.record(|| {
            metrics::describe_gauge!("inkprint_key_epoch", "The key epoch that makes marks.");
            metrics::gauge!("inkprint_key_epoch").set(f64::from(self.epoch.get()));
            Meters::new(&self.policies[0], totals)
        });
        let tenants = self.policies.into_iter().zip(witnessing.iter().cloned());
        // The same over reloads: another quarantine takes a restart.
        let detaining = before.and_then(|before| before.tenants.first()?.detaining.clone());
        let tenants = tenants.enumerate().map(|(tenant, (policy, witnessing))| {
            let bridging = before.and_then(|before| before.tenants.get(tenant)?.bridging.clone());
            Tenant { policy, witnessing, bridging, detaining: detaining.clone() }
        });
        let tenants = tenants.collect();
        Standing { generation, tenants, meters, key_activated: Some(self.activated.as_second()) }
    }
}

/// What was put in force.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its number.
    pub generation: u64,
    /// The configuration, by its hash.
    pub configuration: Configuration,
    /// The rules in force.
    pub detector: Arc<Detector>,
}

/// Reads a configuration file and all that it names again, and puts it in force.
pub struct Reloader {
    path: PathBuf,
    config: Config,
    witnessing: Vec<Option<Witnessing>>,
    metrics: Metrics,
    parts: Vec<Box<dyn Reloads>>,
    in_force: watch::Sender<Arc<Standing>>,
}

impl Reloader {
    /// For the configuration that is in force, and the lanes that hear of another by `in_force`.
    pub fn new(
        (path, config): (PathBuf, Config),
        witnessing: Vec<Option<Witnessing>>,
        metrics: Metrics,
        parts: Vec<Box<dyn Reloads>>,
        in_force: watch::Sender<Arc<Standing>>,
    ) -> Self {
        Self { path, config, witnessing, metrics, parts, in_force }
    }

    /// Checks the whole, and puts it in force.
    ///
    /// # Errors
    /// [`ReloadError`]; what was in force stays.
    pub fn reload(&mut self) -> Result<Applied, ReloadError> {
        let outcome = self.check_and_apply();
        let label = if outcome.is_ok() { "applied" } else { "refused" };
        self.metrics.record(|| {
            describe(&["applied", "refused"]);
            metrics::counter!("inkprint_reloads_total", "outcome" => label).increment(1);
        });
        outcome
    }

    /// The epoch that makes marks.
    pub fn epoch(&self) -> KeyEpoch {
        self.in_force.borrow().tenants[0].policy.keys.epoch()
    }

    fn check_and_apply(&mut self) -> Result<Applied, ReloadError> {
        let (config, configuration) = read(&self.path)?;
        let sections = changed(&self.config, &config);
        if !sections.is_empty() {
            return Err(ReloadError::NeedsRestart { sections });
        }
        let loaded = Loaded::load(&config)?;
        for part in &mut self.parts {
            part.prepare().map_err(|reason| ReloadError::Part { part: part.part().to_owned(), reason })?;
        }
        for entry in &loaded.expired {
            tracing::warn!(entry = %entry.origin, "an allow list's entry has expired, and allows nothing any longer");
        }
        let standing = loaded.standing(Some(&self.in_force.borrow()), &self.witnessing, &self.metrics);
        let (generation, detector) = (standing.generation, Arc::clone(&standing.tenants[0].policy.detector));
        self.parts.iter_mut().for_each(|part| part.apply());
        self.in_force.send_replace(Arc::new(standing));
        self.config = config;
        Ok(Applied { generation, configuration, detector })
    }
}

/// Registers the counter with every outcome, so that a first one shows as an increase.
pub fn describe(outcomes: &[&'static str]) {
    metrics::describe_counter!("inkprint_reloads_total", "Reloads of the configuration, by outcome.");
    for outcome in outcomes {
        metrics::counter!("inkprint_reloads_total", "outcome" => *outcome).increment(0);
    }
}

/// Reads and checks a configuration file.
///
/// # Errors
/// That it cannot be read, or every fault that it has.
pub fn read(path: &std::path::Path) -> Result<(Config, Configuration), ReloadError> {
    let bytes = std::fs::read(path).map_err(|source| ReloadError::Read { path: path.to_owned(), source })?;
    let config = Config::parse_bytes(&bytes).map_err(|faults| ReloadError::Faults { path: path.to_owned(), faults })?;
    Ok((config, Configuration::of(path.display().to_string(), &bytes)))
}

/// The sections in which two configurations differ, of those that only a restart can change.
fn changed(old: &Config, new: &Config) -> Vec<&'static str> {
    [
        ("keys", old.keys != new.keys),
        ("namespace", old.namespace != new.namespace),
        ("threads", old.threads != new.threads),
        ("limits", old.limits != new.limits),
        ("log", old.log != new.log),
        ("journal", old.journal != new.journal),
        ("sightings", old.sightings != new.sightings),
        ("admin", old.admin != new.admin),
        ("quarantine", old.quarantine != new.quarantine),
        ("sandbox", old.sandbox != new.sandbox),
        ("sources", old.sources != new.sources),
        ("sinks", old.sinks != new.sinks),
        ("routes", old.routes != new.routes),
    ]
    .into_iter()
    .filter_map(|(section, differs)| differs.then_some(section))
    .collect()
}
