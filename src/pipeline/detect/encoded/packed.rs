//! Where text stands in base64, found by what any text looks like in it: no literal, no rule and no key is asked for.
//!
//! Three bytes make four characters, and a byte of ASCII leaves its highest bit unset. So of four characters that hold such text the
//! first is below 32 in the alphabet (`A` to `Z`, `a` to `f`), the second has bit 3 unset and the third bit 1; and none but the last
//! is `+`, `/`, `-` or `_`, which stand there for `>`, `~` and `?` alone. Of [`SHORTEST`] random letters and digits one in 30,000 is
//! such a stretch, and of words, paths, identifiers and hashes next to none. What is left is decoded, and must read as text.
//!
//! Invariant, held by a test against a naive search: wherever [`SHORTEST`] letters and digits in a row hold ASCII by one and the same grouping,
//! and `TEXT` bytes of it in a row are text, it is found, whatever stands around it and wherever in the block; nothing shorter is.
//!
//! As all of a log is looked at for this, the first look is at every second lane of eight bytes, two at a time and without a branch; nine of ten fall
//! to it, and next to all of the rest to the second one, by a table.

use wide::i8x16;

/// Bytes that are looked at together.
const LANE: usize = 8;
/// From one lane that is looked at to the next.
const STRIDE: usize = 2 * LANE;
/// So many of them are sorted out at a time, as a word has bits.
const AT_ONCE: usize = u64::BITS as usize;
/// And compared at a time, as a word has bytes.
const COMPARED: usize = 8;

/// So many characters in a row must hold ASCII, 17 bytes of it: one lane that is looked at lies in them wherever they begin.
pub const SHORTEST: usize = STRIDE + LANE - 1;

/// So many decoded bytes in a row are printable, tabs or line ends: as many as any grouping leaves whole of the shortest stretch. Zeros,
/// of which binary data is full, are ASCII, too.
const TEXT: usize = 15;

/// Bits that characters of ASCII text leave unset, four by four; those of the other groupings are this, turned.
const UNSET: [u8; 4] = [0x20, 0x08, 0x02, 0];

/// A stretch of text in base64, told by the offset behind its last character and by how its characters are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Offset behind the stretch's last character in the block.
    pub end: usize,
    /// Of the four characters that make three bytes, so many stand before `end`; see [`super::Codec::Base64`].
    pub phase: u8,
}

/// Appends the stretches in `block`, ascending by their ends.
pub fn find(block: &[u8], found: &mut Vec<Packed>) {
    let so_far = found.len();
    let mut done = [0; 4];
    let (pairs, _) = block.as_chunks::<STRIDE>();
    let (many, few) = pairs.as_chunks::<AT_ONCE>();
    let mut first = 0;
    for pairs in many.iter().map(|pairs| &pairs[..]).chain([few]) {
        let (eights, _) = pairs.as_chunks::<COMPARED>();
        // The last few are left to the second look.
        let of_rest = (eights.len() * COMPARED..pairs.len()).fold(0, |all, place| all | 1 << place);
        let places = (0..).step_by(COMPARED);
        let mut left = eights.iter().zip(places).fold(of_rest, |all, (eight, at)| all | may_hold_text(eight) << at);
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            let at = (first + place) * STRIDE;
            if pairs.get(place).is_some_and(|pair| groupings(lane(pair)) != 0) && goes_on(block, at) {
                extend(block, at, &mut done, found);
            }
        }
        first += pairs.len();
    }
    let last = pairs.len() * STRIDE;
    if goes_on(block, last) {
        extend(block, last, &mut done, found);
    }
    found[so_far..].sort_unstable_by_key(|packed| packed.end);
}

/// The first of two lanes.
#[inline]
fn lane(pair: &[u8; STRIDE]) -> [u8; LANE] {
    pair.first_chunk().copied().unwrap_or_default()
}

/// Eight times this byte.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; LANE])
}

/// The highest bit of every byte.
const HIGH: u64 = each(0x80);

