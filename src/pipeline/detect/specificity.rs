//! How much a pattern says of what it takes, so that of two rules that take the same bytes the more specific one gives its name.
//!
//! The measure is in bits: eight for each byte of a match, less what the pattern leaves open there. For the same bytes it is the
//! greater, the fewer others would have matched; `sk_live_[0-9a-f]{40}` says more of a key than `sk_live_[0-9A-Za-z]{16,247}`.

use regex_syntax::hir::{Class, Hir, HirKind};

/// What an open-ended length leaves open, as if there were so many lengths to choose from.
const OPEN_LENGTHS: f32 = 256.0;

/// What a pattern lays down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Specificity {
    /// In its shortest match.
    shortest: f32,
    /// For each byte by which a secret is longer than the shortest one.
    further: f32,
    /// Length of the shortest secret.
    least: usize,
}

impl Specificity {
    /// That of `pattern`, of whose matches `secret` is the part that goes.
    pub fn new(pattern: &Hir, secret: &Hir) -> Self {
        let (shortest, widest) = laid_down(pattern);
        Self { shortest, further: widest.bits, least: secret.properties().minimum_len().unwrap_or(0) }
    }

    /// The bits laid down in a match whose secret is of this length.
    pub fn bits(self, secret: usize) -> u32 {
        (self.shortest + self.further * secret.saturating_sub(self.least) as f32).max(0.0) as u32
    }
}

/// The repetition that takes up the most of a longer match.
#[derive(Clone, Copy, Default)]
struct Widest {
    /// How many more times it may be repeated.
    room: u32,
    /// Bits laid down in each byte of it.
    bits: f32,
}

fn laid_down(hir: &Hir) -> (f32, Widest) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (0.0, Widest::default()),
        HirKind::Literal(literal) => (literal.0.len() as f32 * 8.0, Widest::default()),
        HirKind::Class(class) => {
            let members: usize = match class {
                Class::Bytes(class) => class.ranges().iter().map(|range| range.len()).sum(),
                Class::Unicode(class) => class.ranges().iter().map(|range| range.len()).sum(),
            };
            (8.0 - (members.clamp(1, 256) as f32).log2(), Widest::default())
        }
        HirKind::Capture(group) => laid_down(&group.sub),
        HirKind::Repetition(repetition) => {
            let (once, inner) = laid_down(&repetition.sub);
            let room = repetition.max.map_or(u32::MAX, |max| max - repetition.min);
            let bytes = repetition.sub.properties().minimum_len().unwrap_or(1).max(1);
            let own = Widest { room, bits: once / bytes as f32 };
            let lengths = (room as f32 + 1.0).min(OPEN_LENGTHS);
            (once * repetition.min as f32 - lengths.log2(), if own.room >= inner.room { own } else { inner })
        }
        HirKind::Concat(parts) => {
            parts.iter().map(laid_down).fold((0.0, Widest::default()), |(sum, widest), (bits, next)| {
                (sum + bits, if next.room > widest.room { next } else { widest })
            })
        }
        HirKind::Alternation(branches) => {
            let (least, widest) = branches
                .iter()
                .map(laid_down)
                .fold((f32::INFINITY, Widest::default()), |(least, widest), (bits, next)| {
                    (least.min(bits), if next.room > widest.room { next } else { widest })
                });
            (least - (branches.len() as f32).log2(), widest)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::detect::pattern::Pattern;

    fn assert_more(narrow: &str, wide: &str, secret: usize) {
        let bits = |text| Pattern::parse(text).expect("valid").specificity(secret);
        assert!(bits(narrow) > bits(wide), "{narrow} ({}) against {wide} ({})", bits(narrow), bits(wide));
    }

    #[test]
    fn the_narrower_pattern_says_more() {
        let wide = r"\bsk_(?:live|test)_[0-9A-Za-z]{16,247}";
        assert_more(r"\bsk_(?:live|test)_[0-9a-f]{40}\b", wide, 48);
        assert_more(r"\bsk_(?:live|test)_5[0-9A-Za-z]{93,247}", wide, 107);
        assert_more(r"\bsk_live_[0-9A-Za-z-]{93}\b", wide, 101);
    }

    #[test]
    fn what_must_stand_around_counts() {
        assert_more(r"AccountKey=(?<secret>[0-9A-Za-z+/]{40,128}={0,2})", r"[=:](?<secret>[0-9A-Za-z+/]{86}==)", 88);
    }

    #[test]
    fn a_fixed_length_says_more_than_an_open_one() {
        assert_more(r"tk[a-z]{24}", r"tk[a-z]{10,30}", 26);
        assert_more(r"tk[a-z]{24}", r"tk[a-z]+", 26);
    }
}
