//! Patterns that are a row of byte sets, each so or so many times: matched by walking along them, without an automaton.
//!
//! Nearly every token format is such a row (`ghp_`, then 36 letters or digits), some are a choice of a few. A walk needs a cache
//! line or two of memory where an automaton has a table for each rule, and that is what a log full of secrets is slow by.
//!
//! A walk is **exact**: it never has to go back, because a pattern is taken only where the longest run of a set is the only one
//! that can lead to a match ([`is_exact`]). Everything else is left to the automaton, and a test compares the two.

use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use super::byte_set::ByteSet;
use super::group::class_bytes;
use super::pattern::PatternMatch;
use crate::model::Span;

/// Branches that a pattern may have once its choices are spelt out.
const MAX_BRANCHES: usize = 12;
/// Parts of a branch: a longer one is a repetition of many different things.
const MAX_PARTS: usize = 48;

/// A pattern as one or more rows, the first that matches being the one that counts.
#[derive(Clone, Debug)]
pub struct Linear {
    branches: Box<[Box<[Part]>]>,
    /// The bytes that a match can begin with.
    first: ByteSet,
    /// What every match begins with, where it is so many bytes of a set.
    opening: Option<(ByteSet, usize)>,
}

/// A step of the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// These bytes.
    Bytes(Box<[u8]>),
    /// As many bytes of a set as there are, from `min` to `max`.
    Run { set: ByteSet, min: usize, max: usize, boundary: bool },
    /// An assertion about the place.
    Look(At),
    /// The secret begins.
    Open,
    /// The secret is over.
    Close,
}

/// What may be asserted of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    WordBoundary,
    LineEnd,
}

impl Linear {
    /// The walk for a pattern whose secret is the group of this index, or all of it; `None` where only an automaton will do.
    pub fn new(hir: &Hir, secret: Option<usize>) -> Option<Self> {
        let mut branches = spelt_out(hir, secret)?;
        for branch in &mut branches {
            join_bytes(branch);
            take_in_boundary(branch);
            if branch.len() > MAX_PARTS || !is_exact(branch) {
                return None;
            }
        }
        let heads = branches.iter().map(|branch| first_bytes(branch)).collect::<Option<Vec<_>>>()?;
        let first = ByteSet::new(heads.iter().flat_map(ByteSet::bytes));
        let opening = match &branches[..] {
            [branch] => branch.iter().find(|part| **part != Part::Open).and_then(|part| match part {
                Part::Run { set, min, .. } if *min > 1 => Some((*set, *min)),
                _ => None,
            }),
            _ => None,
        };
        Some(Self { branches: branches.into_iter().map(Into::into).collect(), first, opening })
    }

    /// The match that begins at `window`'s start, if there is one. Bytes of `line` outside `window` count for `\b` only.
    pub fn at(&self, line: &[u8], window: Span) -> Option<PatternMatch> {
        self.branches.iter().find_map(|branch| walk(branch, line, window))
    }

    /// The leftmost match in `window` that begins at `last` at most, and where `may_begin` lets it.
    pub fn find_from(
        &self,
        line: &[u8],
        window: Span,
        last: usize,
        may_begin: impl Fn(usize) -> bool,
    ) -> Option<PatternMatch> {
        let text = &line[..window.end()];
        let mut start = window.start();
        while start <= last && start < text.len() {
            // Read from its end, a run that is too short shows so at once, and no start up to there can do better.
            if let Some((set, length)) = &self.opening {
                let opening = text.get(start..start + length)?;
                if let Some(other) = opening.iter().rposition(|byte| !set.contains(*byte)) {
                    start += other + 1;
                    continue;
                }
            }
            if self.first.contains(text[start]) & may_begin(start)
                && let Some(found) = self.at(line, Span::new(start, window.end()))
            {
                return Some(found);
            }
            start += 1;
        }
        None
    }
}

