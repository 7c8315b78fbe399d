//! What was done to a file while nobody looked: under which name it stands now, which copy was made of it, and what came between.
//!
//! All of it is beside the file, with links followed: what is rotated into another folder, while nobody has it open, is not found.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::CLOCK;
use super::checkpoint::Entry;
use super::identity::{Opened, Position, Salt};
use super::paths::{is_beside, is_packed, is_rotated_name};

/// The file of `entry` under whatever name it has now.
pub(super) fn renamed(entry: &Entry, salt: &Salt) -> Option<Opened> {
    let found = entries(&entry.real_path).find(|found| found.ino() == entry.identity.inode)?;
    let opened = Opened::at(&found.path()).ok()?;
    opened.continues(&entry.beginning, &entry.held, salt).ok()?.then_some(opened)
}

/// The newest copy of what the file of `entry` held up to `position`, as logrotate's `copytruncate` makes it.
pub(super) fn copy_of(entry: &Entry, position: &Position, salt: &Salt) -> Option<Opened> {
    // Of a file of which nothing was read, a copy would be told by nothing.
    if entry.beginning.length == 0 {
        return None;
    }
    beside(&entry.real_path)
        .filter(|opened| opened.identity != entry.identity)
        .filter(|opened| opened.continues(&entry.beginning, position, salt).unwrap_or(false))
        .max_by_key(|opened| opened.modified)
}

/// The names in folders, sorted, each folder read once: very many files in one may be new at a look.
#[derive(Debug, Default)]
pub(super) struct Folders(HashMap<PathBuf, Vec<OsString>>);

impl Folders {
    /// What stands beside `real` now, or when its folder was read, with a name as it is rotated to.
    fn rotated(&mut self, real: &Path) -> Vec<PathBuf> {
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else { return Vec::new() };
        let names = self.0.entry(folder.to_owned()).or_insert_with(|| {
            let mut names: Vec<OsString> = entries(real).map(|entry| entry.file_name()).collect();
            names.sort_unstable();
            names
        });
        let first = names.partition_point(|other| other.as_os_str() < name);
        let beginning = names[first..].iter().take_while(|other| other.as_bytes().starts_with(name.as_bytes()));
        beginning.map(|name| folder.join(name)).filter(|path| is_rotated_name(real, path) && !is_packed(path)).collect()
    }
}

/// Files that were made and rotated away since `begun`, the oldest first.
pub(super) fn between(folders: &mut Folders, real: &Path, begun: SystemTime) -> Vec<Opened> {
    let new = |opened: &Opened| opened.born + CLOCK >= begun;
    let rotated = folders.rotated(real).into_iter().filter_map(|path| Opened::at(&path).ok());
    let mut between: Vec<Opened> = rotated.filter(new).collect();
    between.sort_by_key(|opened| (opened.born, opened.modified));
    // Whoever renames it meanwhile lets it be seen under two names.
    let mut seen = HashSet::new();
    between.retain(|opened| seen.insert(opened.identity));
    between
}

fn beside(real: &Path) -> impl Iterator<Item = Opened> {
    entries(real)
        .map(|entry| entry.path())
        .filter(move |path| is_beside(real, path) && !is_packed(path))
        .filter_map(|path| Opened::at(&path).ok())
}

fn entries(real: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    real.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_renamed_or_copied_is_found_and_what_came_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| fs::write(at(name), text).expect("written");
        let salt = Salt::random().expect("random");
        write("a.log", "one\ntwo\n");
        let old = Opened::at(&at("a.log")).expect("opened");
        let entry = Entry {
            path: at("a.log"),
            real_path: old.real.clone(),
            identity: old.identity,
            begun: 0,
            beginning: salt.beginning(&old.file).expect("read"),
            held: Position { offset: 4, before: salt.before(&old.file, 4).expect("read") },
            gone_since: None,
        };
        assert!(copy_of(&entry, &entry.held, &salt).is_none());
        fs::copy(at("a.log"), at("a.log.copy")).expect("copied");
        write("a.log.other", "one\nTwo\n");
        let copy = copy_of(&entry, &entry.held, &salt).expect("a copy");
        assert_eq!(copy.path, at("a.log.copy"));

        write("a.log.old.gz", "packed");
        fs::rename(at("a.log"), at("a.log.2")).expect("renamed");
        write("a.log.1", "between\n");
        write("a.log", "new\n");
        assert_eq!(renamed(&entry, &salt).expect("found").path, at("a.log.2"));
        let between = between(&mut Folders::default(), &old.real, old.born);
        let between: HashSet<PathBuf> = between.into_iter().map(|opened| opened.path).collect();
        assert_eq!(between, HashSet::from([at("a.log.1"), at("a.log.2")]));
        write("a.log.2", "another content\n");
        assert!(renamed(&entry, &salt).is_none());
    }
}
