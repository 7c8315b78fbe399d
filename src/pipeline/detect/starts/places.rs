//! What may stand at the first places of a pattern's matches, and in which ways they may begin.

use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use crate::pipeline::detect::boundary;
use crate::pipeline::detect::byte_set::ByteSet;
use crate::pipeline::detect::group::{class_bytes, last_bytes};

/// Places of a match that are looked at.
pub const DEPTH: usize = 16;
/// A rule of which any byte may stand at a place before this one has a bit for each way to begin.
const EARLY: usize = 6;
/// Ways to begin that are told apart, of one rule.
const MAX_WAYS: usize = 16;
/// The ways in which a match of `hir` may begin, each a pattern of its own, where its first places alone say too little and there is `room` for
/// more bits; all of it otherwise.
pub fn ways(hir: &Hir, room: &mut usize) -> Vec<Hir> {
    let says_little = places(hir)[..EARLY].iter().any(|set| set.len() == 256);
    let ways = if says_little { split(vec![hir.clone()]) } else { Vec::new() };
    if ways.is_empty() || ways.len() - 1 > *room {
        return vec![hir.clone()];
    }
    *room -= ways.len() - 1;
    ways
}

/// The ways to begin of parts that follow each other: with each branch of a choice, with so many bytes of a run, with or without what need not
/// be there. Empty where they are too many.
fn split(mut parts: Vec<Hir>) -> Vec<Hir> {
    if parts.is_empty() {
        return vec![Hir::empty()];
    }
    let first = parts.remove(0);
    let followed_by = |first: Vec<Hir>| [first, parts.clone()].concat();
    let starts: Vec<Vec<Hir>> = match first.kind() {
        HirKind::Capture(group) => vec![followed_by(vec![(*group.sub).clone()])],
        HirKind::Concat(inner) => vec![followed_by(inner.clone())],
        HirKind::Alternation(branches) => branches.iter().map(|branch| followed_by(vec![branch.clone()])).collect(),
        HirKind::Repetition(repetition) => {
            let times = |min: u32, max: Option<u32>| {
                Hir::repetition(Repetition { min, max, sub: repetition.sub.clone(), ..*repetition })
            };
            match (repetition.min, repetition.max) {
                (0, max) => vec![followed_by(vec![times(1, max)]), parts.clone()],
                (min, Some(max)) if max < MAX_WAYS as u32 && matches!(repetition.sub.kind(), HirKind::Class(_)) => {
                    let run = |length| Hir::concat(vec![(*repetition.sub).clone(); length as usize]);
                    return join((min..=max).map(|length| vec![Hir::concat(followed_by(vec![run(length)]))]));
                }
                (min, max) => {
                    let rest = times(min - 1, max.map(|max| max - 1));
                    vec![followed_by(vec![(*repetition.sub).clone(), rest])]
                }
            }
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => {
            return vec![Hir::concat(followed_by(vec![first]))];
        }
    };
    join(starts.into_iter().map(split))
}

fn join(ways: impl Iterator<Item = Vec<Hir>>) -> Vec<Hir> {
    let mut all = Vec::new();
    for ways in ways {
        if ways.is_empty() || all.len() + ways.len() > MAX_WAYS {
            return Vec::new();
        }
        all.extend(ways);
    }
    all
}

/// The bytes that may stand at each of the first places of a match, and behind one that is shorter.
pub fn places(hir: &Hir) -> [ByteSet; DEPTH] {
    let mut sets = [[0; 4]; DEPTH];
    let ends = advance(hir, 1, &mut sets);
    for (place, set) in sets.iter_mut().enumerate() {
        let (here, before) = (1 << place, (1u32 << place) - 1);
        if ends & before != 0 || (ends & here != 0 && !ends_word(hir)) {
            *set = [!0; 4];
        } else if ends & here != 0 {
            let ends = ByteSet::new((0..=255).filter(|byte| !boundary::is_word(*byte)));
            add(set, ends);
        }
    }
    sets.map(ByteSet::of_words)
}

fn add(set: &mut [u64; 4], bytes: ByteSet) {
    set.iter_mut().zip(bytes.words()).for_each(|(word, more)| *word |= more);
}

/// Whether a match is always followed by the end of a word: a last `\b` behind word characters only.
fn ends_word(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(group) => ends_word(&group.sub),
        HirKind::Alternation(branches) => branches.iter().all(ends_word),
        HirKind::Concat(parts) => match parts.split_last() {
            Some((last, before)) if matches!(last.kind(), HirKind::Look(Look::WordAscii)) => {
                let before = Hir::concat(before.to_vec());
                before.properties().minimum_len() != Some(0) && last_bytes(&before).into_iter().all(boundary::is_word)
            }
            Some((last, _)) => ends_word(last),
            None => false,
        },
        _ => false,
    }
}

/// Notes what `hir` may have at each place when it begins at one of `from` (a bit for each), and gives the places behind it.
fn advance(hir: &Hir, from: u32, sets: &mut [[u64; 4]; DEPTH]) -> u32 {
    let mut step = |from: u32, bytes: ByteSet| -> u32 {
        let here = sets.iter_mut().enumerate().filter(|(place, _)| from & 1 << place != 0);
        here.for_each(|(_, set)| add(set, bytes));
        (from << 1) & ((1 << DEPTH) - 1)
    };
    match hir.kind() {
        HirKind::Empty => from,
        HirKind::Look(Look::End | Look::EndLF) => {
            step(from, ByteSet::new([b'\n']));
            from
        }
        HirKind::Look(_) => from,
        HirKind::Literal(literal) => literal.0.iter().fold(from, |from, byte| step(from, ByteSet::new([*byte]))),
        HirKind::Class(class) => step(from, class_bytes(class).unwrap_or_else(|| ByteSet::of_words([!0; 4]))),
        HirKind::Capture(group) => advance(&group.sub, from, sets),
        HirKind::Concat(parts) => parts.iter().fold(from, |from, part| advance(part, from, sets)),
        HirKind::Alternation(branches) => branches.iter().fold(0, |ends, branch| ends | advance(branch, from, sets)),
        HirKind::Repetition(repetition) => {
            let (mut at, mut ends, mut times) = (from, if repetition.min == 0 { from } else { 0 }, 0);
            // Each time takes a byte at least, so behind the last place nothing is left to note.
            while at != 0 && repetition.max.is_none_or(|max| times < max) && times < DEPTH as u32 {
                at = advance(&repetition.sub, at, sets);
                times += 1;
                if times >= repetition.min {
                    ends |= at;
                }
            }
            ends
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::pattern::Pattern;

    #[test]
    fn ways_to_begin_are_split_where_places_say_too_little() {
        let address = r"\b(?:(?:ip|addr):)?(?<secret>(?:[0-9a-f]{1,4}:){2,7}(?::|[0-9a-f]{1,4})|::1)(?:[^0-9a-f]|$)";
        let count = |text: &str, mut room: usize| ways(Pattern::parse(text).expect("valid").hir(), &mut room).len();
        assert_eq!(count(address, 64), 7);
        assert_eq!(count(address, 5), 1, "there is no room");
        assert_eq!(count(r"\b[0-9]{6}\b", 64), 1, "its places say enough");
    }
}