/// The bytes that a branch can begin with; `None` where it may be that it begins with none.
fn first_bytes(branch: &[Part]) -> Option<ByteSet> {
    let mut first = Vec::new();
    for part in branch.iter().filter(|part| **part != Part::Open) {
        match part {
            Part::Bytes(bytes) => first.push(bytes[0]),
            Part::Run { set, min, .. } => {
                first.extend(set.bytes());
                if *min == 0 {
                    continue;
                }
            }
            _ => return None,
        }
        return Some(ByteSet::new(first));
    }
    None
}

fn walk(branch: &[Part], line: &[u8], window: Span) -> Option<PatternMatch> {
    let text = &line[..window.end()];
    let mut at = window.start();
    let mut secret = Span::new(at, at);
    let mut whole = true;
    for part in branch {
        match part {
            Part::Bytes(bytes) => {
                if !text[at..].starts_with(bytes) {
                    return None;
                }
                at += bytes.len();
            }
            Part::Run { set, min, max, boundary } => {
                let most = text.len().min(at.saturating_add(*max));
                let run = set.run(&text[at..most]);
                if run < *min {
                    return None;
                }
                at = if *boundary {
                    let ends = (at + min..=at + run).rev();
                    ends.into_iter().find(|end| is_word_boundary(line, *end))?
                } else {
                    at + run
                };
            }
            Part::Look(At::WordBoundary) if !is_word_boundary(line, at) => return None,
            Part::Look(At::LineEnd) if at != line.len() => return None,
            Part::Look(_) => {}
            Part::Open => {
                whole = false;
                secret = Span::new(at, at);
            }
            Part::Close => {
                secret = Span::new(secret.start(), at);
            }
        }
    }
    let all = Span::new(window.start(), at);
    Some(PatternMatch { whole: all, secret: if whole { all } else { secret } })
}

fn is_word_boundary(line: &[u8], at: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let before = at.checked_sub(1).and_then(|before| line.get(before)).is_some_and(is_word);
    before != line.get(at).is_some_and(is_word)
}

/// Every row that a pattern stands for, in the order in which a backtracking search would try them.
fn spelt_out(hir: &Hir, secret: Option<usize>) -> Option<Vec<Vec<Part>>> {
    let branches = match hir.kind() {
        HirKind::Empty => vec![Vec::new()],
        HirKind::Literal(literal) => vec![vec![Part::Bytes(literal.0.clone())]],
        HirKind::Class(class) => vec![vec![run(class_bytes(class)?, 1, Some(1))]],
        HirKind::Look(Look::WordAscii) => vec![vec![Part::Look(At::WordBoundary)]],
        HirKind::Look(Look::End) => vec![vec![Part::Look(At::LineEnd)]],
        HirKind::Look(_) => return None,
        HirKind::Capture(group) => {
            let mut branches = spelt_out(&group.sub, secret)?;
            if Some(group.index as usize) == secret {
                for branch in &mut branches {
                    branch.insert(0, Part::Open);
                    branch.push(Part::Close);
                }
            }
            branches
        }
        HirKind::Repetition(repetition) => repeated(repetition, secret)?,
        HirKind::Concat(parts) => {
            let mut all = vec![Vec::new()];
            for part in parts {
                all = followed_by(&all, &spelt_out(part, secret)?)?;
            }
            all
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(spelt_out(part, secret)?);
            }
            all
        }
    };
    (branches.len() <= MAX_BRANCHES).then_some(branches)
}

fn run(set: ByteSet, min: u32, max: Option<u32>) -> Part {
    Part::Run { set, min: min as usize, max: max.map_or(usize::MAX, |max| max as usize), boundary: false }
}

fn followed_by(heads: &[Vec<Part>], tails: &[Vec<Part>]) -> Option<Vec<Vec<Part>>> {
    let all = heads.len() * tails.len() <= MAX_BRANCHES;
    all.then(|| heads.iter().flat_map(|head| tails.iter().map(move |tail| [&head[..], tail].concat())).collect())
}

