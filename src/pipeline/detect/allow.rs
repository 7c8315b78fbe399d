//! Allow lists: secrets that are known, harmless and wanted in the log, each with a reason and an end.
//!
//! - An entry speaks of **matches, never of lines**: it takes one rule's candidate away, and every byte that another rule's candidate
//!   covers still goes, unless an entry covers that one too.
//! - **All fields given must hold**, and expressions must match the whole of what they are held against: an entry that says less than
//!   its author thought lets less through.
//! - What is longer than [`MAX_ALLOWED`] is never allowed: entries cost time for every byte of a candidate.
//! - Without a list nothing here runs.

mod gate;
mod glob;
mod read;
mod whole;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use self::gate::{Allowed, Gate};
pub use self::read::{AllowError, AllowFault, PlacedAllowFault, read_files};

use self::glob::Glob;
use self::whole::Whole;
use super::rule::{Origin, Rule};
use super::who::Who;
use crate::model::Secret;
use crate::pipeline::fingerprint::{MarkKeys, Print};

/// The longest secret, in bytes, that an entry can cover.
pub const MAX_ALLOWED: usize = 4096;

/// One entry of an allow list, checked.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it was read from.
    pub origin: Origin,
    /// Why it is there.
    pub reason: String,
    /// The last day, in UTC, on which it allows anything; `None` for one that never ends.
    pub last_day: Option<Date>,
    who: Option<Who>,
    print: Option<Print>,
    value: Option<Whole>,
    key: Option<Whole>,
    source: Option<Glob>,
}

impl Entry {
    /// Whether it has ended before `today`.
    pub fn is_over(&self, today: Date) -> bool {
        self.last_day.is_some_and(|last| last < today)
    }

    /// Whether it covers this, the fingerprint and the day left aside.
    fn covers(&self, secret: &Secret<'_>, key: Option<&[u8]>) -> bool {
        self.value.as_ref().is_none_or(|value| value.matches(secret.expose()))
            && self.key.as_ref().is_none_or(|whole| key.is_some_and(|key| whole.matches(key)))
    }
}

/// The entries that hold for one input: those whose `source` fits its name.
#[derive(Clone, Debug, Default)]
pub struct Scope(Option<Arc<[bool]>>);

/// The entries in force, by what they can cover.
#[derive(Debug)]
pub struct AllowList {
    entries: Vec<Entry>,
    /// By index of the rule: the entries without a fingerprint that may cover what it finds.
    by_rule: Vec<Vec<usize>>,
    by_print: HashMap<Print, Vec<usize>>,
    keys: Vec<MarkKeys>,
    today: fn() -> Date,
    /// By entry: whether its end has been told.
    told: Vec<AtomicBool>,
}

/// The day it is, in UTC.
pub fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

