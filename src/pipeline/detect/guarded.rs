//! The literals that the engine is asked for, and what a hit of each leads to.
//!
//! Where one is a part of another, as `sk_` is of `sk_live_`, each hit of the longer one would be one of the shorter one, too: so only that is looked
//! for, and the longer one is held against the text around it. A tenth of all literals goes. That makes usual logs no faster, as what costs is hits and
//! not their number; it spares a second hit wherever the longer one stands, and what compiling it takes.

use std::collections::{BTreeMap, HashMap};

use super::Use;
use super::byte_set::ByteSet;
use super::trigger::{self, Anchor, Literal, Trigger};

/// A use of a literal, and what must stand around it.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// What the literal alone does not say of the trigger: the bytes near its end that are known but for their case.
    text: u128,
    /// The bits of them that tell.
    mask: u128,
    /// The rest of it, the most telling first.
    places: Box<[Place]>,
    /// The trigger ends so many bytes behind the literal.
    pub behind: usize,
    /// What it leads to.
    pub used: Use,
}

/// What must stand at a place near a literal.
#[derive(Clone, Debug)]
struct Place {
    /// Bytes from the literal's end.
    offset: isize,
    set: ByteSet,
}

/// The bytes around a literal's end, half of them before it; zeros where the block is over.
#[derive(Clone, Copy, Debug)]
pub struct Around(u128);

/// Half of the bytes in [`Around`].
const HALF: usize = 8;

impl Around {
    /// Those around `end`.
    #[inline]
    pub fn new(block: &[u8], end: usize) -> Self {
        let whole = end.checked_sub(HALF).and_then(|start| block.get(start..)?.first_chunk());
        Self(u128::from_le_bytes(whole.copied().unwrap_or_else(|| {
            let mut bytes = [0; 2 * HALF];
            let (from, to) = (end.saturating_sub(HALF), block.len().min(end + HALF));
            let first = from + HALF - end;
            bytes[first..first + to - from].copy_from_slice(&block[from..to]);
            bytes
        })))
    }
}

impl Guarded {
    /// That of a trigger which ends so many bytes behind the literal.
    fn new(literal: &Literal, trigger: &Trigger, behind: usize, used: Use) -> Self {
        let first = behind as isize - trigger.len() as isize;
        let is_told = |place: &Place| {
            let at = place.offset + literal.bytes.len() as isize;
            let byte = usize::try_from(at).ok().and_then(|at| literal.bytes.get(at));
            byte.is_some_and(|byte| {
                let other = if literal.caseless { byte.to_ascii_uppercase() } else { *byte };
                place.set.contains(*byte) && place.set.contains(other)
            })
        };
        let places = (first..).zip(trigger.positions()).map(|(offset, set)| Place { offset, set: *set });
        let (mut text, mut mask, mut others) = (0, 0, Vec::new());
        for place in places.filter(|place| !is_told(place)) {
            match place.known() {
                Some((byte, bits, shift)) => {
                    text |= u128::from(byte) << shift;
                    mask |= u128::from(bits) << shift;
                }
                None => others.push(place),
            }
        }
        others.sort_by_key(|place| std::cmp::Reverse(place.set.weight()));
        Self { text, mask, places: others.into(), behind, used }
    }

    /// Whether the whole trigger stands around the literal that ends at `end`, with these bytes around.
    #[inline]
    pub fn fits(&self, around: Around, block: &[u8], end: usize) -> bool {
        let byte = |offset: isize| end.checked_add_signed(offset).and_then(|at| block.get(at));
        around.0 & self.mask == self.text
            && self.places.iter().all(|place| byte(place.offset).is_some_and(|byte| place.set.contains(*byte)))
    }
}

impl Place {
    /// Where it is one of the bytes [`Around`] and known but for its case: the byte, the bits of it that tell, and their place. A zero may be
    /// what stands for a block that is over.
    fn known(&self) -> Option<(u8, u8, usize)> {
        let at = usize::try_from(self.offset + HALF as isize).ok().filter(|at| *at < 2 * HALF)?;
        let byte = self.set.bytes().next().filter(|byte| *byte != 0)?;
        let bits = match self.set.only() {
            Some(_) => 0xff,
            None if self.set.is_case_pair() => !0x20,
            None => return None,
        };
        Some((byte & bits, bits, at * 8))
    }
}

