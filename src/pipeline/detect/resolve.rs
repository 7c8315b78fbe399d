//! Many candidates per secret -> disjoint matches that cover every one of their bytes.

use super::action::Action;
use super::allow::Allowed;
use super::armor::Shape;
use super::candidate::Candidate;
use super::context::Written;
use super::decode;
use crate::model::{Secret, Span};

/// A stretch of the block that goes, and the secret that gives it its fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Every byte that goes.
    pub span: Span,
    /// The most specific candidate's own stretch: its canonical form is fingerprinted.
    pub secret: Span,
    /// Index of the rule whose name stands in the mark.
    pub rule: usize,
    /// Where the canonical secret comes from.
    pub canonical: Canonical,
    /// What is done with it: of all the rules that found a part of it, the one that lets least be seen decides.
    pub action: Action,
    /// See [`super::context::Value::add_quotes`].
    pub add_quotes: Option<u8>,
    /// Whether something on its line was refused for what stands around it, and may not be once a mark stands there.
    pub doubtful: bool,
    /// The secret goes on from the match before, behind something that stays: it goes without a mark of its own.
    pub continues: bool,
}

/// Where a match's canonical secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canonical {
    /// From the bytes of [`Match::secret`], written like this.
    Written(Written),
    /// The finder has decoded it: an index in [`Matches::decoded`].
    Decoded(usize),
}

/// What a finder found in a block.
#[derive(Clone, Copy, Debug)]
pub struct Matches<'f> {
    /// The matches, ascending and disjoint.
    pub all: &'f [Match],
    /// What inkprint wrote there before, ascending and disjoint.
    pub walls: &'f [Span],
    /// Canonical secrets that stand in the block in no one place.
    pub decoded: &'f [Secret<'static>],
    /// What is not over at the block's end, when more may follow: no match reaches into it.
    pub open: Option<Open>,
    /// What an allow list lets through.
    pub allowed: &'f [Allowed],
}

/// Lines at a block's end that belong together with what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Offset of the first of them.
    pub at: usize,
    /// How the rows of a private key go on, once there was one.
    pub shape: Option<Shape>,
}

impl Matches<'_> {
    /// The canonical secret of one of these matches, which were found in `block`.
    pub fn canonical<'a>(&'a self, block: &'a [u8], found: &Match) -> Secret<'a> {
        match found.canonical {
            Canonical::Written(written) => decode::canonical(&block[found.secret.range()], written),
            Canonical::Decoded(at) => Secret::borrowed(self.decoded[at].expose()),
        }
    }
}

