//! What stands in the place of a secret that gets no mark: `ink1-masked`, and where a rule allows it the secret's last characters,
//! `ink1-masked-4-4242`.
//!
//! The number before them says how many they are, so that the text ends in one place whatever stands behind it. Letters, digits
//! and hyphens alone, as in a mark; and like a mark it is never matched again.

use super::mark::PREFIX;
use crate::model::Secret;

const WORD: &[u8] = b"masked";

/// The most characters that are kept.
const MOST: usize = 9;

/// A secret is at least so many times as long as what is kept of it; otherwise nothing is.
const TIMES: usize = 3;

/// Appends the masked form of `secret`, with its last `kept` letters and digits if it has enough of them.
pub fn write_masked(secret: &Secret<'_>, kept: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(WORD);
    let kept = usize::from(kept).min(MOST);
    let telling = || secret.expose().iter().copied().filter(u8::is_ascii_alphanumeric);
    let count = telling().count();
    if kept == 0 || count < TIMES * kept {
        return;
    }
    out.extend_from_slice(&[b'-', b'0' + kept as u8, b'-']);
    out.extend(telling().skip(count - kept));
}

/// The length of the masked form that `text` begins with.
pub(super) fn masked_at(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(PREFIX)?.strip_prefix(WORD)?;
    let bare = text.len() - rest.len();
    let kept = match rest {
        [b'-', digit @ b'1'..=b'9', b'-', tail @ ..] => {
            let kept = usize::from(digit - b'0');
            tail.get(..kept).filter(|kept| kept.iter().all(u8::is_ascii_alphanumeric)).map_or(0, |kept| 3 + kept.len())
        }
        _ => 0,
    };
    Some(bare + kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::fingerprint::{Written, find_written, written_at};

    fn masked(secret: &[u8], kept: u8) -> String {
        let mut out = Vec::new();
        write_masked(&Secret::borrowed(secret), kept, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn what_is_kept_is_a_small_part() {
        assert_eq!(masked(b"4111 1111-1111 4242", 4), "ink1-masked-4-4242");
        assert_eq!(masked(b"4111 1111-1111 42-42", 0), "ink1-masked");
        assert_eq!(masked(b"12345678901", 4), "ink1-masked");
        assert_eq!(masked(b"\xff\x00----", 1), "ink1-masked");
    }

    #[test]
    fn it_is_read_back_whatever_stands_around_it() {
        for (text, len) in [("ink1-masked", 11), ("ink1-masked-4-4242", 18), ("ink1-masked-1-a", 15)] {
            for behind in ["", "-", "x", "9", "\"", "-4-", "%26", "-k1-q7xk2m9c4vw8z5tn1bhd7k2p"] {
                let whole = format!("{text}{behind}");
                assert_eq!(written_at(whole.as_bytes()), Some((Written::Masked, len)), "{whole}");
                let inside = format!("pre{whole}");
                assert_eq!(find_written(inside.as_bytes()).next().map(|(span, _)| span.range()), Some(3..3 + len));
            }
        }
        for bad in ["ink1-mask", "ink1-Masked", "masked"] {
            assert_eq!(written_at(bad.as_bytes()), None);
        }
        assert_eq!(written_at(b"ink1-masked-4-42\"2"), Some((Written::Masked, 11)));
    }
}
