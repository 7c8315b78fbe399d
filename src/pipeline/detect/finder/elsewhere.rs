//! Rules that the engine finds no triggers for: by a rare byte, where words begin, by their whole expression.

use super::Finder;
use super::walls::Line;
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::starts::Start;

impl Finder<'_> {
    /// The rules that go by a rare byte: a match is searched for around each.
    pub(super) fn find_rare(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let mut line = Line { start: 0, end: 0 };
        for (rare, end) in detector.rare.find(block) {
            if self.walls.hold(end) {
                continue;
            }
            if !line.holds(end) {
                line = Line::around(block, end);
            }
            let text = &block[line.start..line.end];
            if self.seen.is_some() || detector.rare.may_match(rare, &mut self.rare_caches, text, end - line.start) {
                self.confirm_pattern(block, line, end, rare.rule, rare.placed.reach)?;
            }
        }
        Ok(())
    }

    /// The rules that are tried where words begin.
    pub(super) fn find_starts(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let Some(starts) = &detector.starts else { return Ok(()) };
        let mut found = std::mem::take(&mut self.starts);
        found.clear();
        starts.find(block, &mut found);
        let mut line = Line { start: 0, end: 0 };
        for &Start { at, rules } in &found {
            if self.walls.hold(at + 1) {
                continue;
            }
            if !line.holds(at + 1) {
                line = Line::around(block, at + 1);
            }
            let segment = self.walls.between(line, at);
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
    pub(super) fn find_slow(&mut self, block: &[u8]) -> Result<(), DatabaseError> {
        let detector = self.detector;
        let Some(slow) = &detector.slow else { return Ok(()) };
        let mut from = 0;
        while let Some(end) = self.slow_cache.as_mut().and_then(|cache| slow.first_end(cache, block, from)) {
            let line = Line::around(block, end);
            for &rule in &slow.rules {
                self.search(block, line, rule, line.start, line.end)?;
            }
            from = block.len().min(line.end + 1);
        }
        Ok(())
    }
}
