//! A rule's regular expression, read once and understood: what it may match, how long, and which part of it goes.
//!
//! Guarantees: matching is on bytes and in ASCII; a pattern that could match the empty string is refused; a leading `\b` is
//! taken off and becomes [`Pattern::wants_boundary`], because in a log a word also begins behind `\n`, `%3D` or a colour code,
//! which the regular expression's own `\b` does not know (see [`super::boundary`]).

use regex_automata::meta;
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{self, Hir, HirKind, Look};

use super::byte_set::ByteSet;
use super::group::{self, Group};
use super::linear::Linear;
use super::seek::Seek;
use super::specificity::Specificity;
use super::starts;
use crate::model::Span;

/// No secret is thought to be longer than this many bytes. In a line that is scanned whole a longer one goes whole as well; in one that
/// is scanned in windows it is withheld, with the rest of the line.
pub const MAX_SECRET: usize = 64 * 1024;

/// A repetition with at least this upper bound is taken as unbounded: a longer run of the same alphabet goes whole, and the
/// automaton stays small.
const OPEN_ENDED: u32 = 200;

/// A pattern whose matches are no longer than this is tried at every start there is, one by one.
const WALKED: usize = 512;

/// So far behind the last start a match is looked for at once: most end before, and a line may be full of triggers that lead to none.
const PROBE: usize = 256;

/// In 1/256 bit: where the first bytes of a match say this much, one place in four may begin one at most, and to look at all of these bytes and
/// try what is left is cheaper than to search.
const RARE_START: u32 = 2 * 256;

/// Why a pattern cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The regular expression is not well formed.
    #[error("the pattern is not a valid regular expression: {0}")]
    Syntax(String),
    /// It matches the empty string, so every place of every line.
    #[error("the pattern can match the empty string, so it would match everywhere")]
    Empty,
    /// It is too large to compile.
    #[error("the pattern is too large: {0}")]
    TooLarge(String),
}

/// A rule's pattern, parsed. The automaton itself is built by [`Pattern::compile`], when the rule has its first candidate.
#[derive(Clone, Debug)]
pub struct Pattern {
    hir: Hir,
    wants_boundary: bool,
    group: Group,
    max_before_secret: Option<usize>,
    specificity: Specificity,
}

impl Pattern {
    /// Reads a regular expression in the `regex` crate's syntax (ASCII, no look-around but `\b`, `^`, `$`).
    ///
    /// # Errors
    /// [`PatternError`] when it is not well formed or can match nothing at all.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(text)
            .map_err(|error| PatternError::Syntax(one_line(&error.to_string())))?;
        if hir.properties().minimum_len() == Some(0) {
            return Err(PatternError::Empty);
        }
        let (hir, wants_boundary) = without_leading_boundary(hir);
        let hir = open_ended(hir);
        let group = Group::of(&hir);
        let specificity = Specificity::new(&hir, group::secret_part(&hir).unwrap_or(&hir));
        let max_before_secret = group::longest_before_secret(&hir);
        Ok(Self { hir, wants_boundary, group, max_before_secret, specificity })
    }

    /// What the pattern may match, without its leading word boundary.
    pub fn hir(&self) -> &Hir {
        &self.hir
    }

    /// Whether a match must begin where a word begins.
    pub fn wants_boundary(&self) -> bool {
        self.wants_boundary
    }

    /// The longest match in bytes; an open-ended pattern may take all of its line, so that no tail of a run is left.
    pub fn max_len(&self) -> usize {
        self.hir.properties().maximum_len().unwrap_or(usize::MAX)
    }

    /// How much the pattern says of a match whose secret is of this length: of two that take the same bytes, the greater is the
    /// more specific.
    pub fn specificity(&self, secret: usize) -> u32 {
        self.specificity.bits(secret)
    }

    /// How many bytes of a match stand before its secret at most; `None` when there is no bound.
    pub fn max_before_secret(&self) -> Option<usize> {
        self.max_before_secret
    }

    /// Builds what the pattern is matched with.
    ///
    /// # Errors
    /// [`PatternError::TooLarge`] when it passes the size limit.
    pub fn compile(&self) -> Result<Matcher, PatternError> {
        let linear = Linear::new(&self.hir, group::secret_group(&self.hir));
        let walks_everywhere = linear.is_some() && self.max_len() <= WALKED;
        let automaton = if walks_everywhere { None } else { Some(Automaton::new(self)?) };
        let seek = Seek::new(self);
        Ok(Matcher { linear, automaton, seek })
    }
}

