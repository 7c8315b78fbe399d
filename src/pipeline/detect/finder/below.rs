//! Values below the line of their key: an XML element whose text has a line to itself, the value of an entry whose name is the key, and what stands
//! alone in a line.
//!
//! All of an element's lines are needed to tell: the opening tag that ends its line, the text, and the closing tag that begins the next one. So
//! a stream's opening tag waits for them, an entry's name for its value, and a block is never parted between them.

use super::Finder;
use super::walls::Line;
use crate::model::Span;
use crate::pipeline::detect::context::{self, Below, Key, KeyForm};
use crate::pipeline::detect::resolve::Open;

/// A longer line is no text of an element with a secret in it.
const MAX_TEXT: usize = 16 << 10;

impl Finder<'_> {
    /// Takes what stands below the tag or the entry that `key`, of these offsets in its line, names.
    pub(super) fn look_below(&mut self, block: &[u8], line: Line, rule: usize, form: &KeyForm, key: Key) {
        let text = &block[line.start..line.end];
        // A mark was the value.
        if self.walls.reach_into(Span::new(key.end, text.len()).shifted(line.start)) {
            return;
        }
        let so_far = self.candidates.len();
        let names_entry = context::names_entry(text, key);
        if context::opens_element(text, key) {
            self.look_into_element(block, line, rule, form, key);
        } else if names_entry {
            self.look_at_entry(block, line, rule, form, key);
        }
        if self.candidates.len() == so_far && (names_entry || context::ends_line(text, key)) {
            self.look_at_lines(block, line, rule, form, key);
        }
    }

    /// Takes the value that has a line to itself, or several that have one each.
    fn look_at_lines(&mut self, block: &[u8], line: Line, rule: usize, form: &KeyForm, key: Key) {
        let (above, so_far) = (&block[line.start..line.end], self.candidates.len());
        let (mut at, mut values, mut between) = (line, Vec::new(), 0);
        while values.len() < context::MAX_ITEMS {
            let Some(below) = line_below(block, at) else {
                if self.part.goes_on {
                    return self.wait_below(line);
                }
                break;
            };
            if self.walls.reach_into(Span::new(below.start, below.end)) || below.end - below.start > MAX_TEXT {
                break;
            }
            let text = &block[below.start..below.end];
            match context::below(text, context::text_start(above, text), form, &self.detector.words) {
                Below::Between if values.is_empty() && between < context::MAX_BETWEEN => between += 1,
                Below::Value(value, may_go_on) => {
                    values.push((below, value));
                    if !may_go_on {
                        break;
                    }
                }
                Below::Between | Below::Other => break,
            }
            at = below;
        }
        let Some((last, _)) = values.last() else { return };
        self.joined.push(Span::new(line.start, last.start + 1));
        values.into_iter().for_each(|(line, value)| self.push_value(block, line, rule, value));
        self.note_key(so_far, line, key.start, key.end);
    }

    fn look_at_entry(&mut self, block: &[u8], line: Line, rule: usize, form: &KeyForm, key: Key) {
        let Some(below) = line_below(block, line) else { return self.wait_below(line) };
        if self.walls.reach_into(Span::new(below.start, below.end)) || below.end - below.start > MAX_TEXT {
            return;
        }
        let text = &block[line.start..line.end];
        let below = Line { start: below.start + context::text_start(text, &block[below.start..below.end]), ..below };
        let value = &block[below.start..below.end];
        let values = context::entry_values(text, key, value, form, &self.detector.words);
        if !values.is_empty() {
            let so_far = self.candidates.len();
            values.into_iter().for_each(|value| self.push_value(block, below, rule, value));
            self.note_key(so_far, line, key.start, key.end);
            self.joined.push(Span::new(line.start, below.start + 1));
        }
    }

    fn look_into_element(&mut self, block: &[u8], line: Line, rule: usize, form: &KeyForm, key: Key) {
        let Some(text) = line_below(block, line) else { return self.wait_below(line) };
        let (start, end) = (text.start, text.end);
        let has_mark = self.walls.reach_into(Span::new(start, end));
        if has_mark || end - start > MAX_TEXT {
            return;
        }
        let Some(value) = context::element_text(&block[start..end], form, &self.detector.words) else { return };
        let Some(closing) = line_below(block, text) else { return self.wait_below(line) };
        if block[closing.start..closing.end].trim_ascii_start().starts_with(b"</") {
            let so_far = self.candidates.len();
            self.push_value(block, text, rule, value);
            self.note_key(so_far, line, key.start, key.end);
            self.joined.push(Span::new(line.start, closing.start + 1));
        }
    }

    fn wait_below(&mut self, line: Line) {
        if self.part.goes_on && self.open.is_none_or(|open| line.start < open.at) {
            self.open = Some(Open { at: line.start, shape: None });
        }
    }
}

/// The line behind this one; `None` where the block ends before it.
fn line_below(block: &[u8], line: Line) -> Option<Line> {
    let start = line.end + 1;
    (start < block.len()).then(|| {
        let end = memchr::memchr(b'\n', &block[start..]).map_or(block.len(), |at| start + at);
        Line { start, end }
    })
}
