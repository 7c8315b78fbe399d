//! Regular expressions that must match the whole of what they are held against.

use regex_automata::meta;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, Look};

/// An automaton larger than this is no name of a few values.
const MAX_SIZE: usize = 1 << 20;

/// An expression in the syntax of patterns: bytes, ASCII, no look-around but `\b`, `^` and `$`.
#[derive(Clone, Debug)]
pub(super) struct Whole(meta::Regex);

impl Whole {
    /// Reads `text`; what is wrong with it otherwise, in a line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(text)
            .map_err(|error| error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))?;
        if hir.properties().minimum_len().is_none_or(|least| least == 0) {
            return Err("it can match nothing at all".to_owned());
        }
        // Around what was parsed, not around its text: an alternative in it cannot get out.
        let hir = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
        meta::Builder::new()
            .configure(
                meta::Config::new().utf8_empty(false).nfa_size_limit(Some(MAX_SIZE)).hybrid_cache_capacity(MAX_SIZE),
            )
            .build_from_hir(&hir)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    pub(super) fn matches(&self, text: &[u8]) -> bool {
        self.0.is_match(Input::new(text).anchored(Anchored::Yes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_text_must_match() {
        let whole = Whole::parse("a|test-[0-9]+|b").expect("valid");
        assert!(["a", "b", "test-12"].iter().all(|text| whole.matches(text.as_bytes())));
        assert!(["", "ab", "xtest-1", "test-1x", "test-1\n"].iter().all(|text| !whole.matches(text.as_bytes())));
        assert!(Whole::parse("(?s-u:.)\\xff").expect("valid").matches(b"\x00\xff"));
    }

    #[test]
    fn what_would_hold_for_anything_or_is_too_large_is_refused() {
        for bad in ["", "x*", "(", "a)|(?:b", "a|", "(?=x)y", "(?:[a-z]{1,500}){500}"] {
            assert!(Whole::parse(bad).is_err(), "{bad}");
        }
    }
}
