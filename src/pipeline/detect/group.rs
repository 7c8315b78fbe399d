//! Where the secret lies in a match, told without a search for groups wherever the pattern's form allows it: that search costs
//! several times as much as the one for the match itself.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::byte_set::ByteSet;

/// How to get from a match to the secret in it.
#[derive(Clone, Debug)]
pub enum Group {
    /// The match is the secret.
    Whole,
    /// So many bytes stand before it, and this behind it.
    Between {
        /// Bytes of the match before the secret.
        before: usize,
        /// What the match takes in behind it.
        behind: Behind,
    },
    /// What stands before it is of no fixed length, but may be matched by itself.
    After {
        /// The part before the secret.
        head: Hir,
        /// The secret and what is behind it.
        rest: Hir,
        /// What the match takes in behind the secret.
        behind: Behind,
        /// The group's index, for the case that the part before, by itself, would match otherwise.
        group: usize,
    },
    /// Only a search for the group of this index tells.
    Search(usize),
}

/// What a match takes in behind its secret.
#[derive(Clone, Debug)]
pub enum Behind {
    /// So many bytes.
    Fixed(usize),
    /// One byte of this set, or the line's end. No secret ends in a byte of the set, so the match's last byte tells.
    OneOf(ByteSet),
}

impl Behind {
    /// How many bytes of a match of `text` that ends at `end` stand behind its secret.
    pub fn len(&self, text: &[u8], end: usize) -> usize {
        match self {
            Self::Fixed(len) => *len,
            Self::OneOf(set) => usize::from(set.contains(text[end - 1])),
        }
    }
}

impl Group {
    /// Reads where the group named `secret` stands in a pattern.
    pub fn of(hir: &Hir) -> Self {
        match secret_group(hir) {
            None => Self::Whole,
            Some(group) => between(hir, group).unwrap_or(Self::Search(group)),
        }
    }
}

/// The part of a pattern that is its secret.
pub fn secret_part(hir: &Hir) -> Option<&Hir> {
    secret_group(hir).and_then(|group| group_of(hir, group))
}

/// The greatest length of what stands before the secret; `None` when there is no bound.
pub fn longest_before_secret(hir: &Hir) -> Option<usize> {
    secret_group(hir).map_or(Some(0), |group| longest_before(hir, group).0)
}

/// The index of the group named `secret`.
pub fn secret_group(hir: &Hir) -> Option<usize> {
    match hir.kind() {
        HirKind::Capture(group) if group.name.as_deref() == Some("secret") => Some(group.index as usize),
        HirKind::Capture(group) => secret_group(&group.sub),
        HirKind::Repetition(repetition) => secret_group(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(secret_group),
        _ => None,
    }
}

fn group_of(hir: &Hir, group: usize) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(found) if found.index as usize == group => Some(&found.sub),
        HirKind::Capture(found) => group_of(&found.sub, group),
        HirKind::Repetition(repetition) => group_of(&repetition.sub, group),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(|part| group_of(part, group)),
        _ => None,
    }
}

/// The greatest length of what stands before the group, and whether the group was met; without it, that of the whole.
fn longest_before(hir: &Hir, group: usize) -> (Option<usize>, bool) {
    match hir.kind() {
        HirKind::Capture(found) if found.index as usize == group => (Some(0), true),
        HirKind::Capture(found) => longest_before(&found.sub, group),
        HirKind::Concat(parts) => {
            let mut sum = Some(0);
            for part in parts {
                let (length, met) = longest_before(part, group);
                sum = sum.zip(length).map(|(a, b)| a + b);
                if met {
                    return (sum, true);
                }
            }
            (sum, false)
        }
        HirKind::Alternation(branches) => branches
            .iter()
            .map(|branch| longest_before(branch, group))
            .fold((Some(0), false), |(longest, met), (length, here)| {
                (longest.zip(length).map(|(a, b)| a.max(b)), met || here)
            }),
        // A group that is repeated is its last round: anything may stand before it.
        HirKind::Repetition(repetition) if longest_before(&repetition.sub, group).1 => (None, true),
        _ => (hir.properties().maximum_len(), false),
    }
}