/// Sorts candidates and joins those that share a byte; none of their bytes is in no match.
///
/// `decoded` are the secrets that candidates tell of by their index, and `walls` the stretches that inkprint wrote, ascending: they are
/// cut out of every match.
pub fn resolve(
    candidates: &mut [Candidate],
    decoded: &[Secret<'static>],
    walls: &[Span],
    block: &[u8],
    matches: &mut Vec<Match>,
) {
    sort(candidates, decoded);
    let mut at = 0;
    while at < candidates.len() {
        let mut union = candidates[at].span;
        let mut best = candidates[at];
        let mut action = best.rank.action();
        at += 1;
        while at < candidates.len() && candidates[at].span.overlaps(union) {
            union = union.union(candidates[at].span);
            action = action.stricter(candidates[at].rank.action());
            if candidates[at].outranks(&best) {
                best = candidates[at];
            }
            at += 1;
        }
        let free = matches.last().map_or(0, |before: &Match| before.span.end());
        let whole = Match {
            span: with_escape(union, block, free),
            secret: best.span,
            rule: best.rule,
            canonical: best.canonical,
            action: if best.span == union { action } else { action.of_parts() },
            // Quotes are for a bare value; joined with more, it was none.
            add_quotes: best.add_quotes.filter(|_| best.span == union),
            doubtful: false,
            continues: best.continues && best.span == union,
        };
        cut(whole, walls, block, matches);
    }
}

/// A candidate that is to be brought forward by more than this many places is none of few.
const NEAR: usize = 32;

/// Sorts candidates. They are found nearly in order, line by line: so each is brought to its place, unless many must be.
fn sort(candidates: &mut [Candidate], decoded: &[Secret<'static>]) {
    for at in 1..candidates.len() {
        let (before, [candidate, ..]) = candidates.split_at(at) else { return };
        let is_behind = |other: &&Candidate| other.order(candidate, decoded).is_gt();
        let places = before.iter().rev().take(NEAR).take_while(is_behind).count();
        if places == NEAR {
            return candidates.sort_unstable_by(|one, two| one.order(two, decoded));
        }
        if places > 0 {
            candidates[at - places..=at].rotate_right(1);
        }
    }
}

/// The span, and before it the backslash of an escape whose letter it begins with: what is left of a JSON string is then still one.
/// `free` is the first byte that no other match has.
fn with_escape(span: Span, block: &[u8], free: usize) -> Span {
    let backslashes = block[..span.start()].iter().rev().take_while(|byte| **byte == b'\\').count();
    let letter = matches!(block.get(span.start()), Some(b'b' | b'f' | b'n' | b'r' | b't' | b'u'));
    let escape = usize::from(backslashes % 2 == 1 && letter && span.start() > free);
    Span::new(span.start() - escape, span.end())
}

/// Appends `whole`, or what is left of it between walls.
fn cut(whole: Match, walls: &[Span], block: &[u8], matches: &mut Vec<Match>) {
    let first = walls.partition_point(|wall| wall.end() <= whole.span.start());
    let crossed = walls[first..].iter().take_while(|wall| wall.start() < whole.span.end());
    if crossed.clone().next().is_none() {
        return matches.push(whole);
    }
    let mut from = whole.span.start();
    for wall in crossed.copied().chain([Span::new(whole.span.end(), whole.span.end())]) {
        let piece = Span::new(from, wall.start().max(from));
        from = wall.end();
        // What stands between two marks of one value is mostly a separator, and no secret.
        if block[piece.range()].iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80) {
            let secret = if piece.covers(whole.secret) { whole.secret } else { piece };
            matches.push(Match { span: piece, secret, add_quotes: None, action: whole.action.of_parts(), ..whole });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::candidate::{Origin, Rank};
    use crate::pipeline::detect::encoded::Layer;
    use crate::pipeline::detect::rule::RuleSet;

    fn candidates(spans: &[(usize, usize)]) -> Vec<Candidate> {
        let set = RuleSet::builtin().expect("the built-in rules load");
        spans
            .iter()
            .enumerate()
            .map(|(rule, &(start, end))| Candidate {
                span: Span::new(start, end),
                rule,
                rank: Rank::new(&set.rules[0], &vec![0; end - start]),
                canonical: Canonical::Written(Written::Raw),
                add_quotes: None,
                continues: false,
                origin: Origin::Block,
            })
            .collect()
    }

    fn resolved(spans: &[(usize, usize)], walls: &[(usize, usize)]) -> Vec<(usize, usize, usize)> {
        let mut matches = Vec::new();
        let walls: Vec<Span> = walls.iter().map(|&(start, end)| Span::new(start, end)).collect();
        resolve(&mut candidates(spans), &[], &walls, &[b'a'; 100], &mut matches);
        matches.iter().map(|m| (m.span.start(), m.span.end(), m.rule)).collect()
    }

    #[test]
    fn partial_overlaps_go_whole_under_the_longest() {
        assert_eq!(resolved(&[(0, 10), (8, 30), (29, 35)], &[]), [(0, 35, 1)]);
    }

    #[test]
    fn of_equals_the_one_with_a_mark_of_its_own_counts_in_whatever_order() {
        // So many that the order of equals is anybody's.
        let spans: Vec<(usize, usize)> = (0..40).map(|number| (number / 2 * 2, number / 2 * 2 + 2)).collect();
        for continuing in [0, 1] {
            let mut candidates = candidates(&spans);
            for (number, candidate) in candidates.iter_mut().enumerate() {
                (candidate.rule, candidate.continues) = (0, number % 2 == continuing);
            }
            let mut matches = Vec::new();
            resolve(&mut candidates, &[], &[], &[b'a'; 100], &mut matches);
            assert!(matches.len() == 20 && matches.iter().all(|found| !found.continues), "{continuing}");
        }
    }

    #[test]
    fn of_readings_that_outrank_each_other_in_a_ring_the_same_counts_in_whatever_order() {
        let set = RuleSet::builtin().expect("the built-in rules load");
        let password = set.rules.iter().position(|rule| rule.id.as_str() == "password").expect("a rule");
        let decoded = [&b"Zk81mQx0"[..], b"Zk81mQx0qT"].map(|secret| Secret::owned(secret.to_vec()));
        let readings = [
            (10, Canonical::Written(Written::Json(1)), Origin::Block),
            (8, Canonical::Decoded(0), Origin::Decoded(Layer::Packed)),
            (10, Canonical::Decoded(1), Origin::Decoded(Layer::Same)),
        ];
        let candidate = |(length, canonical, origin)| Candidate {
            span: Span::new(20, 32),
            rule: password,
            rank: Rank::new(&set.rules[password], &vec![0; length]),
            canonical,
            add_quotes: None,
            continues: false,
            origin,
        };
        let [written, packed, same] = readings.map(candidate);
        assert!(packed.outranks(&written) && written.outranks(&same) && same.outranks(&packed), "a ring");
        let resolved = |mut candidates: [Candidate; 3]| {
            let mut matches = Vec::new();
            resolve(&mut candidates, &decoded, &[], &[b'a'; 100], &mut matches);
            matches
        };
        let expected = resolved([written, packed, same]);
        for (one, two, three) in [(written, same, packed), (packed, written, same), (same, packed, written)] {
            assert_eq!(resolved([one, two, three]), expected);
            assert_eq!(resolved([two, one, three]), expected);
        }
    }

    #[test]
    fn neighbours_stay_apart() {
        assert_eq!(resolved(&[(10, 20), (0, 10)], &[]), [(0, 10, 1), (10, 20, 0)]);
    }

    #[test]
    fn walls_are_cut_out() {
        assert_eq!(resolved(&[(0, 50)], &[(10, 20), (45, 60)]), [(0, 10, 0), (20, 45, 0)]);
        assert_eq!(resolved(&[(10, 20)], &[(10, 20)]), []);
    }
}
