//! `--sightings`, `--source`: whether and as what is recorded what the data path sees.

use std::ffi::OsString;

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::print::tell;
use crate::control::gaps::of_sightings;
use crate::control::journal::entry::Gap;
use crate::control::sightings::recorder::Recorder;
use crate::control::sightings::{Place, SightingsError, Store};
use crate::model::{Namespace, SourceId};
use crate::pipeline::witness::Witnessing;

/// Options about the index of sightings.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Sightings")]
pub struct SightingsArgs {
    /// Record in this index which fingerprint was seen by which rule, in which source and hour, and how often: an SQLite file, or
    /// postgres://USER@HOST/DATABASE
    ///
    /// It is made if it is not there, and holds no secret and no line. Many processes may write one index. `inkprint trace` reads it. The
    /// password of a database comes from PGPASSWORD, from the file that PGPASSFILE or ?passfile=FILE names, or from ~/.pgpass.
    #[arg(long, value_name = "INDEX", env = "INKPRINT_SIGHTINGS", hide_env_values = true)]
    sightings: Option<OsString>,
    /// The name of what is read, in the sightings; by default a file as it was named, `stdin`, or a peer's address
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Marks that come in, and whose seal is of this keyring, are sightings too; by default they were counted where they were made
    #[arg(long)]
    sightings_marks: bool,
}

/// A recorder that runs, if one was asked for.
#[derive(Debug, Default)]
pub struct Recording(Option<Recorder>);

impl SightingsArgs {
    /// What the index calls everything that is read, if that was said.
    pub fn source(&self) -> Option<SourceId> {
        self.source.as_deref().map(SourceId::new)
    }

    /// Opens the index and starts to record, if that was asked for. The sources `watched` are covered also while nothing comes.
    ///
    /// # Errors
    /// When the index cannot be opened or made. A server that is away only makes it wait.
    pub fn start(
        &self,
        namespace: &Namespace,
        watched: Vec<SourceId>,
    ) -> anyhow::Result<(Option<Witnessing>, Recording)> {
        let Some(index) = &self.sightings else { return Ok((None, Recording(None))) };
        let store = Store::open_at(&Place::parse(index).context("--sightings (or INKPRINT_SIGHTINGS)")?)?;
        let clock = || Timestamp::now().as_second();
        let on_error = |error: &_| tell(&format!("inkprint: sightings: {error}; tried again, and the log goes on\n"));
        let (index, recorder) = Recorder::start(store, namespace.clone(), watched, clock, on_error)?;
        Ok((Some(Witnessing { index, clock, marks: self.sightings_marks }), Recording(Some(recorder))))
    }
}

impl Recording {
    /// Waits until all is written. Every sender must be gone. The journal is to be told of what goes into `gaps`.
    ///
    /// # Errors
    /// When something could not be recorded: the log was cleaned all the same.
    pub fn finish(self, gaps: &mut Vec<Gap>) -> anyhow::Result<()> {
        let recorded = match self.0.map(Recorder::finish).transpose() {
            Ok(recorded) => recorded.unwrap_or_default(),
            Err(error) => {
                if let SightingsError::Unwritten { sightings, between: Some(between), .. } = &error {
                    gaps.push(of_sightings(*sightings, *between));
                }
                return Err(error.into());
            }
        };
        if recorded.lost > 0 {
            gaps.extend(recorded.lost_between.map(|between| of_sightings(recorded.lost, between)));
            bail!("{} sightings could not be recorded; the log was cleaned all the same", recorded.lost);
        }
        Ok(())
    }
}
