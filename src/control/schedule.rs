//! Whether keys were rotated as often as they should have been, as the journal tells.
//!
//! A rotation counts from the time at which the journal announced it, once the journal also tells that it was done, or a later record
//! shows that its epoch was there. What stands before the first record of a keyring is not known; the time from the journal's own
//! beginning counts unless the keyring was made later.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::journal::entry::{Entry, KeyAction};
use super::journal::lines;

/// A time in which an epoch was the current one for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TooLong {
    /// The epoch; none where the journal does not tell which it was.
    pub epoch: Option<u32>,
    /// Since when.
    pub from: Timestamp,
    /// Until when; the time of the audit if it still is.
    pub to: Timestamp,
    /// Whether it still is.
    pub overdue: bool,
    /// The record that tells of its beginning.
    pub record: u64,
}

/// What the journal tells of one keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Rotations that were done.
    pub rotations: u64,
    /// The record that tells that the keyring was made, if one does.
    pub made: Option<u64>,
    /// The last rotation, or when it was made.
    pub last: Option<Timestamp>,
    /// Where the schedule was not kept.
    pub too_long: Vec<TooLong>,
    /// Rotations that were announced, and of which nothing shows that they were done; the records.
    pub unconfirmed: Vec<u64>,
}

impl Account {
    /// Whether the schedule was kept all the time.
    pub fn is_kept(&self) -> bool {
        self.too_long.is_empty()
    }
}

/// A change of the current epoch, as announced.
#[derive(Clone, Copy, Debug)]
struct Change {
    record: u64,
    at: Timestamp,
    epoch: Option<u32>,
    made: bool,
    /// What the journal tells of its outcome.
    done: Option<bool>,
}

/// Holds the rotations of every keyring that the journal tells of against the rule that there is one `every` so often. Says nothing about
/// whether the journal can be believed.
///
/// # Errors
/// When the journal cannot be read.
pub fn audit(journal: impl BufRead, every: SignedDuration, now: Timestamp) -> io::Result<BTreeMap<String, Account>> {
    let mut begun = None;
    let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    // By record, where its change is.
    let mut announced: HashMap<u64, (String, usize)> = HashMap::new();
    lines::read(journal, |record, _| {
        begun = begun.or(record.time());
        let Some(at) = record.time().filter(|_| matches!(record.kind, "key" | "outcome")) else { return Ok(()) };
        match record.entry() {
            Some(Entry::Key(key)) => {
                let of_keyring = changes.entry(key.keyring.clone()).or_default();
                let made = key.action == KeyAction::Init;
                if made || key.action == KeyAction::Rotate {
                    announced.insert(record.seq, (key.keyring, of_keyring.len()));
                    of_keyring.push(Change { record: record.seq, at, epoch: key.epoch, made, done: None });
                }
            }
            Some(Entry::Outcome(outcome)) => {
                if let Some((keyring, place)) = announced.get(&outcome.of)
                    && let Some(change) = changes.get_mut(keyring).and_then(|changes| changes.get_mut(*place))
                {
                    change.done = Some(outcome.done);
                }
            }
            _ => {}
        }
        Ok::<_, io::Error>(())
    })?;
    let begun = begun.unwrap_or(now);
    Ok(changes.into_iter().map(|(keyring, changes)| (keyring, account(&changes, begun, every, now))).collect())
}

fn account(changes: &[Change], begun: Timestamp, every: SignedDuration, now: Timestamp) -> Account {
    let mut account = Account::default();
    // Before its first change the keyring is as old as the journal at least, if it was not made under its eyes.
    let mut current = Change { record: 1, at: begun, epoch: None, made: false, done: Some(true) };
    for (i, change) in changes.iter().enumerate() {
        // The next epoch can only be announced once this one is there; the same one again, if it is not.
        let shown = || changes.get(i + 1).and_then(|later| Some(later.epoch? > change.epoch?));
        match change.done.or_else(shown) {
            Some(true) => {}
            Some(false) => continue,
            None => {
                account.unconfirmed.push(change.record);
                continue;
            }
        }
        if change.made {
            account.made = Some(change.record);
        } else {
            account.rotations += 1;
            account.hold(current, change.at, every, false);
        }
        // A clock that was set back must not make an epoch look younger than it is.
        current = Change { at: if change.made { change.at } else { change.at.max(current.at) }, ..*change };
        account.last = Some(current.at);
    }
    account.hold(current, now, every, true);
    account
}

