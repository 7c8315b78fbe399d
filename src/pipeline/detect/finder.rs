//! One worker's detection: its scanner, its automata's memory, and the loop from hits to matches.

mod across;
mod below;
mod inside;
mod near;

use zeroize::Zeroize as _;

use self::across::Across;
use self::inside::Inside;
use self::near::NearBy;
use super::allow::{AllowList, Gate, Scope};
use super::armor::{self, Armor, Rows, Shape};
use super::candidate::{Candidate, Rank, Refusal, admit};
use super::context::{self, Value};
use super::database::{DatabaseError, Hit, Scanner};
use super::encoded::packed::{self, Packed};
use super::encoded::{self, Codec};
use super::pattern::{Cache, PatternMatch};
use super::resolve::{self, Canonical, Match, Matches, Open};
use super::rule::{Form, Kind, Near, Pack, Rule};
use super::slow::SlowRules;
use super::starts::Start;
use super::trigger::Reach;
use super::{Detector, Guarded, Use, boundary, decode, personal};
use crate::model::{Secret, Span};
use crate::pipeline::fingerprint;

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
    starts: Vec<Start>,
    sieve_cache: Option<regex_automata::hybrid::dfa::Cache>,
    caches: Vec<Option<Cache>>,
    hits: Vec<Hit>,
    packed: Vec<Packed>,
    candidates: Vec<Candidate>,
    values: Vec<Value>,
    walls: Vec<Span>,
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

/// Keys nearer to the end of a value than this are looked at all the same: theirs may go on behind it.
const DEEP: usize = 128;

/// The line that hits are being confirmed in, as offsets in the block.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    start: usize,
    end: usize,
}

impl Line {
    /// Whether the byte before `end` lies in the line.
    fn holds(self, end: usize) -> bool {
        self.start < end && end <= self.end
    }
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
            starts: Vec::new(),
            sieve_cache: detector.starts.as_ref().and_then(|starts| Some(starts.sieve.as_ref()?.create_cache())),
            caches: detector.rules.iter().map(|_| None).collect(),
            hits: Vec::new(),
            packed: Vec::new(),
            candidates: Vec::new(),
            values: Vec::new(),
            walls: Vec::new(),
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
    fn another(&self) -> Result<Box<Self>, DatabaseError> {
        let mut finder = Box::new(Self::new(self.detector)?);
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
        Matches { all: &self.matches, walls: &self.walls, decoded: &self.decoded, open: self.open, allowed }
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
        let mut line = Line { start: 0, end: 0 };
        let detector = self.detector;
        let explaining = self.seen.is_some();
        if let (Some(shape), Some(rule)) = (self.part.resumes, detector.armor) {
            let armor = armor::resume(block, shape);
            self.push_armor(block, rule, 0, armor);
        }
        for hit in hits.iter() {
            let literal_end = hit.end as usize;
            if detector.begins_patterns[hit.expression as usize]
                && let Some(codec) = Codec::cutting(block, literal_end)
            {
                if !line.holds(literal_end) {
                    line = line_around(block, literal_end);
                }
                self.look_inside(block, line, literal_end, codec)?;
            }
            for Guarded { trigger, behind, used } in &detector.guarded[hit.expression as usize] {
                let end = literal_end + behind;
                if trigger.as_ref().is_none_or(|trigger| trigger.matches_before(block, end))
                    && (used.is_worth_a_look(detector, block, end)
                        || (explaining && matches!(used, Use::Pattern { .. })))
                    && self.wall_at(end).is_none()
                {
                    if !line.holds(end) {
                        line = line_around(block, end);
                    }
                    self.confirm(block, line, end, *used)?;
                }
            }
        }
        self.look_into_packed(block)?;
        self.find_rare(block)?;
        self.search_near(block)?;
        self.find_starts(block)?;
        self.find_slow(block)?;
        self.let_through(block);
        resolve::resolve(&mut self.candidates, &self.walls, block, &mut self.matches);
        if let Some(open) = &mut self.open {
            // A match that reaches into what waits, as a key's rows do, waits whole; so does a message of which a part waits, and a key
            // whose value does.
            let matches = self.matches.iter().map(|found| found.span);
            let together = matches.chain(self.across.messages().iter().chain(&self.joined).copied());
            while let Some(span) = together.clone().find(|span| span.start() < open.at && open.at < span.end()) {
                open.at = line_around(block, span.start() + 1).start;
            }
            let open = *open;
            self.matches.retain(|found| found.span.end() <= open.at);
            self.walls.retain(|wall| wall.end() <= open.at);
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
            self.doubts.extend(gate.passed().iter().map(|passed| line_around(block, passed.span.end()).start));
        }
    }

