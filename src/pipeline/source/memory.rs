//! What connections may hold of unfinished lines, together: bounded in bytes, and never a deadlock.
//!
//! - Every connection may hold [`BASE`] bytes; the limit on connections bounds their sum.
//! - What it holds beyond comes from a pool that all share, and is taken before a byte is read. When the pool is empty, a connection
//!   whose line goes on waits, and its sender with it.
//! - So that not all wait for each other, each with half a line, there is one share more, large enough for the longest line: the last
//!   resort. Whoever waits longest gets it, so that one line at least can end, or be passed on in windows; then it goes to the next.
//! - Its holder may be a sender that says no more. A connection that holds more than [`BASE`] while others wait, and keeps them
//!   waiting beyond all patience, loses its line: see [`super::patience`].
//! - Memory comes first, the output after it: nobody waits for memory whose line is open in the output, as a share is not given back
//!   in the midst of a long line. And nobody who waits for memory holds its lane's turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a connection may always hold.
pub const BASE: usize = 4 << 10;

/// The pool and the last resort.
#[derive(Debug)]
pub struct Memory {
    pool: Arc<Semaphore>,
    last_resort: Arc<Semaphore>,
    max_line: usize,
    waiting: AtomicUsize,
    held: AtomicUsize,
}

impl Memory {
    /// A pool of so many bytes, beside the last resort of `max_line` bytes.
    pub fn new(pool: usize, max_line: usize) -> Self {
        Self {
            pool: Arc::new(Semaphore::new(pool)),
            last_resort: Arc::new(Semaphore::new(1)),
            max_line,
            waiting: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
        }
    }

    /// Whether a connection waits for what others hold.
    pub fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Bytes held by all connections.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// One connection's share.
#[derive(Debug)]
pub struct Share {
    memory: Arc<Memory>,
    more: Option<OwnedSemaphorePermit>,
    last_resort: Option<OwnedSemaphorePermit>,
    held: usize,
}

impl Share {
    /// A share of [`BASE`] bytes.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory, more: None, last_resort: None, held: 0 }
    }

    /// Bytes that may be held.
    pub fn allowed(&self) -> usize {
        match self.last_resort {
            Some(_) => self.memory.max_line,
            None => BASE + self.more.as_ref().map_or(0, OwnedSemaphorePermit::num_permits),
        }
    }

    /// Whether it is more than [`BASE`].
    pub fn is_large(&self) -> bool {
        self.allowed() > BASE
    }

    /// Takes more so that `bytes` may be held, if it is there.
    pub fn try_grow(&mut self, bytes: usize) {
        let missing = bytes.min(self.memory.max_line).saturating_sub(self.allowed());
        if missing > 0
            && let Ok(permit) = Arc::clone(&self.memory.pool).try_acquire_many_owned(count(missing))
        {
            self.add(permit);
        }
    }

    /// Waits until `bytes` may be held.
    pub async fn grow(&mut self, bytes: usize) {
        let missing = bytes.min(self.memory.max_line).saturating_sub(self.allowed());
        if missing == 0 {
            return;
        }
        let memory = Arc::clone(&self.memory);
        let _waiting = Waits::new(&memory.waiting);
        let (pool, last_resort) = (Arc::clone(&memory.pool), Arc::clone(&memory.last_resort));
        // Neither is ever closed.
        tokio::select! {
            biased;
            Ok(permit) = pool.acquire_many_owned(count(missing)) => self.add(permit),
            Ok(permit) = last_resort.acquire_owned() => {
                self.more = None;
                self.last_resort = Some(permit);
            }
        }
    }

    /// Takes note of how much is held, and gives back what is beyond it.
    pub fn shrink(&mut self, held: usize) {
        self.note(held);
        let beyond = held.saturating_sub(BASE);
        if self.last_resort.is_some() {
            if beyond == 0 {
                self.last_resort = None;
            }
        } else if let Some(more) = &mut self.more {
            let surplus = more.num_permits().saturating_sub(beyond);
            drop(more.split(surplus));
            if beyond == 0 {
                self.more = None;
            }
        }
    }

    /// Takes note of how much is held.
    pub fn note(&mut self, held: usize) {
        self.memory.held.fetch_add(held, Ordering::Relaxed);
        self.memory.held.fetch_sub(self.held, Ordering::Relaxed);
        self.held = held;
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.more {
            Some(more) => more.merge(permit),
            None => self.more = Some(permit),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.note(0);
    }
}

/// Lines are far shorter than 4 GiB.
fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Counts one that waits, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    const LINE: usize = 256 << 10;

    #[test]
    fn when_all_hold_half_a_line_one_can_still_end() {
        let memory = Arc::new(Memory::new(2 * 1024, LINE));
        let mut shares: Vec<Share> = (0..3).map(|_| Share::new(Arc::clone(&memory))).collect();
        shares[0].try_grow(BASE + 1024);
        shares[1].try_grow(BASE + 1024);
        assert!(shares[0].is_large() && shares[1].is_large());
        assert_eq!(shares[2].grow(BASE + 1).now_or_never(), Some(()), "the last resort is there");
        assert_eq!(shares[2].allowed(), LINE);
        assert_eq!(shares[0].grow(BASE + 4096).now_or_never(), None, "and is one");
        shares[2].shrink(BASE);
        assert_eq!(shares[0].grow(BASE + 4096).now_or_never(), Some(()), "and goes on to the next");
        assert_eq!(shares[1].grow(BASE + 2048).now_or_never(), Some(()), "which gave its own back");
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let memory = Arc::new(Memory::new(LINE, LINE));
        let mut share = Share::new(Arc::clone(&memory));
        for held in [LINE, 10, BASE + 17, 0] {
            share.try_grow(held);
            assert!(share.allowed() >= held);
            share.shrink(held);
            assert_eq!((share.allowed(), memory.held()), (held.max(BASE), held));
        }
        share.try_grow(LINE);
        drop(share);
        assert_eq!((memory.held(), memory.pool.available_permits()), (0, LINE));
    }
}
