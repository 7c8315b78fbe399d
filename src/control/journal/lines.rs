//! A journal's lines, one after the other, in bounded memory.

use std::io::{self, BufRead, Read};

use super::record::{MAX_RECORD, Record};

/// A line as it stands there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line<'a> {
    /// One that may be a record, without its line feed.
    Whole(&'a [u8]),
    /// One that is longer than a record may be, with its length in bytes.
    Long(u64),
    /// What stands behind the last line feed.
    Torn(&'a [u8]),
}

impl Line<'_> {
    /// Its length in bytes, its line feed included.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Whole(line) => line.len() as u64 + 1,
            Self::Long(len) => *len,
            Self::Torn(line) => line.len() as u64,
        }
    }
}

/// Reads lines from `journal`.
pub(super) struct Lines<R> {
    journal: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn of(journal: R) -> Self {
        Self { journal, line: Vec::new() }
    }

    /// The next line; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // A line that never ends shall not fill the memory.
        let read = (&mut self.journal).take(MAX_RECORD as u64 + 1).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            Ok(None)
        } else if self.line.pop_if(|byte| *byte == b'\n').is_some() {
            Ok(Some(Line::Whole(&self.line)))
        } else if read > MAX_RECORD {
            Ok(Some(Line::Long(read as u64 + self.skip()?)))
        } else {
            Ok(Some(Line::Torn(&self.line)))
        }
    }

    /// Passes over the rest of a line; gives its length.
    fn skip(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let bytes = self.journal.fill_buf()?;
            let (end, done) = match memchr::memchr(b'\n', bytes) {
                Some(at) => (at + 1, true),
                None => (bytes.len(), bytes.is_empty()),
            };
            self.journal.consume(end);
            skipped += end as u64;
            if done {
                return Ok(skipped);
            }
        }
    }
}

/// Gives `each` every record that is spelled as one, with its line, and does not verify them. Gives how many lines were no records.
///
/// # Errors
/// When the journal cannot be read, and what `each` returns.
pub fn read<E: From<io::Error>>(
    journal: impl BufRead,
    mut each: impl FnMut(&Record<'_>, &[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    let (mut lines, mut others) = (Lines::of(journal), 0);
    while let Some(line) = lines.next()? {
        match line {
            Line::Whole(line) => match Record::parse(line) {
                Some(record) => each(&record, line)?,
                None => others += 1,
            },
            Line::Long(_) | Line::Torn(_) => others += 1,
        }
    }
    Ok(others)
}