/// A found pattern: the whole match, and the part of it that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternMatch {
    /// The whole match, public surroundings included.
    pub whole: Span,
    /// The secret in it.
    pub secret: Span,
}

/// A compiled pattern. Shared by all workers; each brings its own [`Cache`].
///
/// At a given place it is walked where that can be done; a search for the place walks too, unless matches have no bound, when each
/// start might cost as much as the whole line.
#[derive(Debug)]
pub struct Matcher {
    linear: Option<Linear>,
    /// There for every pattern that is not walked everywhere.
    automaton: Option<Automaton>,
    /// Where each start is tried by itself: what tells the starts that are worth it.
    seek: Option<Seek>,
}

/// A pattern as an automaton.
#[derive(Debug)]
struct Automaton {
    regex: meta::Regex,
    /// What stands before the secret, and the rest, where these tell the group.
    parts: Option<(meta::Regex, meta::Regex)>,
    group: Group,
    /// What the first bytes of a match may be, where that leaves few starts to try.
    first: Option<Box<[ByteSet; starts::DEPTH]>>,
}

/// One worker's memory for one matcher. Most rules never have a candidate, and each finder has a place for every rule's.
#[derive(Debug)]
pub struct Cache(Option<Box<AutomatonCache>>);

#[derive(Debug)]
struct AutomatonCache {
    regex: meta::Cache,
    parts: Option<(meta::Cache, meta::Cache)>,
}

fn build(hir: &Hir) -> Result<meta::Regex, PatternError> {
    let config = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(4 << 20))
        .hybrid_cache_capacity(512 << 10)
        // Triggers have found the place already: a prefilter would only look for it once more.
        .auto_prefilter(false);
    let built = meta::Builder::new().configure(config).build_from_hir(hir);
    built.map_err(|error| PatternError::TooLarge(one_line(&error.to_string())))
}

impl Matcher {
    /// Working memory for one worker.
    pub fn create_cache(&self) -> Cache {
        Cache(self.automaton.as_ref().map(Automaton::create_cache))
    }

    /// The match that begins at `window`'s start, if there is one. Bytes of `line` outside `window` count for `\b` only.
    pub fn at(&self, cache: &mut Cache, line: &[u8], window: Span) -> Option<PatternMatch> {
        match &self.linear {
            Some(linear) => linear.at(line, window),
            None => self.automaton(cache)?.at(line, window),
        }
    }

    /// The leftmost match in `window` that begins at `last` at most. Starts that `may_begin` refuses may be left out.
    pub fn find_from(
        &self,
        cache: &mut Cache,
        line: &[u8],
        window: Span,
        last: usize,
        may_begin: impl Fn(usize) -> bool,
    ) -> Option<PatternMatch> {
        if let Some(seek) = &self.seek
            && (self.automaton.is_none() || last.saturating_sub(window.start()) <= WALKED)
        {
            let starts = seek.starts(&line[..window.end()], window.start(), last);
            let mut starts = starts.filter(|at| may_begin(*at));
            return starts.find_map(|at| self.at(cache, line, Span::new(at, window.end())));
        }
        match (&self.linear, self.automaton(cache)) {
            (_, Some(mut automaton)) => automaton.find_from(line, window, last, may_begin),
            (Some(linear), None) => linear.find_from(line, window, last, may_begin),
            (None, None) => None,
        }
    }

    fn automaton<'m>(&'m self, cache: &'m mut Cache) -> Option<Search<'m>> {
        self.automaton.as_ref().zip(cache.0.as_mut()).map(|(automaton, cache)| Search { automaton, cache })
    }
}

impl Automaton {
    fn new(pattern: &Pattern) -> Result<Self, PatternError> {
        let parts = match &pattern.group {
            Group::After { head, rest, .. } => Some((build(head)?, build(rest)?)),
            _ => None,
        };
        let first = starts::places(&pattern.hir);
        let is_rare = first.iter().map(ByteSet::weight).sum::<u32>() >= RARE_START;
        let first = (pattern.wants_boundary || is_rare).then(|| Box::new(first));
        Ok(Self { regex: build(&pattern.hir)?, parts, group: pattern.group.clone(), first })
    }

