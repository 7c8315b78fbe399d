//! Two sets of rules side by side: what differs in the rules, and what that does to real logs.
//!
//! What is told of a log is places, names and counts. A line is only held to be shown as a sample, and what of it may be a secret
//! comes with it: all that goes under either set, and all that one of them only refuses.

mod fields;

use std::collections::BTreeMap;

pub use self::fields::{Changed, RuleChange, rule_changes};

use super::explain::{Explainer, union};
use crate::model::Span;
use crate::pipeline::detect::action::Action;
use crate::pipeline::detect::{DatabaseError, Detector, Finder, Match};

/// Distinct changes of which samples are kept; what comes after them is counted all the same.
const MAX_SHAPES: usize = 500;

/// A match of one set: its place in the line and its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What goes.
    pub span: Span,
    /// The rule's id, and what it does where that is no mark.
    pub by: String,
}

/// A line that comes out otherwise.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Where it stands, from 1.
    pub line: u64,
    /// The line itself, without its newline.
    pub text: Vec<u8>,
    /// What goes under the old rules alone.
    pub before: Vec<Taken>,
    /// What goes under the new rules alone.
    pub after: Vec<Taken>,
    /// What may be a secret, ascending and disjoint.
    pub masked: Vec<Span>,
}

/// How many lines come out otherwise, by what that means. A line may count as both more and less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// All that were read.
    pub total: u64,
    /// Those that differ at all.
    pub differ: u64,
    /// Something stays that went before.
    pub less: u64,
    /// Something goes that stayed before.
    pub more: u64,
    /// The same bytes go, otherwise: under another name, joined, or with another action.
    pub otherwise: u64,
}

/// Runs logs through both sets of rules.
#[derive(Debug)]
pub struct Differ<'d> {
    old: Side<'d>,
    new: Side<'d>,
    explainers: Vec<Explainer<'d>>,
    /// How many samples of one sort are kept.
    samples: usize,
    shapes: BTreeMap<(Vec<String>, Vec<String>), usize>,
    /// The counts so far.
    pub lines: Lines,
}

#[derive(Debug)]
struct Side<'d> {
    detector: &'d Detector,
    finder: Finder<'d>,
    matches: Vec<Match>,
    counts: Vec<u64>,
}

impl<'d> Side<'d> {
    fn new(detector: &'d Detector) -> Result<Self, DatabaseError> {
        let counts = vec![0; detector.rules().len()];
        Ok(Self { detector, finder: Finder::new(detector)?, matches: Vec::new(), counts })
    }

    fn find(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        self.matches.clear();
        self.matches.extend_from_slice(self.finder.find(block)?.all);
        self.matches.iter().filter(|found| !found.continues).for_each(|found| self.counts[found.rule] += 1);
        Ok(())
    }

    /// The matches that begin in a line, as places in it.
    fn within(&self, line: Span) -> Vec<Taken> {
        let first = self.matches.partition_point(|found| found.span.start() < line.start());
        let matches = self.matches[first..].iter().take_while(|found| found.span.start() < line.end());
        let by = |found: &Match| match found.action {
            Action::Mark => self.detector.rule(found.rule).id.to_string(),
            action => format!("{} ({action})", self.detector.rule(found.rule).id),
        };
        matches
            .map(|found| {
                let end = found.span.end().min(line.end());
                Taken { span: Span::new(found.span.start() - line.start(), end - line.start()), by: by(found) }
            })
            .collect()
    }

    fn by_id(&self) -> impl Iterator<Item = (String, u64)> {
        self.detector.rules().map(|rule| rule.id.to_string()).zip(self.counts.iter().copied())
    }
}

impl<'d> Differ<'d> {
    /// A differ that keeps so many samples of each sort of change. With `everything`, what these rules know is masked in samples
    /// as well.
    ///
    /// # Errors
    /// [`DatabaseError::Scratch`] when there is no memory for it.
    pub fn new(
        old: &'d Detector,
        new: &'d Detector,
        everything: Option<&'d Detector>,
        samples: usize,
    ) -> Result<Self, DatabaseError> {
        let explainers = [Some(old), Some(new), everything].into_iter().flatten().map(Explainer::new);
        Ok(Self {
            old: Side::new(old)?,
            new: Side::new(new)?,
            explainers: explainers.collect::<Result<_, _>>()?,
            samples,
            shapes: BTreeMap::new(),
            lines: Lines::default(),
        })
    }

    /// Reads a block of whole lines, the first of which has the number `first`; gives their number, and tells `show` of samples.
    ///
    /// # Errors
    /// [`DatabaseError`] when it could not be scanned.
    pub fn read(&mut self, block: &[u8], first: u64, mut show: impl FnMut(Sample)) -> Result<u64, DatabaseError> {
        self.old.find(block)?;
        self.new.find(block)?;
        let (mut start, mut number) = (0, 0);
        let is_quiet = self.old.matches.is_empty() && self.new.matches.is_empty();
        if is_quiet {
            number = memchr::memchr_iter(b'\n', block).count() as u64 + u64::from(!block.ends_with(b"\n"));
            self.lines.total += number;
            return Ok(number);
        }
        while start < block.len() {
            let end = memchr::memchr(b'\n', &block[start..]).map_or(block.len(), |newline| start + newline);
            let line = Span::new(start, end);
            let (before, after) = (self.old.within(line), self.new.within(line));
            if before != after
                && let Some(sample) = self.differing(&block[line.range()], first + number, before, after)?
            {
                show(sample);
            }
            (start, number) = (end + 1, number + 1);
        }
        self.lines.total += number;
        Ok(number)
    }

