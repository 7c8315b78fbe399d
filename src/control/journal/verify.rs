//! Verification with the public key alone: what was edited, removed, put in, moved, repeated or cut, and where.
//!
//! - A record whose bytes do not give its hash was edited. One that does not follow the record before it was put there, or what was
//!   between them was taken out. Whoever computes all hashes anew is found by the next checkpoint, which only the private key can
//!   make, and which cannot be left out: every [`INTERVAL`]th record is one.
//! - What stands behind the last checkpoint is not signed yet; that is told as a number, and is no fault.
//! - A tail that was cut off whole, or an older copy in the journal's place, is found by a checkpoint that was kept elsewhere: the
//!   `head`.
//!
//! After a fault, verification goes on with what can be recognised, so that one run tells all of them.

use std::fmt;
use std::io::{self, BufRead};

use super::INTERVAL;
use super::entry::{Begin, Entry};
use super::lines::{Line, Lines};
use super::note::{Checkpoint, NoteError, PublicKey};
use super::record::{Hash, Record};

/// The most faults that are kept; more are counted.
pub const MAX_FAULTS: usize = 1000;

/// What is wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The line is spelled as no record is.
    #[error("it is no record: it was edited or put in")]
    Malformed,
    /// The bytes do not give the hash.
    #[error("it was edited: its hash is not that of its bytes")]
    Edited,
    /// The record before is not the one that this was written behind.
    #[error("it does not follow the record before it: that one, or this, was put in another's place")]
    Replaced,
    /// Records are not there.
    #[error("records {from} to {to} are missing before it: they were removed or moved")]
    Missing {
        /// The first one that is not there.
        from: u64,
        /// The last one that is not there.
        to: u64,
    },
    /// It stands there a second time.
    #[error("it is repeated")]
    Repeated,
    /// It stands behind a later one.
    #[error("it stands behind record {0}: it was moved, put in or repeated")]
    OutOfOrder(u64),
    /// The file ends within a record.
    #[error("it is cut off after {0} bytes: by a crash, or by somebody; the next writer removes and records the rest")]
    Torn(u64),
    /// It is a checkpoint, and not a good one.
    #[error("it is a checkpoint, and {0}")]
    BadCheckpoint(CheckpointFault),
    /// It should be a checkpoint.
    #[error("it should be a checkpoint, as every {INTERVAL}th record is: what stands before it is not signed")]
    NoCheckpoint,
    /// It should be what begins a journal.
    #[error("it is not what a journal of this version and key begins with")]
    NoBeginning,
    /// There is nothing.
    #[error("the journal is empty: it was never begun, or cut")]
    Empty,
    /// The checkpoint kept elsewhere signs for more records, or is not there itself.
    #[error(
        "the checkpoint kept elsewhere signs for {0} records and stood behind them: the journal was cut, or is an older copy"
    )]
    Cut(u64),
    /// The checkpoint kept elsewhere signs for another record of this number, or stood in this one's place.
    #[error("the checkpoint kept elsewhere tells of another record in this place: this is another history")]
    OtherHistory,
}

/// What is wrong with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointFault {
    /// It is not as this program writes one.
    #[error("it is not spelled as one")]
    Spelling,
    /// The note itself.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It signs for other records than those before it.
    #[error("it signs for other records than those before it")]
    OtherRecords,
    /// It has another time than the record that it signs for.
    #[error("it has not the time of the record before it")]
    Time,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the record: as it says itself where that can be believed, else which it should be.
    pub record: u64,
    /// The line, from 1.
    pub line: u64,
    /// Where it begins, in bytes from the start of the file.
    pub byte: u64,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}, line {}, byte {}: {}", self.record, self.line, self.byte, self.problem)
    }
}

/// What verification has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Lines read, each of which should be a record.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Up to which record everything is signed.
    pub signed: u64,
    /// The number of the last record.
    pub last: u64,
    /// Half records that were cut off after crashes, as the journal itself tells.
    pub recovered: u64,
    /// What is wrong, at most [`MAX_FAULTS`] of it.
    pub faults: Vec<Fault>,
    /// How many faults there are.
    pub fault_count: u64,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.fault_count == 0
    }

    /// Records behind the last checkpoint, which only their hashes protect.
    pub fn unsigned(&self) -> u64 {
        self.last - self.signed
    }
}

/// Verifies the journal that `journal` reads, with the public key, and with a checkpoint kept elsewhere if there is one.
///
/// # Errors
/// When it cannot be read.
pub fn verify(journal: impl BufRead, key: &PublicKey, head: Option<&Checkpoint>) -> io::Result<Verdict> {
    let mut verifier = Verifier::new(key, head);
    let mut lines = Lines::of(journal);
    while let Some(line) = lines.next()? {
        verifier.line(line);
    }
    Ok(verifier.finish())
}

