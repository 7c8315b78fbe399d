//! Answers about fingerprints, as text and as JSON. Secrets are named by their place in the input, from 1.

use std::fmt::Write;

use serde::Serialize;

use crate::control::lookup::search::{Extent, Place, Search, Sightings};
use crate::control::lookup::{Lookup, Trace};
use crate::model::Namespace;

#[derive(Serialize)]
struct SecretPrints<'a> {
    secret: usize,
    namespace: &'a str,
    prints: Vec<TraceRow<'a>>,
}

#[derive(Serialize)]
struct TraceRow<'a> {
    epoch: u32,
    print: &'a str,
    rule: Option<&'a str>,
    mark: Option<&'a str>,
    /// Known by a bridge in the journal; the epoch itself answers no lookups any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bridged: bool,
}

impl<'a> TraceRow<'a> {
    fn new(trace: &'a Trace) -> Self {
        Self {
            epoch: trace.epoch.get(),
            print: trace.print_text(),
            rule: trace.rule.as_ref().map(|rule| rule.as_str()),
            mark: trace.mark.as_deref(),
            bridged: trace.bridged,
        }
    }
}

/// One JSON object a line for each secret.
pub(super) fn prints_json(lookup: &Lookup, namespace: &Namespace) -> anyhow::Result<String> {
    let mut out = String::new();
    for (i, traces) in lookup.secrets().iter().enumerate() {
        let prints = traces.iter().map(TraceRow::new).collect();
        let row = SecretPrints { secret: i + 1, namespace: namespace.as_str(), prints };
        out += &serde_json::to_string(&row)?;
        out.push('\n');
    }
    Ok(out)
}

/// A table with a row for each secret and epoch.
pub(super) fn prints_table(lookup: &Lookup) -> String {
    let with_mark = lookup.secrets().iter().flatten().any(|trace| trace.mark.is_some());
    let mut out = format!("secret  epoch  fingerprint         {}\n", if with_mark { "  mark" } else { "" });
    for (i, traces) in lookup.secrets().iter().enumerate() {
        for trace in traces {
            let mark = match trace.mark.as_deref() {
                Some(mark) => format!("  {mark}"),
                None if trace.bridged => "  (by a bridge in the journal)".to_owned(),
                None => String::new(),
            };
            let _ = writeln!(out, "{:>6}  {:>5}  {}{mark}", i + 1, trace.epoch.get(), trace.print_text());
        }
    }
    out
}

/// What a search has found, by secret, epoch and log.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    #[serde(skip)]
    secrets: Vec<SecretReport<'a>>,
    totals: Totals<'a>,
}

#[derive(Serialize)]
struct SecretReport<'a> {
    secret: usize,
    found: u64,
    unverified: u64,
    epochs: Vec<EpochReport<'a>>,
}

#[derive(Serialize)]
struct EpochReport<'a> {
    epoch: u32,
    /// Known by a bridge in the journal; the seals of its marks cannot be checked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bridged: bool,
    print: &'a str,
    found: u64,
    unverified: u64,
    files: Vec<FileReport<'a>>,
}

#[derive(Serialize)]
struct FileReport<'a> {
    file: &'a str,
    #[serde(flatten)]
    sightings: &'a Sightings,
}

#[derive(Serialize)]
struct Totals<'a> {
    secrets: usize,
    secrets_found: usize,
    found: u64,
    unverified: u64,
    #[serde(flatten)]
    searched: Extent,
    failed: &'a [String],
}

impl<'a> Report<'a> {
    /// Gathers what `search` has found; `failed` are the logs that could not be read to their end.
    pub(super) fn new(lookup: &'a Lookup, search: &'a Search<'_>, failed: &'a [String]) -> Self {
        let secrets: Vec<_> =
            lookup.secrets().iter().enumerate().map(|(i, traces)| secret_report(i, traces, search)).collect();
        let totals = Totals {
            secrets: secrets.len(),
            secrets_found: secrets.iter().filter(|secret| secret.found > 0).count(),
            found: secrets.iter().map(|secret| secret.found).sum(),
            unverified: secrets.iter().map(|secret| secret.unverified).sum(),
            searched: search.extent(),
            failed,
        };
        Self { secrets, totals }
    }

