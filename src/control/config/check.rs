//! What one part of a configuration has to do with another: names that must be there, what only one can have, what is enough.

mod claim;

use std::net::SocketAddr;

use toml::de::{DeTable, DeValue};

use self::claim::Claims;
use super::fault::Problem;
use super::name::PartName;
use super::reader::{Faults, nearest};
use super::route::Route;
use super::shape::measure::written_size;
use super::sink::{Sink, SinkKind};
use super::source::{Source, SourceKind};
use super::{Config, RawConfig};
use crate::control::keyring::source::KeyringSource;

/// A spool holds at least so many of the longest lines: with fewer, its files could not be freed one by one.
const SPOOLED_LINES: u64 = 4;

/// Compares the parts of a configuration, those that have no fault of their own, and makes it whole.
pub(super) fn check(raw: RawConfig, table: &DeTable<'_>, faults: &mut Faults) -> Option<Config> {
    let mut checker = Checker { table, faults };
    checker.parts(&raw);
    let routes = checker.routes(&raw);
    Claims::of(&raw).conflicts(&mut checker);
    checker.loops(&raw, &routes);
    checker.memory(&raw);
    checker.keys(&raw);
    assembled(raw, routes)
}

/// Notes faults under the paths of fields.
pub(super) struct Checker<'c, 'd> {
    table: &'c DeTable<'d>,
    faults: &'c mut Faults,
}

impl Checker<'_, '_> {
    fn note(&mut self, path: String, problem: Problem) {
        let offset = offset_of(self.table, &path);
        self.faults.note(path, offset, problem);
    }

    /// There is something to read from and something to write to.
    fn parts(&mut self, raw: &RawConfig) {
        let none = |names: Option<bool>| names == Some(true);
        if none(raw.sources.as_ref().map(|sources| sources.names.is_empty())) {
            self.note("sources".to_owned(), Problem::None { what: "source" });
        }
        if none(raw.sinks.as_ref().map(|sinks| sinks.names.is_empty())) {
            self.note("sinks".to_owned(), Problem::None { what: "sink" });
        }
    }

    /// Keys that are to be rotated can be written, and bridges have a journal to go into.
    fn keys(&mut self, raw: &RawConfig) {
        let Some(keys) = &raw.keys else { return };
        let elsewhere = raw.keyring.as_ref().is_some_and(|keyring| !matches!(keyring, KeyringSource::File(_)));
        if keys.rotate_every.is_some() && elsewhere {
            self.note("keys.rotate_every".to_owned(), Problem::Needs("keyring = PATH"));
        }
        if keys.bridge && matches!(raw.journal, Some(None)) {
            self.note("keys.bridge".to_owned(), Problem::Needs("[journal]"));
        }
    }

    /// The routes, with names that are there; every source and sink is in one.
    fn routes(&mut self, raw: &RawConfig) -> Vec<Route> {
        let (Some(sources), Some(sinks), Some(written)) = (&raw.sources, &raw.sinks, &raw.routes) else {
            return Vec::new();
        };
        let Some(written) = written else {
            return vec![Route { from: sources.names.clone(), to: sinks.names.clone() }];
        };
        let mut routes = Vec::with_capacity(written.len());
        for (index, route) in written.iter().enumerate() {
            let from = self.names(&format!("routes[{index}].from"), &route.from, "source", &sources.names);
            let to = self.names(&format!("routes[{index}].to"), &route.to, "sink", &sinks.names);
            routes.push(Route { from, to });
        }
        // A name that is misspelled in a route would be told a second time, as a part that no route has.
        let complete =
            written.iter().zip(&routes).all(|(w, r)| w.from.len() == r.from.len() && w.to.len() == r.to.len());
        if complete {
            for name in sources.names.iter().filter(|name| !routes.iter().any(|route| route.from.contains(name))) {
                self.note(format!("sources.{name}"), Problem::GoesNowhere);
            }
            for name in sinks.names.iter().filter(|name| !routes.iter().any(|route| route.to.contains(name))) {
                self.note(format!("sinks.{name}"), Problem::NeverFed);
            }
        }
        routes
    }

    fn names(&mut self, path: &str, written: &[String], what: &'static str, known: &[PartName]) -> Vec<PartName> {
        let mut names: Vec<PartName> = Vec::with_capacity(written.len());
        for (index, name) in written.iter().enumerate() {
            let at = format!("{path}[{index}]");
            match known.iter().find(|known| known.as_str() == name) {
                Some(name) if names.contains(name) => self.note(at, Problem::Repeated),
                Some(name) => names.push(name.clone()),
                None => {
                    let nearest = nearest(name, known.iter().map(PartName::as_str)).map(str::to_owned);
                    let known = known.iter().map(PartName::to_string).collect();
                    self.note(at, Problem::UnknownPart { what, nearest, known });
                }
            }
        }
        names
    }

