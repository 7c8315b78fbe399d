//! Withheld lines on their way to the quarantine, which is the only place that they may go to.
//!
//! - Nothing is kept of a line where no quarantine was asked for.
//! - At most the first bytes of a line are kept, up to its limit; how long it was is told in any case.
//! - What is handed over waits in a bounded channel; while that is full, the worker waits. Every copy is wiped.

use std::fmt;
use std::sync::mpsc::SyncSender;

use zeroize::Zeroizing;

use super::fingerprint::Reason;
use super::framing::CONTEXT;
use crate::model::SourceId;

/// A line that was withheld, as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct WithheldLine {
    /// When, in seconds of Unix time.
    pub time: i64,
    /// Where it came from.
    pub source: SourceId,
    /// Why it was withheld.
    pub reason: Reason,
    /// Bytes that were withheld, without the newline.
    pub length: u64,
    /// As many of the first of them as are kept, behind some of the line that was passed on.
    pub bytes: Zeroizing<Vec<u8>>,
    /// How many those are that were passed on.
    pub before: usize,
}

impl fmt::Debug for WithheldLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, source, reason, length, bytes, before } = self;
        let kept = bytes.len() - before;
        write!(f, "WithheldLine({source:?} at {time}, {reason:?}, {kept} of {length} bytes)")
    }
}

/// Where withheld lines go, how the time is told, and how much of a line is kept: for every worker the same.
#[derive(Clone, Debug)]
pub struct Detaining {
    /// The quarantine.
    pub quarantine: SyncSender<WithheldLine>,
    /// The present time in seconds of Unix time.
    pub clock: fn() -> i64,
    /// Bytes kept of a line at most.
    pub most: usize,
}

/// One worker's withheld lines that were not handed over yet.
#[derive(Debug)]
pub(super) struct Detention {
    to: Detaining,
    /// In order, so that those of the last block can be taken back.
    lines: Vec<(Reason, u64, Kept)>,
    /// How many there were before the last block.
    before: usize,
}

impl Detention {
    pub(super) fn new(to: &Detaining) -> Self {
        Self { to: to.clone(), lines: Vec::new(), before: 0 }
    }

    /// Bytes kept of a line at most.
    pub(super) fn most(&self) -> usize {
        self.to.most
    }

    /// Takes a line of `length` bytes of which the first are `kept`.
    pub(super) fn take(&mut self, reason: Reason, length: u64, kept: Kept) {
        self.lines.push((reason, length, kept));
    }

    /// What is taken from now on can be taken back.
    pub(super) fn mark(&mut self) {
        self.before = self.lines.len();
    }

    /// Takes back what came since the last [`mark`](Self::mark).
    pub(super) fn undo(&mut self) {
        self.lines.truncate(self.before);
    }

    /// Hands all over, as lines of `source`.
    pub(super) fn hand_over(&mut self, source: &SourceId) {
        self.before = 0;
        if self.lines.is_empty() {
            return;
        }
        let time = (self.to.clock)();
        for (reason, length, kept) in self.lines.drain(..) {
            let Kept { bytes, before } = kept;
            let line = WithheldLine { time, source: source.clone(), reason, length, bytes, before };
            // A quarantine that has ended says so itself, and the line is withheld all the same.
            let _ = self.to.quarantine.send(line);
        }
    }
}

/// The first bytes of what is withheld of a line, behind some of the line that was passed on and tells what they are.
#[derive(Clone, Default)]
pub struct Kept {
    bytes: Zeroizing<Vec<u8>>,
    before: usize,
}

impl Kept {
    /// Unless something is kept already: what comes stands behind `context` in its line. Nothing is kept where `most` is zero.
    pub fn stand_behind(&mut self, context: &[u8], most: usize) {
        if self.bytes.is_empty() && most > 0 {
            let context = &context[context.len().saturating_sub(CONTEXT)..];
            self.extend(context, context.len());
            self.before = context.len();
        }
    }

    /// Keeps these, too, as long as there are no more than `most` behind the context.
    pub fn add(&mut self, bytes: &[u8], most: usize) {
        let most = self.before.saturating_add(most);
        let room = most.saturating_sub(self.bytes.len());
        self.extend(&bytes[..bytes.len().min(room)], most);
    }

    fn extend(&mut self, more: &[u8], most: usize) {
        let needed = self.bytes.len() + more.len();
        if needed > self.bytes.capacity() {
            // A vector that grows by itself would leave what it held behind.
            let mut larger = Zeroizing::new(Vec::with_capacity((2 * self.bytes.len()).min(most).max(needed)));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(more);
    }

    /// Bytes of memory in use.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn kept(bytes: &[u8], most: usize) -> Kept {
        let mut kept = Kept::default();
        for byte in bytes {
            kept.add(&[*byte], most);
        }
        kept
    }

    #[test]
    fn the_first_bytes_are_kept_in_no_more_memory_than_asked_for() {
        let whole = kept(b"a secret that is long", 8);
        assert_eq!((&whole.bytes[..], whole.capacity()), (&b"a secret"[..], 8));
        assert!(!format!("{whole:?}").contains("secret"));
        let mut kept = Kept::default();
        kept.stand_behind(b"password=", 0);
        assert_eq!(kept.capacity(), 0);
        for part in [b"a sec", b"ret t"] {
            kept.stand_behind(b"password=", 8);
            kept.add(part, 8);
        }
        assert_eq!((&kept.bytes[..], kept.before), (&b"password=a secret"[..], 9));
        assert!(!format!("{kept:?}").contains("secret"));
    }

    #[test]
    fn what_was_taken_back_is_not_handed_over() {
        let (quarantine, lines) = sync_channel(8);
        let mut detention = Detention::new(&Detaining { quarantine, clock: || 7, most: 100 });
        detention.take(Reason::ScanFailed, 3, kept(b"one", 100));
        detention.mark();
        detention.take(Reason::ScanFailed, 3, kept(b"two", 100));
        detention.undo();
        detention.take(Reason::Oversized, 500, kept(b"three", 100));
        detention.hand_over(&SourceId::new("x"));
        detention.hand_over(&SourceId::new("y"));
        drop(detention);
        let lines: Vec<WithheldLine> = lines.iter().collect();
        let [first, second] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((&first.bytes[..], first.length, first.time), (&b"one"[..], 3, 7));
        assert_eq!((&second.bytes[..], second.length, second.source.as_str()), (&b"three"[..], 500, "x"));
        assert!(!format!("{lines:?}").contains("three"));
    }
}
