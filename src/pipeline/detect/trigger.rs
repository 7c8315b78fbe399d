//! A rule's pattern -> the short strings of which one must occur in whatever it matches.
//!
//! A trigger is a sequence of byte sets: a literal, where need be with a few class positions behind it, so that a weak prefix
//! (`SK`, `pat`) does not fire on ordinary words. [`derive()`] walks the pattern's syntax tree, tries the start of each part
//! of it, and keeps the choice whose weakest string is the least likely in a log.
//!
//! Invariant, held by a test over every rule: each match of the pattern contains at least one of its triggers, at one of the
//! distances that the trigger's [`Reach`] gives.

mod anchor;
mod shortened;

use std::cell::OnceCell;

use regex_syntax::hir::{Hir, HirKind};

pub use self::anchor::{Anchor, COMMON_WORDS, Literal, MAX_LITERAL};
pub use self::shortened::{SHORTENED, shorten};

use self::anchor::{Window, in_bits};
use super::byte_set::ByteSet;
use super::group::class_bytes;

/// A string of byte sets that the engine looks for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Trigger {
    positions: Vec<ByteSet>,
    /// A function of the positions, kept because derivation asks for it all the time.
    window: Window,
}

impl Trigger {
    /// A literal, in any case of its letters when `caseless`.
    pub fn literal(text: &str, caseless: bool) -> Self {
        Self::of_bytes(text.as_bytes(), caseless)
    }

    /// All of a literal.
    pub fn of(literal: &Literal) -> Self {
        Self::of_bytes(&literal.bytes, literal.caseless)
    }

