//! A disk in memory that forgets what was not synced, fails when it is told to, and can be copied at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use inkprint::pipeline::spool::storage::{Storage, StoredFile};
use rustix::io::Errno;

/// What a disk writes at once.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
struct Bytes {
    /// As processes see them.
    seen: Vec<u8>,
    /// As they are after a power cut.
    safe: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    files: BTreeMap<String, Bytes>,
    /// Names that are there after a power cut.
    safe_names: BTreeSet<String>,
    /// What every write, or every sync, says for now.
    writes_fail: Option<Errno>,
    syncs_fail: Option<Errno>,
    syncs: usize,
}

/// The disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Content>>);

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("no test's thread panics with it")
    }

    /// Another disk of what processes see now: what a kill leaves.
    pub fn copy(&self) -> Self {
        let content = self.lock();
        let files = content.files.iter().map(|(name, bytes)| {
            let seen = bytes.seen.clone();
            (name.clone(), Bytes { safe: seen.clone(), seen })
        });
        let files: BTreeMap<String, Bytes> = files.collect();
        let safe_names = files.keys().cloned().collect();
        Self(Arc::new(Mutex::new(Content { files, safe_names, ..Content::default() })))
    }

    /// Another disk of what a power cut leaves now: what was synced, and of the rest as `chance` has it.
    pub fn after_power_cut(&self, mut chance: impl FnMut() -> bool) -> Self {
        let content = self.lock();
        let mut files = BTreeMap::new();
        for (name, bytes) in &content.files {
            if content.safe_names.contains(name) || chance() {
                let length = if chance() { bytes.seen.len() } else { bytes.safe.len() };
                let mut left = bytes.safe.clone();
                left.resize(length, 0);
                for at in (0..length).step_by(SECTOR) {
                    let end = (at + SECTOR).min(length).min(bytes.seen.len());
                    if at < end && chance() {
                        left[at..end].copy_from_slice(&bytes.seen[at..end]);
                    }
                }
                files.insert(name.clone(), Bytes { seen: left.clone(), safe: left });
            }
        }
        let safe_names = files.keys().cloned().collect();
        Self(Arc::new(Mutex::new(Content { files, safe_names, ..Content::default() })))
    }

    pub fn names(&self) -> Vec<String> {
        self.lock().files.keys().cloned().collect()
    }

    /// The files that hold records.
    pub fn segments(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.ends_with(".spool")).collect()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        self.lock().files[name].seen.clone()
    }

    pub fn write(&self, name: &str, bytes: Vec<u8>) {
        self.lock().files.insert(name.to_owned(), Bytes { safe: bytes.clone(), seen: bytes });
    }

    pub fn delete(&self, name: &str) {
        self.lock().files.remove(name);
    }

    pub fn syncs(&self) -> usize {
        self.lock().syncs
    }

    pub fn fail_writes(&self, error: Option<Errno>) {
        self.lock().writes_fail = error;
    }

    pub fn fail_syncs(&self, error: Option<Errno>) {
        self.lock().syncs_fail = error;
    }
}

fn outcome(fails: Option<Errno>) -> io::Result<()> {
    fails.map_or(Ok(()), |errno| Err(errno.into()))
}

impl Storage for Disk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(Disk::names(self))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StoredFile>> {
        let mut content = self.lock();
        outcome(content.writes_fail)?;
        assert!(content.files.insert(name.to_owned(), Bytes::default()).is_none(), "{name} is there");
        Ok(Box::new(DiskFile { disk: self.clone(), name: name.to_owned() }))
    }

    fn open(&self, name: &str, _change: bool) -> io::Result<Box<dyn StoredFile>> {
        if !self.lock().files.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Box::new(DiskFile { disk: self.clone(), name: name.to_owned() }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut content = self.lock();
        outcome(content.writes_fail.filter(|errno| *errno == Errno::ROFS))?;
        content.files.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut content = self.lock();
        outcome(content.syncs_fail)?;
        content.safe_names = content.files.keys().cloned().collect();
        Ok(())
    }
}

struct DiskFile {
    disk: Disk,
    name: String,
}

impl DiskFile {
    /// A file that was removed can be written to by whoever has it open.
    fn with<T>(&self, work: impl FnOnce(&mut Bytes) -> T) -> T {
        let mut content = self.disk.lock();
        content.files.get_mut(&self.name).map(work).unwrap_or_else(|| panic!("{} was removed", self.name))
    }
}

impl StoredFile for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files.get(&self.name).map_or(0, |file| file.seen.len()) as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let content = self.disk.lock();
        let Some(file) = content.files.get(&self.name) else { return Ok(0) };
        let there = file.seen.get(offset as usize..).unwrap_or_default();
        let length = there.len().min(buffer.len());
        buffer[..length].copy_from_slice(&there[..length]);
        Ok(length)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let fails = self.disk.lock().writes_fail;
        // A part of it is written all the same.
        let taken = if fails.is_some() { bytes.len() / 2 } else { bytes.len() };
        self.with(|file| {
            let end = offset as usize + taken;
            if file.seen.len() < end {
                file.seen.resize(end, 0);
            }
            file.seen[offset as usize..end].copy_from_slice(&bytes[..taken]);
        });
        outcome(fails)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        outcome(self.disk.lock().writes_fail.filter(|errno| *errno == Errno::ROFS))?;
        self.with(|file| file.seen.truncate(length as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let fails = {
            let mut content = self.disk.lock();
            content.syncs += 1;
            content.syncs_fail
        };
        outcome(fails)?;
        self.with(|file| file.safe.clone_from(&file.seen));
        Ok(())
    }
}