/// A use of a literal that is not yet known to be looked for.
#[derive(Clone, Debug)]
struct Wanted {
    trigger: Trigger,
    behind: usize,
    used: Use,
}

/// Literals and their uses.
#[derive(Debug, Default)]
pub struct Uses(BTreeMap<Literal, Vec<Wanted>>);

/// A shorter part of another literal says too little: it is found in too many others' places.
const LEAST_PART: usize = 3;

/// Positions of literals by what they begin with, in lower case.
type ByHead = HashMap<[u8; LEAST_PART], Vec<usize>>;

impl Uses {
    /// A trigger's literals lead to `used` where the whole of it stands.
    pub fn add(&mut self, trigger: Trigger, used: Use) {
        let Anchor { literals, behind } = trigger.anchor();
        for literal in literals {
            self.0.entry(literal).or_default().push(Wanted { trigger: trigger.clone(), behind, used });
        }
    }

    /// A literal leads to `used`.
    pub fn add_literal(&mut self, literal: Literal, used: Use) {
        let (trigger, mut part) = (Trigger::of(&literal), literal);
        let behind = trigger::shorten(&mut part);
        self.0.entry(part).or_default().push(Wanted { trigger, behind, used });
    }

    /// The literals to look for, and what a hit of each leads to.
    pub fn into_literals(self) -> (Vec<Literal>, Vec<Vec<Guarded>>) {
        let mut all: Vec<(Literal, Vec<Wanted>)> = self.0.into_iter().collect();
        // A part is shorter, or the same in any case, so that by then it is known whether it is looked for itself.
        all.sort_by_key(|(literal, _)| (literal.bytes.len(), !literal.caseless));
        let mut kept: Vec<(Literal, Vec<Wanted>)> = Vec::with_capacity(all.len());
        let mut by_head = ByHead::with_capacity(all.len());
        for (literal, uses) in all {
            match part_of((&literal, &uses), &kept, &by_head) {
                Some((at, more)) => {
                    let stand_ins = uses.into_iter().map(|wanted| Wanted { behind: wanted.behind + more, ..wanted });
                    kept[at].1.extend(stand_ins);
                }
                None => {
                    if let Some(head) = literal.bytes.first_chunk() {
                        by_head.entry(lower(head)).or_default().push(kept.len());
                    }
                    kept.push((literal, uses));
                }
            }
        }
        let guarded = |(literal, uses): (Literal, Vec<Wanted>)| {
            let of = |wanted: &Wanted| Guarded::new(&literal, &wanted.trigger, wanted.behind, wanted.used);
            let guarded = uses.iter().map(of).collect();
            (literal, guarded)
        };
        kept.into_iter().map(guarded).unzip()
    }
}

/// Whether a hit of what has these uses may lead to those others as well. Behind a pattern's literal escapes are looked for at every hit, which
/// a common word's are too many for; and what inkprint wrote is told by a literal of its own.
fn may_stand_for(uses: &[Wanted], others: &[Wanted]) -> bool {
    let any = |uses: &[Wanted], is: fn(&Use) -> bool| uses.iter().any(|wanted| is(&wanted.used));
    let is_pattern: fn(&Use) -> bool = |used| matches!(used, Use::Pattern { .. });
    let is_written: fn(&Use) -> bool = |used| matches!(used, Use::Written);
    (any(uses, is_pattern) || !any(others, is_pattern)) && !any(uses, is_written) && !any(others, is_written)
}

/// The shortest part of a literal that is looked for wherever it is, and how many bytes of the literal are behind it.
fn part_of(
    (literal, uses): (&Literal, &[Wanted]),
    kept: &[(Literal, Vec<Wanted>)],
    by_head: &ByHead,
) -> Option<(usize, usize)> {
    let parts = (0..literal.bytes.len()).flat_map(|start| {
        let rest = &literal.bytes[start..];
        let with_head = rest.first_chunk().and_then(|head| by_head.get(&lower(head)));
        let is_part = move |at: &&usize| {
            let (part, others) = &kept[**at];
            let text = rest.get(..part.bytes.len());
            let is_same = match (part.caseless, literal.caseless) {
                (false, true) => false,
                (false, false) => text == Some(&part.bytes),
                (true, _) => text.is_some_and(|text| text.eq_ignore_ascii_case(&part.bytes)),
            };
            is_same && may_stand_for(others, uses)
        };
        let found = with_head.into_iter().flatten().filter(is_part);
        found.map(move |at| (*at, rest.len() - kept[*at].0.bytes.len()))
    });
    // Of equals the last one, which is the sooner known.
    parts.min_by_key(|(at, behind)| (kept[*at].0.bytes.len(), *behind))
}