struct Verifier<'k> {
    key: &'k PublicKey,
    head: Option<&'k Checkpoint>,
    /// The next record's number.
    next: u64,
    /// What it must follow; none behind a record that cannot be believed.
    prev: Option<Hash>,
    /// The time of the record before, where it is known.
    time: Option<String>,
    /// So many lines before this one could not be believed, and may have been records or not.
    lost: u64,
    line: u64,
    byte: u64,
    verdict: Verdict,
}

impl<'k> Verifier<'k> {
    fn new(key: &'k PublicKey, head: Option<&'k Checkpoint>) -> Self {
        let verdict =
            Verdict { records: 0, bytes: 0, signed: 0, last: 0, recovered: 0, faults: Vec::new(), fault_count: 0 };
        Self { key, head, next: 1, prev: Some(Hash::ZERO), time: None, lost: 0, line: 1, byte: 0, verdict }
    }

    fn fault(&mut self, record: u64, problem: Problem) {
        self.verdict.fault_count += 1;
        if self.verdict.faults.len() < MAX_FAULTS {
            self.verdict.faults.push(Fault { record, line: self.line, byte: self.byte, problem });
        }
    }

    fn line(&mut self, line: Line<'_>) {
        let record = if let Line::Whole(line) = line { Record::parse(line) } else { None };
        match (line, record) {
            (_, Some(record)) => self.record(&record),
            (Line::Torn(bytes), None) => self.fault(self.next, Problem::Torn(bytes.len() as u64)),
            (_, None) => {
                self.fault(self.next, Problem::Malformed);
                self.lost += 1;
            }
        }
        self.verdict.records += u64::from(!matches!(line, Line::Torn(_)));
        self.verdict.bytes += line.len();
        self.line += 1;
        self.byte += line.len();
    }

    fn record(&mut self, record: &Record<'_>) {
        if !record.is_intact() {
            self.fault(if record.seq == self.next { record.seq } else { self.next }, Problem::Edited);
            self.lost += 1;
            return;
        }
        if record.seq < self.next {
            let again = self.prev == Some(record.hash);
            let problem = if again { Problem::Repeated } else { Problem::OutOfOrder(self.next - 1) };
            return self.fault(record.seq, problem);
        }
        // The lines that could not be believed may have been the records that are not there.
        let stood = record.seq.min(self.next.saturating_add(self.lost));
        if record.seq > stood {
            self.fault(record.seq, Problem::Missing { from: stood, to: record.seq - 1 });
        } else if record.seq == self.next && self.prev.is_some_and(|prev| prev != record.prev) {
            self.fault(record.seq, Problem::Replaced);
        }
        self.check(record, record.seq == self.next);
        self.lost = 0;
        self.next = record.seq.saturating_add(1);
        self.prev = Some(record.hash);
        self.time = Some(record.time.to_owned());
        self.verdict.last = record.seq;
    }

    /// What a record must be by its number and kind.
    fn check(&mut self, record: &Record<'_>, follows: bool) {
        if let Some(head) = self.head {
            let other = record.seq == head.records && record.hash != head.head;
            let unsigned = record.seq == head.records.saturating_add(1) && record.kind != "checkpoint";
            if other || unsigned {
                self.fault(record.seq, Problem::OtherHistory);
            }
        }
        if record.kind == "checkpoint" {
            match self.check_checkpoint(record, follows) {
                Ok(()) => self.verdict.signed = record.seq,
                Err(fault) => self.fault(record.seq, Problem::BadCheckpoint(fault)),
            }
        } else if record.seq.is_multiple_of(INTERVAL) {
            self.fault(record.seq, Problem::NoCheckpoint);
        }
        if record.kind == "recovered" {
            self.verdict.recovered += 1;
        }
        if record.seq == 1 {
            let begins = match record.entry() {
                Some(Entry::Begin(Begin { version, key })) => version == super::VERSION && key == self.key.to_string(),
                _ => false,
            };
            if !begins {
                self.fault(record.seq, Problem::NoBeginning);
            }
        }
    }

    fn check_checkpoint(&self, record: &Record<'_>, follows: bool) -> Result<(), CheckpointFault> {
        let Some(Entry::Checkpoint(checkpoint)) = record.entry() else { return Err(CheckpointFault::Spelling) };
        let signed = self.key.open(&checkpoint.note)?;
        if signed.origin != self.key.name()
            || signed.records.checked_add(1) != Some(record.seq)
            || signed.head != record.prev
        {
            return Err(CheckpointFault::OtherRecords);
        }
        // Written in one way only, so that nothing can be hidden in it.
        let spelled = serde_json::to_string(&checkpoint).is_ok_and(|text| text == record.details);
        if !spelled {
            return Err(CheckpointFault::Spelling);
        }
        match &self.time {
            Some(time) if follows && time != record.time => Err(CheckpointFault::Time),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Verdict {
        if self.verdict.bytes == 0 {
            self.fault(self.next, Problem::Empty);
        }
        // The checkpoint itself stood in the journal too, behind the records that it signs for.
        if let Some(head) = self.head.filter(|head| head.records >= self.verdict.last) {
            self.fault(self.next, Problem::Cut(head.records));
        }
        self.verdict
    }
}
