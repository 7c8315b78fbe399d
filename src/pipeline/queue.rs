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
use std::time::Instant;

use tokio::sync::{Notify, watch};

use crate::model::{Piece, PieceKind};

/// Pieces from this size on are handed over as they are; smaller ones are joined up to it.
const LARGE: usize = 64 << 10;
/// Memory of written batches that is kept for the next ones: so many, each no larger than this.
const KEPT: (usize, usize) = (4, 1 << 20);

/// Who produces: a source's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProducerId(pub u64);

/// A place in what a queue has taken since it was made: so many bytes were before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What becomes of a piece for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Its producer waits.
    #[default]
    Wait,
    /// It is dropped, and counted.
    DropNewest,
}

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

    /// Adds `more`.
    pub fn add(&mut self, more: Self) {
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
    when_full: WhenFull,
    filled: Notify,
    freed: Notify,
    /// What is before this is held by the sink.
    held: watch::Sender<Position>,
}

#[derive(Debug)]
struct Batch {
    piece: Piece,
    /// When its first byte came.
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    /// What the sink works on.
    present: Option<(Arc<Piece>, Instant)>,
    /// Memory of `batches` and `present`.
    used: usize,
    /// What was taken so far.
    taken: u64,
    owner: Option<ProducerId>,
    /// The owner's line was dropped in part: so will be its rest.
    drops: Option<ProducerId>,
    dropped: Amount,
    /// Producers that wait for the owner's line to end.
    kept_waiting: usize,
    /// What waiting producers hold.
    waiting: Amount,
    closed: bool,
    kept: Vec<Vec<u8>>,
}

