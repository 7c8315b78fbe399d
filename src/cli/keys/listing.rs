//! A keyring as tables or JSON: numbers, names, states and times, and no key.

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::control::keyring::source::KeyringSource;
use crate::control::keyring::{Keyring, format};

#[derive(Serialize)]
struct Listing<'k> {
    version: u32,
    source: String,
    current: u32,
    epochs: Vec<EpochRow>,
    namespaces: Vec<NamespaceRow<'k>>,
}

#[derive(Serialize)]
struct EpochRow {
    number: u32,
    state: &'static str,
    created: Timestamp,
    activated: Timestamp,
    retired: Option<Timestamp>,
    destroyed: Option<Timestamp>,
}

#[derive(Serialize)]
struct NamespaceRow<'k> {
    name: &'k str,
    state: &'static str,
    created: Timestamp,
    forgotten: Option<Timestamp>,
}

/// One JSON object with a line ending.
pub(super) fn json(source: &KeyringSource, keyring: &Keyring) -> anyhow::Result<String> {
    let listing = Listing {
        version: format::VERSION,
        source: source.to_string(),
        current: keyring.current().get(),
        epochs: epochs(keyring),
        namespaces: namespaces(keyring),
    };
    Ok(serde_json::to_string(&listing)? + "\n")
}

/// Both tables, under a line that says where the keyring comes from.
pub(super) fn tables(source: &KeyringSource, keyring: &Keyring) -> String {
    let mut out = format!("keyring from {source}\n\n");
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let _ = writeln!(
        out,
        "{:>5}  {:<9}  {:<20}  {:<20}  {:<20}  destroyed",
        "epoch", "state", "created", "activated", "retired"
    );
    for row in epochs(keyring) {
        let _ = writeln!(
            out,
            "{:>5}  {:<9}  {:<20}  {:<20}  {:<20}  {}",
            row.number,
            row.state,
            row.created.to_string(),
            row.activated.to_string(),
            time(row.retired),
            time(row.destroyed)
        );
    }
    out + "\n" + &namespace_table(keyring)
}

/// The table of namespaces.
pub(super) fn namespace_table(keyring: &Keyring) -> String {
    let rows = namespaces(keyring);
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("namespace".len());
    let mut out = format!("{:<width$}  {:<9}  {:<20}  forgotten\n", "namespace", "state", "created");
    for row in rows {
        let forgotten = row.forgotten.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let (name, state, created) = (row.name, row.state, row.created.to_string());
        let _ = writeln!(out, "{name:<width$}  {state:<9}  {created:<20}  {forgotten}");
    }
    out
}

fn epochs(keyring: &Keyring) -> Vec<EpochRow> {
    let rows = keyring.epochs().iter().map(|epoch| EpochRow {
        number: epoch.number().get(),
        state: keyring.state(epoch).as_str(),
        created: epoch.created(),
        activated: epoch.activated(),
        retired: epoch.retired(),
        destroyed: epoch.destroyed(),
    });
    rows.collect()
}

fn namespaces(keyring: &Keyring) -> Vec<NamespaceRow<'_>> {
    let rows = keyring.namespaces().iter().map(|entry| NamespaceRow {
        name: entry.name().as_str(),
        state: if entry.forgotten().is_some() { "forgotten" } else { "live" },
        created: entry.created(),
        forgotten: entry.forgotten(),
    });
    rows.collect()
}
