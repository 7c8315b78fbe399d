//! Finds files, has each read on a lane, and keeps the checkpoint.
//!
//! Each round: the paths that are there now are compared with the files that are followed. A file to which a path leads for the first
//! time is begun; one to which none leads any longer is read to its end. What came to stand under a path later is begun when what was
//! there before was read to its end, so that lines come in the order in which they were written.
//!
//! Where a file was rotated, others may have come and gone since the last look. They are looked for beside it, and again for a while: a
//! folder that is read while its files are renamed does not show all of them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::checkpoint::{Checkpoint, CheckpointError, Entry, Store};
use super::followed::{Ended, Followed};
use super::identity::{Identity, Opened, Position, Salt, Sample};
use super::paths::{Paths, is_beside};
use super::rotation::{self, Folders};
use super::{CLOCK, StartAt};

/// The checkpoint is written at most so often.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// A file that looks like a copy of another is not begun before it could have been seen that the other is truncated.
const COPYING: Duration = Duration::from_secs(5);
/// Where a file was rotated, what else was is looked for again for so long.
const SETTLING: Duration = Duration::from_secs(5);
/// Rotated without end, what was made within this time before.
const SETTLED: Duration = Duration::from_secs(60);
/// A file that has gone is remembered for so long, in seconds, in case that it comes back.
const REMEMBERED: u64 = 24 * 60 * 60;
/// So many of them at most.
const MOST_GONE: usize = 4096;

/// What a round has found.
#[derive(Default)]
pub(super) struct Round {
    /// Files to be read, in any order.
    pub(super) begun: Vec<Arc<Followed>>,
    /// Files that are open.
    pub(super) files: usize,
    /// Bytes that are not held by the sinks yet.
    pub(super) lag: u64,
}

/// A path at which something was rotated.
struct Turning {
    real: PathBuf,
    /// What was made since, and is not known, came between.
    since: SystemTime,
    until: Instant,
}

/// What is known of all files.
pub(super) struct Watcher {
    name: String,
    paths: Paths,
    start_at: StartAt,
    /// When the source was begun.
    since: SystemTime,
    store: Store,
    salt: Arc<Salt>,
    /// There is no checkpoint, and this is the first round.
    first: bool,
    /// What the checkpoint tells of files that were not found again yet.
    unfinished: Vec<Entry>,
    /// Their identities.
    expected: HashSet<Identity>,
    gone: Vec<Entry>,
    /// Files that are read.
    reading: Vec<Arc<Followed>>,
    /// Files that wait for those that stood under their path before, in order.
    waiting: Vec<Arc<Followed>>,
    postponed: HashMap<Identity, Instant>,
    /// Paths at which something was rotated a moment ago.
    turning: HashMap<PathBuf, Turning>,
    /// What the folders of this look hold, as far as that was asked for.
    folders: Folders,
    /// When the look before this one was begun.
    looked_at: SystemTime,
    /// Paths about which something was said already.
    told: HashSet<PathBuf>,
    written: Vec<u8>,
    written_at: Option<Instant>,
    cannot_write: bool,
}

impl Watcher {
    /// Begins where the checkpoint says.
    pub(super) fn new(
        name: String,
        paths: Paths,
        (start_at, since): (StartAt, SystemTime),
        store: Store,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = store.load()?;
        let first = checkpoint.is_none();
        let checkpoint = match checkpoint {
            Some(checkpoint) => checkpoint,
            None => Checkpoint::new(Salt::random().map_err(store.fault("begin"))?, Vec::new()),
        };
        let (gone, unfinished) = checkpoint.files.into_iter().partition(|entry| entry.gone_since.is_some());
        Ok(Self {
            name,
            paths,
            start_at,
            since,
            store,
            salt: Arc::new(checkpoint.salt),
            first,
            unfinished,
            expected: HashSet::new(),
            gone,
            reading: Vec::new(),
            waiting: Vec::new(),
            postponed: HashMap::new(),
            turning: HashMap::new(),
            folders: Folders::default(),
            looked_at: since,
            told: HashSet::new(),
            written: Vec::new(),
            written_at: None,
            cannot_write: false,
        })
    }

