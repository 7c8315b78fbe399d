//! One worker's detection: its scanner, its automata's memory, and the loop from hits to matches.

mod across;
mod armored;
mod below;
mod elsewhere;
mod hits;
mod inside;
mod keys;
mod near;
mod patterns;
mod walls;

use self::across::Across;
use self::inside::Inside;
use self::near::NearBy;
use self::walls::{Line, Walls};
use super::allow::{AllowList, Gate, Scope};
use super::armor::{self, Rows, Shape};
use super::candidate::{Candidate, Origin, Rank, Refusal};
use super::context::Value;
use super::database::{DatabaseError, Hit, Scanner};
use super::encoded::Codec;
use super::encoded::packed::{self, Packed};
use super::guarded::{Around, Guarded};
use super::pattern::Cache;
use super::resolve::{self, Canonical, Match, Matches, Open};
use super::slow::SlowRules;
use super::starts::Start;
use super::{Detector, Use, rare};
use crate::model::{Secret, Span};

/// A candidate as `rules explain` sees it: the rule, where, and why it was refused if it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Index of the rule.
    pub rule: usize,
    /// The secret's place in the block.
    pub span: Span,
    /// The key before the value, for rules that go by keys. Where it leads to no secret, this is all there is, and the span too.
    pub key: Option<Span>,
    /// Why it stays, or `None` when it goes.
    pub refusal: Option<Refusal>,
}

/// Finds matches in blocks; one per worker.
#[derive(Debug)]
pub struct Finder<'d> {
    detector: &'d Detector,
    scanner: Scanner<'d>,
    slow_cache: Option<regex_automata::meta::Cache>,
    rare_caches: rare::Caches,
    starts: Vec<Start>,
    sieve_cache: Option<regex_automata::hybrid::dfa::Cache>,
    caches: Vec<Option<Cache>>,
    hits: Vec<Hit>,
    packed: Vec<Packed>,
    candidates: Vec<Candidate>,
    values: Vec<Value>,
    walls: Walls,
    /// The starts of lines in which a key, a header or a URL was looked at and held no secret, or more than one.
    doubts: Vec<usize>,
    /// The last value of a key that goes.
    covered: Span,
    /// Starts behind near words that are still to be tried.
    near_by: NearBy,
    matches: Vec<Match>,
    /// See [`Matches::decoded`].
    decoded: Vec<Secret<'static>>,
    /// Which part of a stream is being searched.
    part: Part,
    /// See [`Matches::open`].
    open: Option<Open>,
    /// The last private key over several lines ends here.
    armored: usize,
    /// What is known of the rows of the line at hand.
    rows: Rows,
    /// The end of the line whose key was followed last, by its first line or by its body.
    followed: Option<usize>,
    followed_body: Option<usize>,
    /// What no block may be parted in: from the line of a key to the value in a line below it, from a private key's first line to its last
    /// row.
    joined: Vec<Span>,
    /// The search of messages in parts.
    across: Across<'d>,
    /// The search of decoded texts.
    inside: Inside<'d>,
    /// What was refused, and what was found by a key; filled only while explaining.
    seen: Option<Vec<Found>>,
    /// There where an allow list is in force.
    gate: Option<Gate<'d>>,
}

/// Where in a stream a block stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The block begins with more rows of a private key.
    pub resumes: Option<Shape>,
    /// More lines follow: what is not over at the block's end waits for them.
    pub goes_on: bool,
}

impl<'d> Finder<'d> {
    /// A finder with its own working memory.
    ///
    /// # Errors
    /// [`DatabaseError::Scratch`] when there is no memory for it.
    pub fn new(detector: &'d Detector) -> Result<Self, DatabaseError> {
        Ok(Self {
            detector,
            scanner: detector.database.scanner()?,
            slow_cache: detector.slow.as_ref().map(SlowRules::create_cache),
            rare_caches: detector.rare.create_caches(),
            starts: Vec::new(),
            sieve_cache: detector.starts.as_ref().and_then(|starts| Some(starts.sieve.as_ref()?.create_cache())),
            caches: detector.rules.iter().map(|_| None).collect(),
            hits: Vec::new(),
            packed: Vec::new(),
            candidates: Vec::new(),
            values: Vec::new(),
            walls: Walls::default(),
            doubts: Vec::new(),
            covered: Span::new(0, 0),
            near_by: NearBy::new(detector.rules.len()),
            matches: Vec::new(),
            decoded: Vec::new(),
            part: Part::default(),
            open: None,
            armored: 0,
            rows: Rows::default(),
            followed: None,
            followed_body: None,
            joined: Vec::new(),
            across: Across::default(),
            inside: Inside::default(),
            seen: None,
            gate: None,
        })
    }

