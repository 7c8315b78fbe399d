//! The search of messages that a container runtime has cut into lines: all parts as one, and the way back to each.

use zeroize::Zeroize as _;

use super::Finder;
use super::walls::Line;
use crate::model::{Secret, Span};
use crate::pipeline::detect::armor::may_be_armor;
use crate::pipeline::detect::candidate::{Candidate, Origin, Rank};
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::partial::{self, Runtime};
use crate::pipeline::detect::resolve::{Canonical, Open};

/// What one worker knows of the messages of its block.
#[derive(Debug, Default)]
pub(super) struct Across<'d> {
    /// The finder of whole messages, made for the first of them.
    finder: Option<Box<Finder<'d>>>,
    /// By runtime, for standard output and standard error: lines before this are parts of messages that were searched.
    searched: [[usize; 2]; Runtime::COUNT],
    /// From the first line of each message to where its last line begins, in order.
    messages: Vec<Span>,
    /// What the runtimes wrote around the parts of these messages.
    frames: Vec<Span>,
    /// By runtime, the line that was looked at last: it may hold very many triggers. What one runtime writes into its lines may hold the
    /// other's, so that to have looked for the one says nothing of the other.
    looked_at: [Option<usize>; Runtime::COUNT],
    /// This finder searches messages itself, and what looks like a part inside one is none: to look again would have no end.
    nested: bool,
}

impl Across<'_> {
    /// Forgets the block before.
    pub(super) fn begin(&mut self) {
        self.searched = Default::default();
        self.looked_at = Default::default();
        self.messages.clear();
        self.frames.clear();
    }

    /// That of another finder, which searches no messages where this one does not.
    pub(super) fn another(&self) -> Self {
        Self { nested: self.nested, ..Self::default() }
    }

    /// The messages of the block, from the start of each to the start of its last line and one byte of it.
    pub(super) fn messages(&self) -> &[Span] {
        &self.messages
    }

    /// Whether the block has messages in parts.
    pub(super) fn any(&self) -> bool {
        self.searched.as_flattened().iter().any(|searched| *searched > 0)
    }
}

impl<'d> Finder<'d> {
    /// Takes over what is found in the message whose first part is this line; also what lies in one part alone, as the key before it
    /// or what ends it may stand in another.
    pub(super) fn look_across(&mut self, block: &[u8], line: Line, runtime: Runtime) -> Result<(), DatabaseError> {
        let looked_at = &mut self.across.looked_at[runtime as usize];
        if self.across.nested || looked_at.replace(line.start) == Some(line.start) {
            return Ok(());
        }
        let text = &block[line.start..line.end];
        let Some(stderr) = partial::goes_on(runtime, text) else { return Ok(()) };
        let searched = &mut self.across.searched[runtime as usize][usize::from(stderr)];
        if line.start < *searched {
            return Ok(());
        }
        let Some(mut message) = partial::message(block, runtime, Span::new(line.start, line.end)) else {
            return Ok(());
        };
        *searched = message.last_line;
        self.across.messages.push(Span::new(line.start, message.last_line + 1));
        // What may be a row of a key is none of a runtime's.
        let frames = message.frames.drain(..).filter(|frame| !may_be_armor(&block[frame.range()]));
        self.across.frames.extend(frames);
        if message.open && self.part.goes_on && self.open.is_none_or(|open| line.start < open.at) {
            self.open = Some(Open { at: line.start, shape: None });
        }
        let mut finder = match self.across.finder.take() {
            Some(finder) => finder,
            None => {
                let mut finder = self.another()?;
                finder.across.nested = true;
                finder
            }
        };
        if let Some(gate) = &self.gate {
            finder.enter(&gate.scope);
        }
        finder.inside.stand_in_for(&self.inside);
        let outcome = finder.find(&message.text).map(|matches| {
            if let Some(gate) = &mut self.gate {
                gate.take_over(matches.allowed, Span::new(line.start, line.end));
            }
            for found in matches.all {
                let pieces: Vec<Span> = message.pieces(found.span).collect();
                let secret = Secret::owned(matches.canonical(&message.text, found).expose().to_vec());
                let rank = Rank::new(&self.detector.rules[found.rule].rule, secret.expose());
                let canonical = Canonical::Decoded(self.decoded.len());
                self.decoded.push(secret);
                self.candidates.extend(pieces.into_iter().enumerate().map(|(number, span)| Candidate {
                    span,
                    rule: found.rule,
                    rank,
                    canonical,
                    add_quotes: found.add_quotes.filter(|_| number == 0),
                    continues: number > 0,
                    origin: Origin::Message,
                }));
            }
        });
        self.inside.count(&finder.inside);
        self.across.finder = Some(finder);
        message.text.zeroize();
        outcome
    }

    /// Leaves what the runtimes wrote around parts out of keys over several lines. A message whose last part's frame went with a key's rows
    /// would have no end, and what follows it, perhaps in the next block, be searched as more of it.
    pub(super) fn keep_frames(&mut self) {
        let frames = &mut self.across.frames;
        let Some(armor) = self.detector.armor.filter(|_| !frames.is_empty()) else { return };
        frames.sort_unstable_by_key(|frame| frame.start());
        frames.dedup();
        let mut pieces = Vec::new();
        self.candidates.retain(|whole| {
            if whole.rule != armor || whole.origin != Origin::Block {
                return true;
            }
            let (mut from, end) = (whole.span.start(), whole.span.end());
            let next = frames.partition_point(|frame| frame.end() <= from);
            let inside = frames[next..].iter().copied().take_while(|frame| frame.start() < end);
            let mut continues = whole.continues;
            for frame in inside.chain([Span::new(end, end)]) {
                if from < frame.start() {
                    pieces.push(Candidate { span: Span::new(from, frame.start()), continues, ..*whole });
                    continues = true;
                }
                from = frame.end();
            }
            false
        });
        self.candidates.append(&mut pieces);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::Detector;
    use crate::pipeline::detect::rule::RuleSet;

    fn finders(finder: &Finder<'_>) -> usize {
        let inner = [finder.across.finder.as_deref(), finder.inside.finder()];
        1 + inner.into_iter().flatten().map(finders).sum::<usize>()
    }

    /// Found by fuzzing: there were four times as many for each part, and three parts took 400 MB.
    #[test]
    fn parts_inside_a_part_take_no_more_finders() {
        let detector = Detector::new(RuleSet::builtin().expect("the built-in rules load")).expect("it compiles");
        let count = |parts| {
            let mut finder = Finder::new(&detector).expect("a finder");
            let line = "2026-11-22T08:00:00.1Z stdout P ".repeat(parts) + r#"passwd="\\/"#;
            finder.find(line.as_bytes()).expect("it scans");
            finders(&finder)
        };
        assert_eq!(count(3), count(2));
    }
}
