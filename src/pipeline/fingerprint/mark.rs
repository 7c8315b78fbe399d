//! The mark's grammar: reading marks exactly, and finding them anywhere in bytes.
//!
//! ```text
//! mark     = "ink1-" rule "-k" epoch "-" fingerprint
//! withheld = "ink1-withheld-" reason "-" length
//! masked   = "ink1-masked" [ "-" count "-" characters ]
//! ```
//!
//! - A mark ends with the 24th character of its fingerprint, **whatever byte follows**, and begins with `ink1-`,
//!   **whatever byte stands before**. A match may have been cut out of the middle of a word, or out of text whose
//!   escapes end in letters (`\n`, `%3D`, `\u0022`): if either neighbour could undo a mark, then redacting twice would
//!   not be redacting once, and a lookup would miss a sighting. What only looks like a mark is told by its seal.
//! - It has one meaning. No rule id holds `ink1`, begins with `withheld` or `masked`, or holds something like the tail of a mark
//!   ([`RuleId::is_valid`] refuses all of these). Read from the right, the last 24 characters, the digits before them and
//!   `-k` are certain, and what is left is the rule; found from the left, the first tail that follows is the only one.

use std::sync::LazyLock;

use memchr::memmem;

use super::masked::masked_at;
use super::withheld::Withheld;
use crate::model::{Fingerprint, KeyEpoch, RuleId, Span};

/// What every mark and every withheld form begins with: the format's name and version.
pub const PREFIX: &[u8] = b"ink1-";

/// The longest mark in bytes; a search over pieces of a stream must keep one less than this from each piece.
pub const MAX_MARK_LEN: usize = PREFIX.len() + RuleId::MAX + MAX_TAIL_LEN;

/// `-k`, at most ten digits, `-`, and the fingerprint.
const MAX_TAIL_LEN: usize = 2 + 10 + 1 + Fingerprint::LEN;

static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(PREFIX));

/// A well-formed mark as read from bytes. That its seal is ours is for [`MarkKeys::verify`](super::MarkKeys::verify).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark<'a> {
    /// The rule that found the secret: a valid [`RuleId`], borrowed so that reading a mark allocates nothing.
    pub rule: &'a str,
    /// The epoch whose key made the fingerprint.
    pub epoch: KeyEpoch,
    /// Print and seal.
    pub fingerprint: Fingerprint,
}

impl<'a> Mark<'a> {
    /// Reads a mark that is exactly `text`, from the right; `None` for anything else.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (rest, fingerprint) = rest.split_last_chunk::<{ Fingerprint::LEN }>()?;
        let rest = rest.strip_suffix(b"-")?;
        let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let (rest, epoch) = rest.split_at(rest.len() - digits);
        let rule = rest.strip_suffix(b"-k")?;
        Some(Self {
            rule: rule_text(rule)?,
            epoch: KeyEpoch::parse(std::str::from_utf8(epoch).ok()?).ok()?,
            fingerprint: Fingerprint::from_bytes(fingerprint)?,
        })
    }

    /// Reads the mark that `text` begins with, and its length in bytes.
    fn at_start_of(text: &'a [u8]) -> Option<(Self, usize)> {
        let body = text.strip_prefix(PREFIX)?;
        for at in 1..=RuleId::MAX.min(body.len().saturating_sub(1)) {
            match body[at] {
                b'-' => {}
                b'a'..=b'z' | b'0'..=b'9' => continue,
                _ => return None,
            }
            if let Some((epoch, fingerprint, tail)) = tail_at_start_of(&body[at..]) {
                // A rule id cannot hold a tail, so that if this one does not end the mark no later one can.
                let rule = rule_text(&body[..at])?;
                return Some((Self { rule, epoch, fingerprint }, PREFIX.len() + at + tail));
            }
        }
        None
    }
}

