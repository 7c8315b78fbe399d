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
//! As all of a log is looked at for this, the first look is at every second lane of eight bytes, without a branch; three of four fall
//! to it, and most of the rest to the second one, which has none either.

/// Bytes that are looked at together.
const LANE: usize = 8;
/// From one lane that is looked at to the next.
const STRIDE: usize = 2 * LANE;
/// So many of them are sorted out at a time, as a byte can tell apart.
const AT_ONCE: usize = 256;

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
    let (mut places, mut done) = ([0u8; AT_ONCE], [0; 4]);
    let (pairs, rest) = block.as_chunks::<STRIDE>();
    for (number, pairs) in pairs.chunks(AT_ONCE).enumerate() {
        let mut count = 0;
        for (place, pair) in pairs.iter().enumerate() {
            places[count % AT_ONCE] = place as u8;
            count += usize::from(is_above_punctuation(lane(pair)));
        }
        let mut kept = 0;
        for at in 0..count {
            let place = places[at % AT_ONCE];
            places[kept % AT_ONCE] = place;
            kept += usize::from(pairs.get(usize::from(place)).is_some_and(|pair| groupings(lane(pair)) != 0));
        }
        let lanes = places[..kept].iter().map(|place| (number * AT_ONCE + usize::from(*place)) * STRIDE);
        lanes.filter(|at| goes_on(block, *at)).for_each(|at| extend(block, at, &mut done, found));
    }
    let last = block.len() - rest.len();
    if goes_on(block, last) {
        extend(block, last, &mut done, found);
    }
    found[so_far..].sort_unstable_by_key(|packed| packed.end);
}

/// The first of two lanes.
#[inline]
fn lane(pair: &[u8; STRIDE]) -> u64 {
    u64::from_le_bytes(*pair.first_chunk().unwrap_or(&[0; LANE]))
}

/// Eight times this byte.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; LANE])
}

/// The highest bit of every byte.
const HIGH: u64 = each(0x80);

/// For each of eight bytes without their highest bits, that bit where it is `least` or more.
#[inline]
fn at_least(bytes: u64, least: u8) -> u64 {
    bytes.wrapping_add(each(0x80 - least)) & HIGH
}

/// Whether none of eight bytes is a blank, a quote or the like: what letters and digits have in common that is quickest to tell.
#[inline]
fn is_above_punctuation(bytes: u64) -> bool {
    at_least(bytes & !HIGH, b'0') & !bytes == HIGH
}

/// A bit for each of the four groupings by which eight letters and digits hold ASCII; none for other bytes.
#[inline]
fn groupings(bytes: u64) -> u8 {
    let plain = bytes & !HIGH;
    let folded = plain | each(0x20);
    let letters = at_least(folded, b'a') & !at_least(folded, b'z' + 1);
    let digits = at_least(plain, b'0') & !at_least(plain, b'9' + 1);
    let lower = letters & bytes << 2;
    let upper = letters & !lower;
    // From the character to its place in the alphabet: `0` is 52, `A` is 0, `a` is 26. No byte borrows from another.
    let values = plain.wrapping_add(each(52 - b'0')).wrapping_sub((upper >> 7) * 69).wrapping_sub((lower >> 7) * 75);
    let unset = u64::from_le_bytes([0x20, 0x08, 0x02, 0, 0x20, 0x08, 0x02, 0]);
    let fits = |turn: u32| u8::from(values & unset.rotate_left(8 * turn) == 0) << turn;
    let fitting = fits(0) | fits(1) | fits(2) | fits(3);
    if (letters | digits) & !bytes == HIGH { fitting } else { 0 }
}

/// Whether the lane before or the one behind the lane at `at` holds ASCII by a grouping of this one's, as one of them does in a stretch that
/// is long enough.
fn goes_on(block: &[u8], at: usize) -> bool {
    let of_lane = |at: usize| block.get(at..at + LANE).and_then(|lane| lane.first_chunk());
    let groupings_at = |at: usize| of_lane(at).map_or(0, |lane| groupings(u64::from_le_bytes(*lane)));
    let before = at.checked_sub(LANE).map_or(0, groupings_at);
    groupings_at(at) & (before | groupings_at(at + LANE)) != 0
}

/// Looks how far what the lane at `at` holds goes on, by each grouping that fits it; up to `done` that is known, by grouping.
fn extend(block: &[u8], at: usize, done: &mut [usize; 4], found: &mut Vec<Packed>) {
    for (grouping, done) in done.iter_mut().enumerate() {
        // The character at `here` is at this place of its group.
        let place = |here: usize| (here + grouping) % 4;
        let fits = |here: &usize| {
            block[*here].is_ascii_alphanumeric() && super::base64::value(block[*here]) & UNSET[place(*here)] == 0
        };
        if at < *done || !(at..at + LANE).all(|here| fits(&here)) {
            continue;
        }
        let start = at - (*done..at).rev().take_while(fits).count();
        let end = at + (at..block.len()).take_while(fits).count();
        *done = end;
        let phase = place(end) as u8;
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
