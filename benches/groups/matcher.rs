//! What the engine's literal matcher makes of literals: see `src/pipeline/detect/database/ballast.rs`.
//!
//! It sorts them into groups. A place of a text is looked at when for each byte of a group's window some literal of the group has that byte
//! there and, in its lower five bits, the one behind it, whether or not it is the same literal for each.

use std::collections::{BTreeMap, HashMap};

use inkprint::pipeline::detect::looked_for;
use inkprint::pipeline::detect::trigger::Literal;

/// The matcher's groups.
const GROUPS: usize = 8;
/// Pairs of a byte and the lower bits of the one behind it.
const PAIRS: usize = 256 * 32;

/// The literals in their groups.
pub struct Matcher(Vec<Group>);

/// Literals that are looked for together.
pub struct Group {
    literals: Vec<Literal>,
    /// Of its shortest literal: what stands before is not compared.
    length: usize,
    /// By place, counted from the last byte, and by pair: which literals have it there.
    places: Vec<Vec<Holders>>,
    /// The literals by their last bytes, as many as are compared, in lower case.
    by_end: HashMap<Vec<u8>, Vec<usize>>,
}

/// The literals that have a pair at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holders {
    None,
    One(u32),
    More,
}

/// How often a group looked at a text for nothing.
pub struct Looks {
    /// All of them.
    pub count: usize,
    /// By literal: how many it is to blame for, and the end of the window at the first.
    pub blamed: BTreeMap<usize, (usize, usize)>,
}

impl Matcher {
    /// What is made of these literals, and of what the program has the engine look for beside them.
    pub fn new(literals: &[Literal]) -> Self {
        Self(groups(looked_for(literals)).into_iter().map(Group::new).collect())
    }

    /// Its groups.
    pub fn groups(&self) -> &[Group] {
        &self.0
    }
}

/// The literals as the matcher groups them: by length, then from their last byte on, cut where the sum of `count^1.05 / length^3` is least.
fn groups(mut literals: Vec<Literal>) -> Vec<Vec<Literal>> {
    literals.sort_by_cached_key(|literal| {
        (literal.bytes.len(), literal.bytes.iter().rev().map(u8::to_ascii_lowercase).collect::<Vec<_>>())
    });
    literals.dedup_by(|a, b| a.bytes.eq_ignore_ascii_case(&b.bytes) && a.caseless == b.caseless);
    let count = literals.len();
    let powers: Vec<f64> = (0..=count).map(|number| (number as f64).powf(1.05)).collect();
    let shares: Vec<f64> = literals.iter().map(|literal| (literal.bytes.len() as f64).powi(-3)).collect();
    let score = |from: usize, to: usize| powers[to - from] * shares[from];
    // best[n][from]: the least sum for what stands from there on, in n + 1 groups, and where the first of them ends.
    let mut best = vec![(0..count).map(|from| (score(from, count), count)).collect::<Vec<_>>()];
    for more in 1..GROUPS {
        let before = &best[more - 1];
        let cut = |from: usize| {
            (from + 1..count)
                .map(|to| (score(from, to) + before[to].0, to))
                .fold((f64::INFINITY, count), |a, b| if b.0 < a.0 { b } else { a })
        };
        let next = (0..count).map(cut).collect();
        best.push(next);
    }
    let (mut from, mut all) = (0, Vec::new());
    for left in (0..GROUPS).rev() {
        if from < count {
            let to = best[left][from].1;
            all.push(literals[from..to].to_vec());
            from = to;
        }
    }
    all
}

fn pair(byte: u8, behind: u8) -> usize {
    usize::from(byte) * 32 + usize::from(behind & 31)
}

impl Group {
    fn new(literals: Vec<Literal>) -> Self {
        let length = literals.iter().map(|literal| literal.bytes.len()).min().unwrap_or(0);
        let mut places = vec![vec![Holders::None; PAIRS]; length];
        let mut by_end = HashMap::<Vec<u8>, Vec<usize>>::new();
        for (number, literal) in literals.iter().enumerate() {
            let len = literal.bytes.len();
            by_end.entry(literal.bytes[len - length..].to_ascii_lowercase()).or_default().push(number);
            let spellings = |byte: u8| {
                let other = (literal.caseless && byte.is_ascii_alphabetic()).then_some(byte ^ 0x20);
                std::iter::once(byte).chain(other)
            };
            for (place, holders) in places.iter_mut().enumerate() {
                let at = len - 1 - place;
                let behind: Vec<u8> = match literal.bytes.get(at + 1) {
                    Some(next) => spellings(*next).collect(),
                    None => (0..32).collect(),
                };
                for byte in spellings(literal.bytes[at]) {
                    for behind in &behind {
                        holders[pair(byte, *behind)].add(number as u32);
                    }
                }
            }
        }
        Self { literals, length, places, by_end }
    }

    /// Bytes that are compared.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Its literals.
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// Where it looks at a text for nothing.
    pub fn looks(&self, text: &[u8]) -> Looks {
        let mut looks = Looks { count: 0, blamed: BTreeMap::new() };
        for end in self.length..=text.len() {
            let holders = |place: usize| {
                let at = end - 1 - place;
                self.places[place][pair(text[at], text.get(at + 1).copied().unwrap_or_default())]
            };
            if (0..self.length).any(|place| holders(place) == Holders::None) || self.occurs(&text[..end]) {
                continue;
            }
            looks.count += 1;
            let one = |place: usize| match holders(place) {
                Holders::One(number) => Some(number as usize),
                Holders::None | Holders::More => None,
            };
            let mut alone: Vec<usize> = (0..self.length).filter_map(one).collect();
            alone.sort_unstable();
            alone.dedup();
            for number in alone {
                looks.blamed.entry(number).or_insert((0, end)).0 += 1;
            }
        }
        looks
    }

    /// Whether the text ends in one of the literals.
    fn occurs(&self, text: &[u8]) -> bool {
        let end = text[text.len() - self.length..].to_ascii_lowercase();
        self.by_end.get(&end).is_some_and(|numbers| {
            numbers.iter().any(|number| {
                let literal = &self.literals[*number];
                let there = text.len().checked_sub(literal.bytes.len()).map(|start| &text[start..]);
                there.is_some_and(|there| match literal.caseless {
                    true => there.eq_ignore_ascii_case(&literal.bytes),
                    false => there == literal.bytes,
                })
            })
        })
    }
}

impl Holders {
    fn add(&mut self, number: u32) {
        *self = match *self {
            Self::None => Self::One(number),
            Self::One(before) if before == number => Self::One(number),
            Self::One(_) | Self::More => Self::More,
        };
    }
}
