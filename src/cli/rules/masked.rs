//! Parts of log lines as they may be shown.

use crate::model::Span;

/// A longer secret is shown as this many ▒ all the same.
const MAX_MASK: usize = 40;

/// A part of the line, with ▒ for what may be a secret: `masked`, ascending and disjoint.
pub(super) fn masked_part(line: &[u8], part: Span, masked: &[Span]) -> String {
    let mut out = String::new();
    let mut shown = part.start();
    for span in masked.iter().filter(|span| span.overlaps(part)) {
        out += &printable(&line[shown..span.start().max(shown)]);
        out += &"▒".repeat(span.len().min(MAX_MASK));
        shown = span.end().min(part.end());
    }
    out + &printable(&line[shown..part.end()])
}

/// Text that cannot move the cursor or change a colour.
pub(super) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