    /// The same finder, which leaves what `list` allows.
    pub fn allowing(mut self, list: Option<&'d AllowList>) -> Self {
        self.gate = list.map(Gate::new);
        self
    }

    /// A finder for a text that is put together from the block, by the same rules and the same allow list.
    ///
    /// It stands as deep inside of others as this one: if it began anew, each part inside a part would multiply the finders by as many as
    /// there are codecs to undo in it, and a short line could take all memory there is.
    fn another(&self) -> Result<Box<Self>, DatabaseError> {
        let mut finder = Box::new(Self::new(self.detector)?);
        finder.across = self.across.another();
        finder.inside = self.inside.another();
        finder.gate = self.gate.as_ref().map(Gate::again);
        Ok(finder)
    }

    /// From now on, the entries of the allow list that hold are those of `scope`.
    pub fn enter(&mut self, scope: &Scope) {
        if let Some(gate) = &mut self.gate {
            gate.scope.clone_from(scope);
        }
    }

    /// The matches in a block of whole frames.
    ///
    /// # Errors
    /// [`DatabaseError`] when the block could not be scanned: it must then be withheld.
    pub fn find(&mut self, block: &[u8]) -> Result<Matches<'_>, DatabaseError> {
        self.find_in(block, Part::default())
    }

    /// As [`find`](Self::find), in a part of a stream.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_in(&mut self, block: &[u8], part: Part) -> Result<Matches<'_>, DatabaseError> {
        (self.part, self.open, self.armored) = (part, None, 0);
        (self.rows, self.followed, self.followed_body) = (Rows::default(), None, None);
        self.hits.clear();
        self.matches.clear();
        self.walls.clear();
        self.decoded.clear();
        if let Some(gate) = &mut self.gate {
            gate.clear();
        }
        self.scanner.scan(block, &mut self.hits)?;
        self.packed.clear();
        if self.detector.packed {
            packed::find(block, &mut self.packed);
        }
        let mut hits = std::mem::take(&mut self.hits);
        let outcome = self.confirm_all(block, &mut hits);
        self.hits = hits;
        outcome?;
        Ok(self.found())
    }

    /// What the last search found.
    pub fn found(&self) -> Matches<'_> {
        let allowed = self.gate.as_ref().map_or(&[][..], Gate::passed);
        Matches { all: &self.matches, walls: self.walls.as_slice(), decoded: &self.decoded, open: self.open, allowed }
    }

    /// As [`find`](Self::find), with every candidate that was refused and why.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn explain(&mut self, block: &[u8]) -> Result<Vec<Found>, DatabaseError> {
        self.seen = Some(Vec::new());
        let outcome = self.find(block).map(|_| ());
        let mut found = self.seen.take().unwrap_or_default();
        outcome?;
        found.extend(self.candidates.iter().map(|c| Found { rule: c.rule, span: c.span, key: None, refusal: None }));
        // Of what was seen twice, the one that knows the key stays.
        found.sort_by_key(|found| {
            (found.span.start(), found.span.end(), found.rule, found.refusal.is_some(), found.key.is_none())
        });
        found.dedup_by_key(|found| (found.span, found.rule, found.refusal));
        Ok(found)
    }

    fn confirm_all(&mut self, block: &[u8], hits: &mut [Hit]) -> Result<(), DatabaseError> {
        self.candidates.clear();
        self.doubts.clear();
        self.joined.clear();
        self.across.begin();
        self.inside.begin();
        self.covered = Span::new(0, 0);
        let nothing = hits.is_empty() && self.packed.is_empty();
        if nothing && self.detector.has_only_triggers() && self.part.resumes.is_none() {
            return Ok(());
        }
        // Ends mostly come in order; what follows relies on it.
        if !hits.is_sorted_by_key(|hit| hit.end) {
            hits.sort_unstable_by_key(|hit| hit.end);
        }
        self.near_by.begin();
        self.find_walls(block, hits);
        let (mut line, mut read) = (Line { start: 0, end: 0 }, 0);
        let detector = self.detector;
        let explaining = self.seen.is_some();
        if let (Some(shape), Some(rule)) = (self.part.resumes, detector.armor) {
            let armor = armor::resume(block, shape);
            self.push_armor(block, rule, 0, armor);
        }
        for hit in hits.iter() {
            let literal_end = hit.end as usize;
            if detector.begins_patterns[hit.literal as usize]
                && let Some(codec) = Codec::cutting(block, literal_end, &mut read)
                && !self.walls.hold(literal_end)
            {
                if !line.holds(literal_end) {
                    line = Line::around(block, literal_end);
                }
                self.look_inside(block, line, literal_end, codec)?;
            }
            let around = Around::new(block, literal_end);
            for guarded in &detector.guarded[hit.literal as usize] {
                let Guarded { behind, used, .. } = guarded;
                let end = literal_end + behind;
                let explained = explaining && matches!(used, Use::Pattern { .. });
                if guarded.fits(around, block, literal_end)
                    && let Some(from) = used.leads_from(detector, block, end).or(explained.then_some(end))
                    && !self.walls.hold(end)
                {
                    if !line.holds(end) {
                        line = Line::around(block, end);
                    }
                    self.confirm(block, line, (from, end), *used)?;
                }
            }
        }
        // Where tokens stand must be known by then, those of the last line with a near word, too, which nothing else has led to.
        self.search_near(block)?;
        self.look_into_packed(block)?;
        self.find_rare(block)?;
        self.search_near(block)?;
        self.find_starts(block)?;
        self.find_slow(block)?;
        self.let_through(block);
        self.keep_frames();
        resolve::resolve(&mut self.candidates, &self.decoded, self.walls.as_slice(), block, &mut self.matches);
        if let Some(open) = &mut self.open {
            // A match that reaches into what waits, as a key's rows do, waits whole; so does a message of which a part waits, and a key
            // whose value does.
            let matches = self.matches.iter().map(|found| found.span);
            let together = matches.chain(self.across.messages().iter().chain(&self.joined).copied());
            while let Some(span) = together.clone().find(|span| span.start() < open.at && open.at < span.end()) {
                open.at = Line::around(block, span.start() + 1).start;
            }
            let open = *open;
            self.matches.retain(|found| found.span.end() <= open.at);
            self.walls.end_at(open.at);
        }
        if let Some(gate) = &mut self.gate {
            gate.settle(&self.matches);
        }
        self.doubt(block);
        Ok(())
    }

    /// Takes out what the allow list allows. Beside a mark the same secret may be read otherwise, and not be allowed any longer: so
    /// its line is in doubt.
    fn let_through(&mut self, block: &[u8]) {
        let Some(gate) = &mut self.gate else { return };
        gate.filter(self.detector, &mut self.candidates, block, &self.decoded);
        if !gate.passed().is_empty() {
            self.doubts.extend(gate.passed().iter().map(|passed| Line::around(block, passed.span.end()).start));
        }
    }

    /// Whether what was found last may be read otherwise in more lines than those that a mark is put into.
    pub fn joins_lines(&self) -> bool {
        self.across.any()
    }

    /// Takes a candidate of `rule`; see [`Candidate::add_quotes`].
    fn push(&mut self, block: &[u8], rule: usize, span: Span, canonical: Canonical, add_quotes: Option<u8>) {
        let rank = Rank::new(&self.detector.rules[rule].rule, &block[span.range()]);
        let origin = Origin::Block;
        self.candidates.push(Candidate { span, rule, rank, canonical, add_quotes, continues: false, origin });
    }

    fn refuse(&mut self, found: Found) {
        if let Some(seen) = &mut self.seen {
            seen.push(found);
        }
    }
}