    /// The salt of its hashes.
    pub(super) fn salt(&self) -> Arc<Salt> {
        Arc::clone(&self.salt)
    }

    /// Looks at all paths once.
    pub(super) fn round(&mut self) -> Round {
        let now = SystemTime::now();
        self.folders = Folders::default();
        self.take_ended();
        let listed = self.list();
        for followed in self.reading.iter().chain(&self.waiting) {
            followed.found_at(
                listed.iter().find(|(_, identity)| *identity == followed.identity).map(|(path, _)| path.clone()),
            );
        }
        self.find_unfinished(&listed);
        let known = self.known();
        for (path, identity) in listed.iter().filter(|(_, identity)| !known.contains(identity)) {
            self.begin(path, *identity);
        }
        self.look_between();
        self.postponed.retain(|identity, _| listed.iter().any(|(_, listed)| listed == identity));
        self.first = false;
        self.looked_at = now.checked_sub(CLOCK).unwrap_or(now);
        self.write(false);
        Round { begun: self.start(), files: self.reading.len() + self.waiting.len(), lag: self.lag() }
    }

    /// After the word to stop: takes note of how far the files are held; whether all have ended.
    pub(super) fn stop(&mut self) -> bool {
        // Where their reading would have begun is in the checkpoint.
        self.unfinished.extend(self.waiting.drain(..).map(|followed| followed.entry()));
        let mut stopped = Vec::new();
        self.reading.retain(|followed| {
            let ended = followed.take_ended().is_some();
            if ended {
                stopped.push(followed.entry());
            }
            !ended
        });
        self.unfinished.extend(stopped);
        self.write(self.reading.is_empty());
        self.reading.is_empty()
    }

