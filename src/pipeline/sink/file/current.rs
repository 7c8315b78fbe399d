//! The file that is written now: whole batches, synced, or nothing of them.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// How far back at once a line's beginning is looked for.
const BACK: u64 = 64 << 10;

/// An open file that ends with a whole line, or with one that this program goes on with.
#[derive(Debug)]
pub(super) struct Current {
    file: File,
    /// What is behind this was not written whole.
    cut: Option<u64>,
}

impl Current {
    /// Opens the file or makes it. What stands behind its last newline is put aside.
    pub(super) fn open(path: &Path, mode: u32) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true);
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Private until its permissions are those that were asked for.
                let file = options.create(true).mode(0o600).open(path)?;
                file.set_permissions(Permissions::from_mode(mode))?;
                sync_folder(path)?;
                file
            }
            Err(error) => return Err(error),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other(
                "it is no regular file: use the sink stdout, tcp or unix for what cannot be synced",
            ));
        }
        put_aside(&file, path)?;
        Ok(Self { file, cut: None })
    }

    /// Writes and syncs `bytes`, or leaves the file as it was.
    pub(super) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.restore()?;
        let end = self.file.metadata()?.len();
        let added = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        if added.is_err() {
            self.cut = Some(end);
            // At once, if it can be: somebody may be reading.
            let _ = self.restore();
        }
        added
    }

    fn restore(&mut self) -> io::Result<()> {
        if let Some(end) = self.cut {
            self.file.set_len(end)?;
            self.cut = None;
        }
        Ok(())
    }

    /// Its size and when it was last written.
    pub(super) fn state(&self) -> io::Result<(u64, Timestamp)> {
        let metadata = self.file.metadata()?;
        let written = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
        Ok((metadata.len(), written))
    }
}

/// Syncs the folder that `path` is in, so that its name is there after a crash.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Moves what stands behind the last newline to a file beside it.
fn put_aside(file: &File, path: &Path) -> io::Result<()> {
    let end = file.metadata()?.len();
    let whole = behind_last_newline(file, end)?;
    if whole == end {
        return Ok(());
    }
    let torn = beside(path, ".torn");
    let mut source = file.try_clone()?;
    source.seek(SeekFrom::Start(whole))?;
    let mut target = OpenOptions::new().append(true).create(true).mode(0o600).open(&torn)?;
    io::copy(&mut source.take(end - whole), &mut target)?;
    target.write_all(b"\n")?;
    target.sync_data()?;
    file.set_len(whole)?;
    let (path, torn) = (path.display(), torn.display());
    tracing::warn!(%path, %torn, bytes = end - whole, "the last line had no end: what there was of it is put aside");
    Ok(())
}

/// The position behind the last newline before `end`.
fn behind_last_newline(file: &File, end: u64) -> io::Result<u64> {
    let mut at = end;
    let mut chunk = Vec::new();
    while at > 0 {
        let from = at.saturating_sub(BACK);
        chunk.resize((at - from) as usize, 0);
        file.read_exact_at(&mut chunk, from)?;
        if let Some(newline) = memchr::memrchr(b'\n', &chunk) {
            return Ok(from + newline as u64 + 1);
        }
        at = from;
    }
    Ok(0)
}

/// The path with more at its end.
pub(super) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_line_is_put_aside_whatever_its_length() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("log");
        for torn in [1, 100, BACK as usize - 1, BACK as usize, BACK as usize + 1, 3 * BACK as usize] {
            let whole = format!("one\n{}\n", "x".repeat(torn));
            fs::write(&path, format!("{whole}{}", "y".repeat(torn))).expect("written");
            let _ = fs::remove_file(folder.path().join("log.torn"));
            let mut current = Current::open(&path, 0o640).expect("opened");
            current.add(b"two\n").expect("added");
            assert_eq!(fs::read_to_string(&path).expect("text"), format!("{whole}two\n"));
            let aside = fs::read_to_string(folder.path().join("log.torn")).expect("text");
            assert_eq!(aside, format!("{}\n", "y".repeat(torn)));
        }
        fs::write(&path, "all of it").expect("written");
        Current::open(&path, 0o640).expect("opened");
        assert_eq!(fs::read(&path).expect("there"), b"");
    }

    #[test]
    fn a_new_file_has_the_permissions_that_were_asked_for() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("log");
        Current::open(&path, 0o664).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o664);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        Current::open(&path, 0o664).expect("opened");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600, "an old one keeps its own");
        assert!(Current::open(Path::new("/dev/null"), 0o640).is_err());
    }
}