fn repeated(repetition: &Repetition, secret: Option<usize>) -> Option<Vec<Vec<Part>>> {
    let Repetition { min, max, greedy, sub } = repetition;
    let once = spelt_out(sub, secret)?;
    if !greedy && *max != Some(*min) {
        return None;
    }
    if let [branch] = &once[..]
        && let [part] = &branch[..]
    {
        let set = match part {
            Part::Run { set, min: 1, max: 1, .. } => Some(*set),
            Part::Bytes(bytes) if bytes.len() == 1 => Some(ByteSet::new([bytes[0]])),
            _ => None,
        };
        if let Some(set) = set {
            return Some(vec![vec![run(set, *min, *max)]]);
        }
    }
    let mut all = vec![Vec::new()];
    for _ in 0..*min {
        all = followed_by(&all, &once)?;
        if all.iter().any(|branch| branch.len() > MAX_PARTS) {
            return None;
        }
    }
    match max {
        Some(max) if max == min => Some(all),
        Some(1) => Some([once, vec![Vec::new()]].concat()),
        // As often as can be, and then less and less often.
        Some(max) if once.len() == 1 && ((max - min) as usize) < MAX_BRANCHES => {
            let mut branches = vec![all.pop()?];
            for _ in *min..*max {
                branches.insert(0, [&branches[0][..], &once[0]].concat());
            }
            Some(branches)
        }
        _ => None,
    }
}

fn join_bytes(branch: &mut Vec<Part>) {
    let mut joined: Vec<Part> = Vec::with_capacity(branch.len());
    for part in branch.drain(..) {
        match (joined.last_mut(), part) {
            (Some(Part::Bytes(before)), Part::Bytes(bytes)) => *before = [&before[..], &bytes].concat().into(),
            (_, part) => joined.push(part),
        }
    }
    *branch = joined;
}

/// A word boundary at the end decides how much the run before it takes: it becomes a part of that run.
fn take_in_boundary(branch: &mut Vec<Part>) {
    let Some(Part::Look(At::WordBoundary)) = branch.iter().rfind(|part| **part != Part::Close) else { return };
    let look = branch.iter().rposition(|part| matches!(part, Part::Look(_))).unwrap_or_default();
    let before = branch[..look].iter_mut().rfind(|part| **part != Part::Close);
    if let Some(Part::Run { boundary, .. }) = before {
        *boundary = true;
        branch.remove(look);
    }
}

