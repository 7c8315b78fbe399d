//! The data path in this process, with keys of the tests' own.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use inkprint::model::{KeyEpoch, NamespaceSalt, SecretKey, Span};
use inkprint::pipeline::detect::rule::RuleSet;
use inkprint::pipeline::detect::{Canonical, Detector, Finder, Match, Matches, Written as Spelling};
use inkprint::pipeline::fingerprint::{MarkKeys, Written, written_at};
use inkprint::pipeline::policy::Policy;
use inkprint::pipeline::rewrite::{Style, rewrite};
use inkprint::pipeline::stream::{Stream, Taken};
use inkprint::pipeline::worker::{Outcome, Worker};

/// Every rule that is on by default.
pub static POLICY: LazyLock<Policy> = LazyLock::new(|| policy(rules(&[])));

/// The built-in rules that `--only` keeps; all that are on by default for none.
pub fn rules(only: &[&str]) -> RuleSet {
    let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
    RuleSet::builtin().and_then(|set| set.selected(&only, &[])).expect("the built-in rules load")
}

pub fn policy(rules: RuleSet) -> Policy {
    let keys = MarkKeys::derive(KeyEpoch::FIRST, &SecretKey::new([7; 32]), &NamespaceSalt::new([9; 32]));
    let detector = Arc::new(Detector::new(rules).expect("it compiles"));
    Policy { detector, keys: keys.clone(), live_keys: vec![keys], allow: None }
}

/// A worker and a finder under one policy; shared, as the closures of property tests need it.
pub struct Engine<'p> {
    policy: &'p Policy,
    worker: RefCell<Worker<'p>>,
    finder: RefCell<Finder<'p>>,
}

impl<'p> Engine<'p> {
    pub fn new(policy: &'p Policy) -> Self {
        let (worker, finder) =
            (Worker::new(policy).expect("a worker"), Finder::new(&policy.detector).expect("a finder"));
        Self { policy, worker: worker.into(), finder: finder.into() }
    }

    /// The matches in `log`.
    pub fn matches(&self, log: &[u8]) -> Vec<Match> {
        self.finder.borrow_mut().find(log).expect("it scans").all.to_vec()
    }

    /// The matches in `log` that are left under the policy's allow list.
    pub fn matches_under_policy(&self, log: &[u8]) -> Vec<Match> {
        let finder = Finder::new(&self.policy.detector).expect("a finder");
        finder.allowing(self.policy.allow.as_deref()).find(log).expect("it scans").all.to_vec()
    }

    /// `log` cleaned as one block.
    pub fn redact(&self, log: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match self.worker.borrow_mut().redact(log, &mut out) {
            Outcome::Unchanged => log.to_vec(),
            Outcome::Rewritten => out,
        }
    }

    /// What is left when every mark in the cleaned `log` gives way to what it stands for.
    pub fn restored(&self, log: &[u8]) -> Vec<u8> {
        let mut rounds = vec![(log.to_vec(), self.matches(log))];
        while let Some((text, matches)) = rounds.last().filter(|(_, matches)| !matches.is_empty()) {
            let next = marked(self.policy, text, matches);
            let matches = self.matches(&next);
            rounds.push((next, matches));
        }
        rounds.iter().rev().fold(self.redact(log), |cleaned, (text, matches)| unmarked(text, matches, &cleaned))
    }

    /// `log` cleaned as a stream whose reads end at each of `cuts` (ascending offsets), or before where the stream takes less.
    pub fn redact_in_pieces(&self, max_line: usize, log: &[u8], cuts: &[usize]) -> Vec<u8> {
        let worker = &mut *self.worker.borrow_mut();
        let (mut stream, mut cleaned, mut block, mut out) = (Stream::new(max_line), Vec::new(), Vec::new(), Vec::new());
        let mut take_all = |stream: &mut Stream, ended| {
            while stream.take_cleaned(ended, worker, &mut block, &mut out) != Taken::Nothing {
                cleaned.extend_from_slice(&out);
            }
        };
        let mut read = 0;
        for end in cuts.iter().copied().chain([log.len()]) {
            while read < end {
                let spare = stream.spare(end - read);
                assert!(!spare.is_empty(), "a stream that wants more has room for it");
                spare.copy_from_slice(&log[read..read + spare.len()]);
                let took = spare.len();
                stream.advance(took);
                read += took;
                take_all(&mut stream, false);
            }
        }
        take_all(&mut stream, true);
        assert!(stream.is_empty());
        cleaned
    }
}

/// `log` with a mark in the place of each match: some mark, as what was decoded is no longer at hand.
pub fn marked(policy: &Policy, log: &[u8], matches: &[Match]) -> Vec<u8> {
    let mut out = Vec::new();
    let some = |found: &Match| Match { canonical: Canonical::Written(Spelling::Raw), ..*found };
    let matches: Vec<Match> = matches.iter().map(some).collect();
    rewrite(
        log,
        Span::new(0, log.len()),
        Matches { all: &matches, walls: &[], decoded: &[], open: None, allowed: &[] },
        policy,
        Style::Plain,
        &mut out,
        |_, _, _| (),
    );
    out
}

/// Puts each match's own bytes in the place of its mark in `cleaned`. Gives the log back if, and only if, nothing but matches changed.
fn unmarked(log: &[u8], matches: &[Match], cleaned: &[u8]) -> Vec<u8> {
    let (mut original, mut rest, mut copied) = (Vec::new(), cleaned, 0);
    for found in matches {
        let gap = rest.len().min(found.span.start() - copied);
        original.extend_from_slice(&rest[..gap]);
        rest = &rest[gap..];
        copied = found.span.end();
        if found.continues {
            original.extend_from_slice(&log[found.span.range()]);
            continue;
        }
        let quote: Vec<u8> = found.add_quotes.map_or(Vec::new(), |n| [vec![b'\\'; n.into()], vec![b'"']].concat());
        let after_quote = rest.strip_prefix(&quote[..]).expect("a quote before the mark that needs one");
        let Some((Written::Mark(_), len)) = written_at(after_quote) else {
            panic!("no mark in a match's place: {} of {}", rest.escape_ascii(), log.escape_ascii())
        };
        rest = after_quote[len..].strip_prefix(&quote[..]).expect("a quote behind the mark that needs one");
        original.extend_from_slice(&log[found.span.range()]);
    }
    original.extend_from_slice(rest);
    original
}

/// For each byte of a log of this length, whether it lies in one of `spans`.
pub fn covered(len: usize, spans: impl IntoIterator<Item = Span>) -> Vec<bool> {
    let mut covered = vec![false; len];
    spans.into_iter().for_each(|span| covered[span.range()].fill(true));
    covered
}
