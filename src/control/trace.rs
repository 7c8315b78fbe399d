//! From what somebody asked for to the case: when, where and how often it was seen, whose it is, and what cannot be known.
//!
//! A case holds no secret and no line, so that it can be sent to whoever must be told. [`timeline`] draws, [`document`] writes it as a
//! page, [`interop`] knows what other products write in a secret's place.

pub mod document;
pub mod interop;
pub mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::inventory::{Inventory, InventoryError, Token};
use super::keyring::{EpochState, Keyring};
use super::lookup::foreign::{Form, Found};
use super::lookup::search::{Extent, Search};
use super::lookup::{Lookup, Trace};
use super::sightings::query::{Covered, Reader};
use super::sightings::{SightingsError, Store};
use crate::model::{Hour, Namespace, Sighting};

/// Secrets whose sightings are asked for together, where each question goes to another machine.
const TOGETHER: usize = 256;

/// From becoming aware of a breach, so long until the supervisory authority must be told (GDPR, article 33).
pub const NOTIFY_WITHIN: SignedDuration = SignedDuration::from_hours(72);

/// Of a source, so many gaps are told one by one.
const MAX_GAPS: usize = 20;

/// Why a case cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// An index fails.
    #[error(transparent)]
    Sightings(#[from] SightingsError),
    /// The inventory fails.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
}

/// All that is known of what was asked for.
#[derive(Debug, Serialize)]
pub struct Case {
    /// When it was made.
    pub made: Timestamp,
    /// The namespace in whose name fingerprints were looked up.
    pub namespace: String,
    /// When the breach was detected, if that was said.
    pub detected: Option<Timestamp>,
    /// By when the supervisory authority must be told.
    pub notify_by: Option<Timestamp>,
    /// What was asked for, in this order.
    pub subjects: Vec<Subject>,
    /// What of that was found.
    pub found: usize,
    /// The key epochs and what they answer.
    pub epochs: Vec<EpochView>,
    /// The indexes asked.
    pub indexes: Vec<String>,
    /// What the indexes cover.
    pub coverage: Vec<SourceCoverage>,
    /// The hours in which any source was looked at, by their starts.
    #[serde(skip)]
    pub covered: BTreeSet<i64>,
    /// The logs searched.
    pub logs: Option<LogsView>,
}

/// The logs that were searched.
#[derive(Debug, Serialize)]
pub struct LogsView {
    /// Their names.
    pub files: Vec<String>,
    /// How much that was.
    #[serde(flatten)]
    pub searched: Extent,
    /// Those that could not be read to their end.
    pub failed: Vec<String>,
}

/// One thing that was asked for.
#[derive(Debug, Default, Serialize)]
pub struct Subject {
    /// Its place in the input, from 1.
    pub number: usize,
    /// Its prints.
    pub prints: Vec<PrintView>,
    /// Whose it is, by the inventory.
    pub owners: Vec<Token>,
    /// How often it was seen, by the indexes.
    pub count: u64,
    /// When first.
    pub first: Option<Timestamp>,
    /// When last.
    pub last: Option<Timestamp>,
    /// By source, the earliest first.
    pub sources: Vec<SourceView>,
    /// By rule.
    pub rules: BTreeMap<String, u64>,
    /// By epoch.
    pub epochs: BTreeMap<u32, u64>,
    /// The marks that stand in logs.
    pub marks: BTreeSet<String>,
    /// By hour: the hour's start in seconds of Unix time, and how often.
    pub hours: BTreeMap<i64, u64>,
    /// What stands in the logs that were searched.
    pub logs: Vec<LogView>,
    /// What other products write in its place, by product.
    pub interop: BTreeMap<&'static str, String>,
    /// Where that stands in the logs that were searched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<ForeignView>,
}

/// One log in which another product's form of it stands.
#[derive(Debug, Serialize)]
pub struct ForeignView {
    /// The log's name.
    pub file: String,
    /// The product.
    pub product: &'static str,
    /// How often.
    pub found: u64,
    /// The line of the first, from 1.
    pub first_line: Option<u64>,
    /// The line of the last.
    pub last_line: Option<u64>,
    /// The lines of the first few.
    pub lines: Vec<u64>,
}

/// One print.
#[derive(Debug, Serialize)]
pub struct PrintView {
    /// The epoch.
    pub epoch: u32,
    /// 20 characters.
    pub print: String,
    /// The whole mark, where the rule is known.
    pub mark: Option<String>,
}