    /// The paths that are there with what they lead to, each file once.
    fn list(&mut self) -> Vec<(PathBuf, Identity)> {
        let mut unreadable = Vec::new();
        let paths = self.paths.look(|path, error| unreadable.push((path.to_owned(), error.to_string())));
        for (path, error) in unreadable {
            self.tell(&path, &error);
        }
        let (mut listed, mut seen) = (Vec::new(), HashSet::new());
        for path in paths {
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => {
                    let identity = Identity::of(&metadata);
                    if seen.insert(identity) {
                        listed.push((path, identity));
                    }
                }
                // What it is will be said when it is opened.
                Ok(_) => drop(Opened::at(&path).inspect_err(|error| self.tell(&path, &error.to_string()))),
                // It was there a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.tell(&path, &error.to_string()),
            }
        }
        listed
    }

    fn tell(&mut self, path: &Path, error: &str) {
        if self.told.insert(path.to_owned()) {
            tracing::warn!(source = self.name, path = %path.display(), error, "not followed; it is tried again");
        }
    }

    /// Files that are followed, or were.
    fn known(&self) -> HashSet<Identity> {
        self.reading.iter().chain(&self.waiting).map(|followed| followed.identity).collect()
    }

    /// Takes files that have ended out of those that are read.
    fn take_ended(&mut self) {
        for followed in std::mem::take(&mut self.reading) {
            let entry = followed.entry();
            match followed.take_ended() {
                None => self.reading.push(followed),
                Some(Ended::Left) => {
                    tracing::debug!(source = self.name, path = %entry.path.display(), "read to its end, and left");
                    self.forget(entry);
                }
                Some(Ended::Truncated { copy: Some(copy) }) => {
                    if !self.known().contains(&copy.identity) {
                        self.postponed.remove(&copy.identity);
                        let (begun, copy) = (copy.born, Opened { path: followed.slot.clone(), ..copy });
                        self.add(copy, begun, entry.beginning, entry.held);
                    }
                    self.turns(&followed.slot, &followed.real, followed.begun);
                }
                Some(Ended::Truncated { copy: None }) => {
                    self.begin_between((&followed.slot, &followed.real), followed.begun, Some(followed.identity), None);
                }
                // The word to stop came while this look was about to begin: told again to `stop`, which writes down how far it is held.
                Some(Ended::Stopped) => {
                    followed.end(Ended::Stopped);
                    self.reading.push(followed);
                }
                Some(Ended::Failed(error)) => {
                    self.tell(&entry.path, &error.to_string());
                    self.unfinished.push(entry);
                }
            }
        }
    }

    fn forget(&mut self, entry: Entry) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.gone.retain(|gone| gone.gone_since.is_some_and(|since| now.saturating_sub(since) < REMEMBERED));
        if self.gone.len() >= MOST_GONE {
            self.gone.remove(0);
        }
        self.gone.push(Entry { gone_since: Some(now), ..entry });
    }

    /// Looks for the files of which the checkpoint tells, and goes on with each.
    fn find_unfinished(&mut self, listed: &[(PathBuf, Identity)]) {
        let salt = self.salt();
        let entries = std::mem::take(&mut self.unfinished);
        self.expected = entries.iter().map(|entry| entry.identity).collect();
        for entry in entries {
            let listed = listed.iter().find(|(path, identity)| entry.is_at(path, *identity));
            let opened = match listed.map(|(path, _)| Opened::at(path)) {
                Some(Err(error)) if !error.is_missing() => {
                    self.tell(&entry.path, &error.to_string());
                    self.unfinished.push(entry);
                    continue;
                }
                Some(Ok(opened)) if opened.continues(&entry.beginning, &entry.held, &salt).unwrap_or(false) => {
                    Some(opened)
                }
                // What is beside it is read as what stood under its path.
                _ => rotation::renamed(&entry, &salt)
                    .or_else(|| rotation::copy_of(&entry, &entry.held, &salt))
                    .map(|opened| Opened { path: entry.path.clone(), ..opened }),
            };
            match opened {
                Some(opened) if self.known().contains(&opened.identity) => {}
                Some(opened) => {
                    let is_copy = opened.identity.inode != entry.identity.inode;
                    let begun = if is_copy { opened.born } else { entry.begun() };
                    if entry.beginning.length == 0 {
                        self.begin_between((&entry.path, &entry.real_path), begun, Some(opened.identity), None);
                    }
                    self.add(opened, begun, entry.beginning, entry.held);
                }
                None if entry.held.offset > 0 => {
                    let (path, read) = (entry.path.display(), entry.held.offset);
                    tracing::warn!(source = self.name, %path, read, "gone, and not found beside its path: if it held more, that is lost");
                    self.begin_between((&entry.path, &entry.real_path), entry.begun(), Some(entry.identity), None);
                    self.forget(entry);
                }
                None => {}
            }
        }
    }

    /// Begins with a file that was not known.
    fn begin(&mut self, path: &Path, identity: Identity) {
        let opened = match Opened::at(path) {
            Ok(opened) => opened,
            Err(error) if error.is_missing() => return,
            Err(error) => return self.tell(path, &error.to_string()),
        };
        self.told.remove(path);
        // It was replaced between two looks: the next round sees it.
        if opened.identity != identity || self.known().contains(&opened.identity) {
            return;
        }
        match self.start_of(&opened) {
            Ok(Some((beginning, start))) => {
                let before = self.reading.iter().chain(&self.waiting).filter(|followed| followed.slot == opened.path);
                let begun = before.map(|followed| followed.begun).max().unwrap_or(self.looked_at);
                self.begin_between((&opened.path, &opened.real), begun, Some(opened.identity), Some(&beginning));
                self.add(opened, SystemTime::now(), beginning, start);
            }
            Ok(None) => {}
            Err(error) => self.tell(path, &error.to_string()),
        }
    }

    /// Where a file is begun; `None` when that is not to be said yet.
    fn start_of(&mut self, opened: &Opened) -> io::Result<Option<(Sample, Position)>> {
        let salt = self.salt();
        let beginning = salt.beginning(&opened.file)?;
        if let Some(at) = self.gone.iter().position(|gone| gone.is_at(&opened.path, opened.identity)) {
            let gone = self.gone.remove(at);
            if opened.continues(&gone.beginning, &gone.held, &salt)? {
                return Ok(Some((gone.beginning, gone.held)));
            }
        }
        if self.may_be_copy(opened) {
            let since = *self.postponed.entry(opened.identity).or_insert_with(Instant::now);
            if since.elapsed() < COPYING {
                return Ok(None);
            }
        }
        self.postponed.remove(&opened.identity);
        // What was made since is new, though it is there at the first look.
        let start = if self.first && self.start_at == StartAt::End && opened.born < self.since {
            opened.last_line_start(&salt)?
        } else {
            opened.first_data(&salt)?
        };
        Ok(Some((beginning, start)))
    }

    /// Whether it may be a copy of a file that is followed, about to be truncated.
    fn may_be_copy(&self, opened: &Opened) -> bool {
        self.reading.iter().chain(&self.waiting).any(|followed| {
            let beginning = followed.beginning();
            is_beside(&followed.real, &opened.real)
                && beginning.length > 0
                && (opened.size < beginning.length as u64 || opened.begins(&beginning, &self.salt).unwrap_or(false))
        })
    }

    /// Takes note that something was rotated at a path.
    fn turns(&mut self, path: &Path, real: &Path, since: SystemTime) {
        let until = Instant::now() + SETTLING;
        let begins = || Turning { real: real.to_owned(), since, until };
        self.turning.entry(path.to_owned()).or_insert_with(begins).until = until;
    }

    /// Looks again for what was made and rotated away where something was a moment ago.
    fn look_between(&mut self) {
        let (now, earliest) = (Instant::now(), SystemTime::now().checked_sub(SETTLED).unwrap_or(UNIX_EPOCH));
        for (path, turning) in std::mem::take(&mut self.turning) {
            let since = turning.since.max(earliest);
            self.find_between((&path, &turning.real), since, None, None);
            if turning.until > now {
                self.turning.insert(path, Turning { since, ..turning });
            }
        }
    }

    /// Whether it is a file that was read to its end, and not another one with its inode.
    fn has_gone(&self, opened: &Opened) -> bool {
        let mut same = self.gone.iter().filter(|gone| gone.identity == opened.identity);
        same.any(|gone| opened.continues(&gone.beginning, &gone.held, &self.salt).unwrap_or(false))
    }

    /// Begins with what was made since `begun` and stood under a path in the meantime, and looks for more of it for a while.
    fn begin_between(
        &mut self,
        (path, real): (&Path, &Path),
        begun: SystemTime,
        identity: Option<Identity>,
        beginning: Option<&Sample>,
    ) {
        self.find_between((path, real), begun, identity, beginning);
        self.turns(path, real, begun);
    }

    /// Begins with what was made since `begun` and stood under a path in the meantime. What begins like `beginning` is a copy of what
    /// stands there now.
    fn find_between(
        &mut self,
        (path, real): (&Path, &Path),
        begun: SystemTime,
        identity: Option<Identity>,
        beginning: Option<&Sample>,
    ) {
        let between = rotation::between(&mut self.folders, real, begun);
        // Very many files may be looked at for the first time, and next to none of them was rotated just now.
        if between.is_empty() {
            return;
        }
        let mut known = self.known();
        known.extend(&self.expected);
        known.extend(identity);
        for between in between.into_iter().filter(|between| !known.contains(&between.identity)) {
            let copies = |sample: &&Sample| sample.length > 0 && between.begins(sample, &self.salt).unwrap_or(false);
            if beginning.filter(copies).is_some() || self.may_be_copy(&between) || self.has_gone(&between) {
                continue;
            }
            match self.salt.beginning(&between.file) {
                Ok(beginning) => {
                    let file = between.path.display();
                    tracing::info!(source = self.name, %file, "rotated between two looks: it is read from its beginning");
                    let born = between.born;
                    self.add(Opened { path: path.to_owned(), ..between }, born, beginning, Position::default());
                }
                Err(error) => self.tell(&between.path, &error.to_string()),
            }
        }
    }

    fn add(&mut self, opened: Opened, begun: SystemTime, beginning: Sample, start: Position) {
        let (path, offset) = (opened.path.display(), start.offset);
        tracing::debug!(source = self.name, %path, offset, "followed from here");
        self.waiting.push(Arc::new(Followed::new(opened, begun, beginning, start)));
    }

    /// The files whose turn it is.
    fn start(&mut self) -> Vec<Arc<Followed>> {
        let mut busy: HashSet<PathBuf> =
            self.reading.iter().filter(|followed| !followed.is_read()).map(|followed| followed.slot.clone()).collect();
        let (mut begun, mut waiting) = (Vec::new(), Vec::new());
        for followed in std::mem::take(&mut self.waiting) {
            // Whoever is begun keeps the next one waiting.
            if busy.insert(followed.slot.clone()) { begun.push(followed) } else { waiting.push(followed) }
        }
        self.waiting = waiting;
        self.reading.extend(begun.iter().cloned());
        begun
    }

    fn lag(&self) -> u64 {
        self.reading.iter().chain(&self.waiting).map(|followed| followed.lag()).sum()
    }

    /// Writes the checkpoint if there is something new in it, and not too often unless it is the `last` time.
    fn write(&mut self, last: bool) {
        if !last && self.written_at.is_some_and(|at| at.elapsed() < WRITE_EVERY) {
            return;
        }
        let followed = self.reading.iter().chain(&self.waiting).map(|followed| followed.entry());
        let files = followed.chain(self.unfinished.iter().cloned()).chain(self.gone.iter().cloned()).collect();
        let Ok(text) = serde_json::to_vec(&Checkpoint::new(Salt::clone(&self.salt), files)) else { return };
        if text == self.written {
            return;
        }
        self.written_at = Some(Instant::now());
        match self.store.write(&text) {
            Ok(()) => {
                if std::mem::take(&mut self.cannot_write) {
                    tracing::info!(source = self.name, "the checkpoint is written again");
                }
                self.written = text;
            }
            Err(error) if !std::mem::replace(&mut self.cannot_write, true) => {
                tracing::error!(source = self.name, %error, "until it can be written, a restart passes lines on again");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watcher(folder: &Path) -> Watcher {
        let paths = Paths::new(vec![folder.join("*.log").display().to_string()], &[]).expect("a pattern");
        let store = Store::new(folder.join("files.json"));
        let begun = (StartAt::Beginning, SystemTime::now());
        Watcher::new("in".to_owned(), paths, begun, store).expect("no checkpoint is no fault")
    }

    #[test]
    fn a_look_that_comes_upon_the_word_to_stop_forgets_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.log"), "one\ntwo\n").expect("written");
        let mut first = watcher(folder.path());
        let begun = first.round().begun;
        let followed = begun.first().expect("it is read");
        let before = first.salt().before(&followed.file, 8).expect("read");
        followed.holds(Position { offset: 8, before });
        followed.end(Ended::Stopped);
        assert!(first.round().begun.is_empty(), "it is known");
        assert!(first.stop(), "it has ended");
        let begun = watcher(folder.path()).round().begun;
        let held: Vec<u64> = begun.iter().map(|followed| followed.entry().held.offset).collect();
        assert_eq!(held, [8], "it goes on where it was held");
    }
}