    fn of_bytes(text: &[u8], caseless: bool) -> Self {
        let position = |byte: &u8| {
            if caseless {
                ByteSet::new([byte.to_ascii_lowercase(), byte.to_ascii_uppercase()])
            } else {
                ByteSet::new([*byte])
            }
        };
        let positions: Vec<ByteSet> = text.iter().map(position).collect();
        let window = Window::rarest(&positions).telling(&positions);
        Self { positions, window }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// What must stand at each of its places.
    pub fn positions(&self) -> &[ByteSet] {
        &self.positions
    }

    /// The byte that it begins with, where there is only one.
    pub fn first_byte(&self) -> Option<u8> {
        self.positions.first().and_then(ByteSet::only)
    }

    /// Whether there is no position.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// What the engine looks for in the trigger's place.
    pub fn anchor(&self) -> Anchor {
        Anchor::new(&self.positions, self.window)
    }

    /// Whether the positions match `block` where the trigger ends at `end`.
    #[inline]
    pub fn matches_before(&self, block: &[u8], end: usize) -> bool {
        let Some(start) = end.checked_sub(self.len()) else { return false };
        block
            .get(start..end)
            .is_some_and(|text| text.iter().zip(&self.positions).all(|(&byte, set)| set.contains(byte)))
    }

    /// As a person reads it: `AKIA`, `SK[0-9a-f]…` with one `.` for each class position.
    pub fn to_display(&self) -> String {
        self.positions
            .iter()
            .map(|set| match set.only() {
                Some(byte) if byte.is_ascii_graphic() || byte == b' ' => char::from(byte).to_string(),
                Some(byte) => format!("\\x{byte:02x}"),
                None if set.len() == 2 && set.bytes().all(|b| b.is_ascii_alphabetic()) => {
                    set.bytes().last().map(char::from).unwrap_or('.').to_string()
                }
                None => ".".to_owned(),
            })
            .collect()
    }

    /// How rarely the string occurs in a log, in bits: its literal run, and half of what classes around it add.
    pub fn bits(&self) -> f32 {
        self.window.bits(&self.positions)
    }

    /// The same for the anchor alone: what the engine has to go by.
    pub fn literal_bits(&self) -> f32 {
        in_bits(self.window.weight)
    }

    /// Whether that is a few digits and nothing else.
    fn goes_by_few_digits(&self) -> bool {
        let window = self.window.of(&self.positions);
        window.len() < TELLING_DIGITS && window.iter().all(|set| set.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// How a trigger lies in a match: from the match's start to the trigger's end it is `min` to `max` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Least distance from the match's start to the trigger's end.
    pub min: usize,
    /// Greatest distance; `None` when what stands before the trigger is unbounded.
    pub max: Option<usize>,
}

/// A trigger and where in the match it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// What to look for.
    pub trigger: Trigger,
    /// Where the match begins, seen from the trigger's end.
    pub reach: Reach,
}

/// Classes up to this size count as literal: the engine spells them out itself.
const SMALL_CLASS: u32 = 6;
/// A string this unlikely (in bits) needs no class positions behind it.
const STRONG: f32 = 25.0;
/// Below this, a string fires so often that the pattern has no usable trigger.
pub const USABLE: f32 = 9.5;
/// Below this, the literal matcher itself is slowed down by a string.
const USABLE_LITERAL: f32 = 9.0;
/// Fewer digits than this, and nothing else, are in every date, time and size: `20` alone occurs in every other line.
const TELLING_DIGITS: usize = 4;
/// Below this, a near word is worth less than a look at every number.
pub const USABLE_NEAR: f32 = 16.0;
/// A byte this unlikely is seldom enough to be looked for alone.
const RARE_BYTE: f32 = 7.5;
/// So far before such a byte a match may begin.
const RARE_REACH: usize = 256;
/// No trigger is longer.
const MAX_POSITIONS: usize = 16;
/// More strings than this for one rule, and another part of the pattern is the better choice.
const MAX_STRINGS: usize = 24;

/// The triggers of a pattern, or nothing when no part of it is telling enough.
pub fn derive(hir: &Hir) -> Option<Vec<Placed>> {
    let placed = best_of(hir)?.placed;
    let literal = placed.iter().map(|p| p.trigger.literal_bits()).fold(f32::INFINITY, f32::min);
    let few_digits = placed.iter().any(|p| p.trigger.goes_by_few_digits());
    (weakest(&placed) >= USABLE && literal >= USABLE_LITERAL && !few_digits).then_some(placed)
}

/// Triggers that begin with a byte that few lines hold.
#[derive(Clone, Debug)]
pub struct RareTriggers {
    /// What to look for.
    pub placed: Vec<Placed>,
    /// What follows from a trigger's start on in every match, the trigger included, where that is a part of the pattern.
    pub tail: Option<Hir>,
}

/// The triggers of a pattern that begin with a byte of punctuation that most lines are without, such as `@`: too short for the
/// engine, whose speed is that of its shortest literal, but quickly looked for alone.
pub fn derive_rare(hir: &Hir) -> Option<RareTriggers> {
    let Choice { placed, from } = best_of(hir)?;
    let is_rare = |set: &ByteSet| {
        in_bits(set.weight()) >= RARE_BYTE && set.only().is_some_and(|byte| byte.is_ascii_punctuation())
    };
    let near = |placed: &Placed| placed.reach.max.is_some_and(|max| max <= RARE_REACH);
    let tail = from.map(|from| Hir::concat(flatten(hir)[from..].iter().map(|part| (*part).clone()).collect()));
    let all = placed.iter().all(|placed| placed.trigger.positions.first().is_some_and(is_rare) && near(placed));
    all.then_some(RareTriggers { placed, tail })
}

/// The least unlikely of some triggers, in bits.
pub fn weakest(placed: &[Placed]) -> f32 {
    placed.iter().map(|p| p.trigger.bits()).fold(f32::INFINITY, f32::min)
}

/// Triggers for a pattern, and the part of it that all of them begin with, if there is one.
struct Choice {
    placed: Vec<Placed>,
    from: Option<usize>,
}

fn best_of(hir: &Hir) -> Option<Choice> {
    let parts: Vec<Part<'_>> = flatten(hir).into_iter().map(|hir| Part { hir, heads: OnceCell::new() }).collect();
    let mut best: Option<(f32, Choice)> = None;
    let mut before = Reach { min: 0, max: Some(0) };
    for at in 0..parts.len() {
        // A later part must be clearly better: a match is confirmed faster from its own start.
        let handicap = if at > 0 { 2.0 } else { 0.0 };
        let to_beat = best.as_ref().map_or(f32::NEG_INFINITY, |(score, _)| score + handicap);
        let here = strings_of(&parts[at..])
            .filter(|strings| strings.iter().all(|string| most_bits(string) > to_beat))
            .map(|strings| Choice { placed: place(strings, before), from: Some(at) });
        let inside = match parts[at].hir.kind() {
            HirKind::Alternation(branches) => {
                every_branch(branches, before).map(|placed| Choice { placed, from: None })
            }
            _ => None,
        };
        for choice in [here, inside].into_iter().flatten() {
            let score = weakest(&choice.placed) - choice.placed.len() as f32 * 0.25 - handicap;
            if best.as_ref().is_none_or(|(so_far, _)| score > *so_far) {
                best = Some((score, choice));
            }
        }
        let properties = parts[at].hir.properties();
        before.min += properties.minimum_len().unwrap_or(0);
        before.max = before.max.zip(properties.maximum_len()).map(|(a, b)| a + b);
    }
    best.map(|(_, choice)| choice)
}

/// More bits than this no trigger has that is cut from the string: most parts of a pattern need no closer look.
fn most_bits(string: &[ByteSet]) -> f32 {
    in_bits(string.iter().map(ByteSet::weight).sum())
}

fn every_branch(branches: &[Hir], before: Reach) -> Option<Vec<Placed>> {
    let mut all = Vec::new();
    for branch in branches {
        for mut placed in best_of(branch)?.placed {
            placed.reach.min += before.min;
            placed.reach.max = placed.reach.max.zip(before.max).map(|(a, b)| a + b);
            all.push(placed);
        }
    }
    (all.len() <= MAX_STRINGS).then_some(all)
}

fn place(strings: Vec<Vec<ByteSet>>, before: Reach) -> Vec<Placed> {
    let mut all: Vec<Placed> = strings
        .into_iter()
        .map(|string| {
            let trigger = trim(string);
            let len = trigger.len();
            Placed { trigger, reach: Reach { min: before.min + len, max: before.max.map(|max| max + len) } }
        })
        .collect();
    all.dedup();
    all
}

/// Keeps the literal start, and as many positions behind it as make the string strong.
fn trim(mut positions: Vec<ByteSet>) -> Trigger {
    let literal = positions.iter().take_while(|set| set.len() <= SMALL_CLASS).count();
    let most = positions.len().min(MAX_POSITIONS);
    let mut keep = literal.clamp(1.min(most), MAX_POSITIONS);
    let mut rarest = Window::rarest(&positions[..keep]);
    loop {
        let kept = &positions[..keep];
        let window = rarest.telling(kept);
        if keep >= most || window.bits(kept) >= STRONG {
            positions.truncate(keep);
            return Trigger { positions, window };
        }
        keep += 1;
        rarest = rarest.or_to_end_of(&positions[..keep]);
    }
}

/// The parts that follow each other in a pattern, groups opened.
fn flatten(hir: &Hir) -> Vec<&Hir> {
    match hir.kind() {
        HirKind::Concat(parts) => parts.iter().flat_map(flatten).collect(),
        HirKind::Capture(group) => flatten(&group.sub),
        _ => vec![hir],
    }
}

/// A part of a pattern.
struct Part<'h> {
    hir: &'h Hir,
    /// See [`heads`]: a trigger may begin at each of the parts before, so that they are asked for many times.
    heads: OnceCell<Option<Heads>>,
}

/// Strings, and whether they are all of what they are from.
type Heads = (Vec<Vec<ByteSet>>, bool);

/// Every string of byte sets with which a sequence of parts can begin, each as long as it is sure.
fn strings_of(parts: &[Part<'_>]) -> Option<Vec<Vec<ByteSet>>> {
    let mut open: Vec<Vec<ByteSet>> = vec![Vec::new()];
    let mut done: Vec<Vec<ByteSet>> = Vec::new();
    for part in parts {
        let (tails, exact) = part.heads.get_or_init(|| heads(part.hir)).as_ref()?;
        if open.len() * tails.len() + done.len() > MAX_STRINGS {
            break;
        }
        open = open.iter().flat_map(|head| tails.iter().map(move |tail| [&head[..], tail].concat())).collect();
        let (long, short) = open.into_iter().partition(|string| string.len() >= MAX_POSITIONS);
        done.extend::<Vec<_>>(long);
        open = short;
        if !*exact || open.is_empty() {
            break;
        }
    }
    done.extend(open);
    for string in &mut done {
        string.truncate(MAX_POSITIONS);
    }
    done.sort();
    done.dedup();
    (done.iter().all(|string| !string.is_empty())).then_some(done)
}

/// The strings with which one part begins, and whether they are all of it (so that what follows may be appended).
fn heads(hir: &Hir) -> Option<Heads> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some((vec![Vec::new()], true)),
        HirKind::Literal(literal) => Some((vec![literal.0.iter().map(|&byte| ByteSet::new([byte])).collect()], true)),
        HirKind::Class(class) => Some((vec![vec![class_bytes(class)?]], true)),
        HirKind::Capture(group) => heads(&group.sub),
        HirKind::Concat(parts) => {
            let mut open = vec![Vec::new()];
            for part in parts {
                let (tails, exact) = heads(part)?;
                if open.len() * tails.len() > MAX_STRINGS {
                    return Some((open, false));
                }
                open = open
                    .iter()
                    .flat_map(|head: &Vec<ByteSet>| tails.iter().map(move |tail| [&head[..], tail].concat()))
                    .collect();
                if !exact || open.iter().any(|string| string.len() >= MAX_POSITIONS) {
                    return Some((open, false));
                }
            }
            Some((open, true))
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            let mut exact = true;
            for branch in branches {
                let (strings, whole) = heads(branch)?;
                exact &= whole;
                all.extend(strings);
            }
            (all.len() <= MAX_STRINGS).then_some((all, exact))
        }
        HirKind::Repetition(repetition) => {
            if repetition.min == 0 {
                if repetition.max != Some(1) {
                    return Some((vec![Vec::new()], false));
                }
                let (mut strings, exact) = heads(&repetition.sub)?;
                strings.push(Vec::new());
                return Some((strings, exact));
            }
            let (once, exact) = heads(&repetition.sub)?;
            let mut open = once.clone();
            let mut times = 1;
            while exact
                && times < repetition.min
                && open.iter().all(|s| s.len() < MAX_POSITIONS)
                && open.len() * once.len() <= MAX_STRINGS
            {
                open = open.iter().flat_map(|head| once.iter().map(move |tail| [&head[..], tail].concat())).collect();
                times += 1;
            }
            let all = exact && times == repetition.min && repetition.max == Some(repetition.min);
            Some((open, all))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::pattern::Pattern;

    fn shown(pattern: &str) -> Option<Vec<String>> {
        let pattern = Pattern::parse(pattern).expect("valid");
        let mut shown: Vec<_> = derive(pattern.hir())?.iter().map(|p| p.trigger.to_display()).collect();
        shown.sort();
        Some(shown)
    }

    #[test]
    fn a_strong_prefix_stands_alone() {
        assert_eq!(shown(r"\bgithub_pat_[0-9A-Za-z_]{82}"), Some(vec!["github_pat_".to_owned()]));
        assert_eq!(shown(r"\b(?<secret>shpat_[0-9a-f]{32})\b"), Some(vec!["shpat_".to_owned()]));
    }

    #[test]
    fn a_weak_prefix_takes_class_positions_with_it() {
        let shown = shown(r"\bSK[0-9a-f]{32}\b").expect("usable");
        assert!(shown[0].starts_with("SK.."), "{shown:?}");
    }

    #[test]
    fn alternatives_each_have_theirs() {
        assert_eq!(
            shown(r"\b(?:sk|rk)_live_[0-9A-Za-z]{24}"),
            Some(vec!["rk_live_".to_owned(), "sk_live_".to_owned()])
        );
    }

    #[test]
    fn an_infix_is_found_behind_an_open_start() {
        let pattern = Pattern::parse(r"\b[0-9A-Za-z]{14}\.atlasv1\.[\w-]{60,70}").expect("valid");
        let placed = derive(pattern.hir()).expect("usable");
        assert_eq!(placed[0].trigger.to_display(), ".atlasv1.");
        assert_eq!(placed[0].reach, Reach { min: 23, max: Some(23) });
    }

    #[test]
    fn a_word_that_logs_are_full_of_is_not_what_the_engine_looks_for() {
        let anchors = |pattern: &str| -> Vec<String> {
            let pattern = Pattern::parse(pattern).expect("valid");
            let placed = derive(pattern.hir()).expect("usable");
            let literals = placed.iter().flat_map(|placed| placed.trigger.anchor().literals);
            literals.map(|literal| String::from_utf8(literal.bytes).expect("ASCII")).collect()
        };
        for found in anchors(r"(?i)\bpassword (?:for|of) user [a-z]{8}") {
            assert!(!"password ".contains(&found), "{found}");
        }
        assert_eq!(anchors(r"\bpi_[0-9A-Za-z]{24}_secret_[0-9A-Za-z]{25}\b"), ["_secret_"]);
        assert_eq!(anchors(r"(?i)-pass [a-z]{9}"), ["-pass "]);
    }

    #[test]
    fn nothing_telling_is_no_trigger() {
        assert_eq!(shown(r"[0-9a-f]{32}"), None);
        assert_eq!(shown(r"[\w.]+@[\w.]+"), None);
    }
}
