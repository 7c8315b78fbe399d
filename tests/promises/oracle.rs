//! A naive redactor: every pattern rule, anchored at every byte of every line. No triggers, no windows, no resolution.

use inkprint::model::Span;
use inkprint::pipeline::detect::rule::{Form, Near, Rule, RuleSet};
use inkprint::pipeline::detect::{boundary, placeholder, validator};
use inkprint::pipeline::fingerprint::find_written;
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input, PatternID};

pub struct Oracle {
    rules: Vec<Naive>,
}

struct Naive {
    rule: Rule,
    regex: Regex,
    wants_boundary: bool,
    /// The group that goes; the whole match is group 0.
    secret: usize,
}

impl Oracle {
    /// The pattern rules of `set`; others are left out.
    pub fn new(set: &RuleSet) -> Self {
        Self { rules: set.rules.iter().filter_map(Naive::new).collect() }
    }

    /// The stretches of `log` that must go, unordered and overlapping: for each the rule's id.
    pub fn spans(&self, log: &[u8]) -> Vec<(Span, &str)> {
        let walls: Vec<Span> = find_written(log).map(|(span, _)| span).collect();
        let mut spans = Vec::new();
        let mut start = 0;
        for line in log.split(|byte| *byte == b'\n') {
            for segment in segments(line.len(), start, &walls) {
                for naive in &self.rules {
                    let found = naive.spans(line, segment).into_iter();
                    spans.extend(found.map(|span| (with_escape(line, span).shifted(start), naive.rule.id.as_str())));
                }
            }
            start += line.len() + 1;
        }
        spans
    }
}

/// A span that begins with the letter of an escape takes the backslash with it.
fn with_escape(line: &[u8], span: Span) -> Span {
    let before = &line[..span.start()];
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    let escapes = backslashes % 2 == 1 && line.get(span.start()).is_some_and(|letter| b"bfnrtu".contains(letter));
    Span::new(span.start() - usize::from(escapes), span.end())
}

/// What is left of a line that begins at `start` when the walls are taken out, as offsets in the line.
fn segments(len: usize, start: usize, walls: &[Span]) -> Vec<Span> {
    let mut segments = Vec::new();
    let mut from = 0;
    for wall in walls.iter().filter(|wall| wall.start() >= start && wall.end() <= start + len) {
        segments.push(Span::new(from, wall.start() - start));
        from = wall.end() - start;
    }
    segments.push(Span::new(from, len));
    segments
}

impl Naive {
    fn new(rule: &Rule) -> Option<Self> {
        let Form::Pattern(pattern) = &rule.form else { return None };
        // With prefilters, release 0.4.18 says of `\w[ab][^b]*(k_)+(?:[^a]|$)` that it does not match `k_k_k_bk_`, and it does.
        let config = Regex::config().utf8_empty(false).auto_prefilter(false);
        let regex = Regex::builder().configure(config).build_from_hir(pattern.hir()).expect("it compiles");
        let secret = regex.group_info().to_index(PatternID::ZERO, "secret").unwrap_or(0);
        Some(Self { rule: rule.clone(), regex, wants_boundary: pattern.wants_boundary(), secret })
    }

    fn spans(&self, line: &[u8], segment: Span) -> Vec<Span> {
        // Where there is no match at all there is none at any start.
        if !self.regex.is_match(Input::new(line).span(segment.range())) {
            return Vec::new();
        }
        let mut captures = self.regex.create_captures();
        let mut spans = Vec::new();
        for start in segment.range() {
            let is_after = start.checked_sub(1).is_some_and(|before| self.rule.not_after.contains(&line[before]));
            if is_after || (self.wants_boundary && !boundary::begins_word(line, start)) {
                continue;
            }
            let anchored = Input::new(line).span(start..segment.end()).anchored(Anchored::Yes);
            self.regex.search_captures(&anchored, &mut captures);
            let secret = captures.get_group(self.secret).or_else(|| captures.get_group(0));
            let secret = secret.map(|found| Span::new(found.start, found.end));
            spans.extend(secret.filter(|secret| !secret.is_empty() && self.admits(line, segment, *secret)));
        }
        spans
    }

    fn admits(&self, line: &[u8], segment: Span, secret: Span) -> bool {
        let text = &line[secret.range()];
        let before = &line[segment.start()..secret.start().max(segment.start())];
        !placeholder::is_placeholder_token(text)
            && self.rule.entropy.is_none_or(|least| validator::bits_per_character(text) >= least)
            && self.rule.require.iter().all(|validator| validator.passes(text))
            && self.rule.near.as_ref().is_none_or(|near| stands_near(near, before))
    }
}

/// Whether one of the words ends within reach of the end of `before`.
fn stands_near(near: &Near, before: &[u8]) -> bool {
    let within = |end: usize| before.len() - end <= near.within;
    near.words.iter().any(|word| {
        let ends = (word.len()..=before.len()).filter(|&end| within(end));
        ends.into_iter().any(|end| before[end - word.len()..end].eq_ignore_ascii_case(word.as_bytes()))
    })
}