    fn create_cache(&self) -> Box<AutomatonCache> {
        let parts = self.parts.as_ref().map(|(head, rest)| (head.create_cache(), rest.create_cache()));
        Box::new(AutomatonCache { regex: self.regex.create_cache(), parts })
    }
}

/// An automaton, and one worker's memory for it.
struct Search<'m> {
    automaton: &'m Automaton,
    cache: &'m mut AutomatonCache,
}

impl Search<'_> {
    fn at(&mut self, line: &[u8], window: Span) -> Option<PatternMatch> {
        self.search(Input::new(line).span(window.range()).anchored(Anchored::Yes))
    }

    fn find(&mut self, line: &[u8], window: Span) -> Option<PatternMatch> {
        self.search(Input::new(line).span(window.range()))
    }

    /// A search that found nothing would read on to the window's end, and an open-ended pattern's window ends with its line: for many
    /// triggers on a long line that is quadratic. So it looks in what lies near, and tries the few starts there are one by one.
    ///
    /// Where the first bytes of a match say enough, or words' starts are few, there is no search at all.
    fn find_from(
        &mut self,
        line: &[u8],
        window: Span,
        last: usize,
        may_begin: impl Fn(usize) -> bool,
    ) -> Option<PatternMatch> {
        if let Some(first) = self.automaton.first.as_deref().filter(|_| last - window.start() <= WALKED) {
            let fits = |at: usize| first.iter().zip(&line[at..]).skip(1).all(|(set, byte)| set.contains(*byte));
            // Both in one: bytes are random, and what is foreseen of each by itself is mostly wrong.
            let is_start = |at: &usize| (first[0].contains(line[*at]) & may_begin(*at)) && fits(*at);
            let mut starts = (window.start()..window.end().min(last + 1)).filter(is_start);
            return starts.find_map(|at| self.at(line, Span::new(at, window.end())));
        }
        let begins = |found: &PatternMatch| found.whole.start() <= last;
        let near = last.saturating_add(PROBE);
        if window.end() <= near {
            return self.find(line, window).filter(begins);
        }
        let found = self.find(line, Span::new(window.start(), near)).filter(begins);
        let before = found.map_or(last + 1, |found| found.whole.start());
        let earlier = (window.start()..before).find_map(|at| self.at(line, Span::new(at, window.end())));
        earlier.or_else(|| self.at(line, Span::new(found?.whole.start(), window.end())))
    }

    fn search(&mut self, input: Input<'_>) -> Option<PatternMatch> {
        let found = self.automaton.regex.search_with(&mut self.cache.regex, &input)?;
        let whole = Span::new(found.start(), found.end());
        let secret = match &self.automaton.group {
            Group::Whole => whole,
            Group::Between { before, behind } => {
                Span::new(whole.start() + before, whole.end() - behind.len(input.haystack(), whole.end()))
            }
            Group::After { behind, group, .. } => match self.head_end(&input, whole) {
                Some(start) => Span::new(start, whole.end() - behind.len(input.haystack(), whole.end())),
                None => self.search_group(input, whole, *group),
            },
            Group::Search(group) => self.search_group(input, whole, *group),
        };
        Some(PatternMatch { whole, secret })
    }

    /// Where the secret begins, when the part before it, matched by itself, leaves the rest of the match to the rest of the pattern.
    fn head_end(&mut self, input: &Input<'_>, whole: Span) -> Option<usize> {
        let ((head, rest), (head_cache, rest_cache)) = self.automaton.parts.as_ref().zip(self.cache.parts.as_mut())?;
        let at = |start: usize, end: usize| input.clone().span(start..end).anchored(Anchored::Yes);
        let start = head.search_half_with(head_cache, &at(whole.start(), whole.end()))?.offset();
        let end = rest.search_half_with(rest_cache, &at(start, whole.end()))?.offset();
        (end == whole.end()).then_some(start)
    }

    /// Once more over the match alone, so that the quicker of the engines for groups will do.
    fn search_group(&mut self, input: Input<'_>, whole: Span, group: usize) -> Span {
        let again = input.span(whole.range()).anchored(Anchored::Yes);
        let mut captures: Captures = self.automaton.regex.create_captures();
        self.automaton.regex.search_captures_with(&mut self.cache.regex, &again, &mut captures);
        captures.get_group(group).map_or(whole, |found| Span::new(found.start, found.end))
    }
}

