//! Which of many patterns match at a place: one lazy automaton of all of them, read once.
//!
//! A table of the first bytes lets through what merely begins like a match, and each rule would then read the place by itself. The
//! automaton says at once which rules do match, and for most places, at the first byte that fits none, that no rule does.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::Hir;

/// An automaton of at most as many patterns as a word has bits.
#[derive(Debug)]
pub struct Sieve(DFA);

/// States of all workers' automata take no more bytes than this, each.
const CACHE: usize = 4 << 20;

impl Sieve {
    /// The automaton of these patterns, by the position of their bits; `None` where it would be too large, and there is none then.
    pub fn new(patterns: &[&Hir]) -> Option<Self> {
        let config = thompson::Config::new().utf8(false).nfa_size_limit(Some(8 << 20));
        let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(patterns).ok()?;
        let config = DFA::config().match_kind(MatchKind::All).cache_capacity(CACHE).skip_cache_capacity_check(false);
        DFA::builder().configure(config).build_from_nfa(nfa).ok().map(Self)
    }

    /// Working memory for one worker.
    pub fn create_cache(&self) -> Cache {
        self.0.create_cache()
    }

    /// Those of the patterns `among` that match at `at` of `line`: all of them, where the automaton cannot tell.
    pub fn matching(&self, cache: &mut Cache, line: &[u8], at: usize, among: u64) -> u64 {
        self.read(cache, line, at, among).unwrap_or(among)
    }

    fn read(&self, cache: &mut Cache, line: &[u8], at: usize, among: u64) -> Option<u64> {
        let dfa = &self.0;
        let input = Input::new(line).range(at..).anchored(Anchored::Yes);
        let mut state = dfa.start_state_forward(cache, &input).ok()?;
        let mut found = 0;
        // A match is told one byte behind its end.
        for &byte in &line[at..] {
            state = dfa.next_state(cache, state, byte).ok()?;
            if state.is_tagged() {
                if state.is_dead() {
                    return Some(found);
                }
                if !state.is_match() {
                    return None;
                }
                found |= self.matched(cache, state) & among;
                if found == among {
                    return Some(found);
                }
            }
        }
        state = dfa.next_eoi_state(cache, state).ok()?;
        Some(if state.is_match() { found | self.matched(cache, state) & among } else { found })
    }

    fn matched(&self, cache: &Cache, state: regex_automata::hybrid::LazyStateID) -> u64 {
        let patterns = (0..self.0.match_len(cache, state)).map(|at| self.0.match_pattern(cache, state, at));
        patterns.fold(0, |all, pattern| all | 1 << pattern.as_usize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_all_that_match_at_a_place() {
        let parse = |text: &str| {
            let parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
            { parser }.parse(text).expect("valid")
        };
        let patterns = [r"[0-9]{3}\b", r"[0-9]{1,3}", r"^[0-9]{9}$", r"[0-9a-f]{4}(?:[^0-9]|$)"].map(parse);
        let sieve = Sieve::new(&patterns.iter().collect::<Vec<_>>()).expect("small");
        let mut cache = sieve.create_cache();
        for (line, at, expected) in [
            ("123 x", 0, 0b0011),
            ("1234", 0, 0b1010),
            ("123456789", 0, 0b0110),
            (" 123456789", 1, 0b0010),
            ("123456789\n", 0, 0b0010),
            ("abcd", 0, 0b1000),
            ("x", 0, 0),
        ] {
            assert_eq!(sieve.matching(&mut cache, line.as_bytes(), at, 0b1111), expected, "{line}");
            assert_eq!(sieve.matching(&mut cache, line.as_bytes(), at, 0b0001), expected & 1, "{line}");
        }
    }
}
