//! Splices replacements into a block; what lies between matches is copied as it stands.

use super::detect::{Detector, Match, decode};
use super::fingerprint::MarkKeys;
use super::tally::Tally;

/// Appends `block` to `out` with a mark in the place of each match.
///
/// `matches` are ascending and disjoint, as [`super::detect::Finder::find`] gives them.
pub fn rewrite(block: &[u8], matches: &[Match], detector: &Detector, keys: &MarkKeys, tally: &mut Tally, out: &mut Vec<u8>) {
    let mut copied = 0;
    for found in matches {
        out.extend_from_slice(&block[copied..found.span.start()]);
        copied = found.span.end();
        let secret = decode::canonical(&block[found.secret.range()], found.written);
        quote(found.add_quotes, out);
        keys.write_mark(&detector.rule(found.rule).id, &secret, out);
        quote(found.add_quotes, out);
        tally.matches[found.rule] += 1;
    }
    out.extend_from_slice(&block[copied..]);
}

/// A JSON number's place takes a string: the mark brings quotes at the depth of those around its key.
fn quote(backslashes: Option<u8>, out: &mut Vec<u8>) {
    if let Some(backslashes) = backslashes {
        out.extend(std::iter::repeat_n(b'\\', usize::from(backslashes)));
        out.push(b'"');
    }
}