impl Account {
    fn hold(&mut self, current: Change, to: Timestamp, every: SignedDuration, overdue: bool) {
        if to.duration_since(current.at) > every {
            let Change { epoch, at: from, record, .. } = current;
            self.too_long.push(TooLong { epoch, from, to, overdue, record });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::journal::Journal;
    use crate::control::journal::entry::{Actor, Key, Outcome};
    use crate::model::KeyEpoch;

    const EVERY: SignedDuration = SignedDuration::from_hours(90 * 24);

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_770_000_000 + day * 86_400).expect("in range")
    }

    /// What is found on day 400 in a journal of these actions: day, epoch, and whether the outcome is told.
    fn found(actions: &[(i64, KeyAction, u32, Option<bool>)]) -> Account {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("j");
        let mut journal = Journal::open(&path, None, day(0)).expect("opened");
        for (at, action, epoch, done) in actions {
            let actor = Actor { uid: 0, name: None, host: String::new(), pid: 1 };
            let key = Key::new(*action, "file:/k".to_owned(), KeyEpoch::new(*epoch), None, actor);
            let of = journal.append(day(*at), &[Entry::Key(key)]).expect("appended");
            if let Some(done) = *done {
                journal.append(day(*at), &[Entry::Outcome(Outcome { of, done })]).expect("appended");
            }
        }
        let bytes = std::fs::read(&path).expect("there");
        audit(&bytes[..], EVERY, day(400)).expect("memory").remove("file:/k").expect("told of")
    }

    fn gaps(account: &Account) -> Vec<(Option<u32>, Timestamp, Timestamp, bool)> {
        account.too_long.iter().map(|gap| (gap.epoch, gap.from, gap.to, gap.overdue)).collect()
    }

    #[test]
    fn a_schedule_that_was_kept_has_no_gap() {
        use KeyAction::{Init, Rotate};
        let done = Some(true);
        let account =
            found(&[(50, Init, 1, done), (140, Rotate, 2, done), (230, Rotate, 3, done), (320, Rotate, 4, done)]);
        assert!(account.is_kept(), "{account:?}");
        assert_eq!((account.rotations, account.made, account.last), (3, Some(2), Some(day(320))));
    }

    #[test]
    fn each_gap_is_named() {
        use KeyAction::{Destroy, Rotate};
        let done = Some(true);
        let account = found(&[(100, Rotate, 2, done), (150, Destroy, 1, done), (191, Rotate, 3, done)]);
        // The first epoch is as old as the journal at least; retiring or destroying others is no rotation.
        let expected = [
            (None, day(0), day(100), false),
            (Some(2), day(100), day(191), false),
            (Some(3), day(191), day(400), true),
        ];
        assert_eq!(gaps(&account), expected);
    }

    #[test]
    fn only_what_was_done_counts() {
        use KeyAction::{Init, Rotate};
        let done = Some(true);
        // The second crashed before its outcome was told, and the third shows that it was done.
        let account = found(&[(300, Init, 1, done), (310, Rotate, 2, None), (320, Rotate, 3, done)]);
        assert_eq!((account.rotations, account.unconfirmed.len()), (2, 0));
        // It was not done: the same epoch is announced again.
        let account = found(&[(100, Init, 1, done), (180, Rotate, 2, None), (320, Rotate, 2, done)]);
        assert_eq!(gaps(&account), [(Some(1), day(100), day(320), false)]);
        // Nothing tells.
        let account = found(&[(310, Init, 1, done), (320, Rotate, 2, None)]);
        assert_eq!((account.rotations, account.unconfirmed.len()), (0, 1));
        let account = found(&[(100, Init, 1, done), (180, Rotate, 2, Some(false))]);
        assert_eq!(gaps(&account), [(Some(1), day(100), day(400), true)]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_epoch_younger() {
        use KeyAction::{Init, Rotate};
        let done = Some(true);
        let account = found(&[(300, Init, 1, done), (350, Rotate, 2, done), (310, Rotate, 3, done)]);
        assert_eq!(account.last, Some(day(350)));
    }
}
