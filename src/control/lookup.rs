//! From leaked secrets to the prints that they left: under every epoch that answers lookups, in one namespace.
//!
//! A secret is held only while its prints are made. [`search`] looks for their marks in cleaned logs, [`excerpt`] for the lines around
//! them.

mod ahead;
pub mod excerpt;
pub mod foreign;
pub mod recognise;
pub mod search;

use std::collections::{BTreeSet, HashMap};
use std::str;

use super::bridge::{Bridges, Placed};
use crate::model::{KeyEpoch, RuleId, Secret};
use crate::pipeline::fingerprint::{Mark, MarkKeys, Print};

/// Turns what somebody pasted into the canonical secrets that it may stand for, each with the rule that names it if one
/// does. A leaked value is often pasted as it was found: inside a URL, or with its escapes.
pub type Canonical<'a> = &'a dyn Fn(&[u8]) -> Vec<(Option<RuleId>, Secret<'static>)>;

/// Takes what was pasted as the secret itself.
pub fn as_pasted(pasted: &[u8]) -> Vec<(Option<RuleId>, Secret<'static>)> {
    vec![(None, Secret::owned(pasted.to_vec()))]
}

/// A print that one asked-for secret has under one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The epoch.
    pub epoch: KeyEpoch,
    /// The first 20 characters of its fingerprint.
    pub print: Print,
    /// The rule that names it, if the pasted text or the asker gave one.
    pub rule: Option<RuleId>,
    /// The whole mark, if there is a rule.
    pub mark: Option<String>,
    /// Whether a bridge has led to it, in an epoch that answers no lookups any more: its seals cannot be checked.
    pub bridged: bool,
}

impl Trace {
    /// The print as text.
    pub fn print_text(&self) -> &str {
        // A print is made of letters and digits only.
        str::from_utf8(&self.print).unwrap_or_default()
    }
}

/// The secrets asked for, as their prints; the secrets themselves are not kept.
#[derive(Debug)]
pub struct Lookup {
    /// By epoch, the newest first.
    keys: Vec<MarkKeys>,
    /// For each secret its traces: for each of its canonical forms, one an epoch.
    secrets: Vec<Vec<Trace>>,
    /// Every trace by what a mark shows of it: the places of its secret and of itself. More than one if a secret was
    /// asked for twice.
    by_print: HashMap<(KeyEpoch, Print), Vec<(usize, usize)>>,
    /// Links to epochs that answer no lookups any more, where somebody keeps such.
    bridges: Option<Bridges>,
}

impl Lookup {
    /// A lookup with the keys of one namespace, in the order in which answers name the epochs.
    pub fn new(keys: Vec<MarkKeys>) -> Self {
        Self { keys, secrets: Vec::new(), by_print: HashMap::new(), bridges: None }
    }

    /// The same, which follows bridges, and makes them for what is asked.
    pub fn bridging(mut self, bridges: Bridges) -> Self {
        self.bridges = Some(bridges);
        self
    }

    /// The bridges that were followed and made.
    pub fn bridges(&mut self) -> Option<&mut Bridges> {
        self.bridges.as_mut()
    }

    /// Adds a secret as it was pasted; `rule` names it where `canonical` does not.
    pub fn ask(&mut self, pasted: &[u8], rule: Option<&RuleId>, canonical: Canonical<'_>) {
        let place = self.secrets.len();
        let mut traces: Vec<Trace> = Vec::new();
        for (named, secret) in canonical(pasted) {
            let rule = named.as_ref().or(rule);
            let mut prints: Vec<Placed> = Vec::new();
            for keys in &self.keys {
                let print = keys.print(&secret);
                prints.push((keys.epoch(), print));
                // Two ways to read what was pasted may come to one secret.
                if traces.iter().any(|trace| (trace.epoch, trace.print) == (keys.epoch(), print)) {
                    continue;
                }
                let mark = rule.map(|rule| mark_text(keys, rule, &secret));
                self.by_print.entry((keys.epoch(), print)).or_default().push((place, traces.len()));
                traces.push(Trace { epoch: keys.epoch(), print, rule: rule.cloned(), mark, bridged: false });
            }
            if let Some(bridges) = &mut self.bridges {
                bridges.add_prints(&prints);
                let live = |epoch: KeyEpoch| prints.iter().any(|(known, _)| *known == epoch);
                for (epoch, print) in prints.iter().flat_map(|print| bridges.linked(*print)) {
                    if live(epoch) || traces.iter().any(|trace| (trace.epoch, trace.print) == (epoch, print)) {
                        continue;
                    }
                    self.by_print.entry((epoch, print)).or_default().push((place, traces.len()));
                    traces.push(Trace { epoch, print, rule: rule.cloned(), mark: None, bridged: true });
                }
            }
        }
        self.secrets.push(traces);
    }

    /// Adds a secret that is not known: what is asked for by its print.
    pub fn ask_unknown(&mut self) {
        self.secrets.push(Vec::new());
    }