impl Queue {
    /// A queue of so many bytes, whose producers wait while it is full.
    pub fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            written: AtomicUsize::new(0),
            limit,
            when_full: WhenFull::Wait,
            filled: Notify::new(),
            freed: Notify::new(),
            held: watch::Sender::new(Position::default()),
        }
    }

    /// The same, with another answer to a piece for which there is no room.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Hands `piece` over, as soon as there is room and no other producer's line is open. Gives empty memory for the next piece, and the
    /// position behind this one.
    pub async fn push(&self, producer: ProducerId, piece: Piece) -> (Vec<u8>, Position) {
        if piece.bytes.is_empty() {
            return (piece.bytes, Position::default());
        }
        let mut piece = match self.put(producer, piece) {
            Ok(taken) => return taken,
            Err(piece) => piece,
        };
        let mut amount = Amount::default();
        amount.count(&piece.bytes);
        let mut waiting = Waiting { queue: self, amount, behind_owner: false };
        self.lock().waiting.add(amount);
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match self.put(producer, piece) {
                Ok(taken) => return taken,
                Err(back) => piece = back,
            }
            waiting.look(producer);
            freed.await;
        }
    }

    /// Waits until the sink holds what is before `position`.
    pub async fn held(&self, position: Position) {
        // The sender is part of this.
        let _ = self.held.subscribe().wait_for(|held| *held >= position).await;
    }

    /// Whether the sink holds what is before `position` by now.
    pub fn is_held(&self, position: Position) -> bool {
        *self.held.borrow() >= position
    }

    /// Whether a producer waits for the owner's line to end.
    pub fn owner_keeps_others_waiting(&self) -> bool {
        self.lock().kept_waiting > 0
    }

    /// The next batch, or `None` once the queue is closed and empty. It counts until it is [`done`](Self::done).
    pub async fn next(&self) -> Option<Arc<Piece>> {
        self.next_up_to(0).await
    }

    /// The same, with what follows joined to it as long as all are lines and no more than `most` bytes together: for a sink for which
    /// each batch costs a round trip.
    pub async fn next_up_to(&self, most: usize) -> Option<Arc<Piece>> {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.lock();
                debug_assert!(state.present.is_none(), "one batch at a time");
                if let Some(Batch { mut piece, since }) = state.batches.pop_front() {
                    state.join(&mut piece, most);
                    let piece = Arc::new(piece);
                    state.present = Some((Arc::clone(&piece), since));
                    self.written.store(0, Ordering::Relaxed);
                    return Some(piece);
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
    pub fn done(&self, batch: Arc<Piece>) {
        let mut state = self.lock();
        state.present = None;
        state.used -= batch.bytes.capacity();
        self.held.send_modify(|held| held.0 += batch.bytes.len() as u64);
        if let Ok(Piece { bytes: mut memory, .. }) = Arc::try_unwrap(batch)
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

    /// Since when the sink has not handed on what came first of what is here.
    pub fn oldest(&self) -> Option<Instant> {
        let state = self.lock();
        let present = state.present.as_ref().map(|(_, since)| *since);
        present.or_else(|| state.batches.front().map(|batch| batch.since))
    }

    /// What was dropped so far because there was no room for it.
    pub fn dropped(&self) -> Amount {
        self.lock().dropped
    }

    /// What was not handed on, with what waits to get in.
    pub fn left(&self) -> Amount {
        let state = self.lock();
        let mut left = state.waiting;
        if let Some((present, _)) = &state.present {
            left.count(&present.bytes[self.written.load(Ordering::Relaxed).min(present.bytes.len())..]);
        }
        state.batches.iter().for_each(|batch| left.count(&batch.piece.bytes));
        left
    }

    /// Takes the piece and gives other memory for it, or gives it back.
    fn put(&self, producer: ProducerId, piece: Piece) -> Result<(Vec<u8>, Position), Piece> {
        let mut state = self.lock();
        let owned = state.owner.is_some();
        let memory = state.put(producer, piece, self.limit, self.when_full)?;
        let (position, released) = (Position(state.taken), owned && state.owner.is_none());
        drop(state);
        self.filled.notify_one();
        if released {
            self.freed.notify_waiters();
        }
        Ok((memory, position))
    }

    /// A thread that panicked ends the program; until then the counts are good enough.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, producer: ProducerId, piece: Piece, limit: usize, when_full: WhenFull) -> Result<Vec<u8>, Piece> {
        if self.owner.is_some_and(|owner| owner != producer) {
            return Err(piece);
        }
        let ends = piece.bytes.ends_with(b"\n");
        let full = self.used > 0 && self.used + piece.bytes.len() > limit;
        if self.drops == Some(producer) || (full && when_full == WhenFull::DropNewest) {
            return Ok(self.drop_newest(producer, piece, ends));
        }
        if full {
            return Err(piece);
        }
        self.owner = (!ends).then_some(producer);
        self.taken += piece.bytes.len() as u64;
        Ok(self.take(piece))
    }

    fn take(&mut self, piece: Piece) -> Vec<u8> {
        let Piece { mut bytes, kind } = piece;
        if bytes.len() >= LARGE && bytes.capacity() <= bytes.len().saturating_mul(2) {
            self.add(Piece { bytes, kind });
            return self.kept.pop().unwrap_or_default();
        }
        let joins = |last: &&mut Batch| {
            kind == PieceKind::Lines
                && last.piece.kind == PieceKind::Lines
                && last.piece.bytes.len() + bytes.len() <= LARGE
        };
        match self.batches.back_mut().filter(joins) {
            Some(Batch { piece: last, .. }) => {
                self.used -= last.bytes.capacity();
                last.bytes.extend_from_slice(&bytes);
                self.used += last.bytes.capacity();
            }
            None => self.add(Piece { bytes: bytes.as_slice().to_vec(), kind }),
        }
        bytes.clear();
        bytes
    }

    /// Joins what follows to `piece`.
    fn join(&mut self, piece: &mut Piece, most: usize) {
        if piece.kind != PieceKind::Lines {
            return;
        }
        let (mut length, mut joined) = (piece.bytes.len(), 0);
        for next in &self.batches {
            length += next.piece.bytes.len();
            if next.piece.kind != PieceKind::Lines || length > most {
                break;
            }
            joined += 1;
        }
        if joined > 0 {
            self.used -= piece.bytes.capacity();
            let more = self.batches.iter().take(joined).map(|next| next.piece.bytes.len()).sum();
            piece.bytes.reserve_exact(more);
            for next in self.batches.drain(..joined) {
                self.used -= next.piece.bytes.capacity();
                piece.bytes.extend_from_slice(&next.piece.bytes);
            }
            self.used += piece.bytes.capacity();
        }
    }

    fn add(&mut self, piece: Piece) {
        self.used += piece.bytes.capacity();
        self.batches.push_back(Batch { piece, since: Instant::now() });
    }

    /// A line that has begun in the queue is closed there, so that the next does not continue it.
    fn drop_newest(&mut self, producer: ProducerId, piece: Piece, ends: bool) -> Vec<u8> {
        self.dropped.count(&piece.bytes);
        if self.owner.take().is_some() {
            self.taken += 1;
            self.take(Piece::lines(b"\n".to_vec()));
        }
        self.drops = (!ends).then_some(producer);
        let mut memory = piece.bytes;
        memory.clear();
        memory
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
        let bytes = batch.bytes.clone();
        queue.done(batch);
        Some(bytes)
    }

    fn push(queue: &Queue, producer: ProducerId, piece: &[u8]) -> bool {
        queue.push(producer, Piece::lines(piece.to_vec())).now_or_never().is_some()
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
    fn what_follows_is_joined_up_to_a_size_and_never_to_a_message() {
        let queue = Queue::new(1 << 20);
        let large = [&vec![b'x'; LARGE][..], b"\n"].concat();
        assert!(push(&queue, A, &large) && push(&queue, A, b"one\n") && push(&queue, A, &large));
        let message = Piece { bytes: b"a\nb\n".to_vec(), kind: PieceKind::Message };
        assert!(queue.push(A, message.clone()).now_or_never().is_some() && push(&queue, A, b"two\n"));
        let next = |most| {
            let batch = queue.next_up_to(most).now_or_never()??;
            let piece = Piece::clone(&batch);
            queue.done(batch);
            Some(piece)
        };
        assert_eq!(next(LARGE + 1 + 4).map(|piece| piece.bytes), Some([&large[..], b"one\n"].concat()));
        assert_eq!(next(1 << 30).map(|piece| piece.bytes), Some(large));
        assert_eq!(next(1 << 30), Some(message));
        assert_eq!(next(1 << 30).map(|piece| piece.bytes), Some(b"two\n".to_vec()));
        assert_eq!(queue.used(), 0);
    }

    #[test]
    fn an_open_line_keeps_the_others_out() {
        let queue = Queue::new(1 << 20);
        assert!(push(&queue, A, b"begin"));
        let mut other = Box::pin(queue.push(B, Piece::lines(b"other\n".to_vec())));
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
        let mut waiting = Box::pin(queue.push(B, Piece::lines(b"x\n".to_vec())));
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

    #[test]
    fn positions_follow_the_sink() {
        let queue = Queue::new(1 << 20);
        let push = |piece: Piece| queue.push(A, piece).now_or_never().expect("room").1;
        let first = push(Piece::lines(b"one\n".to_vec()));
        let second = push(Piece { bytes: b"a\nb\n".to_vec(), kind: PieceKind::Message });
        let third = push(Piece::lines(b"two\n".to_vec()));
        assert_eq!((first, second, third), (Position(4), Position(8), Position(12)));
        assert!(queue.held(first).now_or_never().is_none());
        assert_eq!(next(&queue).as_deref(), Some(&b"one\n"[..]), "a message is joined with nothing");
        assert!(queue.held(first).now_or_never().is_some() && queue.held(second).now_or_never().is_none());
        assert_eq!(next(&queue).as_deref(), Some(&b"a\nb\n"[..]));
        assert!(queue.held(second).now_or_never().is_some() && queue.oldest().is_some());
        assert_eq!(next(&queue).as_deref(), Some(&b"two\n"[..]));
        assert_eq!(queue.oldest(), None);
    }

    #[test]
    fn where_it_is_asked_for_what_does_not_fit_is_dropped_whole_lines_at_a_time() {
        let queue = Queue::new(10).when_full(WhenFull::DropNewest);
        assert!(push(&queue, A, b"0123456789 begin"));
        assert!(push(&queue, A, b" middle") && push(&queue, A, b" end\n") && push(&queue, B, b"b\n"));
        assert_eq!(queue.dropped(), Amount { bytes: 14, lines: 2 });
        assert_eq!(next(&queue).as_deref(), Some(&b"0123456789 begin\n"[..]), "what had begun is closed");
        assert!(push(&queue, B, b"again\n"));
        assert_eq!(next(&queue).as_deref(), Some(&b"again\n"[..]));
    }
}