fn between(hir: &Hir, group: usize) -> Option<Group> {
    let parts: &[Hir] = match hir.kind() {
        HirKind::Concat(parts) => parts,
        _ => std::slice::from_ref(hir),
    };
    let is_secret = |part: &Hir| matches!(part.kind(), HirKind::Capture(found) if found.index as usize == group);
    let at = parts.iter().position(is_secret)?;
    // The byte before what follows an empty secret is none of its own.
    parts[at].properties().minimum_len().filter(|least| *least > 0)?;
    let before = parts[..at].iter().map(fixed_len).sum::<Option<usize>>();
    let rest = &parts[at + 1..];
    let behind = match rest.iter().map(fixed_len).sum::<Option<usize>>() {
        Some(len) => Behind::Fixed(len),
        None => Behind::OneOf(end_or_one(rest).filter(|set| disjoint(set, &last_bytes(&parts[at])))?),
    };
    Some(match (before, behind) {
        (Some(0), Behind::Fixed(0)) => Group::Whole,
        (Some(before), behind) => Group::Between { before, behind },
        (None, behind) => Group::After {
            head: Hir::concat(parts[..at].to_vec()),
            rest: Hir::concat(parts[at..].to_vec()),
            behind,
            group,
        },
    })
}

fn fixed_len(part: &Hir) -> Option<usize> {
    let properties = part.properties();
    properties.minimum_len().filter(|min| properties.maximum_len() == Some(*min))
}

/// The set in `(?:[set]|$)`, where that is all there is.
fn end_or_one(rest: &[Hir]) -> Option<ByteSet> {
    let [part] = rest else { return None };
    let HirKind::Alternation(branches) = part.kind() else { return None };
    let mut set = None;
    for branch in branches {
        match branch.kind() {
            HirKind::Look(Look::End) => {}
            HirKind::Class(class) if set.is_none() => set = Some(class_bytes(class)?),
            HirKind::Literal(literal) if set.is_none() && literal.0.len() == 1 => {
                set = Some(ByteSet::new([literal.0[0]]))
            }
            _ => return None,
        }
    }
    set
}

/// The bytes of a class that holds ASCII only, or bytes.
pub(super) fn class_bytes(class: &Class) -> Option<ByteSet> {
    match class {
        Class::Bytes(class) => {
            Some(ByteSet::of_ranges(class.ranges().iter().map(|range| (range.start(), range.end()))))
        }
        Class::Unicode(class) => {
            let ascii = class.ranges().iter().all(|range| range.end().is_ascii());
            let ranges = class.ranges().iter().map(|range| (range.start() as u8, range.end() as u8));
            ascii.then(|| ByteSet::of_ranges(ranges))
        }
    }
}

/// Every byte in which a match of the part can end; all, where that cannot be told.
pub(super) fn last_bytes(part: &Hir) -> Vec<u8> {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => Vec::new(),
        HirKind::Literal(literal) => literal.0.last().copied().into_iter().collect(),
        HirKind::Class(class) => class_bytes(class).map_or_else(|| (0..=255).collect(), |set| set.bytes().collect()),
        HirKind::Capture(group) => last_bytes(&group.sub),
        HirKind::Repetition(repetition) => last_bytes(&repetition.sub),
        HirKind::Alternation(branches) => branches.iter().flat_map(last_bytes).collect(),
        HirKind::Concat(parts) => {
            let mut all = Vec::new();
            for part in parts.iter().rev() {
                all.extend(last_bytes(part));
                if part.properties().minimum_len() != Some(0) {
                    break;
                }
            }
            all
        }
    }
}

fn disjoint(set: &ByteSet, bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| set.contains(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::pattern::Pattern;

    fn shown(pattern: &str) -> String {
        match Group::of(Pattern::parse(pattern).expect("valid").hir()) {
            Group::Whole => "whole".to_owned(),
            Group::Between { before, behind: Behind::Fixed(len) } => format!("{before} {len}"),
            Group::Between { before, behind: Behind::OneOf(_) } => format!("{before} end or one"),
            Group::After { .. } => "after".to_owned(),
            Group::Search(_) => "search".to_owned(),
        }
    }

    #[test]
    fn forms_that_need_no_search() {
        for (pattern, expected) in [
            (r"\b(?<secret>ab+)\b", "whole"),
            (r"ab+", "whole"),
            (r"sig=(?<secret>[a-z]{3,9})", "4 0"),
            (r"k(?<secret>[a-z]{3,9})(?:[^a-z]|$)", "1 end or one"),
            (r"(?<secret>[a-z]{3,9}={0,2})(?:[^a-z=]|$)", "0 end or one"),
            (r"(?<secret>[a-z]{3,9})==", "0 2"),
            (r"a+(?<secret>b)", "after"),
        ] {
            assert_eq!(shown(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn forms_that_do() {
        for pattern in [r"k(?<secret>[a-z]+)(?:[^a-y]|$)", r"(?:a(?<secret>b)|c)", r"(?<secret>a+)b?"] {
            assert_eq!(shown(pattern), "search", "{pattern}");
        }
    }
}
