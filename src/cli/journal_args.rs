//! `--journal`, the same on every command that does or asks what is to be told later.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::control::journal::Journal;

/// Bytes read at a time: with less, the calls would cost more than the hashes.
const BUFFER: usize = 256 << 10;

/// The options that say where the journal is.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Journal")]
pub struct JournalArgs {
    /// Record starts, stops, rules, keys and lookups in this journal, which is begun if it is not there
    #[arg(long, value_name = "PATH", env = "INKPRINT_JOURNAL", hide_env_values = true, global = true)]
    journal: Option<PathBuf>,
    /// The key that signs the journal's checkpoints, made on first use; by default PATH.key
    #[arg(long, value_name = "FILE", env = "INKPRINT_JOURNAL_KEY", hide_env_values = true, global = true)]
    journal_key: Option<PathBuf>,
}

impl JournalArgs {
    /// Whether a journal is kept.
    pub fn is_given(&self) -> bool {
        self.path().is_some()
    }

    /// Where it is; an empty name is none, as a variable may be set to nothing.
    pub fn path(&self) -> Option<&Path> {
        self.journal.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// Where its signing key is, if that was said.
    pub fn key(&self) -> Option<&Path> {
        self.journal_key.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// Opens it for appending, if one is kept.
    ///
    /// # Errors
    /// That it cannot be written; what it should tell must then not be done.
    pub fn open(&self, now: Timestamp) -> anyhow::Result<Option<Journal>> {
        Ok(self.path().map(|path| Journal::open(path, self.key(), now)).transpose()?)
    }
}

/// Opens a journal for reading.
///
/// # Errors
/// Naming it.
pub(super) fn reader(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("the journal {} cannot be read", path.display()))?;
    Ok(BufReader::with_capacity(BUFFER, file))
}

/// A time: `2026-01-02T03:04:05Z`, a day, which begins at midnight UTC, or so long ago, such as `7d`.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let wrong =
        || "a time such as 2026-01-02T03:04:05Z, a day such as 2026-01-02, or so long ago, such as 7d".to_owned();
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        return day.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp()).map_err(|_| wrong());
    }
    Timestamp::now().checked_sub(span(text).map_err(|_| wrong())?).map_err(|_| wrong())
}

/// A length of time, such as `90d`; a day has 24 hours.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let span = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    span.ok().filter(|span| span.is_positive()).ok_or_else(|| "a length of time such as 90d or 12h".to_owned())
}
