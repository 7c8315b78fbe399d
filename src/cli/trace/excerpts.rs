//! The lines around what was found in logs. They were cleaned before; they are cleaned once more, as somebody may have named a log that
//! was not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use crate::control::keyring::Keyring;
use crate::control::lookup::excerpt;
use crate::control::trace::Case;
use crate::model::Namespace;
use crate::pipeline::detect::Detector;
use crate::pipeline::policy::Policy;
use crate::pipeline::worker::{Outcome, Worker};

/// A line as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) line: u64,
    /// A mark that was asked for stands in it.
    pub(super) found: bool,
    pub(super) text: String,
}

/// Lines by log.
#[derive(Debug, Default, Serialize)]
pub(super) struct Excerpts(BTreeMap<String, Vec<Shown>>);

impl Excerpts {
    /// Reads the lines around the first few places in each log; standard input cannot be read twice.
    ///
    /// # Errors
    /// When a log cannot be read again, or the rules cannot be used.
    pub(super) fn new(
        case: &Case,
        context: u64,
        keyring: &Keyring,
        namespace: &Namespace,
        detector: &Arc<Detector>,
    ) -> anyhow::Result<Self> {
        let mut wanted: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        let marks = case.subjects.iter().flat_map(|subject| &subject.logs).map(|log| (&log.file, &log.lines));
        let foreign = case.subjects.iter().flat_map(|subject| &subject.foreign).map(|log| (&log.file, &log.lines));
        for (file, lines) in marks.chain(foreign).filter(|(file, _)| *file != "-") {
            wanted.entry(file).or_default().extend(lines);
        }
        let policy = Policy {
            detector: Arc::clone(detector),
            keys: keyring.current_mark_keys(namespace)?,
            live_keys: keyring.all_mark_keys(namespace)?,
            allow: None,
        };
        let mut worker = Worker::new(&policy)?;
        let mut all = BTreeMap::new();
        for (log, lines) in wanted.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            let lines = excerpt::lines(Path::new(log), &lines, context).context("reading the context")?;
            let mut cleaned = Vec::new();
            let shown = lines.into_iter().map(|line| {
                let outcome = worker.redact(&line.text, &mut cleaned);
                let text = if outcome == Outcome::Unchanged { &line.text } else { &cleaned };
                // A terminal must not take a log's bytes for orders.
                let text = String::from_utf8_lossy(text);
                let text = text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
                Shown { line: line.line, found: line.asked, text }
            });
            all.insert(log.to_owned(), shown.collect());
        }
        Ok(Self(all))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By log.
    pub(super) fn logs(&self) -> impl Iterator<Item = (&String, &Vec<Shown>)> {
        self.0.iter()
    }
}
