//! What is looked for beside what is asked for, and that no log holds: it changes what the engine makes of the rest.
//!
//! The engine's literal matcher (Vectorscan's FDR, `src/fdr/fdr_compile.cpp`) sorts literals by their lengths, and those of one length by
//! their last bytes, and cuts that order into eight groups. A place in a log at which each byte of the window fits some literal of a
//! group is looked at closely, whether they are bytes of one literal or not: the more literals a group has, the more words are
//! put together from parts of several, and a look costs as much as fifty bytes. Where to cut is decided by a score that leaves as many
//! literals of eight bytes as there are in one group rather than part a hundred of four. Here those are most, so that three of four
//! looks were theirs (on a mixed log 14 places in 1,000 bytes; with them in two groups 8).

use super::Literal;
use crate::pipeline::detect::trigger::MAX_LITERAL;

/// An expression with two of the shortest literals.
///
/// - The matcher takes its stride from the shortest literal, and for some hundreds of literals a stride above one is slower by a third,
///   as its tables then say less (measured on the mixed log: 950 literals without one of two bytes at 1.4 GB/s, with one at 2.3).
///   Two bytes keep the pace for every choice of rules.
/// - For inputs of less than 70 bytes the engine builds an automaton of all literals, which takes two thirds of the time to compile and is
///   never worth it here. It gives that up where an expression that is no plain literal asks for starts of matches.
pub const PACER: &str = r"\x01[\x02\x03]";

/// The pacer's literals.
pub fn paces() -> [Literal; 2] {
    [2, 3].map(|last| Literal { bytes: vec![1, last], caseless: false })
}

/// The matcher's groups.
const GROUPS: usize = 8;

/// Literals of [`MAX_LITERAL`] bytes, as many as have the matcher part those of that length that are asked for, spread evenly over their
/// order so that each half gets half of them.
pub fn literals(asked_for: &[Literal]) -> Vec<Literal> {
    let mut longest: Vec<Vec<u8>> = asked_for
        .iter()
        .filter(|literal| literal.bytes.len() == MAX_LITERAL)
        .map(|literal| literal.bytes.to_ascii_lowercase().into_iter().rev().collect())
        .collect();
    let count = missing(asked_for);
    longest.sort_unstable();
    let of = |at: usize| {
        // The last byte is that of a real one and gives the place in the order; the others keep what is put together from parts from being
        // in a log.
        let last = longest[at * longest.len() / count][0];
        let number = |of: usize| 1 + (at / of % 7) as u8;
        Literal { bytes: vec![1, 1, 1, 1, number(49), number(7), number(1), last], caseless: false }
    };
    (0..count).map(of).collect()
}

/// How many literals of the greatest length there are too few of for the matcher to part them.
fn missing(asked_for: &[Literal]) -> usize {
    let mut counts = [0usize; MAX_LITERAL + 1];
    asked_for.iter().chain(&paces()).for_each(|literal| counts[literal.bytes.len().min(MAX_LITERAL)] += 1);
    // The score of a group; to part one in two gains the same share of it whichever it is.
    let score = |length: usize| (counts[length] as f64).powf(1.05) / (length as f64).powi(3);
    let mut others: Vec<f64> = (1..MAX_LITERAL).filter(|length| counts[*length] > 0).map(score).collect();
    others.sort_unstable_by(|a, b| b.total_cmp(a));
    // Each length has a group; so many are left to part some.
    let Some(to_beat) = (GROUPS - 1).checked_sub(others.len() + 1).and_then(|left| others.get(left)) else { return 0 };
    let longest = counts[MAX_LITERAL];
    let wanted = (to_beat * 1.02 * (MAX_LITERAL as f64).powi(3)).powf(1.0 / 1.05).ceil() as usize;
    // More than are asked for cost more to compile than they gain.
    Some(wanted.saturating_sub(longest)).filter(|missing| *missing <= longest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals_of(lengths: &[(usize, usize)]) -> Vec<Literal> {
        // The letters that tell one from the next stand last.
        let of = |length: usize, number: usize| {
            let letter = |place: u32| b'a' + (number / 26usize.pow(place) % 26) as u8;
            Literal { bytes: (0..length as u32).rev().map(letter).collect(), caseless: false }
        };
        lengths.iter().flat_map(|&(length, count)| (0..count).map(move |number| of(length, number))).collect()
    }

    #[test]
    fn many_long_literals_beside_some_short_ones_get_ballast() {
        let usual = literals_of(&[(3, 50), (4, 160), (5, 150), (6, 170), (7, 170), (8, 870)]);
        let ballast = literals(&usual);
        assert!((300..400).contains(&ballast.len()), "{}", ballast.len());
        let mut ends: Vec<u8> = ballast.iter().map(|literal| literal.bytes[7]).collect();
        ends.dedup();
        assert_eq!(ends.len(), 26, "it is spread over the order");
        let mut all = [&usual[..], &ballast].concat();
        assert_eq!(literals(&all), [], "enough is enough");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), usual.len() + ballast.len(), "no two are the same");
    }

    #[test]
    fn where_it_would_not_help_there_is_none() {
        assert_eq!(literals(&[]), []);
        assert_eq!(literals(&literals_of(&[(4, 10), (8, 20)])), [], "the matcher parts them as it is");
        assert_eq!(literals(&literals_of(&[(3, 50), (4, 400), (5, 9), (6, 9), (7, 9), (8, 300)])), [], "too many");
        let every = literals_of(&[(1, 9), (2, 9), (3, 9), (4, 160), (5, 9), (6, 9), (7, 9), (8, 870)]);
        assert_eq!(literals(&every), [], "every length has a group of its own, and none is left");
    }
}