/// One source in which it was seen.
#[derive(Debug, Serialize)]
pub struct SourceView {
    /// Its name.
    pub source: String,
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// One log in which it stands.
#[derive(Debug, Serialize)]
pub struct LogView {
    /// Its name.
    pub file: String,
    /// The epoch of the marks.
    pub epoch: u32,
    /// How many marks.
    pub found: u64,
    /// How many more have a seal that is not ours.
    pub unverified: u64,
    /// The line of the first, from 1.
    pub first_line: Option<u64>,
    /// The line of the last.
    pub last_line: Option<u64>,
    /// The lines of the first few.
    pub lines: Vec<u64>,
}

/// A key epoch.
#[derive(Debug, Serialize)]
pub struct EpochView {
    /// Its number.
    pub epoch: u32,
    /// Where it stands.
    pub state: &'static str,
    /// Whether its marks can be looked up.
    pub answers: bool,
    /// From when it made marks.
    pub activated: Timestamp,
    /// Since when it answers nothing.
    pub since: Option<Timestamp>,
}

/// What was looked at of one source.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SourceCoverage {
    /// Its name.
    pub source: String,
    /// The file that it was written to, by its name for itself.
    pub node: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Lines.
    pub lines: u64,
    /// Lines withheld: what they held is not known.
    pub withheld: u64,
    /// Sightings that could not be recorded.
    pub lost: u64,
    /// Hours in between in which nobody looked.
    pub gap_hours: u64,
    /// The first of those spans: from, to.
    pub gaps: Vec<(Timestamp, Timestamp)>,
    /// What is before this was deleted.
    pub pruned_before: Option<Timestamp>,
}

impl Subject {
    /// Whether it was seen anywhere.
    pub fn is_found(&self) -> bool {
        self.count > 0 || self.logs.iter().any(|log| log.found > 0) || !self.foreign.is_empty()
    }
}

/// What a case is made from.
#[derive(Debug)]
pub struct Evidence<'e> {
    /// What was asked for.
    pub lookup: &'e Lookup,
    /// The indexes.
    pub indexes: &'e [Store],
    /// The inventory.
    pub inventory: Option<&'e Inventory>,
    /// The search of logs, and the logs that could not be read to their end.
    pub search: Option<(&'e Search<'e>, Vec<String>)>,
    /// The keyring.
    pub keyring: &'e Keyring,
    /// The namespace.
    pub namespace: &'e Namespace,
}

