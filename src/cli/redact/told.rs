//! What the journal tells of a run: that it starts and with which rules, and how it ended.

use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;

use crate::cli::custody::Custody;
use crate::control::journal::entry::{
    Actor, Configuration, Counts, Entry, ForgedMarks, Gap, Rules, Start, Stop, Withheld,
};
use crate::model::Namespace;
use crate::pipeline::fingerprint::Reason;
use crate::pipeline::policy::Policy;
use crate::pipeline::tally::Tally;

/// A run that the journal may know of.
#[derive(Debug)]
pub struct Run {
    custody: Custody,
    /// The number of the record that tells of its start.
    start: u64,
    gaps: Vec<Gap>,
}

impl Run {
    /// Tells that a run starts with this policy, before a byte is read, and of the `gaps` that those before it left.
    ///
    /// # Errors
    /// That the journal cannot be written, or an allow list cannot be read.
    pub fn start(
        mut custody: Custody,
        command: &str,
        policy: &Policy,
        namespace: &Namespace,
        allow: &[impl AsRef<Path>],
        gaps: Vec<Gap>,
    ) -> anyhow::Result<Self> {
        let Some(journal) = custody.journal() else { return Ok(Self { custody, start: 0, gaps: Vec::new() }) };
        let start = Start {
            actor: Actor::here(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.to_owned(),
            epoch: policy.keys.epoch().get(),
            namespace: namespace.as_str().to_owned(),
        };
        let mut entries = vec![Entry::Start(start), Entry::Rules(Rules::of(&policy.detector))];
        for path in allow.iter().map(AsRef::as_ref) {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            entries.push(Entry::Configuration(Configuration::of(path.display().to_string(), &bytes)));
        }
        entries.extend(gaps.into_iter().map(Entry::Gap));
        let start = journal.append(Timestamp::now(), &entries).context("nothing was read")?;
        Ok(Self { custody, start, gaps: Vec::new() })
    }

    /// What is to be told of at the end: spans of which nothing is known.
    pub fn gaps(&mut self) -> &mut Vec<Gap> {
        &mut self.gaps
    }

    /// Tells how it ended, and signs the journal.
    ///
    /// # Errors
    /// That the journal cannot be written.
    pub fn stop(&mut self, ok: bool, tally: Option<&Tally>) -> anyhow::Result<()> {
        let start = self.start;
        let Some(journal) = self.custody.journal() else { return Ok(()) };
        let mut entries: Vec<Entry> = self.gaps.drain(..).map(Entry::Gap).collect();
        if let Some(tally) = tally {
            let withheld = Reason::ALL.map(|reason| (reason, tally.withheld.by_reason(reason)));
            entries.extend(withheld.into_iter().filter(|(_, lines)| *lines > 0).map(|(reason, lines)| {
                Entry::Withheld(Withheld { reason: reason.as_str().to_owned(), lines, source: None })
            }));
            if tally.unverified_marks > 0 {
                entries.push(Entry::ForgedMarks(ForgedMarks { marks: tally.unverified_marks, source: None }));
            }
        }
        let counts = tally.map(|tally| Counts {
            bytes_in: tally.bytes_in,
            bytes_out: tally.bytes_out,
            matches: tally.matches_total(),
            marks: tally.marks,
        });
        entries.push(Entry::Stop(Stop { start, ok, counts }));
        let now = Timestamp::now();
        journal.append(now, &entries)?;
        journal.checkpoint(now)?;
        Ok(())
    }
}
