//! A file that lines are added to.
//!
//! - A batch counts as held once it is on the disk: written and synced. While one is being synced, the next gathers in the feed, so that
//!   many lines share a sync.
//! - **Whole lines only.** A write that fails, or is cut by a crash, is cut off again: by the sink at once, or by the next that opens the
//!   file. What is cut off then is not destroyed but put into `<path>.torn`, since it may be somebody else's; it never counted as held, but
//!   for the beginning of a line over the limit, which is passed on in parts.
//! - **A full disk**, or any other error, holds lines back until it is over; each attempt is said. After a failed sync what the system
//!   still says of the batch is worth nothing: it is written anew.
//! - **Rotation** between lines: to `<path>.<UTC time>`, when the next batch would make the file too large, or when the next
//!   period of `every` has begun, as counted from 1970 (`24h` is midnight UTC); then compressed (`.zst`) on another thread, and the oldest are
//!   deleted beyond `keep`. What a crash has left uncompressed is compressed after the next start.
//! - Another program may rotate instead: it renames the file and has it opened again.

mod current;
mod rotated;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use self::current::Current;
use self::rotated::Rotated;
use crate::model::{Piece, PieceKind};
use crate::pipeline::feed::Feed;
use crate::pipeline::meters::SinkMeters;

/// So many bytes share a sync.
const BATCH: usize = 1 << 20;
/// The first wait after an error, which doubles up to the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Where to, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// Permissions of new files, whatever the umask.
    pub mode: u32,
    /// Bytes beyond which it is rotated.
    pub rotate_size: Option<u64>,
    /// The period after which it is rotated.
    pub rotate_every: Option<Duration>,
    /// So many rotated files are kept.
    pub keep: usize,
    /// Whether they are compressed.
    pub compress: bool,
}

/// Why the sink cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {} to add lines to it: {error}", path.display())]
pub struct FileSinkError {
    path: PathBuf,
    #[source]
    error: io::Error,
}

/// Adds every batch to the file. Blocks its thread while the disk is slow. When `reopen` changes, the file is opened again.
///
/// # Errors
/// When the file cannot be opened to begin with.
pub async fn run(
    feed: &Feed,
    settings: &Settings,
    mut reopen: watch::Receiver<u64>,
    up: &watch::Sender<bool>,
    meters: &SinkMeters,
) -> Result<(), FileSinkError> {
    let fault = |error| FileSinkError { path: settings.path.clone(), error };
    let rotated = Rotated::start(settings).map_err(fault)?;
    let mut writer = Writer {
        settings,
        rotated,
        current: Some(Current::open(&settings.path, settings.mode).map_err(fault)?),
        open: false,
        reopen: false,
    };
    let tell = |is: bool| {
        meters.up.set(f64::from(u8::from(is)));
        up.send_if_modified(|up| std::mem::replace(up, is) != is);
    };
    tell(true);
    loop {
        let batch = tokio::select! {
            biased;
            Ok(()) = reopen.changed() => {
                writer.reopen = true;
                continue;
            }
            batch = feed.next_up_to(BATCH) => batch,
        };
        let Some(batch) = batch else { return Ok(()) };
        let mut delay = AGAIN.0;
        while let Err(error) = writer.add(&batch, Timestamp::now()) {
            tell(false);
            let (path, delay_ms) = (settings.path.display(), delay.as_millis() as u64);
            tracing::error!(%path, %error, delay_ms, "cannot write: lines are held back");
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(AGAIN.1);
        }
        tell(true);
        meters.bytes.increment(batch.bytes.len() as u64);
        meters.batches.increment(1);
        feed.done(batch);
    }
}

struct Writer<'a> {
    settings: &'a Settings,
    rotated: Rotated,
    /// None after an error, until it could be opened again.
    current: Option<Current>,
    /// The last line goes on with the next batch.
    open: bool,
    /// It is to be opened again, at the end of the line.
    reopen: bool,
}

impl Writer<'_> {
    /// Adds a batch so that it is held.
    fn add(&mut self, batch: &Piece, now: Timestamp) -> io::Result<()> {
        // In the midst of a line there is no other file.
        if !self.open {
            let due = match &self.current {
                Some(current) => self.is_due(current, batch.bytes.len() as u64, now)?,
                None => false,
            };
            if due {
                self.current = None;
                self.rotated.rotate(now)?;
            }
            if std::mem::take(&mut self.reopen) {
                self.current = None;
            }
        }
        let mut current = match self.current.take() {
            Some(current) => current,
            None => Current::open(&self.settings.path, self.settings.mode)?,
        };
        let added = current.add(&batch.bytes);
        // After an error it may be that only a new beginning helps.
        if added.is_ok() || self.open {
            self.current = Some(current);
        }
        added?;
        self.open = batch.kind == PieceKind::Lines && !batch.bytes.ends_with(b"\n");
        Ok(())
    }

    fn is_due(&self, current: &Current, more: u64, now: Timestamp) -> io::Result<bool> {
        let (size, written) = current.state()?;
        let large = self.settings.rotate_size.is_some_and(|limit| size + more > limit);
        let period = |time: Timestamp, every: Duration| time.as_second() / (every.as_secs().max(1) as i64);
        let old = self.settings.rotate_every.is_some_and(|every| period(now, every) > period(written, every));
        Ok(size > 0 && (large || old))
    }
}
