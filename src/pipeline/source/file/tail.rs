//! Reads one file: from a place in it to its end, and on as it grows, until nothing leads to it any longer.
//!
//! - Content that was replaced is noticed after each read, before what was read is used: by the size, or by the first bytes. A file
//!   cannot reach the old place again without its first bytes having been written anew.
//! - A line that has begun waits for its newline. It gets one when the file was rotated away or removed and has been quiet for long.
//! - The place that is held is a line's start, and never ahead of the sinks.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use super::followed::{Ended, Followed};
use super::identity::{Position, SAMPLE, Salt, read_full};
use super::progress::Progress;
use super::rotation;
use crate::pipeline::source::Source;
use crate::pipeline::source::inlet::{CHUNK, Inlet, LINGER};
use crate::pipeline::source::lane::Bench;
use crate::pipeline::source::place::Place;

/// A file to which no path leads any longer is read on until nothing has come for so long: who writes it may not know yet.
const LEAVE: Duration = Duration::from_secs(5);

/// What all files of a source are read by.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) source: Arc<Source>,
    pub(super) salt: Arc<Salt>,
    pub(super) poll: Duration,
    /// The source is to be read no longer.
    pub(super) stop: CancellationToken,
}

/// Follows the file to its end.
pub(super) async fn follow(followed: Arc<Followed>, reading: Reading, bench: Rc<Bench>) {
    let peer = followed.path().display().to_string();
    let place = Place::new(bench, Arc::clone(&reading.source), peer);
    let start = followed.entry().held;
    let (inlet, stop) = (Inlet::new(place), reading.stop.clone());
    let mut tail = Tail {
        inlet,
        reading,
        stop,
        at: start.offset,
        noted: start,
        beginning: Vec::new(),
        progress: Progress::default(),
        seen: None,
        grown: Instant::now(),
        followed,
    };
    let ended = tail.run().await.unwrap_or_else(Ended::Failed);
    tail.inlet.close().await;
    if let Some(position) = tail.progress.all_held(&tail.reading.source.outlet).await {
        tail.followed.holds(position);
    }
    tail.followed.end(ended);
}

struct Tail {
    followed: Arc<Followed>,
    inlet: Inlet,
    reading: Reading,
    stop: CancellationToken,
    /// What is before this was read.
    at: u64,
    /// What is before this was handed on: the last line's start that was taken note of.
    noted: Position,
    /// The first bytes as they were read.
    beginning: Vec<u8>,
    progress: Progress,
    /// Size and time of the last change, when it was at its end last.
    seen: Option<(u64, SystemTime)>,
    /// When something came last.
    grown: Instant,
}

/// What a read has brought.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Bytes,
    End,
    /// The content is another.
    Replaced,
}

/// Why waiting at the end has ended.
#[derive(Debug, PartialEq, Eq)]
enum Wake {
    Changed,
    Left,
    Stop,
}