    /// Whether what was found last may be read otherwise in more lines than those that a mark is put into.
    pub fn joins_lines(&self) -> bool {
        self.across.any()
    }

    /// Tells the matches of lines in which something was refused for its context.
    fn doubt(&mut self, block: &[u8]) {
        // They come line by line from each of the searches, one search behind the other.
        if !self.doubts.is_sorted() {
            self.doubts.sort_unstable();
        }
        let mut doubts = self.doubts.iter().copied().peekable();
        // A line may hold very many matches: where it ends is looked for once.
        let mut line = Line::default();
        for found in &mut self.matches {
            while let Some(doubt) = doubts.peek().copied() {
                if line.start != doubt || line.end == 0 {
                    line = Line { start: doubt, end: line_around(block, doubt + 1).end };
                }
                if line.end >= found.span.start() {
                    break;
                }
                doubts.next();
            }
            found.doubtful = doubts.peek().is_some_and(|doubt| *doubt <= found.span.start());
        }
    }

    fn find_walls(&mut self, block: &[u8], hits: &[Hit]) {
        for hit in hits {
            if Some(hit.expression) == self.detector.written {
                let start = hit.end as usize - fingerprint::PREFIX.len();
                if self.walls.last().is_none_or(|wall| wall.end() <= start)
                    && let Some((_, len)) = fingerprint::written_at(&block[start..])
                {
                    self.walls.push(Span::new(start, start + len));
                }
            }
        }
    }

    /// The wall that a trigger ending at `end` lies in.
    fn wall_at(&self, end: usize) -> Option<Span> {
        if self.walls.is_empty() {
            return None;
        }
        let next = self.walls.partition_point(|wall| wall.end() < end);
        self.walls.get(next).copied().filter(|wall| wall.start() < end)
    }

    /// The part of a line between the walls around `at`.
    fn between_walls(&self, line: Line, at: usize) -> Line {
        if self.walls.is_empty() {
            return line;
        }
        let next = self.walls.partition_point(|wall| wall.end() <= at);
        let start = next.checked_sub(1).map_or(line.start, |before| self.walls[before].end().max(line.start));
        let end = self.walls.get(next).map_or(line.end, |wall| wall.start().clamp(start, line.end));
        Line { start, end }
    }

    fn confirm(&mut self, block: &[u8], line: Line, end: usize, used: Use) -> Result<(), DatabaseError> {
        // A key deep inside a long value that goes whole adds nothing; to look at each would be quadratic in `password=password=…`.
        let deep = self.covered.start() < end && end + DEEP < self.covered.end();
        if deep && matches!(used, Use::Key { .. } | Use::Url { .. }) {
            return Ok(());
        }
        let so_far = self.candidates.len();
        self.confirm_use(block, line, end, used)?;
        if used.is_context() && self.candidates.len() != so_far + 1 {
            self.doubts.push(line.start);
        }
        Ok(())
    }

