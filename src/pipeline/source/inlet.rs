//! One input's lines on their way to the outlet: bytes in, as they come; cleaned lines out, as soon as they are whole.
//!
//! Memory for a line that has begun is taken before its bytes are, as for a connection ([`super::memory`]). Nobody but the input's
//! own task waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BufMut as _;

use super::memory::Share;
use super::patience::Hold;
use super::place::Place;
use crate::model::Piece;
use crate::pipeline::stream::{Stream, Taken};

/// The most that is taken at once. Blocks of this size stay in a core's second cache while they are scanned and written.
pub(super) const CHUNK: usize = 256 << 10;
/// Memory to take bytes into: a chunk, and the line before it that has begun.
const LENT: usize = CHUNK + (32 << 10);
/// Memory for a line grows by at least so much.
const GROWTH: usize = 64 << 10;
/// Lines that belong together with what follows wait for it no longer than this.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// An input whose messages are lines.
pub(super) struct Inlet {
    pub(super) place: Place,
    stream: Stream,
    share: Share,
    /// The line that was pushed last has not ended yet.
    open: bool,
    hold: Hold,
}

impl Inlet {
    pub(super) fn new(place: Place) -> Self {
        let share = Share::new(Arc::clone(&place.bench.shared.memory));
        let stream = Stream::new(place.source.settings.max_line);
        Self { place, stream, share, open: false, hold: Hold::default() }
    }

    /// How many bytes [`take`](Self::take) may be given next, at least one; waits for memory where the line that has begun needs more.
    pub(super) async fn room(&mut self) -> usize {
        if self.share.allowed() <= self.stream.held() {
            // What waits for more is only kept together as long as that costs nobody his line.
            if self.stream.waits() {
                self.pass_on_waiting().await;
            }
            let (held, waited) = (self.stream.held(), Instant::now());
            self.share.grow(held + GROWTH.max(held)).await;
            self.hold.excuse(waited.elapsed());
        }
        let held = self.stream.held();
        self.share.try_grow(held + CHUNK);
        self.share.allowed().saturating_sub(held).clamp(1, CHUNK)
    }

    /// Takes `bytes`, cleans what is whole and pushes it.
    pub(super) async fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.fill(bytes);
            self.clean(false).await;
        }
        self.hold.set(self.open || self.share.is_large(), Instant::now());
    }

    /// Puts as many of `bytes` behind what was not cleaned yet as there is room for; gives the others.
    fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let buffers = &mut self.place.bench.tools.borrow_mut().buffers;
        if buffers.lent.capacity() < LENT {
            buffers.lent = Vec::with_capacity(LENT);
        }
        self.stream.fill(bytes.len(), &mut buffers.lent, |into| {
            let (now, later) = bytes.split_at(bytes.len().min(into.remaining_mut()));
            into.put_slice(now);
            later
        })
    }

    /// The input has ended: all that was taken is passed on, and a line that has no end gets one.
    pub(super) async fn end(&mut self) {
        self.clean(true).await;
        self.close().await;
    }

    /// The input broke off: whole lines that wait are passed on, and a line that has begun is not, as half of a secret may be in it.
    pub(super) async fn abandon(&mut self) {
        if self.stream.waits() {
            self.pass_on_waiting().await;
        }
        if self.open {
            self.withhold().await;
        }
    }

    /// Closes the line that is open in the output, if one is: what was not passed on of it is not.
    pub(super) async fn close(&mut self) {
        if self.open {
            self.open = false;
            self.push(b"\n".to_vec()).await;
        }
    }

    /// Cleans and pushes lines that waited for what follows.
    pub(super) async fn pass_on_waiting(&mut self) {
        let Self { stream, place, .. } = self;
        let piece = place.work(|worker, buffers| {
            stream.clean_waiting(worker, &mut buffers.out);
            std::mem::take(&mut buffers.out)
        });
        self.push(piece).await;
    }

    /// Whether whole lines wait for what follows.
    pub(super) fn waits(&self) -> bool {
        self.stream.waits()
    }

    /// See [`Stream::resumable`].
    pub(super) fn resumable(&self) -> Option<usize> {
        self.stream.resumable().filter(|_| !self.open)
    }

    /// Whether others wait for what a line has held for too long: for the output, or for memory.
    pub(super) fn is_out_of_patience(&self, silent: Duration, now: Instant) -> bool {
        let (source, memory) = (&self.place.source, &self.place.bench.shared.memory);
        let (patience, wanted) = if self.open {
            (source.settings.output, source.outlet.owner_keeps_others_waiting())
        } else {
            (source.settings.memory, self.share.is_large() && memory.is_short())
        };
        wanted && (silent >= patience.silence || self.hold.lasted(now) > patience.total)
    }

    /// Whether a line is open in the output: no turn is needed, as those who have one wait for this line's end.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Gives the present line up, and with it what others wait for.
    pub(super) async fn withhold(&mut self) {
        tracing::warn!(input = self.place.peer(), "the rest of a line is withheld");
        let Self { stream, open, place, .. } = self;
        let piece = place.work(|worker, buffers| {
            stream.withhold(*open, worker, &mut buffers.out);
            std::mem::take(&mut buffers.out)
        });
        self.share.shrink(0);
        self.open = false;
        self.push(piece).await;
        self.hold.set(false, Instant::now());
    }

    /// Cleans and pushes all that is whole; with `ended`, all.
    async fn clean(&mut self, ended: bool) {
        loop {
            let Self { stream, share, open, place, .. } = self;
            let piece = place.work(|worker, buffers| {
                let taken = stream.take_cleaned(ended, worker, &mut buffers.block, &mut buffers.out);
                let nothing = taken == Taken::Nothing;
                *open = buffers.out.last().filter(|_| !nothing).map_or(*open, |last| *last != b'\n');
                stream.settle(&mut buffers.lent);
                // In the midst of a long line the share stays as it is: whoever holds the output must never wait for memory.
                if *open {
                    share.note(stream.capacity());
                } else {
                    share.shrink(stream.capacity().max(stream.held()));
                }
                (!nothing).then(|| std::mem::take(&mut buffers.out))
            });
            match piece {
                None => return,
                Some(piece) => self.push(piece).await,
            }
        }
    }

    async fn push(&mut self, lines: Vec<u8>) {
        let waited = Instant::now();
        self.place.push(Piece::lines(lines)).await;
        self.hold.excuse(waited.elapsed());
    }
}