/// Something that inkprint wrote in a secret's place, or that looks just like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written<'a> {
    /// A mark.
    Mark(Mark<'a>),
    /// What stands for a line that could not be scanned.
    Withheld(Withheld),
    /// What stands for a secret that got no mark.
    Masked,
}

/// Every well-formed mark, withheld and masked form in `haystack`, in order and without overlaps.
///
/// Detection leaves these spans alone, so that what was redacted once is never matched again.
pub fn find_written(haystack: &[u8]) -> impl Iterator<Item = (Span, Written<'_>)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + FINDER.find(&haystack[from..])?;
            let text = &haystack[start..];
            match written_at(text) {
                Some((written, len)) => {
                    from = start + len;
                    return Some((Span::new(start, from), written));
                }
                None => from = start + PREFIX.len(),
            }
        }
    })
}

/// What inkprint wrote at the very start of `text`, and its length in bytes.
pub fn written_at(text: &[u8]) -> Option<(Written<'_>, usize)> {
    Mark::at_start_of(text)
        .map(|(mark, len)| (Written::Mark(mark), len))
        .or_else(|| Withheld::at_start_of(text).map(|(form, len)| (Written::Withheld(form), len)))
        .or_else(|| masked_at(text).map(|len| (Written::Masked, len)))
}

/// Every well-formed mark in `haystack`, in order and without overlaps; a cut-off one at its end is not among them.
pub fn find_marks(haystack: &[u8]) -> impl Iterator<Item = (Span, Mark<'_>)> {
    find_written(haystack).filter_map(|(span, written)| match written {
        Written::Mark(mark) => Some((span, mark)),
        Written::Withheld(_) | Written::Masked => None,
    })
}

fn rule_text(text: &[u8]) -> Option<&str> {
    if RuleId::is_valid(text) { std::str::from_utf8(text).ok() } else { None }
}

