//! Rules that are found by a single byte which most lines are without, such as the `@` of an address.
//!
//! A literal of one byte would slow the engine down for all others; a search for one to three bytes alone runs at the speed of memory.

use regex_automata::meta::{self, Regex};
use regex_automata::{Anchored, Input};
use regex_syntax::hir::Hir;

use super::trigger::{Placed, RareTriggers};

/// Bytes that are looked for, and the triggers that begin with them.
#[derive(Clone, Debug, Default)]
pub struct RareBytes {
    bytes: Vec<u8>,
    triggers: Vec<Rare>,
    tails: Vec<Regex>,
}

/// A trigger of a rule.
#[derive(Clone, Debug)]
pub struct Rare {
    /// The rule's index.
    pub rule: usize,
    /// What to look for.
    pub placed: Placed,
    /// By its place among those of all rules: what follows from the trigger's start on.
    tail: Option<usize>,
}

/// One worker's memory for what follows triggers.
#[derive(Debug)]
pub struct Caches(Vec<meta::Cache>);

impl RareBytes {
    /// As many bytes as one search takes.
    const MAX: usize = 3;

    /// Whether a rule with these triggers can be added.
    pub fn takes(&self, triggers: &RareTriggers) -> bool {
        let mut bytes = self.bytes.clone();
        bytes.extend(triggers.placed.iter().filter_map(|placed| placed.trigger.first_byte()));
        bytes.sort_unstable();
        bytes.dedup();
        bytes.len() <= Self::MAX
    }

    /// Adds a rule, by its index.
    pub fn add(&mut self, rule: usize, RareTriggers { placed, tail }: RareTriggers) {
        self.bytes.extend(placed.iter().filter_map(|placed| placed.trigger.first_byte()));
        self.bytes.sort_unstable();
        self.bytes.dedup();
        // Where there is no automaton for it, each trigger is worth a search.
        let tail = tail.and_then(|tail| compile(&tail)).map(|tail| {
            self.tails.push(tail);
            self.tails.len() - 1
        });
        self.triggers.extend(placed.into_iter().map(|placed| Rare { rule, placed, tail }));
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Working memory for one worker.
    pub fn create_caches(&self) -> Caches {
        Caches(self.tails.iter().map(Regex::create_cache).collect())
    }

    /// Every trigger in `block`, with the offset behind it, in the order of the bytes.
    pub fn find<'r>(&'r self, block: &'r [u8]) -> impl Iterator<Item = (&'r Rare, usize)> {
        let places: Box<dyn Iterator<Item = usize>> = match self.bytes[..] {
            [] => Box::new(std::iter::empty()),
            [a] => Box::new(memchr::memchr_iter(a, block)),
            [a, b] => Box::new(memchr::memchr2_iter(a, b, block)),
            [a, b, c, ..] => Box::new(memchr::memchr3_iter(a, b, c, block)),
        };
        places.flat_map(move |at| {
            self.triggers.iter().filter_map(move |rare| {
                let end = at + rare.placed.trigger.len();
                rare.placed.trigger.matches_before(block, end).then_some((rare, end))
            })
        })
    }

    /// Whether what follows in `line` from the start of a trigger on, which ends at `end`, may be a match's: if not, there is no use in looking
    /// where one might begin, and a line may be full of triggers.
    pub fn may_match(&self, rare: &Rare, caches: &mut Caches, line: &[u8], end: usize) -> bool {
        let Some((tail, cache)) = rare.tail.and_then(|at| Some((self.tails.get(at)?, caches.0.get_mut(at)?))) else {
            return true;
        };
        let start = end - rare.placed.trigger.len();
        let input = Input::new(line).range(start..).anchored(Anchored::Yes).earliest(true);
        tail.search_half_with(cache, &input).is_some()
    }
}

fn compile(tail: &Hir) -> Option<Regex> {
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(4 << 20)).auto_prefilter(false);
    meta::Builder::new().configure(config).build_from_hir(tail).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::pattern::Pattern;
    use crate::pipeline::detect::trigger;

    #[test]
    fn each_spelling_of_the_byte_is_found() {
        let pattern = Pattern::parse(r"\b[a-z]{1,64}(?:@|%40)[a-z]{2,9}").expect("valid");
        let placed = trigger::derive_rare(pattern.hir()).expect("a rare byte");
        let mut rare = RareBytes::default();
        assert!(rare.is_empty() && rare.takes(&placed));
        rare.add(7, placed);
        let line = b"ann@mail ann%40mail 50% @ %41";
        let found: Vec<_> = rare.find(line).map(|(rare, end)| (rare.rule, end)).collect();
        assert!(found.iter().all(|(rule, _)| *rule == 7) && found.len() == 2, "{found:?}");
    }

    #[test]
    fn what_follows_a_trigger_tells_whether_a_search_is_of_use() {
        let pattern =
            Pattern::parse(r"\b[a-z]{1,64}(?:@|%40)(?:[a-z]{2,9}\.){1,3}[a-z]{2,9}(?:[^a-z]|$)").expect("valid");
        let mut rare = RareBytes::default();
        rare.add(0, trigger::derive_rare(pattern.hir()).expect("a rare byte"));
        let mut caches = rare.create_caches();
        let line = b"ann@mail bob%40mail.example joe@mail.x";
        let mut worth = |(trigger, end)| rare.may_match(trigger, &mut caches, line, end);
        let found: Vec<bool> = rare.find(line).map(&mut worth).collect();
        assert_eq!(found, [false, true, false]);
    }

    #[test]
    fn a_fourth_byte_is_not_taken() {
        let placed = |byte: char| {
            let pattern = Pattern::parse(&format!(r"{byte}[a-z]{{2,9}}")).expect("valid");
            trigger::derive_rare(pattern.hir()).expect("a rare byte")
        };
        let mut rare = RareBytes::default();
        "@%~".chars().for_each(|byte| rare.add(0, placed(byte)));
        assert!(rare.takes(&placed('@')) && !rare.takes(&placed('#')));
    }
}
