//! Spans of which nothing is known, for the journal.
//!
//! A run that was killed tells no stop: what it did since its start is known from the index of sightings alone, and nobody knows since when
//! it did nothing. The next run on the same machine finds that out and says so, once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use jiff::Timestamp;

use super::journal::entry::{Entry, Gap};
use super::journal::lines;

/// What a gap is called that a run has left which began with this record.
fn left_by(start: u64) -> String {
    format!("the run that began with record {start} did not tell its end")
}

/// The runs on `host` that did not tell their end and do not run any more, as gaps until `now` that the journal does not tell of yet.
///
/// # Errors
/// When the journal cannot be read.
pub fn unfinished(
    journal: impl BufRead,
    host: &str,
    runs: impl Fn(u32) -> bool,
    now: Timestamp,
) -> io::Result<Vec<Gap>> {
    let mut open: BTreeMap<u64, (Timestamp, u32)> = BTreeMap::new();
    let mut told = BTreeSet::new();
    lines::read(journal, |record, _| {
        let Some(at) = record.time().filter(|_| matches!(record.kind, "start" | "stop" | "gap")) else { return Ok(()) };
        match record.entry() {
            Some(Entry::Start(start)) if start.actor.host == host => {
                open.insert(record.seq, (at, start.actor.pid));
            }
            Some(Entry::Stop(stop)) => drop(open.remove(&stop.start)),
            Some(Entry::Gap(gap)) => drop(told.insert(gap.what)),
            _ => {}
        }
        Ok::<_, io::Error>(())
    })?;
    let gaps = open.into_iter().filter(|(_, (_, pid))| !runs(*pid)).map(|(start, (from, _))| (left_by(start), from));
    Ok(gaps
        .filter(|(what, _)| !told.contains(what))
        .map(|(what, from)| Gap { what, from, to: now.max(from) })
        .collect())
}

/// Whether a process of this number runs here, this one aside: it is none of those that began before.
pub fn runs(pid: u32) -> bool {
    pid != std::process::id() && std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// The span in which sightings were lost, in seconds of Unix time.
pub fn of_sightings(lost: u64, (from, to): (i64, i64)) -> Gap {
    let time = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
    Gap { what: format!("{lost} sightings could not be recorded"), from: time(from), to: time(to) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::journal::Journal;
    use crate::control::journal::entry::{Actor, Start, Stop};

    #[test]
    fn a_run_that_was_killed_is_told_once_and_others_are_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("j");
        let at = |second: i64| Timestamp::from_second(1_770_000_000 + second).expect("in range");
        let mut journal = Journal::open(&path, None, at(0)).expect("begun");
        let start = |host: &str, pid| {
            let actor = Actor { uid: 0, name: None, host: host.to_owned(), pid };
            let (version, command, namespace) = ("1".to_owned(), "pipe".to_owned(), "default".to_owned());
            Entry::Start(Start { actor, version, command, epoch: 1, namespace })
        };
        let killed = journal.append(at(10), &[start("here", 7)]).expect("appended");
        let ended = journal.append(at(20), &[start("here", 8)]).expect("appended");
        journal.append(at(30), &[start("here", 9), start("there", 7)]).expect("appended");
        journal.append(at(40), &[Entry::Stop(Stop { start: ended, ok: true, counts: None })]).expect("appended");
        let found = || {
            let bytes = std::fs::read(&path).expect("there");
            unfinished(&bytes[..], "here", |pid| pid == 9, at(50)).expect("memory")
        };
        let gaps = found();
        assert_eq!(gaps, [Gap { what: left_by(killed), from: at(10), to: at(50) }]);
        journal.append(at(50), &gaps.into_iter().map(Entry::Gap).collect::<Vec<_>>()).expect("appended");
        assert_eq!(found(), []);
    }
}