fn one_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim().to_owned()
}

fn is_word_boundary(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Look(Look::WordAscii | Look::WordStartAscii))
}

/// Takes the word boundary off the front, also from inside the first group.
fn without_leading_boundary(hir: Hir) -> (Hir, bool) {
    match hir.kind() {
        HirKind::Concat(parts) if is_word_boundary(&parts[0]) => (Hir::concat(parts[1..].to_vec()), true),
        HirKind::Concat(parts) => {
            let (first, found) = without_leading_boundary(parts[0].clone());
            if found { (Hir::concat([&[first], &parts[1..]].concat()), true) } else { (hir, false) }
        }
        HirKind::Capture(group) => {
            let (sub, found) = without_leading_boundary((*group.sub).clone());
            if found {
                (Hir::capture(hir::Capture { sub: Box::new(sub), ..group.clone() }), true)
            } else {
                (hir, false)
            }
        }
        _ => (hir, false),
    }
}

fn open_ended(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(repetition) => Hir::repetition(hir::Repetition {
            max: repetition.max.filter(|&max| max < OPEN_ENDED || max == repetition.min),
            sub: Box::new(open_ended(*repetition.sub)),
            ..repetition
        }),
        HirKind::Capture(group) => Hir::capture(hir::Capture { sub: Box::new(open_ended(*group.sub)), ..group }),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(open_ended).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(open_ended).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pattern: &str, line: &str) -> Option<(usize, usize)> {
        let matcher = Pattern::parse(pattern).expect("valid").compile().expect("small");
        let mut cache = matcher.create_cache();
        matcher
            .find_from(&mut cache, line.as_bytes(), Span::new(0, line.len()), line.len(), |_| true)
            .map(|m| (m.secret.start(), m.secret.end()))
    }

    #[test]
    fn the_group_named_secret_goes() {
        assert_eq!(find(r"sig=(?<secret>[a-z]{3})", "x sig=abc y"), Some((6, 9)));
        assert_eq!(find(r"\b(?<secret>ab+)\b", "x abb y"), Some((2, 5)));
        assert_eq!(find(r"ab{2}", "x abb y"), Some((2, 5)));
    }

    #[test]
    fn a_leading_boundary_is_left_to_the_caller() {
        for (text, wants) in [(r"\bab", true), (r"(?<secret>\bab)", true), (r"ab\b", false)] {
            assert_eq!(Pattern::parse(text).expect("valid").wants_boundary(), wants, "{text}");
        }
        assert_eq!(find(r"\bab", "xab"), Some((1, 3)));
    }

    #[test]
    fn a_wide_repetition_takes_the_whole_run() {
        let line = "k".to_owned() + &"a".repeat(5000);
        assert_eq!(find(r"k[a-z]{20,255}", &line), Some((0, 5001)));
        assert_eq!(find(r"k[a-z]{20,30}", &line), Some((0, 31)));
    }

    #[test]
    fn what_stands_before_the_secret_is_bounded_where_it_can_be() {
        for (text, most) in [
            (r"ab", Some(0)),
            (r"(?:key|secret)[ \t]{0,3}=(?<secret>a+)", Some(10)),
            (r"k=.*(?<secret>a)", None),
            (r"(?:(?<secret>a)b)+", None),
        ] {
            assert_eq!(Pattern::parse(text).expect("valid").max_before_secret(), most, "{text}");
        }
    }

    #[test]
    fn faults_are_told() {
        assert!(matches!(Pattern::parse("a("), Err(PatternError::Syntax(_))));
        assert!(matches!(Pattern::parse("a*"), Err(PatternError::Empty)));
        assert!(matches!(Pattern::parse(r"\b"), Err(PatternError::Empty)));
        let large = Pattern::parse(r"(?:[a-z]{1000}){190}x").and_then(|pattern| pattern.compile());
        assert!(matches!(large, Err(PatternError::TooLarge(_) | PatternError::Syntax(_))));
    }
}
