//! Between sources and a sink: cleaned bytes in order, bounded in bytes, never dropped.
//!
//! - Lines of different producers never mix: a producer whose last piece did not end with a newline owns the queue until one does,
//!   and every other producer waits.
//! - A full queue makes producers wait. A piece larger than the whole queue passes when the queue is empty.
//! - Small pieces are joined while they wait, so that a slow sink is not also given small writes; nothing waits to be joined.
//! - What is counted against the limit is memory, not length, and the batch that the sink works on counts until it is done.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Pieces from this size on are handed over as they are; smaller ones are joined up to it.
const LARGE: usize = 64 << 10;
/// Memory of written batches that is kept for the next ones: so many, each no larger than this.
const KEPT: (usize, usize) = (4, 1 << 20);

/// Who produces: a source's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProducerId(pub u64);

/// An amount of log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Bytes.
    pub bytes: u64,
    /// Lines, counted by their newlines.
    pub lines: u64,
}

impl Amount {
    fn count(&mut self, bytes: &[u8]) {
        self.add(Self { bytes: bytes.len() as u64, lines: memchr::memchr_iter(b'\n', bytes).count() as u64 });
    }

    fn add(&mut self, more: Self) {
        (self.bytes, self.lines) = (self.bytes + more.bytes, self.lines + more.lines);
    }

    fn subtract(&mut self, less: Self) {
        (self.bytes, self.lines) = (self.bytes - less.bytes, self.lines - less.lines);
    }
}

/// The queue. Any number of producers, one sink.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    /// Bytes of the present batch that the sink has handed on.
    written: AtomicUsize,
    limit: usize,
    filled: Notify,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Vec<u8>>,
    /// What the sink works on.
    present: Option<Arc<Vec<u8>>>,
    /// Memory of `batches` and `present`.
    used: usize,
    owner: Option<ProducerId>,
    /// Producers that wait for the owner's line to end.
    kept_waiting: usize,
    /// What waiting producers hold.
    waiting: Amount,
    closed: bool,
    kept: Vec<Vec<u8>>,
}

impl Queue {
    /// A queue of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            written: AtomicUsize::new(0),
            limit,
            filled: Notify::new(),
            freed: Notify::new(),
        }
    }

    /// Hands `piece` over, as soon as there is room and no other producer's line is open; gives empty memory for the next piece.
    pub async fn push(&self, producer: ProducerId, piece: Vec<u8>) -> Vec<u8> {
        if piece.is_empty() {
            return piece;
        }
        let mut piece = match self.put(producer, piece) {
            Ok(memory) => return memory,
            Err(piece) => piece,
        };
        let mut amount = Amount::default();
        amount.count(&piece);
        let mut waiting = Waiting { queue: self, amount, behind_owner: false };
        self.lock().waiting.add(amount);
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match self.put(producer, piece) {
                Ok(memory) => return memory,
                Err(back) => piece = back,
            }
            waiting.look(producer);
            freed.await;
        }
    }

    /// Whether a producer waits for the owner's line to end.
    pub fn owner_keeps_others_waiting(&self) -> bool {
        self.lock().kept_waiting > 0
    }

    /// The next batch, or `None` once the queue is closed and empty. It counts until it is [`done`](Self::done).
    pub async fn next(&self) -> Option<Arc<Vec<u8>>> {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.lock();
                debug_assert!(state.present.is_none(), "one batch at a time");
                if let Some(batch) = state.batches.pop_front() {
                    let batch = Arc::new(batch);
                    state.present = Some(Arc::clone(&batch));
                    self.written.store(0, Ordering::Relaxed);
                    return Some(batch);
                }
                if state.closed {
                    return None;
                }
            }
            filled.await;
        }
    }

    /// Takes note of how much of the present batch was handed on.
    pub fn wrote(&self, bytes: usize) {
        self.written.store(bytes, Ordering::Relaxed);
    }

    /// The batch was handed on whole.
    pub fn done(&self, batch: Arc<Vec<u8>>) {
        let mut state = self.lock();
        state.present = None;
        state.used -= batch.capacity();
        if let Ok(mut memory) = Arc::try_unwrap(batch)
            && state.kept.len() < KEPT.0
            && (LARGE..=KEPT.1).contains(&memory.capacity())
        {
            memory.clear();
            state.kept.push(memory);
        }
        drop(state);
        self.freed.notify_waiters();
    }

    /// No more will come: the sink ends when it has handed on what is there.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// Memory in use, in bytes.
    pub fn used(&self) -> usize {
        self.lock().used
    }

    /// What was not handed on, with what waits to get in.
    pub fn left(&self) -> Amount {
        let state = self.lock();
        let mut left = state.waiting;
        if let Some(present) = &state.present {
            left.count(&present[self.written.load(Ordering::Relaxed).min(present.len())..]);
        }
        state.batches.iter().for_each(|batch| left.count(batch));
        left
    }

    /// Takes the piece and gives other memory for it, or gives it back.
    fn put(&self, producer: ProducerId, piece: Vec<u8>) -> Result<Vec<u8>, Vec<u8>> {
        let mut state = self.lock();
        let owned = state.owner.is_some();
        let memory = state.put(producer, piece, self.limit)?;
        let released = owned && state.owner.is_none();
        drop(state);
        self.filled.notify_one();
        if released {
            self.freed.notify_waiters();
        }
        Ok(memory)
    }

    /// A thread that panicked ends the program; until then the counts are good enough.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, producer: ProducerId, piece: Vec<u8>, limit: usize) -> Result<Vec<u8>, Vec<u8>> {
        let foreign = self.owner.is_some_and(|owner| owner != producer);
        if foreign || (self.used > 0 && self.used + piece.len() > limit) {
            return Err(piece);
        }
        self.owner = (!piece.ends_with(b"\n")).then_some(producer);
        if piece.len() >= LARGE && piece.capacity() <= piece.len().saturating_mul(2) {
            self.used += piece.capacity();
            self.batches.push_back(piece);
            return Ok(self.kept.pop().unwrap_or_default());
        }
        match self.batches.back_mut().filter(|last| last.len() + piece.len() <= LARGE) {
            Some(last) => {
                self.used -= last.capacity();
                last.extend_from_slice(&piece);
                self.used += last.capacity();
            }
            None => {
                let batch = piece.as_slice().to_vec();
                self.used += batch.capacity();
                self.batches.push_back(batch);
            }
        }
        let mut memory = piece;
        memory.clear();
        Ok(memory)
    }
}

