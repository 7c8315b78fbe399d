//! What is in a file of the quarantine once it is decrypted.
//!
//! The first line is `inkprint-quarantine 1`. Then come entries, each a line of JSON ([`Head`]), as many bytes as it says that are of
//! before and that are kept, and a newline. It can be read with `age -d` and the eye.

use std::fmt;
use std::io::{self, BufRead, Read as _, Write};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::control::wiped::{self, WipedError};
use crate::pipeline::detention::WithheldLine;
use crate::pipeline::fingerprint::Reason;

/// The first line of every file; a changed byte in the format is a new version.
const FIRST_LINE: &[u8] = b"inkprint-quarantine 1\n";
/// The longest line of JSON.
const LONGEST_HEAD: u64 = 4096;
/// The most bytes of a line.
const LONGEST_LINE: usize = 1 << 30;

/// What is told of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// When it was withheld, in seconds of Unix time.
    pub time: i64,
    /// Where it came from.
    pub source: String,
    /// Why it was withheld, as its mark says.
    pub reason: String,
    /// How many bytes of it were withheld, without the newline.
    pub length: u64,
    /// How many bytes are kept that stand before these in their line, and were passed on.
    pub before: u64,
    /// How many of the first of those withheld are kept.
    pub kept: u64,
}

impl Head {
    /// Why it was withheld; a reason that is not known is the graver one.
    pub fn cause(&self) -> Reason {
        Reason::ALL.into_iter().find(|reason| reason.as_str() == self.reason).unwrap_or(Reason::ScanFailed)
    }

    /// How many of the bytes withheld were not kept.
    pub fn lost(&self) -> u64 {
        self.length.saturating_sub(self.kept)
    }
}

/// A line that is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is told of it.
    pub head: Head,
    /// Its bytes, with those before it.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("head", &self.head).finish_non_exhaustive()
    }
}

/// Writes what every file begins with.
pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    out.write_all(FIRST_LINE)
}

/// Writes a line.
pub(super) fn write(line: &WithheldLine, out: &mut impl Write) -> io::Result<()> {
    let head = Head {
        time: line.time,
        source: line.source.to_string(),
        reason: line.reason.as_str().to_owned(),
        length: line.length,
        before: line.before as u64,
        kept: (line.bytes.len() - line.before) as u64,
    };
    serde_json::to_writer(&mut *out, &head)?;
    out.write_all(b"\n")?;
    out.write_all(&line.bytes)?;
    out.write_all(b"\n")
}

/// Reads all entries; `None` where these are none.
pub(super) fn read(mut decrypted: impl BufRead) -> io::Result<Option<Vec<Entry>>> {
    let mut first = [0; FIRST_LINE.len()];
    decrypted.read_exact(&mut first)?;
    if first != FIRST_LINE {
        return Ok(None);
    }
    let mut entries = Vec::new();
    loop {
        let mut head = Vec::new();
        decrypted.by_ref().take(LONGEST_HEAD).read_until(b'\n', &mut head)?;
        if head.is_empty() {
            return Ok(Some(entries));
        }
        let Ok(head) = serde_json::from_slice::<Head>(&head) else { return Ok(None) };
        let length = head.before.saturating_add(head.kept);
        let bytes = match wiped::read_to_end(decrypted.by_ref().take(length), LONGEST_LINE) {
            Ok(bytes) => bytes,
            Err(WipedError::TooLong(_)) => return Ok(None),
            Err(WipedError::Io(error)) => return Err(error),
        };
        let mut newline = [0];
        decrypted.read_exact(&mut newline)?;
        if bytes.len() as u64 != length || newline != *b"\n" {
            return Ok(None);
        }
        entries.push(Entry { head, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceId;

    #[test]
    fn the_format_is_what_it_was_and_is_read_again() {
        let line = |bytes: &[u8], length| WithheldLine {
            time: 1_700_000_000,
            source: SourceId::new("10.0.0.1:5"),
            reason: Reason::Oversized,
            length,
            bytes: Zeroizing::new(bytes.to_vec()),
            before: bytes.len().min(1),
        };
        let mut file = Vec::new();
        begin(&mut file).expect("memory");
        write(&line(b"a\nb", 9), &mut file).expect("memory");
        write(&line(b"", 0), &mut file).expect("memory");
        let text = String::from_utf8_lossy(&file);
        let head = "{\"time\":1700000000,\"source\":\"10.0.0.1:5\",\"reason\":\"oversized\",\"length\":9,\"before\":1,\"kept\":2}";
        assert!(text.starts_with(&format!("inkprint-quarantine 1\n{head}\na\nb\n{{")), "{text}");
        let entries = read(&file[..]).expect("whole").expect("entries");
        assert_eq!((&entries[0].bytes[..], entries[0].head.lost(), entries.len()), (&b"a\nb"[..], 7, 2));
        assert!(!format!("{entries:?}").contains("a\\nb"));
        for end in FIRST_LINE.len() + 1..file.len() {
            // A file that ends between two entries cannot be told from a shorter one; age can.
            if let Ok(Some(entries)) = read(&file[..end]) {
                assert_eq!(entries.len(), 1);
            }
        }
    }
}