    fn confirm_use(&mut self, block: &[u8], line: Line, end: usize, used: Use) -> Result<(), DatabaseError> {
        let text = &block[line.start..line.end];
        let detector = self.detector;
        let (at, words) = (end - line.start, &detector.words);
        match used {
            Use::Written => {}
            Use::Encoded(codec) => self.look_inside(block, line, end, codec)?,
            Use::Pattern { rule, reach } => self.confirm_pattern(block, line, end, rule, reach)?,
            Use::Near { rule } => {
                // A longer word that holds this one may end further on; and the match may begin in the word, or before it, as
                // long as its secret does not: `privateKey=…`.
                let Rule { near, form: Form::Pattern(pattern), .. } = &detector.rules[rule].rule else { return Ok(()) };
                let first =
                    pattern.max_before_secret().map_or(line.start, |most| end.saturating_sub(most).max(line.start));
                let last = end + near.as_ref().map_or(0, Near::reach);
                self.look_near(block, line, rule, first, last)?;
            }
            Use::Key { rule, behind } => {
                let at = at - behind;
                if let Form::Keys(form) = &detector.rules[rule].rule.form
                    && let Some(start) = form.phrase_before(text, at)
                    && let Some(key) = context::key_ending(text, start, at, words)
                {
                    // Behind a separator that is written in a codec, so is what ends the value.
                    if let Some(codec) = Codec::of_separator(text, key.end) {
                        self.look_inside(block, line, line.start + key.end, codec)?;
                        if self.inside.has_read(codec, line.start + key.end) {
                            return Ok(());
                        }
                    }
                    let mut values = std::mem::take(&mut self.values);
                    context::values(text, key, form, words, &mut values);
                    if values.is_empty() {
                        self.look_below(block, line, rule, form, key);
                    }
                    let spelling = values.iter().find_map(|value| encoded::spelling(&text[value.span.range()]));
                    if let Some(codec) = spelling {
                        self.look_inside(block, line, end, codec)?;
                    }
                    if let Some(seen) = &mut self.seen {
                        let key = Span::new(key.start, key.end).shifted(line.start);
                        let nothing = values.is_empty().then_some(Found {
                            rule,
                            span: key,
                            key: Some(key),
                            refusal: Some(Refusal::Value),
                        });
                        let found = |value: &Value| Found {
                            rule,
                            span: value.span.shifted(line.start),
                            key: Some(key),
                            refusal: None,
                        };
                        seen.extend(nothing.into_iter().chain(values.iter().map(found)));
                    }
                    if let Some(last) = values.last().filter(|value| self.hides(value)) {
                        self.covered = last.span.shifted(line.start);
                    }
                    let so_far = self.candidates.len();
                    values.drain(..).for_each(|value| self.push_value(block, line, rule, value));
                    self.values = values;
                    self.note_key(so_far, line, key.start, key.end);
                }
            }
            Use::Header { rule, len } => {
                let Some(key) = context::key_ending(text, at - len, at, words) else { return Ok(()) };
                if let Some(codec) = Codec::of_separator(text, key.end) {
                    self.look_inside(block, line, line.start + key.end, codec)?;
                }
                match context::of_header(text, key, words) {
                    Some(value) => {
                        let so_far = self.candidates.len();
                        self.push_value(block, line, rule, value);
                        self.note_key(so_far, line, key.start, key.end);
                    }
                    None => {
                        let key = Span::new(key.start, key.end).shifted(line.start);
                        self.refuse(Found { rule, span: key, key: Some(key), refusal: Some(Refusal::Value) });
                    }
                }
            }
            Use::Scheme { rule } => {
                if let Some(value) = context::of_scheme(text, at, words) {
                    self.push_value(block, line, rule, value);
                }
            }
            Use::Partial(runtime) => self.look_across(block, line, runtime)?,
            Use::Armor { rule } => {
                // What several of them in a line begin is the same.
                let span = Span::new(line.start, line.end);
                if end > self.armored
                    && self.followed != Some(line.end)
                    && let Some(begun) = armor::begins(block, end, span, &mut self.rows)
                {
                    self.followed = Some(line.end);
                    let armor = armor::follow(block, begun);
                    self.push_armor(block, rule, line.start, armor);
                }
            }
            Use::Body { rule, len } => {
                // A body of another key may stand between a key's rows.
                let mut latest = self.candidates.iter().rev().take(64);
                let taken = latest.any(|c| c.rule == rule && c.span.covers(Span::new(end - 1, end)));
                if !taken {
                    let first = self.followed_body != Some(line.end);
                    let armor = armor::follow_body(block, end - len, Span::new(line.start, line.end), first);
                    if !armor.groups.is_empty() {
                        self.followed_body = Some(line.end);
                    }
                    self.push_armor(block, rule, line.start, armor);
                }
            }
            Use::Url { rule } => {
                if let Some(value) = context::password(text, at) {
                    if self.hides(&value) {
                        self.covered = value.span.shifted(line.start);
                    }
                    self.push_value(block, line, rule, value);
                }
            }
        }
        Ok(())
    }