    /// Adds to the last secret what a mark, or a part of one, shows: its print, under one epoch, or where none is said under every epoch.
    pub fn ask_print(&mut self, print: Print, epoch: Option<KeyEpoch>, mark: Option<&Mark<'_>>) {
        let epochs: Vec<KeyEpoch> = match epoch {
            Some(epoch) => vec![epoch],
            None => self.keys.iter().map(MarkKeys::epoch).collect(),
        };
        let Some(place) = self.secrets.len().checked_sub(1) else { return };
        for epoch in epochs {
            let traces = &mut self.secrets[place];
            if traces.iter().any(|trace| (trace.epoch, trace.print) == (epoch, print)) {
                continue;
            }
            let rule = mark.and_then(|mark| RuleId::new(mark.rule).ok());
            let mark = mark.map(|mark| format!("ink1-{}-k{}-{}", mark.rule, mark.epoch, mark.fingerprint));
            self.by_print.entry((epoch, print)).or_default().push((place, traces.len()));
            traces.push(Trace { epoch, print, rule: rule.clone(), mark, bridged: false });
            // The same secret's marks of before a rotation and after it, which only bridges tell.
            for (epoch, print) in self.bridges.iter().flat_map(|bridges| bridges.linked((epoch, print))) {
                if traces.iter().any(|trace| (trace.epoch, trace.print) == (epoch, print)) {
                    continue;
                }
                let bridged = !self.keys.iter().any(|keys| keys.epoch() == epoch);
                self.by_print.entry((epoch, print)).or_default().push((place, traces.len()));
                traces.push(Trace { epoch, print, rule: rule.clone(), mark: None, bridged });
            }
        }
    }

    /// Every print that is asked for, each once.
    fn prints(&self) -> BTreeSet<Print> {
        self.by_print.keys().map(|(_, print)| *print).collect()
    }

    /// For each secret, in the order asked, its traces.
    pub fn secrets(&self) -> &[Vec<Trace>] {
        &self.secrets
    }

    /// The places (secret, trace) of those that `mark` may stand for, whether or not its seal is ours.
    fn candidates(&self, mark: &Mark<'_>) -> &[(usize, usize)] {
        let Ok(print) = Print::try_from(mark.fingerprint.print().as_bytes()) else { return &[] };
        self.by_print.get(&(mark.epoch, print)).map_or(&[], Vec::as_slice)
    }

    fn verify(&self, mark: &Mark<'_>) -> bool {
        self.keys.iter().any(|keys| keys.epoch() == mark.epoch && keys.verify(mark))
    }
}

fn mark_text(keys: &MarkKeys, rule: &RuleId, secret: &Secret<'_>) -> String {
    let mut mark = Vec::new();
    keys.write_mark(rule, secret, &mut mark);
    String::from_utf8(mark).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NamespaceSalt, SecretKey};

    pub(super) fn keys(epoch: u32) -> MarkKeys {
        let number = KeyEpoch::new(epoch).expect("not zero");
        MarkKeys::derive(number, &SecretKey::new([epoch as u8; 32]), &NamespaceSalt::new([9; 32]))
    }

    #[test]
    fn every_epoch_answers_and_the_secret_is_not_kept() {
        let mut lookup = Lookup::new(vec![keys(2), keys(1)]);
        let rule = RuleId::new("github-pat").expect("an id");
        lookup.ask(b"hunter2", Some(&rule), &as_pasted);
        lookup.ask(b"hunter3", None, &as_pasted);
        let [first, second] = lookup.secrets() else { panic!("two were asked for") };
        assert_eq!(first.iter().map(|trace| trace.epoch.get()).collect::<Vec<_>>(), [2, 1]);
        for (trace, keys) in first.iter().zip([keys(2), keys(1)]) {
            assert_eq!(trace.print, keys.print(&Secret::borrowed(b"hunter2")));
            let mark = trace.mark.as_deref().expect("a rule was given");
            assert!(keys.verify(&Mark::parse(mark.as_bytes()).expect("a mark")));
        }
        assert!(second.iter().all(|trace| trace.mark.is_none()));
        assert!(!format!("{lookup:?}").contains("hunter"));
    }

    #[test]
    fn a_print_is_asked_for_under_its_epoch_or_under_all() {
        let mut lookup = Lookup::new(vec![keys(2), keys(1)]);
        let print = keys(1).print(&Secret::borrowed(b"hunter2"));
        lookup.ask(b"hunter2", None, &as_pasted);
        lookup.ask_print(print, None, None);
        lookup.ask_unknown();
        let retired = KeyEpoch::new(7).expect("not zero");
        lookup.ask_print(print, Some(retired), None);
        let epochs = |secret: usize| lookup.secrets()[secret].iter().map(|t| t.epoch.get()).collect::<Vec<_>>();
        assert_eq!((epochs(0), epochs(1)), (vec![2, 1, 2], vec![7]));
        assert_eq!(lookup.prints().len(), 2);
    }

    #[test]
    fn what_is_pasted_may_stand_for_several_secrets() {
        let mut lookup = Lookup::new(vec![keys(1)]);
        let canonical = |pasted: &[u8]| {
            let named = RuleId::new("webhook").ok();
            vec![
                (None, Secret::owned(pasted.to_vec())),
                (named, Secret::owned(b"tail".to_vec())),
                (None, Secret::owned(pasted.to_vec())),
            ]
        };
        lookup.ask(b"https://host/tail", None, &canonical);
        let rules: Vec<_> = lookup.secrets()[0].iter().map(|trace| trace.rule.clone()).collect();
        assert_eq!(rules, [None, RuleId::new("webhook").ok()]);
    }
}
