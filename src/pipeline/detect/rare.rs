//! Rules that are found by a single byte which most lines are without, such as the `@` of an address.
//!
//! A literal of one byte would slow the engine down for all others; a search for one to three bytes alone runs at the speed of memory.

use super::trigger::Placed;

/// Bytes that are looked for, and the triggers that begin with them.
#[derive(Clone, Debug, Default)]
pub struct RareBytes {
    bytes: Vec<u8>,
    triggers: Vec<(usize, Placed)>,
}

impl RareBytes {
    /// As many bytes as one search takes.
    const MAX: usize = 3;

    /// Whether a rule with these triggers can be added.
    pub fn takes(&self, placed: &[Placed]) -> bool {
        let mut bytes = self.bytes.clone();
        bytes.extend(placed.iter().filter_map(|placed| placed.trigger.first_byte()));
        bytes.sort_unstable();
        bytes.dedup();
        bytes.len() <= Self::MAX
    }

    /// Adds a rule, by its index.
    pub fn add(&mut self, rule: usize, placed: Vec<Placed>) {
        self.bytes.extend(placed.iter().filter_map(|placed| placed.trigger.first_byte()));
        self.bytes.sort_unstable();
        self.bytes.dedup();
        self.triggers.extend(placed.into_iter().map(|placed| (rule, placed)));
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Every trigger in `block`, with its rule and the offset behind it, in the order of the bytes.
    pub fn find<'r>(&'r self, block: &'r [u8]) -> impl Iterator<Item = (usize, &'r Placed, usize)> {
        let places: Box<dyn Iterator<Item = usize>> = match self.bytes[..] {
            [] => Box::new(std::iter::empty()),
            [a] => Box::new(memchr::memchr_iter(a, block)),
            [a, b] => Box::new(memchr::memchr2_iter(a, b, block)),
            [a, b, c, ..] => Box::new(memchr::memchr3_iter(a, b, c, block)),
        };
        places.flat_map(move |at| {
            self.triggers.iter().filter_map(move |(rule, placed)| {
                let end = at + placed.trigger.len();
                placed.trigger.matches_before(block, end).then_some((*rule, placed, end))
            })
        })
    }
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
        let found: Vec<_> = rare.find(b"ann@mail ann%40mail 50% @ %41").map(|(rule, _, end)| (rule, end)).collect();
        assert!(found.iter().all(|(rule, _)| *rule == 7) && found.len() == 2, "{found:?}");
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
