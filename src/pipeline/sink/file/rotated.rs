//! Files that were written before: named by the time at which they were left, compressed on a thread of their own, the oldest deleted.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Settings;
use super::current::{beside, sync_folder};

/// Names sort by time.
const FORM: &str = "%Y%m%dT%H%M%S%.3fZ";
const COMPRESSED: &str = ".zst";
/// A file that is being compressed. One that a crash has left is of no use.
const PART: &str = ".zst.part";
/// Zstandard's own middle.
const LEVEL: i32 = 3;

#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    tidy: mpsc::Sender<()>,
}

impl Rotated {
    /// Starts the thread, which first sees to what is there already.
    pub(super) fn start(settings: &Settings) -> io::Result<Self> {
        let (tidy, asked) = mpsc::channel();
        let (path, keep, compress) = (settings.path.clone(), settings.keep, settings.compress);
        let this = Self { path: path.clone(), tidy };
        this.ask();
        thread::Builder::new().name("rotate".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                while asked.try_recv().is_ok() {}
                if let Err(error) = tidy_up(&path, keep, compress) {
                    let path = path.display();
                    tracing::error!(%path, %error, "cannot see to the rotated files: it is tried again with the next rotation");
                }
            }
        })?;
        Ok(this)
    }

    /// Gives the present file its name among the rotated ones.
    pub(super) fn rotate(&self, now: Timestamp) -> io::Result<()> {
        let mut at = now;
        let name = loop {
            let name = beside(&self.path, &format!(".{}", at.to_zoned(TimeZone::UTC).strftime(FORM)));
            if !name.try_exists()? && !beside(&name, COMPRESSED).try_exists()? {
                break name;
            }
            at = at.checked_add(Duration::from_millis(1)).map_err(io::Error::other)?;
        };
        fs::rename(&self.path, &name)?;
        sync_folder(&self.path)?;
        self.ask();
        Ok(())
    }

    fn ask(&self) {
        // The thread lives as long as this.
        let _ = self.tidy.send(());
    }
}

/// Compresses what is not, and deletes the oldest beyond `keep`.
fn tidy_up(path: &Path, keep: usize, compress: bool) -> io::Result<()> {
    for part in named(path, PART)? {
        fs::remove_file(part)?;
    }
    let mut names = [named(path, "")?, named(path, COMPRESSED)?].concat();
    names.sort_unstable();
    let old = names.len().saturating_sub(keep);
    for name in names.drain(..old) {
        fs::remove_file(name)?;
    }
    for name in names.iter().filter(|name| compress && !is_compressed(name)) {
        compress_file(name)?;
    }
    Ok(())
}

fn is_compressed(name: &Path) -> bool {
    name.as_os_str().as_encoded_bytes().ends_with(COMPRESSED.as_bytes())
}

/// All rotated files whose names end like this behind the time.
fn named(path: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(own) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(io::Error::other("its name is no text: its rotated files cannot be told from others"));
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(own)?.strip_prefix('.')) else { continue };
        if rest.strip_suffix(end).is_some_and(is_time) {
            names.push(folder.join(name));
        }
    }
    Ok(names)
}

/// Whether this is a time as rotated files are named by: nothing else is ever deleted.
fn is_time(text: &str) -> bool {
    let shape = b"00000000T000000.000Z";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, like)| if *like == b'0' { byte.is_ascii_digit() } else { byte == *like })
}

fn compress_file(name: &Path) -> io::Result<()> {
    let (part, whole) = (beside(name, PART), beside(name, COMPRESSED));
    let source = File::open(name)?;
    let mode = source.metadata()?.permissions().mode();
    let target = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    target.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
    zstd::stream::copy_encode(source, &target, LEVEL)?;
    target.sync_all()?;
    fs::rename(&part, &whole)?;
    sync_folder(name)?;
    fs::remove_file(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_rotated_files_are_taken_for_them() {
        for good in ["20261129T134500.000Z", "19700101T000000.999Z"] {
            assert!(is_time(good), "{good}");
        }
        for bad in
            ["", "1", "torn", "20261129T134500Z", "20261129T134500.000Z.gz", "2026-11-29", "20261129T134500.000Zx"]
        {
            assert!(!is_time(bad), "{bad}");
        }
    }

    #[test]
    fn the_oldest_go_and_the_rest_is_compressed() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("log");
        let text = "a line\n".repeat(1000);
        for name in [
            "log",
            "log.torn",
            "log.1",
            "log.20250101T000000.000Z",
            "log.20260101T000000.000Z.zst",
            "log.20260201T000000.000Z",
        ] {
            fs::write(folder.path().join(name), &text).expect("written");
        }
        fs::write(folder.path().join("log.20260201T000000.000Z.zst.part"), "from a crash").expect("written");
        tidy_up(&path, 2, true).expect("tidied up");
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["log", "log.1", "log.20260101T000000.000Z.zst", "log.20260201T000000.000Z.zst", "log.torn"]);
        let compressed = File::open(folder.path().join("log.20260201T000000.000Z.zst")).expect("there");
        assert_eq!(zstd::stream::decode_all(compressed).expect("zstd"), text.as_bytes());
    }
}
