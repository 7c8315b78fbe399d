//! Strings that match a pattern, at random from a seed.

use regex_syntax::hir::{Class, Hir, HirKind};

/// A small generator of numbers (splitmix64): the same seed gives the same strings on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: &str) -> Self {
        Self(
            seed.bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

/// More repetitions than a pattern's least: enough that what follows is displaced.
const FEW: u32 = 6;

/// Appends a string that `hir` matches, look-around apart.
pub fn generate(hir: &Hir, random: &mut Random, out: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
        HirKind::Class(class) => out.push(member(class, random)),
        HirKind::Capture(group) => generate(&group.sub, random, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| generate(part, random, out)),
        HirKind::Alternation(branches) => generate(&branches[random.below(branches.len())], random, out),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX).min(repetition.min.saturating_add(FEW));
            let times = repetition.min as usize + random.below((most - repetition.min) as usize + 1);
            (0..times).for_each(|_| generate(&repetition.sub, random, out));
        }
    }
}

fn member(class: &Class, random: &mut Random) -> u8 {
    let ranges: Vec<(u8, u8)> = match class {
        Class::Bytes(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Class::Unicode(_) => unreachable!("patterns are parsed as bytes"),
    };
    let mut bytes: Vec<u8> =
        ranges.into_iter().flat_map(|(start, end)| start..=end).filter(|byte| *byte != b'\n').collect();
    // Of `[^"]` and the like, mostly what logs hold.
    if random.below(8) > 0 && bytes.iter().any(u8::is_ascii_graphic) {
        bytes.retain(u8::is_ascii_graphic);
    }
    bytes[random.below(bytes.len())]
}