    /// Takes a private key over several lines, which begins in the line at `start`.
    fn push_armor(&mut self, block: &[u8], rule: usize, start: usize, mut armor: Armor) {
        if let Some(shape) = armor.open.filter(|_| self.part.goes_on) {
            let first = self.open.is_none_or(|open| start < open.at);
            if first {
                self.open = Some(Open { at: start, shape });
            }
        }
        let Some(last) = armor.groups.last() else { return };
        self.armored = last.end();
        self.joined.push(Span::new(start, last.end()));
        self.decoded.push(Secret::owned(decode::armor(&armor.rows).expose().to_vec()));
        armor.rows.zeroize();
        let canonical = Canonical::Decoded(self.decoded.len() - 1);
        for span in armor.groups {
            let rank = Rank::new(&self.detector.rules[rule].rule, &block[span.range()]);
            self.candidates.push(Candidate {
                span,
                rule,
                rank,
                canonical,
                add_quotes: None,
                continues: false,
                inside: None,
            });
        }
    }

    /// Takes note of the key, of these offsets in the line, before the candidates from `so_far` on: entries may name it.
    fn note_key(&mut self, so_far: usize, line: Line, start: usize, end: usize) {
        if let Some(gate) = &mut self.gate {
            gate.note_key(so_far..self.candidates.len(), Span::new(start, end).shifted(line.start));
        }
    }

    /// Whether a value is sure to go, and hides what lies deep in it.
    fn hides(&self, value: &Value) -> bool {
        self.gate.is_none() || !Gate::may_pass(value.span.len())
    }

    fn push_value(&mut self, block: &[u8], line: Line, rule: usize, value: Value) {
        let span = value.span.shifted(line.start);
        let rank = Rank::new(&self.detector.rules[rule].rule, &block[span.range()]);
        let canonical = Canonical::Written(value.written);

        self.candidates.push(Candidate {
            span,
            rule,
            rank,
            canonical,
            add_quotes: value.add_quotes,
            continues: false,
            inside: None,
        });
    }

    fn confirm_pattern(
        &mut self,
        block: &[u8],
        line: Line,
        end: usize,
        rule: usize,
        reach: Reach,
    ) -> Result<(), DatabaseError> {
        let segment = self.between_walls(line, end - 1);
        if end < segment.start + reach.min {
            return Ok(());
        }
        let last = end - reach.min;
        if reach.max == Some(reach.min) {
            return self.confirm_at(block, line, segment, rule, last);
        }
        let first = reach.max.map_or(segment.start, |max| end.saturating_sub(max).max(segment.start));
        // Of an address only the longest goes: each at sign is looked at by itself.
        if self.detector.rules[rule].rule.kind == Kind::Personal {
            return self.search(block, line, rule, first, last);
        }
        self.look_near(block, line, rule, first, last)
    }

