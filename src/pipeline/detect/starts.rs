//! Rules without a literal, tried where a word begins: digits in groups, addresses, numbers with a check digit.
//!
//! Their patterns say which bytes may stand at the first places of a match, and, as a `\b` ends most of them, how long it may be. One
//! table holds this for all of them, a bit for each rule; at each word's start it is read from left to right until no rule is left.
//! Most starts are told before by the kinds of their first bytes alone: of dates and times that many follow each other that no rule
//! has. What may stand at a place says little where a match may be short or begin in many ways, as an IPv6 address does: such a rule has a
//! bit for each way. Of the rules whose bits survive, one automaton tells those that match ([`Sieve`]), and these find out what.
//!
//! Invariant, held by a test over every such rule: wherever a match begins, [`Starts::at`] has the rule's bit.

mod begins;
mod noted;
mod places;

use regex_syntax::hir::Hir;

use self::begins::{AT_ONCE, Begins, CHUNKS, Class, Strip, WINDOW, WINDOWS};
use self::noted::Noted;
use self::places::ways;
pub use self::places::{DEPTH, places};
use super::boundary;
use super::pattern::Pattern;
use super::sieve::Sieve;

/// As many rules as a word of the table has bits.
pub const MAX_RULES: usize = u64::BITS as usize;
/// A match has an end within reach, so that a line full of starts is read a bounded number of times.
const MAX_LEN: usize = 1024;
/// A pattern that can begin with more bytes than this would be tried at nearly every word.
const MAX_FIRST: u32 = 70;

/// What may stand at the first places of the matches of some rules.
#[derive(Debug)]
pub struct Starts {
    /// By place and byte: a bit for each rule.
    places: Box<[[u64; 256]; DEPTH]>,
    /// By the byte before a match: the rules that do not mind it.
    after: Box<[u64; 256]>,
    kinds: [u8; 256],
    /// What tells where words begin, unless matches may begin with too many other bytes.
    begins: Option<Begins>,
    /// By the classes of the first bytes: whether a match may begin with them, eight in a byte.
    windows: Box<[u8; WINDOWS / 8]>,
    /// By a bit of the table: the bit of its rule in a [`Start`].
    rule_bits: Vec<u64>,
    /// Indexes of the rules, in the order of their bits in a [`Start`].
    pub rules: Vec<usize>,
    /// What tells which of them match where they may.
    pub sieve: Option<Sieve>,
}

/// A byte that a word may go on behind.
const WORD: u8 = 1;
/// A byte that an escape begins with.
const ESCAPE: u8 = 2;
/// A byte that a match can begin with.
const FIRST: u8 = 4;
/// Of these, so many are looked at before the others.
const TOGETHER: usize = 7;

/// A place where rules may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Offset in the block.
    pub at: usize,
    /// The bits of the rules.
    pub rules: u64,
}

/// Whether a rule with this pattern can be found by the starts of its matches.
pub fn can_be_tried(pattern: &Pattern) -> bool {
    let first = places(pattern.hir())[0];
    pattern.wants_boundary() && pattern.max_len() <= MAX_LEN && first.len() <= MAX_FIRST && !first.contains(b'\n')
}