/// A producer that waits; dropped when it does no longer.
struct Waiting<'q> {
    queue: &'q Queue,
    amount: Amount,
    behind_owner: bool,
}

impl Waiting<'_> {
    /// Takes note of whether it is another's open line that is waited for.
    fn look(&mut self, producer: ProducerId) {
        let mut state = self.queue.lock();
        let behind_owner = state.owner.is_some_and(|owner| owner != producer);
        state.kept_waiting += usize::from(behind_owner);
        state.kept_waiting -= usize::from(self.behind_owner);
        self.behind_owner = behind_owner;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.waiting.subtract(self.amount);
        state.kept_waiting -= usize::from(self.behind_owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    const A: ProducerId = ProducerId(1);
    const B: ProducerId = ProducerId(2);

    fn next(queue: &Queue) -> Option<Vec<u8>> {
        let batch = queue.next().now_or_never()??;
        let bytes = batch.to_vec();
        queue.done(batch);
        Some(bytes)
    }

    fn push(queue: &Queue, producer: ProducerId, piece: &[u8]) -> bool {
        queue.push(producer, piece.to_vec()).now_or_never().is_some()
    }

    #[test]
    fn small_pieces_are_joined_and_large_ones_handed_over() {
        let queue = Queue::new(1 << 20);
        let large = [&vec![b'x'; LARGE][..], b"\n"].concat();
        assert!(
            push(&queue, A, b"one\n")
                && push(&queue, B, b"two\n")
                && push(&queue, A, &large)
                && push(&queue, A, b"three\n")
        );
        assert_eq!(next(&queue).as_deref(), Some(&b"one\ntwo\n"[..]));
        assert_eq!(next(&queue), Some(large));
        assert_eq!(next(&queue).as_deref(), Some(&b"three\n"[..]));
        assert_eq!((next(&queue), queue.used()), (None, 0));
    }

    #[test]
    fn an_open_line_keeps_the_others_out() {
        let queue = Queue::new(1 << 20);
        assert!(push(&queue, A, b"begin"));
        let mut other = Box::pin(queue.push(B, b"other\n".to_vec()));
        assert!(other.as_mut().now_or_never().is_none());
        assert!(queue.owner_keeps_others_waiting());
        assert_eq!(queue.left(), Amount { bytes: 11, lines: 1 });
        assert!(push(&queue, A, b" middle") && push(&queue, A, b" end\n"));
        assert!(other.now_or_never().is_some());
        assert!(!queue.owner_keeps_others_waiting());
        assert_eq!(next(&queue).as_deref(), Some(&b"begin middle end\nother\n"[..]));
    }

    #[test]
    fn a_full_queue_makes_producers_wait_and_counts_what_they_hold() {
        let queue = Queue::new(10);
        assert!(push(&queue, A, b"more than ten\n"), "when it is empty, all passes");
        let mut waiting = Box::pin(queue.push(B, b"x\n".to_vec()));
        assert!(waiting.as_mut().now_or_never().is_none());
        let batch = queue.next().now_or_never().flatten().expect("there");
        assert!(waiting.as_mut().now_or_never().is_none(), "what the sink works on counts");
        queue.wrote(5);
        assert_eq!(queue.left(), Amount { bytes: 14 - 5 + 2, lines: 2 });
        queue.done(batch);
        assert!(waiting.now_or_never().is_some());
        queue.close();
        assert_eq!(next(&queue).as_deref(), Some(&b"x\n"[..]));
        assert_eq!(queue.next().now_or_never(), Some(None));
    }
}