impl Case {
    /// Gathers all that is known. The one place where a lookup is answered: who must record it does so around this call.
    ///
    /// # Errors
    /// [`TraceError`]: an index that cannot be read is no answer.
    pub fn new(evidence: Evidence<'_>, now: Timestamp, detected: Option<Timestamp>) -> Result<Self, TraceError> {
        let Evidence { lookup, indexes, inventory, search, keyring, namespace } = evidence;
        let mut readers = indexes.iter().map(Store::reader).collect::<Result<Vec<_>, _>>()?;
        let mut subjects = Vec::with_capacity(lookup.secrets().len());
        for (place, traces) in lookup.secrets().iter().enumerate() {
            if place.is_multiple_of(TOGETHER) {
                let next = lookup.secrets().iter().skip(place).take(TOGETHER);
                for reader in &mut readers {
                    reader.expect(next.clone().flatten().map(Trace::print_text))?;
                }
            }
            let mut subject = subject(place + 1, traces, &readers, inventory)?;
            if let Some((search, _)) = &search {
                subject.logs = logs(place, traces, search);
                subject.foreign = search.forms(place).map(|(form, file, found)| foreign(form, file, found)).collect();
            }
            subjects.push(subject);
        }
        let (mut coverage, mut all_hours) = (Vec::new(), BTreeSet::new());
        for index in indexes {
            let covered = index.coverage()?.into_iter().filter(|covered| covered.namespace == namespace.as_str());
            for covered in covered {
                all_hours.extend(covered.hours.iter().map(|(hour, _)| hour.start()));
                coverage.extend(source_coverage(&covered));
            }
        }
        Ok(Self {
            made: now,
            namespace: namespace.to_string(),
            detected,
            notify_by: detected.and_then(|detected| detected.checked_add(NOTIFY_WITHIN).ok()),
            found: subjects.iter().filter(|subject| subject.is_found()).count(),
            subjects,
            epochs: keyring.epochs().iter().map(|epoch| epoch_view(keyring, epoch)).collect(),
            indexes: indexes.iter().map(|index| index.name()).collect(),
            coverage,
            covered: all_hours,
            logs: search.map(|(search, failed)| LogsView {
                files: search.logs().to_vec(),
                searched: search.extent(),
                failed,
            }),
        })
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

fn subject(
    number: usize,
    traces: &[Trace],
    readers: &[Reader<'_>],
    inventory: Option<&Inventory>,
) -> Result<Subject, TraceError> {
    let mut subject = Subject { number, ..Subject::default() };
    // One that was asked for by its print has it under every epoch.
    let prints: BTreeSet<&str> = traces.iter().map(Trace::print_text).collect();
    let mut sources: BTreeMap<String, SourceView> = BTreeMap::new();
    for print in prints {
        for reader in readers {
            for sighting in reader.sightings(print)? {
                add(&mut subject, &mut sources, &sighting);
            }
        }
        for token in inventory.map(|inventory| inventory.tokens_of(print)).transpose()?.unwrap_or_default() {
            if !subject.owners.contains(&token) {
                subject.owners.push(token);
            }
        }
    }
    subject.sources = sources.into_values().collect();
    subject.sources.sort_by_key(|source| source.first);
    subject.prints = traces
        .iter()
        .map(|trace| PrintView {
            epoch: trace.epoch.get(),
            print: trace.print_text().to_owned(),
            mark: trace.mark.clone().or_else(|| {
                // Where no rule was asked, the one that found it tells.
                let seen = |mark: &&String| mark.contains(&format!("-k{}-{}", trace.epoch, trace.print_text()));
                subject.marks.iter().find(seen).cloned()
            }),
        })
        .collect();
    Ok(subject)
}

fn add(subject: &mut Subject, sources: &mut BTreeMap<String, SourceView>, sighting: &Sighting) {
    let (first, last) = (time(sighting.first), time(sighting.last));
    subject.count += sighting.count;
    subject.first = Some(subject.first.map_or(first, |known| known.min(first)));
    subject.last = Some(subject.last.map_or(last, |known| known.max(last)));
    *subject.rules.entry(sighting.rule.to_string()).or_default() += sighting.count;
    *subject.epochs.entry(sighting.epoch.get()).or_default() += sighting.count;
    *subject.hours.entry(sighting.hour.start()).or_default() += sighting.count;
    subject.marks.insert(format!("ink1-{}-k{}-{}", sighting.rule, sighting.epoch, sighting.fingerprint));
    let source = sighting.source.to_string();
    let view = sources.entry(source.clone()).or_insert(SourceView { source, count: 0, first, last });
    view.count += sighting.count;
    (view.first, view.last) = (view.first.min(first), view.last.max(last));
}

fn logs(place: usize, traces: &[Trace], search: &Search<'_>) -> Vec<LogView> {
    let of_trace = |(i, trace): (usize, &Trace)| {
        let epoch = trace.epoch.get();
        let view = move |(file, seen): (&str, &super::lookup::search::Sightings)| LogView {
            file: file.to_owned(),
            epoch,
            found: seen.found,
            unverified: seen.unverified,
            first_line: seen.first.map(|place| place.line),
            last_line: seen.last.map(|place| place.line),
            lines: seen.places.iter().map(|place| place.line).collect(),
        };
        search.sightings(place, i).map(view).collect::<Vec<_>>()
    };
    traces.iter().enumerate().flat_map(of_trace).collect()
}

fn foreign(form: &Form, file: &str, found: &Found) -> ForeignView {
    ForeignView {
        file: file.to_owned(),
        product: form.product,
        found: found.count,
        first_line: found.first.map(|place| place.line),
        last_line: found.last.map(|place| place.line),
        lines: found.places.iter().map(|place| place.line).collect(),
    }
}

fn epoch_view(keyring: &Keyring, epoch: &super::keyring::Epoch) -> EpochView {
    let state = keyring.state(epoch);
    EpochView {
        epoch: epoch.number().get(),
        state: state.as_str(),
        answers: matches!(state, EpochState::Current | EpochState::Previous),
        activated: epoch.activated(),
        since: epoch.destroyed().or(epoch.retired()),
    }
}

/// Nothing for a source of which nothing is left.
fn source_coverage(covered: &Covered) -> Option<SourceCoverage> {
    let (first, last) = (covered.hours.first()?.0, covered.hours.last()?.0);
    let mut view = SourceCoverage {
        source: covered.source.to_string(),
        node: covered.node.clone(),
        from: time(first.start()),
        to: time(last.start() + Hour::SECONDS),
        lines: 0,
        withheld: 0,
        lost: 0,
        gap_hours: 0,
        gaps: Vec::new(),
        pruned_before: covered.pruned.map(time),
    };
    let mut next = first.start();
    for (hour, coverage) in &covered.hours {
        if hour.start() > next {
            view.gap_hours += (hour.start() - next).unsigned_abs() / Hour::SECONDS.unsigned_abs();
            if view.gaps.len() < MAX_GAPS {
                view.gaps.push((time(next), time(hour.start())));
            }
        }
        next = hour.start() + Hour::SECONDS;
        view.lines += coverage.lines;
        view.withheld += coverage.withheld;
        view.lost += coverage.lost;
    }
    Some(view)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Coverage, SourceId};

    #[test]
    fn hours_in_which_nobody_looked_are_told() {
        let covered = |hours: &[i64]| Covered {
            node: "n".into(),
            namespace: "default".into(),
            source: SourceId::new("a"),
            hours: hours
                .iter()
                .map(|hour| (Hour::of(hour * 3600), Coverage { lines: 2, ..Coverage::default() }))
                .collect(),
            pruned: None,
        };
        let view = source_coverage(&covered(&[10, 11, 15, 16])).expect("covered");
        assert_eq!((view.from, view.to, view.lines, view.gap_hours), (time(36_000), time(61_200), 8, 3));
        assert_eq!(view.gaps, [(time(43_200), time(54_000))]);
        assert_eq!(source_coverage(&covered(&[])), None);
    }
}