impl Starts {
    /// The table for these rules, at most [`MAX_RULES`]: index, pattern, and the bytes that may not stand before a match.
    pub fn new<'p>(rules: impl Iterator<Item = (usize, &'p Pattern, &'p [u8])>) -> Self {
        let mut table = vec![[0u64; 256]; DEPTH];
        let mut after = Box::new([u64::MAX; 256]);
        let rules: Vec<_> = rules.take(MAX_RULES).collect();
        let (mut rule_bits, mut room) = (Vec::new(), MAX_RULES - rules.len());
        for (number, (_, pattern, not_after)) in rules.iter().enumerate() {
            for way in ways(pattern.hir(), &mut room) {
                let sets = places(&way);
                let bit = 1 << rule_bits.len();
                rule_bits.push(1 << number);
                for (place, set) in table.iter_mut().zip(&sets) {
                    set.bytes().for_each(|byte| place[usize::from(byte)] |= bit);
                }
                not_after.iter().for_each(|byte| after[usize::from(*byte)] &= !bit);
            }
        }
        let patterns: Vec<&Hir> = rules.iter().map(|(_, pattern, _)| pattern.hir()).collect();
        let indexes = rules.iter().map(|(index, ..)| *index).collect();
        let kinds = std::array::from_fn(|byte| {
            let escape = matches!(byte as u8, b'\\' | b'%' | b'[');
            let is = |holds: bool, kind: u8| if holds { kind } else { 0 };
            is(boundary::is_word(byte as u8), WORD) | is(escape, ESCAPE) | is(table[0][byte] != 0, FIRST)
        });
        let others: Vec<u8> =
            (0..=255).filter(|byte| table[0][usize::from(*byte)] != 0 && !boundary::is_word(*byte)).collect();
        let places: Box<[[u64; 256]; DEPTH]> =
            table.into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("it has DEPTH rows"));
        let begins = Begins::new(&others);
        let windows = windows(&places);
        Self { places, after, kinds, begins, windows, rule_bits, rules: indexes, sieve: Sieve::new(&patterns) }
    }

    /// Appends every place in `block` at which a word begins that one of the rules may match. They are in order but for those behind
    /// escapes, which may come somewhat earlier or later.
    pub fn find(&self, block: &[u8], found: &mut Vec<Start>) {
        let Some(begins) = &self.begins else { return self.find_each(block, 0, found) };
        let (chunks, _) = block.as_chunks::<AT_ONCE>();
        // So that behind each place there is as much of the block as is looked at.
        let sure = chunks.len().saturating_sub(1);
        let (mut strip, mut places) = (Strip::default(), Noted::default());
        for from in (0..sure).step_by(CHUNKS) {
            let count = CHUNKS.min(sure - from);
            let first = from * AT_ONCE;
            let text = &block[first..];
            begins.tell(&chunks[from..], first.checked_sub(1).map(|at| block[at]), &mut strip);
            places.note(&strip.begins[..count]);
            places.keep(|at| self.may_begin(strip.window_at(at)));
            places.keep(|at| self.may_match(&text[at..]));
            places.all().iter().for_each(|at| self.add(block, first + usize::from(*at), found));
            places.note(&strip.escapes[..count]);
            places.all().iter().for_each(|at| self.behind_escape(block, first + usize::from(*at), found));
        }
        self.find_each(block, sure * AT_ONCE, found);
    }

    /// Whether a match may begin with bytes of these classes.
    #[inline]
    fn may_begin(&self, window: usize) -> bool {
        self.windows[window / 8 % (WINDOWS / 8)] >> (window % 8) & 1 != 0
    }

    /// The same from `first` on, byte by byte.
    fn find_each(&self, block: &[u8], first: usize, found: &mut Vec<Start>) {
        let kind = |at: usize| self.kinds[usize::from(block[at])];
        let mut before = first.checked_sub(1).map_or(0, kind);
        for at in first..block.len() {
            let kind = kind(at);
            if kind & FIRST != 0 && before & WORD == 0 {
                self.add(block, at, found);
            }
            if kind & ESCAPE != 0 {
                self.behind_escape(block, at, found);
            }
            before = kind;
        }
    }

    /// Whether one of the rules may match at the front of `text`, by the first places alone.
    #[inline]
    fn may_match(&self, text: &[u8]) -> bool {
        let Some(text) = text.first_chunk::<TOGETHER>() else { return true };
        (0..TOGETHER).fold(u64::MAX, |bits, at| bits & self.places[at][usize::from(text[at])]) != 0
    }

    /// The bits of the rules that may match at `at`.
    #[inline]
    pub fn at(&self, block: &[u8], at: usize) -> u64 {
        let mut bits = at.checked_sub(1).map_or(u64::MAX, |before| self.after[usize::from(block[before])]);
        let fitting = |bits: u64, (place, byte): (&[u64; 256], &u8)| bits & place[usize::from(*byte)];
        let (first, further) = self.places.split_at(TOGETHER);
        let text = block.get(at..at + DEPTH).map(|text| text.split_at(TOGETHER));
        // Some at a time: at which of them the last rule falls is nothing that a processor could foresee.
        if let Some((text, behind)) = text {
            bits = first.iter().zip(text).fold(bits, fitting);
            if bits == 0 {
                return 0;
            }
            bits = further.iter().zip(behind).fold(bits, fitting);
        } else {
            // A block's end ends a line, too.
            let text = block[at..].iter().chain(std::iter::repeat(&b'\n'));
            bits = self.places.iter().zip(text).fold(bits, fitting);
        }
        let mut rules = 0;
        while bits != 0 {
            rules |= self.rule_bits[bits.trailing_zeros() as usize];
            bits &= bits - 1;
        }
        rules
    }

    #[inline]
    fn add(&self, block: &[u8], at: usize, found: &mut Vec<Start>) {
        let rules = self.at(block, at);
        if rules != 0 {
            found.push(Start { at, rules });
        }
    }

    /// `\n4111…`, `%3D4111…`: a word that begins within what looks like one.
    fn behind_escape(&self, block: &[u8], escape: usize, found: &mut Vec<Start>) {
        let behind: &[usize] = match block[escape] {
            b'%' => &[3],
            b'\\' => &[2, 4, 6],
            _ => {
                let parameters = block[escape + 1..].iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b';');
                &[parameters.count() + 2]
            }
        };
        for at in behind.iter().map(|length| escape + length).filter(|at| *at < block.len()) {
            if boundary::is_word(block[at - 1]) && boundary::begins_word(block, at) {
                self.add(block, at, found);
            }
        }
    }
}

