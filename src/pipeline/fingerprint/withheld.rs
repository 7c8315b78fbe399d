//! What stands in the place of a line that could not be scanned: `ink1-withheld-<reason>-<length>`.

use std::io::Write;

use super::mark::PREFIX;

/// Why a line was withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It was longer than what may be held in memory, and could not be scanned in pieces.
    Oversized,
    /// The scan itself failed.
    ScanFailed,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 2] = [Self::Oversized, Self::ScanFailed];

    /// The reason as it stands in the text, and as a label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::ScanFailed => "scan-failed",
        }
    }
}

/// A withheld line as read back from bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Why it was withheld.
    pub reason: Reason,
    /// Its length in bytes, without its line ending.
    pub len: u64,
}

/// Writes what stands for a line of `len` bytes that was withheld for `reason`.
pub fn write_withheld(reason: Reason, len: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(PREFIX);
    // Writing into a vector cannot fail.
    let _ = write!(out, "withheld-{}-{len}", reason.as_str());
}

impl Withheld {
    /// Reads the withheld form that `text` begins with, and its length in bytes. The number takes every digit there is.
    pub(super) fn at_start_of(text: &[u8]) -> Option<(Self, usize)> {
        let body = text.strip_prefix(PREFIX)?.strip_prefix(b"withheld-")?;
        Reason::ALL.into_iter().find_map(|reason| {
            let number = body.strip_prefix(reason.as_str().as_bytes())?.strip_prefix(b"-")?;
            // One digit more than any u64 has is enough to see that it is none.
            let digits = number.iter().take(21).take_while(|b| b.is_ascii_digit()).count();
            let number = std::str::from_utf8(&number[..digits]).ok()?;
            if number.starts_with('0') && digits > 1 {
                return None;
            }
            let form = Self { reason, len: number.parse().ok()? };
            Some((form, PREFIX.len() + "withheld-".len() + reason.as_str().len() + 1 + digits))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::fingerprint::{Written, find_marks, find_written};

    #[test]
    fn every_form_is_read_back_as_written() {
        for reason in Reason::ALL {
            for len in [0, 1, 1_048_577, u64::MAX] {
                let mut text = b"x ".to_vec();
                write_withheld(reason, len, &mut text);
                let whole = text.len();
                text.extend_from_slice(b"\nmore");
                let found: Vec<_> = find_written(&text).collect();
                assert_eq!(found.len(), 1);
                assert_eq!((found[0].0.start(), found[0].0.end()), (2, whole));
                assert_eq!(found[0].1, Written::Withheld(Withheld { reason, len }));
                assert_eq!(find_marks(&text).count(), 0);
            }
        }
    }

    #[test]
    fn what_only_begins_like_one_is_none() {
        for bad in [
            "ink1-withheld-",
            "ink1-withheld-oversized",
            "ink1-withheld-oversized-",
            "ink1-withheld-oversized-007",
            "ink1-withheld-oversized-18446744073709551616",
            "ink1-withheld-because-3",
        ] {
            assert_eq!(find_written(bad.as_bytes()).count(), 0, "{bad}");
        }
    }

    #[test]
    fn the_text_is_fixed() {
        let mut out = Vec::new();
        write_withheld(Reason::ScanFailed, 42, &mut out);
        assert_eq!(out, b"ink1-withheld-scan-failed-42");
    }
}