    /// Confirms a match that can only begin at `start`.
    fn confirm_at(
        &mut self,
        block: &[u8],
        line: Line,
        segment: Line,
        rule: usize,
        start: usize,
    ) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let compiled = &detector.rules[rule];
        let Form::Pattern(pattern) = &compiled.rule.form else { return Ok(()) };
        let text = &block[line.start..line.end];
        let begins = !pattern.wants_boundary() || boundary::begins_word(text, start - line.start);
        if !begins && self.seen.is_none() {
            return Ok(());
        }
        let matcher = compiled.matcher()?;
        let cache = self.caches[rule].get_or_insert_with(|| matcher.create_cache());
        let limit = segment.end.min(start.saturating_add(pattern.max_len()).saturating_add(1));
        let window = Span::new(start - line.start, limit - line.start);
        match matcher.at(cache, text, window) {
            Some(found) if begins => self.consider(block, line, segment, rule, found),
            Some(found) => {
                let span = found.secret.shifted(line.start);
                self.refuse(Found { rule, span, key: None, refusal: Some(Refusal::Boundary) });
            }
            None => {}
        }
        Ok(())
    }

    /// Confirms every match that begins from `first` to `last`, each start tried: an earlier one does not hide a later one.
    fn search(
        &mut self,
        block: &[u8],
        line: Line,
        rule: usize,
        first: usize,
        last: usize,
    ) -> Result<(), DatabaseError> {
        let (detector, explains) = (self.detector, self.seen.is_some());
        let compiled = &detector.rules[rule];
        let Form::Pattern(pattern) = &compiled.rule.form else { return Ok(()) };
        let text = &block[line.start..line.end];
        let any_start = explains || !pattern.wants_boundary();
        let hidden = !any_start && boundary::may_hide_starts(text, first - line.start, last + 1 - line.start);
        let may_begin = |at: usize| {
            any_start
                || at.checked_sub(1).is_none_or(|before| !boundary::is_word(text[before]))
                || (hidden && boundary::may_begin_word(text, at))
        };
        let mut start = first;
        while start <= last.min(line.end) {
            let segment = self.between_walls(line, start);
            let matcher = compiled.matcher()?;
            let cache = self.caches[rule].get_or_insert_with(|| matcher.create_cache());
            let limit = segment.end.min(last.saturating_add(pattern.max_len()).saturating_add(1));
            if start < limit {
                let window = Span::new(start - line.start, limit - line.start);
                if let Some(found) = matcher.find_from(cache, text, window, last - line.start, may_begin) {
                    start = found.whole.start() + line.start + 1;
                    if !pattern.wants_boundary() || boundary::begins_word(text, found.whole.start()) {
                        let so_far = self.candidates.len();
                        self.consider(block, line, segment, rule, found);
                        // Of an address, what begins later with the same at sign is only a part of it.
                        let has_last = found.whole.end() + line.start > last;
                        if compiled.rule.kind == Kind::Personal && has_last && self.candidates.len() > so_far {
                            break;
                        }
                    } else {
                        let span = found.secret.shifted(line.start);
                        self.refuse(Found { rule, span, key: None, refusal: Some(Refusal::Boundary) });
                    }
                    continue;
                }
            }
            // Nothing more before the next wall; go on behind it.
            let next = self.walls.partition_point(|wall| wall.end() <= start.max(segment.end));
            match self.walls.get(next) {
                Some(wall) if wall.end() <= last => start = wall.end(),
                _ => break,
            }
        }
        Ok(())
    }

    fn consider(&mut self, block: &[u8], line: Line, segment: Line, rule: usize, found: PatternMatch) {
        let of = &self.detector.rules[rule].rule;
        let text = &block[line.start..line.end];
        let span = found.secret.shifted(line.start);
        if span.is_empty() {
            return;
        }
        // What such a pattern finds is known by what stands around it, so words are no more values of it than of a key.
        let is_word = of.pack == Pack::Context && self.detector.words.is_no_value(&block[span.range()]);
        let refusal = match admit(of, text, found, segment.start - line.start) {
            Ok(()) if is_word => Refusal::Value,
            Ok(()) => {
                let rank = Rank::new(of, &block[span.range()]);
                let written = match of.encoding {
                    Some(encoding) => encoding.written(),
                    None => decode::written_token(&block[span.range()]),
                };
                let canonical = Canonical::Written(written);
                let is_personal = of.kind == Kind::Personal;
                let add_quotes = if is_personal { personal::json_quotes(text, found.secret) } else { None };
                self.candidates.push(Candidate {
                    span,
                    rule,
                    rank,
                    canonical,
                    add_quotes,
                    continues: false,
                    inside: None,
                });
                return;
            }
            Err(refusal) => refusal,
        };
        // With a mark in the place of a token in it, what is left of a value may be judged otherwise.
        if refusal == Refusal::Placeholder || (of.pack == Pack::Context && refusal != Refusal::Near) {
            self.doubts.push(line.start);
        }
        self.refuse(Found { rule, span, key: None, refusal: Some(refusal) });
    }

    fn refuse(&mut self, found: Found) {
        if let Some(seen) = &mut self.seen {
            seen.push(found);
        }
    }

    /// The rules that go by a rare byte: a match is searched for around each.
    fn find_rare(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let mut line = Line { start: 0, end: 0 };
        for (rule, placed, end) in detector.rare.find(block) {
            if self.wall_at(end).is_none() {
                if !line.holds(end) {
                    line = line_around(block, end);
                }
                self.confirm_pattern(block, line, end, rule, placed.reach)?;
            }
        }
        Ok(())
    }

    /// The rules that are tried where words begin.
    fn find_starts(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let Some(starts) = &detector.starts else { return Ok(()) };
        let mut found = std::mem::take(&mut self.starts);
        found.clear();
        starts.find(block, &mut found);
        let mut line = Line { start: 0, end: 0 };
        for &Start { at, rules } in &found {
            if self.wall_at(at + 1).is_some() {
                continue;
            }
            if !line.holds(at + 1) {
                line = line_around(block, at + 1);
            }
            let segment = self.between_walls(line, at);
            let mut rest = match (&starts.sieve, &mut self.sieve_cache) {
                (Some(sieve), Some(cache)) => {
                    sieve.matching(cache, &block[line.start..line.end], at - line.start, rules)
                }
                _ => rules,
            };
            while rest != 0 {
                let rule = starts.rules[rest.trailing_zeros() as usize];
                rest &= rest - 1;
                self.confirm_at(block, line, segment, rule, at)?;
            }
        }
        self.starts = found;
        Ok(())
    }

    /// The rules without a trigger: each line in which one may match is searched by all of them.
    fn find_slow(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let Some(slow) = &detector.slow else { return Ok(()) };
        let mut from = 0;
        while let Some(end) = self.slow_cache.as_mut().and_then(|cache| slow.first_end(cache, block, from)) {
            let line = line_around(block, end);
            for &rule in &slow.rules {
                self.search(block, line, rule, line.start, line.end)?;
            }
            from = block.len().min(line.end + 1);
        }
        Ok(())
    }
}