fn lower(head: &[u8; LEAST_PART]) -> [u8; LEAST_PART] {
    head.map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::trigger::Reach;

    fn pattern(rule: usize) -> Use {
        Use::Pattern { rule, reach: Reach { min: 0, max: None } }
    }

    /// Each literal, and what stands around it where its uses fit.
    fn found_in(uses: Uses, texts: &[&str]) -> Vec<(String, Vec<usize>)> {
        let (literals, uses) = uses.into_literals();
        let count = |literal: &Literal, uses: &[Guarded], text: &str| {
            let fold = |text: &str| if literal.caseless { text.to_ascii_lowercase() } else { text.to_owned() };
            let at = fold(text).find(std::str::from_utf8(&literal.bytes).expect("text"));
            let end = |at: usize| at + literal.bytes.len();
            at.map_or(0, |at| {
                uses.iter()
                    .filter(|guarded| guarded.fits(Around::new(text.as_bytes(), end(at)), text.as_bytes(), end(at)))
                    .count()
            })
        };
        let of = |(literal, uses): (&Literal, Vec<Guarded>)| {
            let counts = texts.iter().map(|text| count(literal, &uses, text)).collect();
            (String::from_utf8_lossy(&literal.bytes).into_owned(), counts)
        };
        literals.iter().zip(uses).map(of).collect()
    }

    #[test]
    fn a_part_stands_for_what_it_is_a_part_of() {
        let mut uses = Uses::default();
        for text in ["sk_live_", "sk_", "rk_live_", "x_sk_l"] {
            uses.add(Trigger::literal(text, false), pattern(0));
        }
        let found = found_in(uses, &["sk_live_1", "x_sk_live_", "x_sk_", "sk_", "rk_live_", "k_live_"]);
        assert_eq!(
            found,
            [("sk_".to_owned(), vec![2, 3, 1, 1, 0, 0]), ("rk_live_".to_owned(), vec![0, 0, 0, 0, 1, 0])]
        );
    }

    #[test]
    fn a_part_that_is_found_in_one_case_stands_for_no_other() {
        let mut uses = Uses::default();
        uses.add(Trigger::literal("tok", false), pattern(0));
        uses.add(Trigger::literal("Tokens", true), pattern(0));
        assert_eq!(found_in(uses, &[]).len(), 2);
        let mut uses = Uses::default();
        uses.add(Trigger::literal("tok", true), pattern(0));
        uses.add(Trigger::literal("aTOKens", false), pattern(0));
        uses.add(Trigger::literal("TOK", false), pattern(0));
        let found = found_in(uses, &["aTOKens", "atokens", "TOK"]);
        assert_eq!(found, [("tok".to_owned(), vec![3, 1, 2])]);
    }

    #[test]
    fn a_literal_at_the_end_of_a_block_is_no_trigger_that_goes_on() {
        let mut uses = Uses::default();
        uses.add(Trigger::literal("sk_", false), pattern(0));
        uses.add(Trigger::literal("sk_live_", false), pattern(0));
        uses.add(Trigger::literal("a_sk_", false), pattern(0));
        assert_eq!(found_in(uses, &["sk_", "_sk_l"]), [("sk_".to_owned(), vec![1, 1])]);
    }

    #[test]
    fn a_key_s_word_stands_for_no_pattern() {
        let mut uses = Uses::default();
        uses.add(Trigger::literal("token:", true), Use::Key { rule: 0, behind: 1 });
        uses.add(Trigger::literal("x-token:", false), pattern(1));
        assert_eq!(uses.into_literals().0.len(), 2);
    }
}