    fn differing(
        &mut self,
        text: &[u8],
        line: u64,
        before: Vec<Taken>,
        after: Vec<Taken>,
    ) -> Result<Option<Sample>, DatabaseError> {
        let spans = |taken: &[Taken]| union(taken.iter().map(|taken| taken.span).collect());
        let (gone, goes) = (spans(&before), spans(&after));
        let covers = |wide: &[Span], all: &[Span]| all.iter().all(|span| wide.iter().any(|wide| wide.covers(*span)));
        let (less, more) = (!covers(&goes, &gone), !covers(&gone, &goes));
        self.lines.differ += 1;
        self.lines.less += u64::from(less);
        self.lines.more += u64::from(more);
        self.lines.otherwise += u64::from(!less && !more);

        let only = |these: &[Taken], those: &[Taken]| -> Vec<Taken> {
            these.iter().filter(|taken| !those.contains(taken)).cloned().collect()
        };
        let (before, after) = (only(&before, &after), only(&after, &before));
        let names = |taken: &[Taken]| -> Vec<String> { taken.iter().map(|taken| taken.by.clone()).collect() };
        let shape = (names(&before), names(&after));
        if !self.shapes.contains_key(&shape) && self.shapes.len() >= MAX_SHAPES {
            return Ok(None);
        }
        let kept = self.shapes.entry(shape).or_default();
        if *kept >= self.samples {
            return Ok(None);
        }
        *kept += 1;
        let mut masked = [gone, goes].concat();
        for explainer in &mut self.explainers {
            masked.extend(explainer.explain(text)?.masked);
        }
        Ok(Some(Sample { line, text: text.to_vec(), before, after, masked: union(masked) }))
    }

    /// By id of the rule, matches under the old rules and under the new ones; `None` where there is no such rule. Only rules that
    /// found something.
    pub fn matches(&self) -> BTreeMap<String, (Option<u64>, Option<u64>)> {
        let mut all: BTreeMap<String, (Option<u64>, Option<u64>)> = BTreeMap::new();
        self.old.by_id().for_each(|(id, count)| all.entry(id).or_default().0 = Some(count));
        self.new.by_id().for_each(|(id, count)| all.entry(id).or_default().1 = Some(count));
        all.retain(|_, (before, after)| before.unwrap_or(0) + after.unwrap_or(0) > 0);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::rule::RuleSet;

    const LOG: &[u8] =
        b"quiet\npassword=Vq7-molten-Harbor\nx zq_12345678 y\n\nlast password=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";

    fn set(ids: &[&str]) -> RuleSet {
        let mut set = RuleSet::builtin().expect("the built-in rules load");
        set.rules.retain(|rule| ids.contains(&rule.id.as_str()));
        set
    }

    #[test]
    fn lines_that_come_out_otherwise_are_counted_by_what_that_means() {
        let mut new = set(&["github-pat"]);
        let added = "pack='tokens'\n[[rule]]\nid='zq'\ndescription='zq token'\npattern='zq_[0-9]{8}'\nseverity='low'\nkind='secret'\nuntested=true\n";
        new.rules.extend(RuleSet::of_text("a", added).expect("good").rules);
        let (old, new) = (Detector::new(set(&["password"])).expect("compiles"), Detector::new(new).expect("compiles"));
        let mut differ = Differ::new(&old, &new, None, 1).expect("memory");
        let mut samples = Vec::new();
        assert_eq!(differ.read(LOG, 1, |sample| samples.push(sample)).expect("it scans"), 5);
        assert_eq!(differ.lines, Lines { total: 5, differ: 3, less: 1, more: 1, otherwise: 1 });
        assert_eq!(samples.iter().map(|sample| sample.line).collect::<Vec<_>>(), [2, 3, 5]);
        assert_eq!(samples[1].after[0].by, "zq");
        assert!(samples.iter().all(|sample| sample.masked.len() == 1), "{samples:?}");
        let counts: Vec<_> = differ.matches().into_iter().collect();
        assert_eq!(counts[0], ("github-pat".to_owned(), (None, Some(1))));
        assert_eq!(counts[1], ("password".to_owned(), (Some(2), None)));
    }

    #[test]
    fn the_same_rules_differ_in_nothing() {
        let detector = Detector::new(set(&["password", "github-pat"])).expect("compiles");
        let mut differ = Differ::new(&detector, &detector, None, 9).expect("memory");
        differ.read(LOG, 1, |sample| panic!("{sample:?}")).expect("it scans");
        assert_eq!(differ.lines, Lines { total: 5, ..Lines::default() });
    }
}
