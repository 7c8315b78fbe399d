//! What the journal tells of a service: its start, what it took up since, what it withheld and saw forged, and how it ended.
//!
//! Without a journal all of this does nothing. A journal that cannot be written stops a start or a reload, which then did not happen; what
//! has happened is told again at the next tick.

use jiff::Timestamp;

use super::journal::entry::{
    Actor, Configuration, Counts, Entry, ForgedMarks, Gap, MAX_TEXT, Reload, Rules, Start, Stop, Withheld,
};
use super::journal::{Journal, JournalError};
use super::reload::Applied;
use super::rotation::{Rotation, RotationError, Schedule};
use crate::model::{KeyEpoch, Namespace};
use crate::pipeline::detect::Detector;
use crate::pipeline::fingerprint::Reason;
use crate::pipeline::meters::Sums;

/// A service's part of the journal.
#[derive(Debug)]
pub struct Chronicle {
    journal: Option<Journal>,
    /// The number of the record that tells of the start.
    start: u64,
    generation: u64,
    /// What was told so far.
    told: Sums,
}

impl Chronicle {
    /// Tells of the start, before a byte is read, and of the `gaps` that runs before it left.
    ///
    /// # Errors
    /// That the journal cannot be written.
    pub fn begin(
        mut journal: Option<Journal>,
        now: Timestamp,
        (epoch, namespace): (KeyEpoch, &Namespace),
        (configurations, gaps): (Vec<Configuration>, Vec<Gap>),
        detector: &Detector,
    ) -> Result<Self, JournalError> {
        let mut start = 0;
        if let Some(journal) = &mut journal {
            let begun = Start {
                actor: Actor::here(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                command: "serve".to_owned(),
                epoch: epoch.get(),
                namespace: namespace.as_str().to_owned(),
            };
            let mut entries = vec![Entry::Start(begun)];
            entries.extend(configurations.into_iter().map(Entry::Configuration));
            entries.push(Entry::Rules(Rules::of(detector)));
            entries.extend(gaps.into_iter().map(Entry::Gap));
            start = journal.append(now, &entries)?;
        }
        Ok(Self { journal, start, generation: 1, told: Sums::default() })
    }

    /// Tells of a reload that was put in force.
    ///
    /// # Errors
    /// That the journal cannot be written.
    pub fn applied(&mut self, now: Timestamp, applied: &Applied) -> Result<(), JournalError> {
        self.generation = applied.generation;
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let reload = Reload { applied: true, generation: applied.generation, reason: None };
        let rules = Rules::of(&applied.detector);
        let entries = [Entry::Reload(reload), Entry::Configuration(applied.configuration.clone()), Entry::Rules(rules)];
        journal.append(now, &entries).map(drop)
    }

    /// Tells of a reload that was refused.
    ///
    /// # Errors
    /// That the journal cannot be written.
    pub fn refused(&mut self, now: Timestamp, reason: &str) -> Result<(), JournalError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let end = (0..=MAX_TEXT.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or_default();
        let reason = reason[..end].to_owned();
        let reload = Reload { applied: false, generation: self.generation, reason: Some(reason) };
        journal.append(now, &[Entry::Reload(reload)]).map(drop)
    }

    /// Rotates a keyring that is due, and tells of it.
    ///
    /// # Errors
    /// [`RotationError`].
    pub fn rotate(&mut self, schedule: &Schedule, now: Timestamp) -> Result<Rotation, RotationError> {
        schedule.rotate_if_due(self.journal.as_mut(), now)
    }

    /// Tells what was withheld, and which marks were forged, since it was told last.
    ///
    /// # Errors
    /// That the journal cannot be written; it will be told the next time.
    pub fn tick(&mut self, now: Timestamp, sums: Sums) -> Result<(), JournalError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let entries = since(self.told, sums);
        if !entries.is_empty() {
            journal.append(now, &entries)?;
            self.told = sums;
        }
        Ok(())
    }

    /// Tells how it ended and what is not known of it, and signs the journal.
    ///
    /// # Errors
    /// That the journal cannot be written.
    pub fn end(&mut self, now: Timestamp, ok: bool, sums: Sums, gaps: Vec<Gap>) -> Result<(), JournalError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let mut entries = since(self.told, sums);
        entries.extend(gaps.into_iter().map(Entry::Gap));
        let Sums { bytes_in, bytes_out, matches, marks, .. } = sums;
        let counts = Some(Counts { bytes_in, bytes_out, matches, marks });
        entries.push(Entry::Stop(Stop { start: self.start, ok, counts }));
        journal.append(now, &entries)?;
        journal.checkpoint(now).map(drop)
    }
}

fn since(told: Sums, sums: Sums) -> Vec<Entry> {
    let withheld = Reason::ALL.into_iter().zip(sums.withheld).zip(told.withheld);
    let withheld = withheld.map(|((reason, now), before)| (reason, now - before)).filter(|(_, lines)| *lines > 0);
    let mut entries: Vec<Entry> = withheld
        .map(|(reason, lines)| Entry::Withheld(Withheld { reason: reason.as_str().to_owned(), lines, source: None }))
        .collect();
    let marks = sums.unverified_marks - told.unverified_marks;
    if marks > 0 {
        entries.push(Entry::ForgedMarks(ForgedMarks { marks, source: None }));
    }
    entries
}