impl AllowList {
    /// The entries, for the rules of a detector in the order of their indexes. A fingerprint is one under any of `keys`.
    pub fn new<'r>(entries: Vec<Entry>, rules: impl IntoIterator<Item = &'r Rule>, keys: Vec<MarkKeys>) -> Self {
        let mut by_print: HashMap<Print, Vec<usize>> = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            if let Some(print) = entry.print {
                by_print.entry(print).or_default().push(at);
            }
        }
        let fits =
            |entry: &Entry, rule: &Rule| entry.print.is_none() && entry.who.as_ref().is_none_or(|who| who.is(rule));
        let by_rule =
            rules.into_iter().map(|rule| (0..entries.len()).filter(|at| fits(&entries[*at], rule)).collect()).collect();
        let told = entries.iter().map(|_| AtomicBool::new(false)).collect();
        Self { entries, by_rule, by_print, keys, today, told }
    }

    /// The same, on the days that `today` gives.
    pub fn on(mut self, today: fn() -> Date) -> Self {
        self.today = today;
        self
    }

    /// All entries, in the order of their files.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries that hold for the input of this name: a file as it was named, `-`, or a peer's address.
    pub fn scope(&self, source: &str) -> Scope {
        if self.entries.iter().all(|entry| entry.source.is_none()) {
            return Scope(None);
        }
        let holds = |entry: &Entry| entry.source.as_ref().is_none_or(|glob| glob.matches_name(source));
        Scope(Some(self.entries.iter().map(holds).collect()))
    }

    /// The first entry that covers this secret of `rule`, whose index is `at`.
    fn judge(&self, at: usize, rule: &Rule, secret: &Secret<'_>, key: Option<&[u8]>, scope: &Scope) -> Option<usize> {
        if secret.len() > MAX_ALLOWED {
            return None;
        }
        let holds = |entry: &usize| {
            let (number, entry) = (*entry, &self.entries[*entry]);
            let in_scope = match &scope.0 {
                Some(scope) => scope[number],
                None => entry.source.is_none(),
            };
            in_scope && entry.covers(secret, key) && self.is_in_time(number)
        };
        let plain = self.by_rule.get(at).into_iter().flatten().copied().find(holds);
        if self.by_print.is_empty() {
            return plain;
        }
        let prints = self.keys.iter().filter_map(|keys| self.by_print.get(&keys.print(secret)));
        let fits = |entry: &usize| self.entries[*entry].who.as_ref().is_none_or(|who| who.is(rule));
        let by_print = prints.flatten().copied().filter(fits).filter(holds).min();
        plain.into_iter().chain(by_print).min()
    }

    /// Whether the entry has not ended. One that ends while the program runs says so once.
    fn is_in_time(&self, number: usize) -> bool {
        let entry = &self.entries[number];
        let over = entry.last_day.is_some() && entry.is_over((self.today)());
        if over && !self.told[number].swap(true, Ordering::Relaxed) {
            tracing::warn!(entry = %entry.origin, "an entry of the allow list has expired and no longer allows anything");
        }
        !over
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::model::{KeyEpoch, NamespaceSalt, SecretKey};
    use crate::pipeline::detect::rule::RuleSet;

    fn list(text: &str, keys: Vec<MarkKeys>) -> (RuleSet, AllowList) {
        let set = RuleSet::builtin().expect("the built-in rules load");
        let mut faults = Vec::new();
        let entries = read::read_text("a.toml", text, &set, &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        let list = AllowList::new(entries, &set.rules, keys).on(|| date(2026, 5, 1));
        (set, list)
    }

    fn judged(text: &str, rule: &str, secret: &str, key: Option<&str>, source: &str) -> Option<usize> {
        let (set, list) = list(text, Vec::new());
        let at = set.rules.iter().position(|known| known.id.as_str() == rule).expect("a rule");
        let secret = Secret::borrowed(secret.as_bytes());
        list.judge(at, &set.rules[at], &secret, key.map(str::as_bytes), &list.scope(source))
    }

    #[test]
    fn every_field_that_is_given_must_hold() {
        let text = "[[allow]]\nrule = 'password'\nvalue = 'test-[0-9]+'\nkey = '(?i)db_password'\nsource = 'ci-*.log'\n\
                    reason = 'x'\nexpires = 2026-05-01\n";
        let all = |rule, secret, key, source| judged(text, rule, secret, key, source);
        assert_eq!(all("password", "test-1", Some("DB_PASSWORD"), "/var/log/ci-7.log"), Some(0));
        assert_eq!(all("token", "test-1", Some("DB_PASSWORD"), "ci-7.log"), None);
        assert_eq!(all("password", "test-1x", Some("DB_PASSWORD"), "ci-7.log"), None, "all of the value");
        assert_eq!(all("password", "test-1", Some("MY_DB_PASSWORD"), "ci-7.log"), None, "all of the key");
        assert_eq!(all("password", "test-1", None, "ci-7.log"), None);
        assert_eq!(all("password", "test-1", Some("db_password"), "-"), None);
        let over = text.replace("2026-05-01", "2026-04-30");
        assert_eq!(judged(&over, "password", "test-1", Some("DB_PASSWORD"), "ci-7.log"), None);
    }

    #[test]
    fn a_secret_is_known_by_its_print_under_any_live_key() {
        let salt = NamespaceSalt::new([9; 32]);
        let keys: Vec<MarkKeys> = [1, 2]
            .map(|epoch| {
                let number = KeyEpoch::new(epoch).expect("not zero");
                MarkKeys::derive(number, &SecretKey::new([epoch as u8; 32]), &salt)
            })
            .into();
        let (known, other) = (Secret::borrowed(b"Vq7-molten-Harbor"), Secret::borrowed(b"Vq8-molten-Harbor"));
        for keys_of in &keys {
            let print = String::from_utf8(keys_of.print(&known).to_vec()).expect("ASCII");
            let text = format!("[[allow]]\nfingerprint = '{print}'\nreason = 'x'\nexpires = 'never'\n");
            let (set, list) = list(&text, keys.clone());
            let judge = |secret| list.judge(0, &set.rules[0], secret, None, &Scope::default());
            assert_eq!((judge(&known), judge(&other)), (Some(0), None));
        }
    }

    #[test]
    fn what_is_too_long_is_never_allowed() {
        let text = "[[allow]]\nrule = 'password'\nreason = 'x'\nexpires = 'never'\n";
        let judge = |len: usize| judged(text, "password", &"x".repeat(len), None, "-");
        assert_eq!((judge(MAX_ALLOWED), judge(MAX_ALLOWED + 1)), (Some(0), None));
    }
}