/// A bit for each first lane: whether it may hold ASCII by what is quickest to tell. None of its bytes is a blank, a quote or the like; and two, four
/// apart, are below 32 in the alphabet.
#[inline]
fn may_hold_text(pairs: &[[u8; STRIDE]; COMPARED]) -> u64 {
    let (mut above, mut low) = (0, 0);
    for (two, at) in pairs.as_chunks::<2>().0.iter().zip((0..).step_by(STRIDE)) {
        let both: i8x16 = bytemuck::must_cast([lane(&two[0]), lane(&two[1])]);
        // Signed, so that what is no ASCII is below.
        let over = |byte: u8| both.simd_gt(i8x16::splat(byte as i8));
        let up_to = |byte: u8| both.simd_lt(i8x16::splat(byte as i8 + 1));
        let bits = |lanes: i8x16| u64::from(lanes.to_bitmask() as u16) << at;
        above |= bits(over(b'0' - 1));
        low |= bits((over(b'A' - 1) & up_to(b'Z')) | (over(b'a' - 1) & up_to(b'f')));
    }
    // By byte: whether all bits are set; whether any is. The highest one tells, and these are put together.
    let all = (above & !HIGH).wrapping_add(each(1)) & above;
    let any = (low & low >> (LANE / 2) & each(0x0f)) + each(0x7f);
    ((all & any & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// For each of four places in a row and each byte there a bit for each grouping by which it holds ASCII: the byte at `place` is the
/// character at `(place + grouping) % 4` of its group.
const FITTING: [[u8; 256]; 4] = {
    let mut fitting = [[0; 256]; 4];
    let mut at = 0;
    while at < 4 * 256 {
        let (place, byte) = (at / 256, (at % 256) as u8);
        let mut grouping = 0;
        while grouping < 4 {
            let unset = UNSET[(place + grouping) % 4];
            if byte.is_ascii_alphanumeric() && super::base64::value(byte) & unset == 0 {
                fitting[place][byte as usize] |= 1 << grouping;
            }
            grouping += 1;
        }
        at += 1;
    }
    fitting
};

/// A bit for each of the four groupings by which eight letters and digits hold ASCII; none for other bytes.
#[inline]
fn groupings(lane: [u8; LANE]) -> u8 {
    let fitting = |place: usize| FITTING[place % 4][usize::from(lane[place])];
    let (first, second) = (fitting(0) & fitting(1), fitting(2) & fitting(3));
    let (third, fourth) = (fitting(4) & fitting(5), fitting(6) & fitting(7));
    first & second & third & fourth
}

/// Whether the lane before or the one behind the lane at `at` holds ASCII by a grouping of this one's, as one of them does in a stretch that
/// is long enough.
fn goes_on(block: &[u8], at: usize) -> bool {
    let of_lane = |at: usize| block.get(at..at + LANE).and_then(|lane| lane.first_chunk());
    let groupings_at = |at: usize| of_lane(at).map_or(0, |lane| groupings(*lane));
    let before = at.checked_sub(LANE).map_or(0, groupings_at);
    groupings_at(at) & (before | groupings_at(at + LANE)) != 0
}

/// Looks how far what the lane at `at` holds goes on, by each grouping that fits it; up to `done` that is known, by grouping.
fn extend(block: &[u8], at: usize, done: &mut [usize; 4], found: &mut Vec<Packed>) {
    for (grouping, done) in done.iter_mut().enumerate() {
        let fits = |here: &usize| FITTING[here % 4][usize::from(block[*here])] & 1 << grouping != 0;
        if at < *done || !(at..at + LANE).all(|here| fits(&here)) {
            continue;
        }
        let start = at - (*done..at).rev().take_while(fits).count();
        let end = at + (at..block.len()).take_while(fits).count();
        *done = end;
        let phase = ((end + grouping) % 4) as u8;
        if end - start >= SHORTEST && holds_text(&block[start..end], phase) {
            found.push(Packed { end, phase });
        }
    }
}

/// Whether the characters, the last of which is before `phase` in its group, hold text.
fn holds_text(characters: &[u8], phase: u8) -> bool {
    let decoded = super::base64::decode(characters, characters.len(), phase);
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    decoded.text.split(|byte| !is_text(byte)).any(|row| row.len() >= TEXT)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn found(block: &[u8]) -> Vec<Packed> {
        let mut found = Vec::new();
        find(block, &mut found);
        found
    }

    /// By every stretch, every grouping, character by character.
    fn naive(block: &[u8]) -> Vec<Packed> {
        let mut all = Vec::new();
        let mut from = 0;
        for stretch in block.split(|byte| !byte.is_ascii_alphanumeric()) {
            for phase in 0..4 {
                let fits = |at: usize| {
                    let place = (at + phase) % 4;
                    super::super::base64::value(stretch[at]) & [0x20, 0x08, 0x02, 0][place] == 0
                };
                let mut at = 0;
                while at < stretch.len() {
                    let len = (at..stretch.len()).take_while(|at| fits(*at)).count();
                    let first = (4 - (at + phase) % 4) % 4;
                    let groups = &stretch[(at + first).min(at + len)..at + len];
                    let whole = STANDARD_NO_PAD.decode(&groups[..groups.len() / 4 * 4]).expect("base64");
                    let rest = naive_rest(&groups[groups.len() / 4 * 4..]);
                    let text: String = whole.iter().chain(&rest).map(|byte| char::from(*byte)).collect();
                    let is_text = |c: char| matches!(c, ' '..='~' | '\t' | '\r' | '\n');
                    if len >= SHORTEST && text.split(|c| !is_text(c)).any(|row| row.len() >= 15) {
                        all.push(Packed { end: from + at + len, phase: ((at + len + phase) % 4) as u8 });
                    }
                    at += len + 1;
                }
            }
            from += stretch.len() + 1;
        }
        all.sort_by_key(|packed| (packed.end, packed.phase));
        all
    }

    /// The whole bytes of a group that is cut.
    fn naive_rest(group: &[u8]) -> Vec<u8> {
        let filled = [group, &b"AAAA"[group.len()..]].concat();
        STANDARD_NO_PAD.decode(filled).expect("base64")[..(group.len() * 3 / 4)].to_vec()
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_naive_search(
            parts in prop::collection::vec(
                prop_oneof![
                    "[ -~]{0,40}",
                    "[ -~]{12,60}".prop_map(|text| STANDARD.encode(text)),
                    "[A-Za-f]{10,40}",
                    "([A-F]{3}[a-f]{12,17}){2,4}",
                    prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| STANDARD.encode(bytes)),
                ],
                0..12,
            ),
            between in prop_oneof![Just(""), Just(" "), Just("\n")],
        ) {
            let block = parts.join(between).into_bytes();
            let mut found = found(&block);
            found.sort_by_key(|packed| (packed.end, packed.phase));
            prop_assert_eq!(found, naive(&block));
        }
    }

    #[test]
    fn text_is_found_wherever_it_stands() {
        let encoded = STANDARD.encode("user=jo password=abc");
        for before in 0..20 {
            let line = format!("{}{encoded}", " ".repeat(before));
            assert!(!found(line.as_bytes()).is_empty(), "behind {before} blanks");
        }
    }

    #[test]
    fn text_is_found_in_blocks_of_every_length() {
        let encoded = STANDARD.encode("user=jo password=abc");
        for before in 0..3 * AT_ONCE * STRIDE {
            let block = format!("{}{encoded}", " ".repeat(before));
            assert_eq!(found(block.as_bytes()).len(), 1, "behind {before} blanks");
        }
    }

    #[test]
    fn what_is_no_text_is_not() {
        for line in [
            "4bf92f3577b34da6a3ce929d0e0e4736 0af7651916cd43dd8448eb211c80319c 00f067aa0ba902b7a3ce929d0e0e4736",
            "IllegalArgumentExceptionTranslator internationalizationsupport BeanFactoryAnnotationUtilsTests",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        ] {
            assert_eq!(found(line.as_bytes()), [], "{line}");
        }
    }
}
