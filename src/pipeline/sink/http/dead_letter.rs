//! Where lines go that the server refuses for good: cleaned lines only, each as a JSON object with the time and the answer, in a file that
//! only its owner can read, synced before the lines count as held.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::lines::{Frame, write_message};

/// The file. It is opened for each use, so that another program may move it away.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter(PathBuf);

impl DeadLetter {
    /// Makes the file if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let this = Self(path.to_owned());
        this.file()?;
        Ok(this)
    }

    /// Adds frames that were answered with `status`.
    pub(super) fn add(&self, frames: &[Frame<'_>], status: u16, now: Timestamp) -> io::Result<()> {
        let mut file = self.file()?;
        let end = file.seek(SeekFrom::End(0))?;
        let mut out = Vec::new();
        if !ends_with_newline(&mut file, end)? {
            out.push(b'\n');
        }
        for frame in frames {
            out.extend_from_slice(format!("{{\"time\":\"{now}\",\"status\":{status},").as_bytes());
            write_message(&mut out, frame.bytes);
            if frame.continues {
                out.extend_from_slice(b",\"continues\":true");
            }
            out.extend_from_slice(b"}\n");
        }
        let added = file.write_all(&out).and_then(|()| file.sync_data());
        if added.is_err() {
            // They will come again.
            let _ = file.set_len(end);
        }
        added
    }

    fn file(&self) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.0)
    }
}

fn ends_with_newline(file: &mut File, end: u64) -> io::Result<bool> {
    if end == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(end - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn lines_are_added_whole_also_behind_a_torn_one() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("dead");
        let dead_letter = DeadLetter::open(&path).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        fs::write(&path, "{\"torn").expect("written");
        let now = "2026-11-29T13:00:00Z".parse().expect("a time");
        let frame = |bytes| Frame { bytes, continued: false, continues: false };
        dead_letter.add(&[frame(b"one"), frame(b"\xff")], 422, now).expect("added");
        let expected = concat!(
            "{\"torn\n",
            "{\"time\":\"2026-11-29T13:00:00Z\",\"status\":422,\"message\":\"one\"}\n",
            "{\"time\":\"2026-11-29T13:00:00Z\",\"status\":422,\"message\":\"\u{fffd}\",\"message_base64\":\"/w==\"}\n",
        );
        assert_eq!(fs::read_to_string(&path).expect("text"), expected);
    }
}