impl Use {
    /// Whether it is for words before a match.
    pub(super) fn is_near(self) -> bool {
        matches!(self, Self::Near { .. })
    }

    /// Whether it looks at what stands around a value, not at the value's own form.
    fn is_context(self) -> bool {
        matches!(self, Self::Key { .. } | Self::Header { .. } | Self::Scheme { .. } | Self::Url { .. })
    }

    /// The cheapest tests there are, on the bytes around the trigger: they refuse most hits of key phrases and URLs before
    /// their line is looked for. None of them reads past a newline.
    #[inline]
    fn is_worth_a_look(self, detector: &Detector, block: &[u8], end: usize) -> bool {
        match self {
            Self::Key { rule, behind } => match &detector.rules[rule].rule.form {
                Form::Keys(form) => {
                    context::may_be_assigned(block, end - behind, &detector.words)
                        && form.phrase_before(block, end - behind).is_some()
                }
                _ => false,
            },
            Self::Header { .. } => context::may_be_assigned(block, end, &detector.words),
            Self::Scheme { .. } => matches!(block.get(end), Some(b' ' | b'%' | b'+')),
            Self::Url { .. } => context::may_hold_password(&block[end..]),
            Self::Pattern { rule, reach: Reach { min, max } } if max == Some(min) => {
                let begins = end.checked_sub(min).is_some_and(|start| boundary::may_begin_word(block, start));
                begins || !detector.rules[rule].wants_boundary
            }
            Self::Written => false,
            Self::Encoded(codec) => codec.is_worth_a_look(block, end),
            Self::Partial(runtime) => runtime.may_go_on(block, end),
            _ => true,
        }
    }
}

/// The line that holds the byte before `end`, without its newline.
fn line_around(block: &[u8], end: usize) -> Line {
    let start = memchr::memrchr(b'\n', &block[..end - 1]).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\n', &block[end - 1..]).map_or(block.len(), |at| at + end - 1);
    Line { start, end }
}
