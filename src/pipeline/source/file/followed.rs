//! What the watcher and the one who reads a file know of it together.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::checkpoint::Entry;
use super::identity::{Identity, Opened, Position, Sample};

/// How following a file has ended. All that was read is held by the sinks, unless it was stopped.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was rotated away or removed, and read to its end.
    Left,
    /// Its content was replaced. What of the old content was not read is in the copy, if there is one.
    Truncated { copy: Option<Opened> },
    /// It cannot be read.
    Failed(std::io::Error),
    /// The source was stopped.
    Stopped,
}

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) file: File,
    pub(super) real: PathBuf,
    pub(super) identity: Identity,
    /// The path under which it was begun: what comes to stand there later is begun behind it.
    pub(super) slot: PathBuf,
    /// What was made before this was followed before it, or is not wanted.
    pub(super) begun: SystemTime,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    beginning: Sample,
    held: Position,
    /// No path leads to it any longer.
    left: bool,
    /// It was read to its end, since it was moved.
    at_end: bool,
    ended: Option<Ended>,
}

impl Followed {
    pub(super) fn new(opened: Opened, begun: SystemTime, beginning: Sample, start: Position) -> Self {
        let Opened { file, path, real, identity, .. } = opened;
        let slot = path.clone();
        let state = State { path, beginning, held: start, left: false, at_end: false, ended: None };
        Self { file, real, identity, slot, begun, state: Mutex::new(state) }
    }

    /// The path that leads, or has led, to it.
    pub(super) fn path(&self) -> PathBuf {
        self.lock().path.clone()
    }

    /// What is known of it by now.
    pub(super) fn entry(&self) -> Entry {
        let state = self.lock();
        Entry {
            path: state.path.clone(),
            real_path: self.real.clone(),
            identity: self.identity,
            begun: self.begun.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
            beginning: state.beginning.clone(),
            held: state.held.clone(),
            gone_since: None,
        }
    }

    /// Bytes that the sinks do not hold yet.
    pub(super) fn lag(&self) -> u64 {
        let size = self.file.metadata().map_or(0, |metadata| metadata.len());
        size.saturating_sub(self.lock().held.offset)
    }

    /// The path that leads to it now; `None` when there is none.
    pub(super) fn found_at(&self, path: Option<PathBuf>) {
        let mut state = self.lock();
        // Somebody has moved it: there may be more in it than was read.
        if path.as_ref().map_or(!state.left, |path| *path != state.path) {
            state.at_end = false;
        }
        state.left = path.is_none();
        state.path = path.unwrap_or_else(|| std::mem::take(&mut state.path));
    }

    /// Whether no path leads to it any longer.
    pub(super) fn is_left(&self) -> bool {
        self.lock().left
    }

    /// More of its first bytes are known.
    pub(super) fn begins(&self, beginning: Sample) {
        self.lock().beginning = beginning;
    }

    /// Its first bytes.
    pub(super) fn beginning(&self) -> Sample {
        self.lock().beginning.clone()
    }

    /// The sinks hold what is before `position`.
    pub(super) fn holds(&self, position: Position) {
        let mut state = self.lock();
        debug_assert!(state.held.offset <= position.offset, "what is held stays held");
        state.held = position;
    }

    /// It was read to its end; more may come.
    pub(super) fn reached_end(&self) {
        self.lock().at_end = true;
    }

    /// Nothing more will be read of it.
    pub(super) fn end(&self, how: Ended) {
        self.lock().ended = Some(how);
    }

    /// How it has ended, if it has; told once.
    pub(super) fn take_ended(&self) -> Option<Ended> {
        self.lock().ended.take()
    }

    /// Whether what comes behind it may be begun.
    pub(super) fn is_read(&self) -> bool {
        let state = self.lock();
        state.at_end || state.ended.is_some()
    }

    /// A thread that panicked ends the program.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