impl Tail {
    async fn run(&mut self) -> io::Result<Ended> {
        loop {
            if self.is_stopped() {
                return Ok(Ended::Stopped);
            }
            self.pay().await;
            match self.read().await? {
                Read::Bytes => {
                    self.grown = Instant::now();
                    if self.inlet.is_out_of_patience(Duration::ZERO, self.grown) {
                        self.inlet.withhold().await;
                    }
                }
                Read::Replaced => return Ok(self.replaced().await),
                Read::End => {
                    self.followed.reached_end();
                    match self.wait().await? {
                        Wake::Changed => {}
                        Wake::Stop => return Ok(Ended::Stopped),
                        Wake::Left => {
                            self.left().await;
                            return Ok(Ended::Left);
                        }
                    }
                }
            }
            self.advance();
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled() || self.inlet.place.bench.shared.stop.is_cancelled()
    }

    /// Waits until the source's rate allows another read.
    async fn pay(&self) {
        let Some(rate) = &self.reading.source.rate else { return };
        let wait = rate.wait(Instant::now());
        if !wait.is_zero() {
            tokio::select! {
                () = self.inlet.place.bench.shared.stop.cancelled() => {}
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Reads a chunk, cleans what is whole and pushes it.
    async fn read(&mut self) -> io::Result<Read> {
        let limit = self.inlet.room().await;
        let source = Arc::clone(&self.reading.source);
        let turn = if self.inlet.is_open() { None } else { source.turn(&self.inlet.place.bench).acquire().await.ok() };
        let mut raw = std::mem::take(&mut self.inlet.place.bench.tools.borrow_mut().buffers.raw);
        if raw.len() < CHUNK {
            raw.resize(CHUNK, 0);
        }
        let read = self.read_into(&mut raw[..limit]);
        if let Ok((Read::Bytes, bytes)) = &read {
            self.inlet.take(&raw[..*bytes]).await;
            if let Some(rate) = &source.rate {
                rate.spend(*bytes, Instant::now());
            }
        }
        self.inlet.place.bench.tools.borrow_mut().buffers.raw = raw;
        drop(turn);
        let (read, _) = read?;
        if read == Read::Bytes {
            self.note()?;
        }
        Ok(read)
    }

    fn read_into(&mut self, into: &mut [u8]) -> io::Result<(Read, usize)> {
        let read = loop {
            use std::os::unix::fs::FileExt as _;
            match self.followed.file.read_at(into, self.at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if read == 0 {
            let metadata = self.followed.file.metadata()?;
            let seen = (metadata.len(), metadata.modified()?);
            // An empty file that was touched may have had a content in the meantime.
            let touched = self.at == 0 && self.seen.is_some_and(|before| before != seen);
            let replaced = touched || seen.0 < self.at || (self.seen != Some(seen) && !self.begins_as_before()?);
            self.seen = Some(seen);
            return Ok((if replaced { Read::Replaced } else { Read::End }, 0));
        }
        // And so may one that was empty when it was begun.
        let was_empty = self.at == 0 && self.followed.beginning().length == 0;
        if was_empty || !self.begins_as_before()? {
            return Ok((Read::Replaced, 0));
        }
        self.at += read as u64;
        Ok((Read::Bytes, read))
    }

    /// Whether the first bytes are those that were there; as long as there were few, more are taken note of.
    fn begins_as_before(&mut self) -> io::Result<bool> {
        let mut now = [0; SAMPLE];
        let read = read_full(&self.followed.file, &mut now, 0)?;
        if self.beginning.is_empty() {
            // Begun in its midst, or some time after it was found: what is known of its beginning is a hash.
            let known = self.followed.beginning();
            if self.reading.salt.sample(&now[..read.min(known.length)]) != known {
                return Ok(false);
            }
        } else if !now[..read].starts_with(&self.beginning) {
            return Ok(false);
        }
        if read > self.beginning.len() {
            self.beginning = now[..read].to_vec();
            self.followed.begins(self.reading.salt.sample(&now[..read]));
        }
        Ok(true)
    }

    /// Waits at the end until there is something to do.
    async fn wait(&mut self) -> io::Result<Wake> {
        loop {
            tokio::select! {
                biased;
                () = self.inlet.place.bench.shared.stop.cancelled() => return Ok(Wake::Stop),
                () = self.stop.cancelled() => return Ok(Wake::Stop),
                () = tokio::time::sleep(self.reading.poll) => {}
            }
            self.advance();
            let metadata = self.followed.file.metadata()?;
            if metadata.len() > self.at || self.seen != Some((metadata.len(), metadata.modified()?)) {
                return Ok(Wake::Changed);
            }
            let (now, silent) = (Instant::now(), self.grown.elapsed());
            if self.inlet.is_out_of_patience(silent, now) {
                self.inlet.withhold().await;
            }
            if self.inlet.waits() && silent >= LINGER {
                self.inlet.pass_on_waiting().await;
                self.note()?;
            }
            // It may have been moved since, to where a path leads as well: what stands in its place waits for this to be told.
            self.followed.reached_end();
            if self.followed.is_left() && silent >= LEAVE {
                return Ok(Wake::Left);
            }
        }
    }

    /// Ends with the old content: what was not read of it is in a copy that was made before it was replaced, if there is one.
    async fn replaced(&mut self) -> Ended {
        let nothing_known = self.at == 0 && self.followed.beginning().length == 0;
        if nothing_known {
            return Ended::Truncated { copy: None };
        }
        let copy = rotation::copy_of(&self.followed.entry(), &self.noted, &self.reading.salt);
        let path = self.followed.path();
        if let Some(copy) = &copy {
            let copy = copy.path.display();
            tracing::info!(file = %path.display(), %copy, "the file was truncated: what was not read is read from its copy");
        } else {
            tracing::info!(file = %path.display(), "the file was truncated: it is read from its beginning");
            self.inlet.end().await;
            self.note_at(Position { offset: self.at, ..Position::default() });
        }
        Ended::Truncated { copy }
    }

    /// Ends with a file that was left. A line without an end gets one; should the file come back, it is read anew from that line on.
    async fn left(&mut self) {
        self.inlet.end().await;
        self.note_at(self.noted.clone());
    }

    /// Takes note of how far was read and handed on.
    fn note(&mut self) -> io::Result<()> {
        if let Some(held) = self.inlet.resumable() {
            let offset = self.at - held as u64;
            let before = self.reading.salt.before(&self.followed.file, offset)?;
            self.note_at(Position { offset, before });
        }
        Ok(())
    }

    fn note_at(&mut self, position: Position) {
        self.noted = position.clone();
        self.progress.note(self.inlet.place.receipt(), position);
    }

    /// Passes on how far the sinks hold what was read.
    fn advance(&mut self) {
        if let Some(position) = self.progress.held(&self.reading.source.outlet) {
            self.followed.holds(position);
        }
    }
}
