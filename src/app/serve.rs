//! `inkprint serve`: a checked configuration -> a service that runs, with the control side around it.
//!
//! Start: rules and keys; addresses and certificates; the sandbox, before any other thread is started; the journal; the index of
//! sightings; spools; then the service as [`super::run`] has it. Stop: the service; the index; last, the journal, which tells how it
//! ended.

mod bridges;
mod certificates;
mod confine;
mod control;
mod inputs;
mod outputs;
mod quarantine;
mod recorders;

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use self::bridges::Bridges;
use self::control::Control;
use self::quarantine::Keeping;
use self::recorders::Recorders;
use super::{AdminPart, Budget, Service};
use crate::control::admin::Listen;
use crate::control::chronicle::Chronicle;
use crate::control::config::Config;
use crate::control::config::address::AdminAddress;
use crate::control::config::admin::Admin;
use crate::control::gaps;
use crate::control::journal::Journal;
use crate::control::journal::entry::{Actor, Configuration};
use crate::control::keyring::source::KeyringSource;
use crate::control::metrics::Metrics;
use crate::control::reload::{self, Loaded, Reloader, Reloads};
use crate::control::rotation::Schedule;
use crate::pipeline::queue::Amount;

/// Who may use the admin socket: its owner and group.
const ADMIN_MODE: u32 = 0o660;

/// Runs the service until `shutdown` is done or every source has ended, and gives what could not be passed on in time.
///
/// # Errors
/// When a part cannot be started, or fails.
pub fn serve(
    path: PathBuf,
    (config, configuration): (Config, Configuration),
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<Amount> {
    // As who it was started: keys, certificates and ports may be closed to who it becomes.
    let loaded = Loaded::load(&config)?;
    let token = config.admin.as_ref().and_then(|admin| admin.token.as_ref()).map(|token| token.resolve()).transpose();
    let token = token.context("admin.token")?;
    let mut reloads: Vec<Box<dyn Reloads>> = Vec::new();
    let sources = inputs::bind(&config, &mut reloads)?;
    let admin = config.admin.as_ref().map(|admin| listen(admin, &mut reloads)).transpose().context("admin")?;
    let outputs = outputs::prepare(&config, &mut reloads)?;
    confine::confine(&path, &config)?;

    for entry in &loaded.expired {
        tracing::warn!(entry = %entry.origin, "an allow list's entry has expired, and allows nothing any longer");
    }
    let metrics = Metrics::new();
    let chronicle = begin(&config, configuration, &loaded)?;
    let (rules, epoch) = (loaded.policies[0].detector.rules().len(), loaded.epoch);
    let recorders = Recorders::start(&config)?;
    let bridges = Bridges::start(&config)?;
    let keeping = Keeping::start(&config, &metrics)?;
    let standing = loaded.standing(None, recorders.witnessing(), &metrics);
    let standing = Arc::new(standing.detaining(keeping.detaining()).bridging(bridges.bridging()));
    let (in_force, lanes) = watch::channel(Arc::clone(&standing));
    let sinks = outputs::open(&config, outputs)?;

    let threads = config.threads.unwrap_or_else(processors);
    let max_line = config.sources.values().map(|source| source.max_line).max().unwrap_or(config.limits.max_line);
    let connections = inputs::connections(&config);
    let budget = Budget::divide(config.limits.memory, connections, max_line).context("limits.memory")?;
    let drain_timeout = config.limits.drain_timeout;
    let (from, to) = (config.sources.len(), config.sinks.len());
    let certificates = reloads.iter().filter_map(|part| part.certificates()).collect();
    let schedule = schedule(&config);
    let reloader = Reloader::new((path, config), recorders.witnessing().to_vec(), metrics.clone(), reloads, in_force);
    metrics.record(|| reload::describe(&["applied", "refused"]));
    let control = Control::start(reloader, chronicle, schedule, standing.meters.totals())
        .context("cannot start the control side")?;
    drop(standing);
    let service = Service {
        threads,
        budget,
        max_line,
        drain_timeout,
        standing: lanes,
        metrics,
        sources,
        sinks,
        admin: admin.map(|listen| AdminPart { listen, token, reload: Some(control.asking()), certificates }),
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), rules, %epoch, sources = from, sinks = to, "in service");
    let left = super::run(service, shutdown);
    keeping.finish();
    let (gaps, recorded) = recorders.finish();
    let bridged = bridges.finish();
    let told = control.stop(left.is_ok(), gaps);
    let left = left?;
    recorded?;
    bridged?;
    told?;
    Ok(left)
}

fn begin(config: &Config, configuration: Configuration, loaded: &Loaded) -> anyhow::Result<Chronicle> {
    let now = Timestamp::now();
    let journal = config.journal.as_ref();
    let gaps = match journal.filter(|journal| journal.path.exists()) {
        None => Vec::new(),
        Some(journal) => {
            let reader = File::open(&journal.path).map(BufReader::new);
            let left = reader.and_then(|reader| gaps::unfinished(reader, &Actor::here().host, gaps::runs, now));
            left.with_context(|| format!("the journal {} cannot be read", journal.path.display()))?
        }
    };
    let journal = journal.map(|journal| Journal::open(&journal.path, journal.key.as_deref(), now)).transpose()?;
    let mut configurations = vec![configuration];
    for path in &config.rules.allow {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        configurations.push(Configuration::of(path.display().to_string(), &bytes));
    }
    let detector = &loaded.policies[0].detector;
    Chronicle::begin(journal, now, (loaded.epoch, &config.namespace), (configurations, gaps), detector)
        .context("nothing was read")
}

fn listen(admin: &Admin, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Listen> {
    let what = "serving /metrics, /livez, /readyz and /reload";
    let tls = admin.tls.as_ref().map(|tls| inputs::acceptor("admin", tls, reloads)).transpose()?;
    Ok(match &admin.listen {
        AdminAddress::Tcp(address) => {
            let listener = super::listeners::tcp(*address, what)?;
            match tls {
                Some(acceptor) => Listen::Tls(listener, acceptor),
                None => Listen::Tcp(listener),
            }
        }
        AdminAddress::Unix(path) => Listen::Unix(super::listeners::unix(path, ADMIN_MODE, what)?),
    })
}

fn schedule(config: &Config) -> Option<Schedule> {
    let KeyringSource::File(keyring) = &config.keyring else { return None };
    let every = SignedDuration::try_from(config.keys.rotate_every?).ok()?;
    Some(Schedule { keyring: keyring.clone(), every })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
