//! How far each file is held by the sinks, on disk.
//!
//! - A JSON document with a version. It is replaced whole: written beside, synced, renamed over, and the directory synced. A crash
//!   leaves the old one or the new one.
//! - It never runs ahead of the sinks: an older one only means that some lines are passed on twice.
//! - No byte of a log is in it, and it is for its owner only (mode 0600): hashes of samples, paths and numbers.
//! - One process at a time uses it, which holds a lock on the file of the same name with `.lock` behind it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

use super::identity::{Identity, Position, Salt, Sample};

/// The format's version.
const VERSION: u32 = 1;

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It cannot be read or written.
    #[error("cannot {step} the checkpoint {path}: {error}")]
    Io {
        /// What was to be done.
        step: &'static str,
        /// The checkpoint.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// It is no checkpoint.
    #[error("{path} is no checkpoint ({error}): move it away to begin anew, or name another one")]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where it is wrong.
        #[source]
        error: serde_json::Error,
    },
    /// It was written by another version of the program.
    #[error(
        "the checkpoint {path} has version {version}, and this program knows {VERSION}: it was written by a newer one"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// A checkpoint's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    version: u32,
    pub(super) salt: Salt,
    pub(super) files: Vec<Entry>,
}

/// What is known of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(with = "path_text")]
    pub(super) path: PathBuf,
    /// With links followed.
    #[serde(with = "path_text")]
    pub(super) real_path: PathBuf,
    pub(super) identity: Identity,
    /// When it was begun, in milliseconds since 1970.
    pub(super) begun: u64,
    pub(super) beginning: Sample,
    pub(super) held: Position,
    /// Since when it was read to its end and has been away, in seconds since 1970: it is not looked for, but known if it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gone_since: Option<u64>,
}

impl Entry {
    /// When it was begun.
    pub(super) fn begun(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.begun)
    }

    /// Whether it tells of this file: by its identity, or under its path by the inode alone, as a device may have another number
    /// after a restart of the system.
    pub(super) fn is_at(&self, path: &Path, identity: Identity) -> bool {
        identity == self.identity || (path == self.path && identity.inode == self.identity.inode)
    }
}

impl Checkpoint {
    pub(super) fn new(salt: Salt, files: Vec<Entry>) -> Self {
        Self { version: VERSION, salt, files }
    }
}

/// A checkpoint's file.
#[derive(Clone, Debug)]
pub(super) struct Store {
    path: PathBuf,
}

impl Store {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What was written last; `None` where there is nothing yet.
    pub(super) fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault("read")(error)),
        };
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let broken = |error| CheckpointError::Broken { path: self.path.clone(), error };
        let Versioned { version } = serde_json::from_slice(&text).map_err(broken)?;
        if version != VERSION {
            return Err(CheckpointError::Version { path: self.path.clone(), version });
        }
        serde_json::from_slice(&text).map(Some).map_err(broken)
    }

    /// Replaces it. What it returns is on disk.
    pub(super) fn write(&self, text: &[u8]) -> Result<(), CheckpointError> {
        let new = self.beside(".new");
        let written = || -> io::Result<()> {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            File::open(self.directory())?.sync_all()
        };
        written().map_err(self.fault("write"))
    }

    /// The lock's file, not yet locked: whether the checkpoint can be written at all is seen by it.
    pub(super) fn lock_file(&self) -> Result<File, CheckpointError> {
        let no_follow = OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow);
        options.open(self.beside(".lock")).map_err(self.fault("lock"))
    }

    /// Locks it; whether it could be had now.
    pub(super) fn try_lock(&self, lock: &File) -> Result<bool, CheckpointError> {
        loop {
            match flock(lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(true),
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(self.fault("lock")(error.into())),
            }
        }
    }

    fn directory(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn beside(&self, behind: &str) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(behind);
        path.into()
    }

    pub(super) fn fault(&self, step: &'static str) -> impl FnOnce(io::Error) -> CheckpointError {
        let path = self.path.clone();
        move |error| CheckpointError::Io { step, path, error }
    }
}

/// A path as text; one that is no UTF-8 as a list of its bytes.
mod path_text {
    use super::*;
    use serde::{Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => to.serialize_str(text),
            None => path.as_os_str().as_bytes().serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::Text(text) => text.into(),
            Written::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &[u8]) -> Entry {
        Entry {
            path: OsString::from_vec(path.to_vec()).into(),
            real_path: "/var/log/a.log".into(),
            identity: Identity { device: 1, inode: 2 },
            begun: 3,
            beginning: Sample::default(),
            held: Position { offset: 17, before: Sample::default() },
            gone_since: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("files.json"));
        assert_eq!(store.load().expect("none is no fault"), None);
        let files = vec![entry(b"/var/log/a.log"), entry(b"/odd/\xff.log")];
        let checkpoint = Checkpoint::new(Salt::random().expect("random"), files);
        for _ in 0..2 {
            store.write(&serde_json::to_vec(&checkpoint).expect("text")).expect("written");
        }
        assert_eq!(store.load().expect("read"), Some(checkpoint));
        assert_eq!(fs::metadata(&store.path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1, "nothing else is left");
    }

    #[test]
    fn the_format_is_what_it_was() {
        let text = r#"{"version":1,"salt":"c2FsdA","files":[{"path":"/var/log/a.log","real_path":"/var/log/a.log","identity":{"device":1,"inode":2},"begun":3,"beginning":{"length":0,"hash":""},"held":{"offset":17,"before":{"length":0,"hash":""}}}]}"#;
        let checkpoint: Checkpoint = serde_json::from_str(text).expect("a checkpoint");
        assert_eq!(checkpoint.files, [entry(b"/var/log/a.log")]);
        assert_eq!(serde_json::to_string(&checkpoint).expect("text"), text);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("files.json"));
        for (text, told) in
            [("{\"version\":1,", "is no checkpoint"), ("{\"version\":2}", "has version 2"), ("", "is no")]
        {
            fs::write(&store.path, text).expect("written");
            let error = store.load().expect_err("refused").to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn one_at_a_time_uses_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("files.json"));
        let (first, second) = (store.lock_file().expect("opened"), store.lock_file().expect("opened"));
        assert!(store.try_lock(&first).expect("locked") && !store.try_lock(&second).expect("asked"));
        drop(first);
        assert!(store.try_lock(&second).expect("locked"));
    }
}
