//! The literals that the engine is asked for, and what a hit of each leads to.
//!
//! What the engine costs grows with their number. Where one is a part of another, as `sk_` is of `sk_live_`, each hit of the longer one would be
//! one of the shorter one, too: so only that is looked for, and the longer one is held against the text around it, which is needed as often as
//! the shorter one occurs.

use std::collections::{BTreeMap, HashMap};

use super::Use;
use super::trigger::{Anchor, Literal, Trigger};

/// A use of a literal, and the positions around it that must fit.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The whole trigger, where the literal alone is not all of it.
    pub trigger: Option<Trigger>,
    /// The trigger ends so many bytes behind the literal.
    pub behind: usize,
    /// What it leads to.
    pub used: Use,
}

/// Literals and their uses.
#[derive(Debug, Default)]
pub struct Uses(BTreeMap<Literal, Vec<Guarded>>);

/// A shorter part of another literal says too little: it is found in too many others' places.
const LEAST_PART: usize = 3;

/// Positions of literals by what they begin with, in lower case.
type ByHead = HashMap<[u8; LEAST_PART], Vec<usize>>;

impl Uses {
    /// A trigger's literals lead to `used` where the whole of it stands.
    pub fn add(&mut self, trigger: Trigger, used: Use) {
        let Anchor { literals, behind, exact } = trigger.anchor();
        for literal in literals {
            let trigger = if exact { None } else { Some(trigger.clone()) };
            self.0.entry(literal).or_default().push(Guarded { trigger, behind, used });
        }
    }

    /// A literal leads to `used`.
    pub fn add_literal(&mut self, literal: Literal, used: Use) {
        self.0.entry(literal).or_default().push(Guarded { trigger: None, behind: 0, used });
    }

    /// The literals to look for, and what a hit of each leads to.
    pub fn into_literals(self) -> (Vec<Literal>, Vec<Vec<Guarded>>) {
        let mut all: Vec<(Literal, Vec<Guarded>)> = self.0.into_iter().collect();
        // A part is shorter, or the same in any case, so that by then it is known whether it is looked for itself.
        all.sort_by_key(|(literal, _)| (literal.bytes.len(), !literal.caseless));
        let mut kept: Vec<(Literal, Vec<Guarded>)> = Vec::with_capacity(all.len());
        let mut by_head = ByHead::with_capacity(all.len());
        for (literal, uses) in all {
            match part_of((&literal, &uses), &kept, &by_head) {
                Some((at, behind)) => {
                    let stand_ins = uses.into_iter().map(|Guarded { trigger, behind: more, used }| Guarded {
                        trigger: trigger.or_else(|| Some(Trigger::of(&literal))),
                        behind: behind + more,
                        used,
                    });
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
        kept.into_iter().unzip()
    }
}

/// Whether a hit of what has these uses may lead to those others as well. Behind a pattern's literal escapes are looked for at every hit, which
/// a common word's are too many for; and what inkprint wrote is told by a literal of its own.
fn may_stand_for(uses: &[Guarded], others: &[Guarded]) -> bool {
    let any = |uses: &[Guarded], is: fn(&Use) -> bool| uses.iter().any(|guarded| is(&guarded.used));
    let is_pattern: fn(&Use) -> bool = |used| matches!(used, Use::Pattern { .. });
    let is_written: fn(&Use) -> bool = |used| matches!(used, Use::Written);
    (any(uses, is_pattern) || !any(others, is_pattern)) && !any(uses, is_written) && !any(others, is_written)
}

/// The shortest part of a literal that is looked for wherever it is, and how many bytes of the literal are behind it.
fn part_of(
    (literal, uses): (&Literal, &[Guarded]),
    kept: &[(Literal, Vec<Guarded>)],
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

    fn shown(uses: Uses) -> Vec<(String, Vec<(Option<String>, usize)>)> {
        let (literals, uses) = uses.into_literals();
        let of = |guarded: &Guarded| (guarded.trigger.as_ref().map(Trigger::to_display), guarded.behind);
        let pairs = literals.iter().zip(uses);
        pairs.map(|(l, uses)| (String::from_utf8_lossy(&l.bytes).into_owned(), uses.iter().map(of).collect())).collect()
    }

    #[test]
    fn a_part_stands_for_what_it_is_a_part_of() {
        let mut uses = Uses::default();
        for text in ["sk_live_", "sk_", "rk_live_", "x_sk_l"] {
            uses.add(Trigger::literal(text, false), pattern(0));
        }
        let held = |text: &str, behind| (Some(text.to_owned()), behind);
        assert_eq!(
            shown(uses),
            [
                ("sk_".to_owned(), vec![(None, 0), held("x_sk_l", 1), held("sk_live_", 5)]),
                ("rk_live_".to_owned(), vec![(None, 0)]),
            ]
        );
    }

    #[test]
    fn a_part_that_is_found_in_one_case_stands_for_no_other() {
        let mut uses = Uses::default();
        uses.add(Trigger::literal("tok", false), pattern(0));
        uses.add(Trigger::literal("Tokens", true), pattern(0));
        assert_eq!(shown(uses).len(), 2);
        let mut uses = Uses::default();
        uses.add(Trigger::literal("tok", true), pattern(0));
        uses.add(Trigger::literal("aTOKens", false), pattern(0));
        assert_eq!(shown(uses), [("tok".to_owned(), vec![(None, 0), (Some("aTOKens".to_owned()), 3)])]);
    }

    #[test]
    fn a_key_s_word_stands_for_no_pattern() {
        let mut uses = Uses::default();
        uses.add(Trigger::literal("token:", true), Use::Key { rule: 0, behind: 1 });
        uses.add(Trigger::literal("x-token:", false), pattern(1));
        assert_eq!(shown(uses).len(), 2);
    }
}
