//! The lines around places in a log: a second pass over it, for a few lines only, cut to a length that can be shown.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::Serialize;

use super::search::{SearchError, decompressed, open};

/// Of a line, so many bytes are read and shown.
pub const MAX_LINE: usize = 4096;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number, from 1.
    pub line: u64,
    /// Whether it is one of those asked for, and not one beside it.
    pub asked: bool,
    /// Its text, at most [`MAX_LINE`] bytes of it, without its ending.
    pub text: Vec<u8>,
}

/// The lines of these numbers and `context` lines before and behind each.
///
/// # Errors
/// [`SearchError`], as a search has.
pub fn lines(path: &Path, asked: &BTreeSet<u64>, context: u64) -> Result<Vec<Line>, SearchError> {
    let name = path.display().to_string();
    let wanted: BTreeSet<u64> =
        asked.iter().flat_map(|line| line.saturating_sub(context).max(1)..=line.saturating_add(context)).collect();
    let mut reader = BufReader::with_capacity(1 << 18, decompressed(&name, open(path)?)?);
    let (mut all, mut number) = (Vec::new(), 0);
    for want in wanted {
        while number + 1 < want {
            number += 1;
            let read = reader.skip_until(b'\n');
            if read.map_err(|error| SearchError::Read { log: name.clone(), line: number, error })? == 0 {
                return Ok(all);
            }
        }
        number += 1;
        let read_error = |error| SearchError::Read { log: name.clone(), line: number, error };
        let mut text = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        if reader.by_ref().take(limit).read_until(b'\n', &mut text).map_err(read_error)? == 0 {
            break;
        }
        if text.last() != Some(&b'\n') {
            reader.skip_until(b'\n').map_err(read_error)?;
        }
        let end = text.strip_suffix(b"\n").map_or(text.len().min(MAX_LINE), <[u8]>::len);
        text.truncate(end);
        all.push(Line { line: number, asked: asked.contains(&number), text });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_with_their_neighbours_each_once_and_none_is_endless() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let long = "x".repeat(MAX_LINE * 2);
        std::fs::write(&path, format!("1\n2\n3\n{long}\n5\n6\n7\n8")).expect("written");
        let shown = |asked: &[u64], context| {
            let lines = lines(&path, &asked.iter().copied().collect(), context).expect("read");
            lines.into_iter().map(|line| (line.line, line.asked, line.text.len())).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[1, 3], 1), [(1, true, 1), (2, false, 1), (3, true, 1), (4, false, MAX_LINE)]);
        assert_eq!(shown(&[8], 1), [(7, false, 1), (8, true, 1)]);
        assert_eq!(shown(&[4, 5], 0), [(4, true, MAX_LINE), (5, true, 1)]);
        assert_eq!(shown(&[99], 3), []);
    }
}