    /// No source reads what a sink writes that it feeds.
    fn loops(&mut self, raw: &RawConfig, routes: &[Route]) {
        let (Some(sources), Some(sinks)) = (&raw.sources, &raw.sinks) else { return };
        for (sink_name, (_, sink)) in &sinks.sound {
            for (source_name, (_, source)) in &sources.sound {
                let joined = routes.iter().any(|route| route.joins(source_name, sink_name));
                if let Some((field, other)) = same_place(sink, source).filter(|_| joined) {
                    let other = format!("sources.{source_name}.{other}");
                    self.note(format!("sinks.{sink_name}.{field}"), Problem::Loop { other });
                }
            }
        }
    }

    /// Each queue can hold a line, beside the one that is not yet whole and the one that is cleaned; each spool some of them.
    fn memory(&mut self, raw: &RawConfig) {
        let (Some(limits), Some(sources), Some(sinks)) = (&raw.limits, &raw.sources, &raw.sinks) else { return };
        let own = sources.sound.values().filter_map(|(shared, _)| shared.max_line);
        let max_line = own.fold(limits.max_line, usize::max);
        let least = max_line.saturating_mul(sinks.names.len() + 2);
        let too_low = |what: String, least: u64| Problem::TooLow { what, least: written_size(least) };
        let lines = written_size(max_line as u64);
        if limits.memory < least {
            let what = format!("lines of {lines} and {} sink(s)", sinks.names.len());
            self.note("limits.memory".to_owned(), too_low(what, least as u64));
        }
        for (name, (shared, _)) in &sinks.sound {
            let least = SPOOLED_LINES * max_line as u64;
            if shared.spool.as_ref().is_some_and(|spool| spool.max_size < least) {
                self.note(format!("sinks.{name}.spool.max_size"), too_low(format!("lines of {lines}"), least));
            }
        }
    }
}

/// The fields in which a sink and a source name the same place, if they do.
fn same_place(sink: &SinkKind, source: &SourceKind) -> Option<(&'static str, &'static str)> {
    let listens_at = |listen: &SocketAddr, ip: Option<std::net::IpAddr>, port: u16| {
        let here = |ip: std::net::IpAddr| ip == listen.ip() || (listen.ip().is_unspecified() && ip.is_loopback());
        listen.port() == port && ip.is_some_and(here)
    };
    match (sink, source) {
        (SinkKind::Tcp(sink), SourceKind::Tcp(source)) => {
            listens_at(&source.listen, sink.address.ip(), sink.address.port).then_some(("address", "listen"))
        }
        (SinkKind::Http(sink), SourceKind::Http(source)) => {
            listens_at(&source.listen, sink.url.address().ip(), sink.url.port).then_some(("url", "listen"))
        }
        (SinkKind::Unix(sink), SourceKind::Unix(source)) => (sink.path == source.path).then_some(("path", "path")),
        (SinkKind::File(sink), SourceKind::File(source)) => {
            let path = sink.path.to_str()?;
            let reads = |pattern: &String| claim::covers(pattern, path);
            (source.paths.iter().any(reads) && !source.exclude.iter().any(reads)).then_some(("path", "paths"))
        }
        _ => None,
    }
}

fn assembled(raw: RawConfig, routes: Vec<Route>) -> Option<Config> {
    let (limits, namespace) = (raw.limits?, raw.namespace?);
    let sources = raw.sources?.sound.into_iter().map(|(name, (shared, kind))| {
        let source = Source {
            namespace: shared.namespace.unwrap_or_else(|| namespace.clone()),
            label: shared.source,
            rate: shared.rate,
            max_line: shared.max_line.unwrap_or(limits.max_line),
            kind,
        };
        (name, source)
    });
    let sinks = raw
        .sinks?
        .sound
        .into_iter()
        .map(|(name, (shared, kind))| (name, Sink { spool: shared.spool, when_full: shared.when_full, kind }));
    Some(Config {
        keyring: raw.keyring?,
        keys: raw.keys?,
        threads: raw.threads?,
        rules: raw.rules?,
        log: raw.log?,
        journal: raw.journal?,
        sightings: raw.sightings?,
        admin: raw.admin?,
        quarantine: raw.quarantine?,
        sandbox: raw.sandbox?,
        sources: sources.collect(),
        sinks: sinks.collect(),
        routes,
        namespace,
        limits,
    })
}

/// Where the field at a path stands in the text; of a path that is not there, as much as is.
fn offset_of(table: &DeTable<'_>, path: &str) -> usize {
    let mut offset = 0;
    let mut table = Some(table);
    for step in path.split('.') {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((key, value)) = table.and_then(|table| table.get_key_value(name)) else { break };
        offset = key.span().start;
        let mut value = value.get_ref();
        if let (DeValue::Array(array), Some(index)) = (value, index)
            && let Some(element) = array.get(index)
        {
            offset = element.span().start;
            value = element.get_ref();
        }
        table = value.as_table();
    }
    offset
}
