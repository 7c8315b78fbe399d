//! The index of sightings: a recorder for each namespace, all into one file.

use anyhow::anyhow;
use jiff::Timestamp;

use crate::control::config::Config;
use crate::control::gaps::of_sightings;
use crate::control::journal::entry::Gap;
use crate::control::reload::namespaces;
use crate::control::sightings::recorder::Recorder;
use crate::control::sightings::{SightingsError, Store};
use crate::model::SourceId;
use crate::pipeline::witness::Witnessing;

/// Recorders that run, and how the data path tells them what it sees.
#[derive(Default)]
pub(super) struct Recorders {
    recorders: Vec<Recorder>,
    witnessing: Vec<Option<Witnessing>>,
}

impl Recorders {
    /// Starts what the configuration asks for.
    pub(super) fn start(config: &Config) -> anyhow::Result<Self> {
        let namespaces = namespaces(config);
        let Some(sightings) = &config.sightings else {
            return Ok(Self { recorders: Vec::new(), witnessing: namespaces.iter().map(|_| None).collect() });
        };
        let clock = || Timestamp::now().as_second();
        let mut started = Self::default();
        for namespace in namespaces {
            let sources = config.sources.values().filter(|source| source.namespace == namespace);
            let watched: Vec<SourceId> = sources.filter_map(|source| source.label.clone()).collect();
            let on_error =
                |error: &_| tracing::error!(%error, "sightings cannot be recorded: tried again, and the log goes on");
            let store = Store::open_at(&sightings.index)?;
            let (index, recorder) = Recorder::start(store, namespace, watched, clock, on_error)?;
            started.recorders.push(recorder);
            started.witnessing.push(Some(Witnessing { index, clock, marks: sightings.marks }));
        }
        Ok(started)
    }

    /// How each namespace's part of the data path tells what it sees.
    pub(super) fn witnessing(&self) -> &[Option<Witnessing>] {
        &self.witnessing
    }

    /// Waits until all is written; the journal is to be told of the gaps.
    pub(super) fn finish(self) -> (Vec<Gap>, anyhow::Result<()>) {
        let Self { recorders, witnessing } = self;
        drop(witnessing);
        let (mut gaps, mut lost, mut failed) = (Vec::new(), 0, None);
        for recorder in recorders {
            match recorder.finish() {
                Ok(recorded) => {
                    lost += recorded.lost;
                    gaps.extend(recorded.lost_between.map(|between| of_sightings(recorded.lost, between)));
                }
                Err(error) => {
                    if let SightingsError::Unwritten { sightings, between: Some(between), .. } = &error {
                        gaps.push(of_sightings(*sightings, *between));
                    }
                    failed = Some(error);
                }
            }
        }
        let outcome = match failed {
            Some(error) => Err(error.into()),
            None if lost > 0 => {
                Err(anyhow!("{lost} sightings could not be recorded; the log was cleaned all the same"))
            }
            None => Ok(()),
        };
        (gaps, outcome)
    }
}