    /// How many of the secrets have left marks.
    pub(super) fn secrets_found(&self) -> u64 {
        self.totals.secrets_found as u64
    }

    /// One JSON object a line for each secret, then one with the totals.
    pub(super) fn json(&self, namespace: &Namespace) -> anyhow::Result<String> {
        #[derive(Serialize)]
        struct Row<'r> {
            namespace: &'r str,
            #[serde(flatten)]
            secret: &'r SecretReport<'r>,
        }
        let mut out = String::new();
        for secret in &self.secrets {
            out += &serde_json::to_string(&Row { namespace: namespace.as_str(), secret })?;
            out.push('\n');
        }
        Ok(out + &serde_json::to_string(self)? + "\n")
    }

    /// A paragraph for each secret, then one line with the totals.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for secret in &self.secrets {
            write_secret(&mut out, secret);
        }
        let Totals { secrets, secrets_found, found, unverified, searched, failed } = &self.totals;
        let Extent { files, lines, bytes } = searched;
        let _ = writeln!(
            out,
            "total: {secrets_found} of {secrets} secrets found, {found} marks{} in {files} files ({lines} lines, {bytes} \
             bytes){}",
            unverified_text(*unverified),
            if failed.is_empty() { String::new() } else { format!(", {} files not read to their end", failed.len()) }
        );
        out
    }
}

fn secret_report<'a>(secret: usize, traces: &'a [Trace], search: &'a Search<'_>) -> SecretReport<'a> {
    let epochs: Vec<_> = traces
        .iter()
        .enumerate()
        .map(|(i, trace)| {
            let files: Vec<_> =
                search.sightings(secret, i).map(|(file, sightings)| FileReport { file, sightings }).collect();
            EpochReport {
                epoch: trace.epoch.get(),
                bridged: trace.bridged,
                print: trace.print_text(),
                found: files.iter().map(|file| file.sightings.found).sum(),
                unverified: files.iter().map(|file| file.sightings.unverified).sum(),
                files,
            }
        })
        .collect();
    SecretReport {
        secret: secret + 1,
        found: epochs.iter().map(|epoch| epoch.found).sum(),
        unverified: epochs.iter().map(|epoch| epoch.unverified).sum(),
        epochs,
    }
}

fn write_secret(out: &mut String, secret: &SecretReport<'_>) {
    let found = if secret.found == 0 { "not found".to_owned() } else { format!("{} marks", secret.found) };
    let _ = writeln!(out, "secret {}: {found}{}", secret.secret, unverified_text(secret.unverified));
    for epoch in secret.epochs.iter().filter(|epoch| !epoch.files.is_empty()) {
        let bridged = if epoch.bridged { " (by a bridge in the journal; seals not checked)" } else { "" };
        let unverified = format!("{}{bridged}", unverified_text(epoch.unverified));
        let _ = writeln!(out, "  epoch {}  {}  {} marks{unverified}", epoch.epoch, epoch.print, epoch.found);
        for FileReport { file, sightings } in &epoch.files {
            let _ = write!(out, "    {file}: {}{}", sightings.found, unverified_text(sightings.unverified));
            if let (Some(first), Some(last)) = (sightings.first, sightings.last) {
                let rules: Vec<_> = sightings.rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
                let (first, last) = (place_text(first), place_text(last));
                let _ = write!(out, ", first {first}, last {last}, by {}", rules.join(", "));
            }
            out.push('\n');
        }
    }
}

fn place_text(place: Place) -> String {
    format!("line {} (byte {})", place.line, place.offset)
}

fn unverified_text(unverified: u64) -> String {
    if unverified == 0 { String::new() } else { format!(" (and {unverified} whose seal is not ours)") }
}