/// Reads `-k<epoch>-<fingerprint>` from the front of `text`, and its length in bytes.
fn tail_at_start_of(text: &[u8]) -> Option<(KeyEpoch, Fingerprint, usize)> {
    let rest = text.strip_prefix(b"-k")?;
    let digits = rest.iter().take(11).take_while(|b| b.is_ascii_digit()).count();
    let (epoch, rest) = rest.split_at(digits);
    let (fingerprint, _) = rest.strip_prefix(b"-")?.split_first_chunk::<{ Fingerprint::LEN }>()?;
    let fingerprint = Fingerprint::from_bytes(fingerprint)?;
    let epoch = KeyEpoch::parse(std::str::from_utf8(epoch).ok()?).ok()?;
    Some((epoch, fingerprint, 2 + digits + 1 + Fingerprint::LEN))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRINT: &str = "q7xk2m9c4vw8z5tn1bhd7k2p";

    fn found(text: &[u8]) -> Vec<(Span, String)> {
        find_marks(text).map(|(span, mark)| (span, format!("{} {}", mark.rule, mark.epoch))).collect()
    }

    fn valid_rule() -> impl Strategy<Value = String> {
        "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?|[a-z]{1,4}-k[0-9]{1,3}-[a-z]{1,6}"
            .prop_filter("a rule id", |id| RuleId::is_valid(id.as_bytes()))
    }

    #[test]
    fn an_exact_mark_is_read() {
        let text = format!("ink1-github-pat-k3-{PRINT}");
        let mark = Mark::parse(text.as_bytes()).expect("a mark");
        assert_eq!((mark.rule, mark.epoch.get(), mark.fingerprint.as_str()), ("github-pat", 3, PRINT));
    }

    #[test]
    fn what_is_not_exactly_a_mark_is_not_read() {
        for bad in [
            "",
            "ink1-",
            "ink1-a-k1-",
            &format!("ink1-a-k1-{PRINT}x"),
            &format!("ink1-a-k1-{}", &PRINT[1..]),
            &format!("ink1--k1-{PRINT}"),
            &format!("ink1-k1-{PRINT}"),
            &format!("ink1-a--k1-{PRINT}"),
            &format!("ink1-A-k1-{PRINT}"),
            &format!("ink1-a-k0-{PRINT}"),
            &format!("ink1-a-k01-{PRINT}"),
            &format!("ink1-a-k4294967296-{PRINT}"),
            &format!("ink1-a-k-{PRINT}"),
            &format!("ink2-a-k1-{PRINT}"),
            &format!("ink1-a-k1-{}", PRINT.replace('q', "u")),
            &format!("ink1-{}-k1-{PRINT}", "a".repeat(41)),
        ] {
            assert_eq!(Mark::parse(bad.as_bytes()), None, "{bad}");
            assert!(found(bad.as_bytes()).is_empty() || bad.ends_with('x'), "{bad}");
        }
    }

    #[test]
    fn pieces_of_a_rule_id_that_look_like_an_epoch_stay_in_it() {
        let text = format!("ink1-a-k3-b-k12-{PRINT}");
        assert_eq!(Mark::parse(text.as_bytes()).map(|mark| (mark.rule, mark.epoch.get())), Some(("a-k3-b", 12)));
        assert_eq!(found(text.as_bytes()), [(Span::new(0, text.len()), "a-k3-b 12".to_owned())]);
    }

    #[test]
    fn neighbours_never_hide_a_mark() {
        let mark = format!("ink1-a-k1-{PRINT}");
        for (before, behind) in [
            ("", ""),
            ("\\n", "\\n"),
            ("%3D", "%26"),
            ("x-", "-x"),
            ("abc", "def"),
            ("ink1-", "0"),
            ("\u{e9}", "\u{e9}"),
        ] {
            let text = format!("{before}{mark}{behind}");
            let span = Span::new(before.len(), before.len() + mark.len());
            assert_eq!(found(text.as_bytes()), [(span, "a 1".to_owned())], "{text}");
        }
    }

    #[test]
    fn marks_joined_by_anything_are_all_found() {
        let mark = format!("ink1-a-k1-{PRINT}");
        for joint in ["", "-", ":", ".", " ", "k", "-k1-"] {
            let text = [&mark[..], &mark, &mark].join(joint);
            assert_eq!(found(text.as_bytes()).len(), 3, "{text}");
        }
    }

    #[test]
    fn the_longest_mark_is_as_long_as_stated() {
        let text = format!("ink1-{}-k4294967295-{PRINT}", "a".repeat(40));
        assert_eq!(text.len(), MAX_MARK_LEN);
        assert_eq!(found(text.as_bytes()).len(), 1);
    }

    proptest! {
        #[test]
        fn both_readers_agree_on_any_mark(rule in valid_rule(), epoch in 1u32.., print in "[0-9a-hjkmnp-tv-z]{24}",
                                          before in any::<Vec<u8>>(), behind in any::<Vec<u8>>()) {
            let text = format!("ink1-{rule}-k{epoch}-{print}");
            let mark = Mark::parse(text.as_bytes()).expect("a mark");
            prop_assert_eq!((mark.rule, mark.epoch.get(), mark.fingerprint.as_str()), (&rule[..], epoch, &print[..]));
            let whole = [&before[..], text.as_bytes(), &behind].concat();
            let span = Span::new(before.len(), before.len() + text.len());
            prop_assert_eq!(find_marks(&whole).collect::<Vec<_>>(), vec![(span, mark)]);
        }

        #[test]
        fn no_bytes_make_the_finder_fail(text in "(ink1-|-k|[0-9]|a|-|withheld-|oversized|abcdefgh|\n){0,40}") {
            let mut end = 0;
            for (span, written) in find_written(text.as_bytes()) {
                prop_assert!(span.start() >= end);
                end = span.end();
                if let Written::Mark(mark) = written {
                    prop_assert_eq!(Mark::parse(&text.as_bytes()[span.range()]), Some(mark));
                }
            }
        }
    }
}
