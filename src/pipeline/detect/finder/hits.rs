//! What a trigger's hit leads to.

use super::Finder;
use super::walls::Line;
use crate::model::Span;
use crate::pipeline::detect::context;
use crate::pipeline::detect::database::DatabaseError;
use crate::pipeline::detect::encoded::Codec;
use crate::pipeline::detect::rule::Form;
use crate::pipeline::detect::trigger::Reach;
use crate::pipeline::detect::{Detector, Use, boundary};

/// Keys nearer to the end of a value than this are looked at all the same: theirs may go on behind it.
const DEEP: usize = 128;

impl Finder<'_> {
    /// Follows a use of a trigger that ends at `end`; what it leads to begins at `from`, as [`Use::leads_from`] says.
    pub(super) fn confirm(
        &mut self,
        block: &[u8],
        line: Line,
        (from, end): (usize, usize),
        used: Use,
    ) -> Result<(), DatabaseError> {
        // A key deep inside a long value that goes whole adds nothing; to look at each would be quadratic in `password=password=…` and
        // `bearer+bearer+…`.
        let deep = self.covered.start() < end && end + DEEP < self.covered.end();
        if deep && matches!(used, Use::Key { .. } | Use::Scheme { .. } | Use::Url { .. }) {
            return Ok(());
        }
        let so_far = self.candidates.len();
        let text = &block[line.start..line.end];
        let detector = self.detector;
        let (at, words) = (end - line.start, &detector.words);
        match used {
            Use::Written => {}
            Use::Encoded(codec) => self.look_inside(block, line, end, codec)?,
            Use::PercentEncoded => self.look_inside(block, line, end, Codec::Percent)?,
            Use::Pattern { rule, reach } => self.confirm_pattern(block, line, end, rule, reach)?,
            Use::Near { rule } => self.confirm_near(block, line, end, rule)?,
            Use::Key { rule, behind } => {
                let phrase = Span::new(from, end - behind);
                self.confirm_key(block, line, (phrase, end), rule)?;
            }
            Use::Header { rule, len } => self.confirm_header(block, line, end, rule, len)?,
            Use::Scheme { rule } => {
                if let Some(value) = context::of_scheme(text, at, words) {
                    self.cover(line, &value);
                    self.push_value(block, line, rule, value);
                }
            }
            Use::Partial(runtime) => self.look_across(block, line, runtime)?,
            Use::Armor { rule } => self.confirm_label(block, line, end, rule),
            Use::Body { rule, len } => self.confirm_body(block, line, end, rule, len),
            Use::Url { rule } => {
                if let Some(value) = context::password(text, at) {
                    self.cover(line, &value);
                    self.push_value(block, line, rule, value);
                }
            }
        }
        if used.is_context() && self.candidates.len() != so_far + 1 {
            self.doubts.push(line.start);
        }
        Ok(())
    }
}

impl Use {
    /// Whether it is for words before a match.
    pub(in crate::pipeline::detect) fn is_near(self) -> bool {
        matches!(self, Self::Near { .. })
    }

    /// Whether it looks at what stands around a value, not at the value's own form.
    fn is_context(self) -> bool {
        matches!(self, Self::Key { .. } | Self::Header { .. } | Self::Scheme { .. } | Self::Url { .. })
    }

    /// Where what a trigger that ends at `end` leads to begins: a key's phrase, or just the trigger's end. `None` where it is worth no look.
    ///
    /// These are the cheapest tests there are, on the bytes around the trigger: they refuse most hits of key phrases and URLs before
    /// their line is looked for. None of them reads past a newline.
    #[inline]
    pub(super) fn leads_from(self, detector: &Detector, block: &[u8], end: usize) -> Option<usize> {
        let is_worth_a_look = match self {
            // Half of all hits in a usual log.
            Self::Url { .. } => context::may_hold_password(&block[end..]),
            Self::Key { rule, behind } => {
                let Form::Keys(form) = &detector.rules[rule].rule.form else { return None };
                let end = end - behind;
                let is_assigned = context::may_be_assigned(block, end, &detector.words);
                return if is_assigned { form.phrase_before(block, end) } else { None };
            }
            Self::Header { .. } => context::may_be_assigned(block, end, &detector.words),
            Self::Scheme { .. } => matches!(block.get(end), Some(b' ' | b'%' | b'+')),
            Self::Pattern { rule, reach: Reach { min, max } } if max == Some(min) => {
                let begins = end.checked_sub(min).is_some_and(|start| boundary::may_begin_word(block, start));
                begins || !detector.rules[rule].wants_boundary
            }
            Self::Written => false,
            Self::Encoded(codec) => codec.is_worth_a_look(block, end),
            Self::Partial(runtime) => runtime.may_go_on(block, end),
            _ => true,
        };
        is_worth_a_look.then_some(end)
    }
}
