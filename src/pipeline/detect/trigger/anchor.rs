//! Which part of a trigger the engine looks for.

use super::shortened::shorten;
use crate::pipeline::detect::byte_set::ByteSet;

/// A literal that the engine looks for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Literal {
    /// Its bytes; lower case where `caseless`.
    pub bytes: Vec<u8>,
    /// Whether letters match in any case.
    pub caseless: bool,
}

/// The literals that stand for a trigger in the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// One of them occurs wherever the trigger does.
    pub literals: Vec<Literal>,
    /// So many of the trigger's positions lie behind a literal's end.
    pub behind: usize,
}

/// No literal is longer: the engine's matcher looks at eight bytes at a time.
pub const MAX_LITERAL: usize = 8;
/// A trigger spells out to at most so many literals; wider classes are checked behind the engine.
const MAX_SPELLINGS: u32 = 6;
/// What a word of [`COMMON_WORDS`], or so many letters of one, weighs, whatever they are: as a trigger it would fire all the time.
const COMMON: u32 = 9 * 256 + 128;
const TELLING: usize = 4;
/// Words of which logs are full.
pub const COMMON_WORDS: &[&str] = &[
    "token",
    "key",
    "auth",
    "password",
    "secret",
    "client",
    "access",
    "private",
    "user",
    "account",
    "api",
    "host",
    "name",
    "http",
    "https",
    "server",
    "service",
    "bearer",
    "live",
    "test",
    "public",
    "session",
    "error",
    "info",
    "login",
    "email",
    "channel",
    "personal",
    "bot",
    "pass",
    "authentication",
];

impl Anchor {
    /// The literals for this window of a trigger's positions, spelt out.
    pub(super) fn new(positions: &[ByteSet], Window { start, end, .. }: Window) -> Self {
        let window = &positions[start..end];
        let caseless = window.iter().any(ByteSet::is_case_pair);
        let mut spelt = vec![Vec::new()];
        for set in window {
            let bytes: Vec<u8> = if set.is_case_pair() || (caseless && set.len() == 1) {
                set.bytes().take(1).map(|byte| byte.to_ascii_lowercase()).collect()
            } else {
                set.bytes().collect()
            };
            spelt =
                spelt.iter().flat_map(|head| bytes.iter().map(move |byte| [&head[..], &[*byte]].concat())).collect();
        }
        let mut behind = positions.len() - end;
        let mut literals: Vec<Literal> = spelt.into_iter().map(|bytes| Literal { bytes, caseless }).collect();
        if let [whole] = &mut literals[..] {
            behind += shorten(whole);
        }
        Self { literals, behind }
    }
}

/// A run of positions that is looked for in the place of them all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Window {
    start: usize,
    end: usize,
    /// How rarely it occurs in a log, in 1/256 bit.
    pub(super) weight: u32,
}

const NOTHING: Window = Window { start: 0, end: 0, weight: 0 };

impl Window {
    /// The run that is the least likely in a log by its bytes, and spells out to few literals.
    pub(super) fn rarest(string: &[ByteSet]) -> Self {
        (1..=string.len()).fold(NOTHING, |best, end| best.or_to_end_of(&string[..end]))
    }

    /// The same for a string that is longer by its last position.
    pub(super) fn or_to_end_of(self, string: &[ByteSet]) -> Self {
        self.or_better(string, |_, weight| weight)
    }

    /// This window, which is the rarest by its bytes; or, where that is a word of which logs are full, the one that tells more.
    pub(super) fn telling(self, string: &[ByteSet]) -> Self {
        if common_weight(&string[self.start..self.end]).is_none() {
            return self;
        }
        // A shorter run would only be a part of the word.
        let length = self.end - self.start;
        let judge = |window: &[ByteSet], weight: u32| {
            if window.len() < length { 0 } else { common_weight(window).map_or(weight, |common| common.min(weight)) }
        };
        (1..=string.len()).fold(NOTHING, |best, end| best.or_better(&string[..end], judge))
    }

    /// The best of this window, which ends before, and those that end where the string does; of equals the one that begins first.
    fn or_better(mut self, string: &[ByteSet], judge: impl Fn(&[ByteSet], u32) -> u32) -> Self {
        let (mut weight, mut spellings) = (0, 1);
        let end = string.len();
        for start in (end.saturating_sub(MAX_LITERAL)..end).rev() {
            let set = &string[start];
            spellings *= if set.is_case_pair() { 1 } else { set.len() };
            if spellings > MAX_SPELLINGS {
                break;
            }
            weight += set.weight();
            let judged = judge(&string[start..], weight);
            if judged > self.weight || (judged == self.weight && judged > 0 && start < self.start) {
                self = Self { start, end, weight: judged };
            }
        }
        self
    }

    /// The positions of the string that are looked for.
    pub(super) fn of(self, string: &[ByteSet]) -> &[ByteSet] {
        &string[self.start..self.end]
    }

    /// How rarely the string occurs in a log, in bits: its window, and half of what classes around it add.
    pub(super) fn bits(self, string: &[ByteSet]) -> f32 {
        let around: u32 = string[..self.start].iter().chain(&string[self.end..]).map(ByteSet::weight).sum();
        in_bits(self.weight) + in_bits(around) / 2.0
    }
}

pub(super) fn in_bits(weight: u32) -> f32 {
    weight as f32 / 256.0
}

/// The weight of a window that is a word, or a part of one, which stands in every other line of a log: its letters say little, whatever
/// they are; what separates words around it says as much as elsewhere.
fn common_weight(window: &[ByteSet]) -> Option<u32> {
    let (mut letters, mut count, mut weight) = ([0; MAX_LITERAL], 0, COMMON);
    for set in window {
        match set.bytes().last().map(|byte| byte.to_ascii_lowercase()) {
            Some(letter @ b'a'..=b'z') if set.len() == 1 || set.is_case_pair() => {
                *letters.get_mut(count)? = letter;
                count += 1;
            }
            Some(b'_' | b'-' | b' ') if set.len() == 1 => weight += set.weight(),
            _ => return None,
        }
    }
    let letters = &letters[..count];
    let holds = |word: &&str| word.as_bytes().windows(count).any(|part| part == letters);
    (count >= TELLING && COMMON_WORDS.iter().any(holds)).then_some(weight)
}