/// With which windows a match may begin, when so and so may stand at its first places.
fn windows(places: &[[u64; 256]; DEPTH]) -> Box<[u8; WINDOWS / 8]> {
    let mut by_class = [[0u64; Class::ALL.len()]; WINDOW];
    for (classes, place) in by_class.iter_mut().zip(places) {
        (0..=255).for_each(|byte| classes[usize::from(Class::of(byte).number())] |= place[usize::from(byte)]);
    }
    let mut windows = Box::new([0; WINDOWS / 8]);
    // Place by place, those that some rule's bit is left of.
    let mut left = vec![(0, u64::MAX)];
    for (place, classes) in by_class.iter().enumerate() {
        let further = |(window, bits): &(usize, u64)| {
            let (window, bits) = (*window, *bits);
            Class::ALL.map(|class| (window | class.at(place), bits & classes[usize::from(class.number())]))
        };
        left = left.iter().flat_map(further).filter(|(_, bits)| *bits != 0).collect();
    }
    left.iter().for_each(|(window, _)| windows[window / 8] |= 1 << (window % 8));
    windows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("valid")
    }

    fn starts(text: &str, block: &str) -> Vec<usize> {
        let pattern = pattern(text);
        let mut found = Vec::new();
        Starts::new(std::iter::once((0, &pattern, &b"."[..]))).find(block.as_bytes(), &mut found);
        found.iter().map(|start| start.at).collect()
    }

    #[test]
    fn only_what_has_the_length_is_tried() {
        assert_eq!(starts(r"\b[0-9]{6}\b", "12345 123456 1234567 a123456 123456"), [6, 29]);
        assert_eq!(starts(r"\b[0-9]{3}(?:-|%20)?[0-9]{3}(?:[^0-9]|$)", "123-456 123%20456, 12345"), [0, 8]);
    }

    #[test]
    fn what_may_not_stand_before_is_left_out() {
        assert_eq!(starts(r"\b[0-9]{6}\b", "1.123456 -123456"), [10]);
    }

    #[test]
    fn words_behind_escapes_are_tried() {
        assert_eq!(
            starts(r"\b[0-9]{6}\b", "\\n123456 %3D123456 \\u0026123456 \x1b[32m123456 \\x3d123456"),
            [2, 12, 25, 37, 48]
        );
        assert!(starts(r"\b[0-9]{6}\b", "n123456 3D123456 32m123456").is_empty());
    }

    #[test]
    fn every_place_of_every_match_is_in_the_table() {
        for (text, matches) in [
            (r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b", &["1.2.3.4", "10.20.30.40", "255.255.255.255"][..]),
            (r"\b[A-Z]{2}(?: ?[0-9]){4,6}(?:[^0-9]|$)", &["AB1234", "AB 1 2 3 4 5 6"]),
            (r"\b(?:\+|00)[1-9][0-9]{6,14}\b", &["+4915112345678", "0049151123"]),
        ] {
            for found in matches {
                assert_eq!(starts(text, found).first(), Some(&0), "{text} in {found}");
                assert_eq!(starts(text, &format!("{found}\n")).first(), Some(&0), "{text} in {found}, a line");
            }
        }
    }

    #[test]
    fn ways_to_begin_are_told_apart() {
        let address = r"\b(?:(?:ip|addr):)?(?<secret>(?:[0-9a-f]{1,4}:){2,7}(?::|[0-9a-f]{1,4})|::1)(?:[^0-9a-f]|$)";
        assert_eq!(starts(address, "2026-05-10 fe80:1:2 abcd cab ip:1:2:3 ::1 ab"), [11, 29, 32, 38]);
    }

    #[test]
    fn what_may_begin_anywhere_or_end_nowhere_is_not_tried() {
        assert!(can_be_tried(&pattern(r"\b[0-9]{6}\b")));
        assert!(!can_be_tried(&pattern(r"[0-9]{6}\b")));
        assert!(!can_be_tried(&pattern(r"\b[0-9]{6,}\b")));
        assert!(!can_be_tried(&pattern(r"\b[^a]{6}\b")));
    }

    proptest! {
        #[test]
        fn what_is_found_many_bytes_at_a_time_is_what_is_found_byte_by_byte(
            text in "[ ab19_+(%\\\\\\[mné]{0,300}",
            times in prop_oneof![Just(1), 1usize..40],
        ) {
            let block = text.repeat(times);
            let pattern = pattern(r"\b(?:\+|00|\(|[a-z])[0-9a-z]{1,9}\b");
            let starts = Starts::new(std::iter::once((0, &pattern, &b"."[..])));
            prop_assert!(starts.begins.is_some());
            let (mut found, mut each) = (Vec::new(), Vec::new());
            starts.find(block.as_bytes(), &mut found);
            starts.find_each(block.as_bytes(), 0, &mut each);
            let place = |start: &Start| (start.at, start.rules);
            found.sort_by_key(place);
            each.sort_by_key(place);
            prop_assert_eq!(found, each);
        }
    }
}