/// Whether the longest run is the only one that can lead to a match, wherever a run may be longer or shorter.
///
/// That is so when no byte that may follow is in the run's set: a shorter run would be followed by one that is.
fn is_exact(branch: &[Part]) -> bool {
    branch.iter().enumerate().all(|(at, part)| match part {
        Part::Run { set, min, max, boundary } if min != max => {
            let mut behind = branch[at + 1..].iter().filter(|part| !matches!(part, Part::Open | Part::Close));
            if *boundary {
                return behind.next().is_none();
            }
            loop {
                match behind.next() {
                    None => return true,
                    Some(Part::Bytes(bytes)) => return !set.contains(bytes[0]),
                    Some(Part::Run { set: next, min, boundary, .. }) => {
                        if next.bytes().any(|byte| set.contains(byte)) || (*boundary && *min == 0) {
                            return false;
                        }
                        if *min > 0 {
                            return true;
                        }
                    }
                    // A run that ends before the line does is no nearer to its end when it is shorter.
                    Some(Part::Look(At::LineEnd)) => return behind.next().is_none(),
                    Some(_) => return false,
                }
            }
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::util::captures::Captures;
    use regex_automata::{Anchored, Input, meta};

    use super::*;
    use crate::pipeline::detect::group;
    use crate::pipeline::detect::pattern::Pattern;
    use crate::pipeline::detect::rule::{Form, RuleSet};

    /// The same pattern as a walk and as an automaton.
    struct Pair {
        linear: Linear,
        regex: meta::Regex,
        cache: meta::Cache,
        captures: Captures,
        secret: Option<usize>,
    }

    impl Pair {
        fn new(pattern: &Pattern) -> Option<Self> {
            let secret = group::secret_group(pattern.hir());
            let linear = Linear::new(pattern.hir(), secret)?;
            let config = meta::Config::new().utf8_empty(false).auto_prefilter(false);
            let regex = meta::Builder::new().configure(config).build_from_hir(pattern.hir()).expect("small");
            Some(Self { linear, cache: regex.create_cache(), captures: regex.create_captures(), regex, secret })
        }

        fn by_automaton(&mut self, line: &[u8], window: Span, anchored: Anchored) -> Option<PatternMatch> {
            let input = Input::new(line).span(window.range()).anchored(anchored);
            self.regex.search_captures_with(&mut self.cache, &input, &mut self.captures);
            let span = |group: usize| self.captures.get_group(group).map(|found| Span::new(found.start, found.end));
            let whole = span(0)?;
            Some(PatternMatch { whole, secret: self.secret.and_then(span).unwrap_or(whole) })
        }

        fn agree(&mut self, name: &str, line: &[u8], window: Span) {
            let shown = || format!("{name} in {} at {window:?}", line.escape_ascii());
            assert_eq!(self.linear.at(line, window), self.by_automaton(line, window, Anchored::Yes), "{}", shown());
        }
    }

    #[test]
    fn rules_are_walked_as_automata_go() {
        let set = RuleSet::builtin().expect("the built-in rules load");
        let (mut all, mut walked) = (0, 0);
        for rule in &set.rules {
            let Form::Pattern(pattern) = &rule.form else { continue };
            all += 1;
            let Some(mut pair) = Pair::new(pattern) else { continue };
            walked += 1;
            for line in rule.examples.iter().chain(&rule.counterexamples).map(|line| line.as_bytes()) {
                for start in 0..line.len() {
                    pair.agree(rule.id.as_str(), line, Span::new(start, line.len()));
                }
                let found = pair.linear.find_from(line, Span::new(0, line.len()), line.len(), |_| true);
                assert_eq!(found, pair.by_automaton(line, Span::new(0, line.len()), Anchored::No), "{}", rule.id);
                // Cut off, and with another byte: what nearly matches.
                let Some(PatternMatch { whole, .. }) = found else { continue };
                for end in whole.range() {
                    pair.agree(rule.id.as_str(), line, Span::new(whole.start(), end));
                    for byte in [b'-', b'_', b'.', b'=', b'g', b' '] {
                        let changed = [&line[..end], &[byte], &line[end + 1..]].concat();
                        pair.agree(rule.id.as_str(), &changed, Span::new(whole.start(), line.len()));
                    }
                }
            }
        }
        assert!(walked * 10 >= all * 8, "{walked} of {all} patterns are walked");
    }

    #[test]
    fn what_would_have_to_go_back_is_left_to_the_automaton() {
        for pattern in
            ["a+ab", "[a-z]{2,4}z", "a*?b{1,2}?c", "(?:ab|a){2,3}c", "[a-z]+(?:-x)?y", "a+\\b=", "x(?:ab|b)+"]
        {
            let pattern = Pattern::parse(pattern).expect("valid");
            assert!(Linear::new(pattern.hir(), None).is_none(), "{pattern:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_walked_as_automata_go(line in "[ab\\-_=.0 ]{0,24}", which in 0usize..14, start in 0usize..8, end in 0usize..30) {
            let patterns = [
                "a{2,4}", "[ab]{2,}\\b", "a(?<secret>b{1,3})=", "(?:a|ab)(?:b|-)", "[a-]{3}\\b", "[a_-]{2,5}\\b", "a{2}b{0,2}={0,2}",
                "(?<secret>[ab]{2,9})(?:[^ab]|$)", "(?:ab-){2}a", "a?b?0+", "[ab.]+$", "(?:a(?<secret>b)|0)-",
                "(?:ab){2,3}=", "(?:[ab]{1,3}-){0,3}(?<secret>[ab]{2,})",
            ];
            let pattern = Pattern::parse(patterns[which]).expect("valid");
            let mut pair = Pair::new(&pattern).expect("a walk");
            let line = line.as_bytes();
            let end = end.min(line.len());
            let window = Span::new(start.min(end), end);
            pair.agree(patterns[which], line, window);
            let found = pair.linear.find_from(line, window, line.len(), |_| true);
            prop_assert_eq!(found, pair.by_automaton(line, window, Anchored::No));
        }
    }
}
