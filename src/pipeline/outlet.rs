//! From one source to the sinks of its routes: every one of them gets every piece, in the same order.
//!
//! - A piece is handed to one sink after the other, each time waiting for room: what a slow sink has no more room for holds the source
//!   back. All outlets name their sinks in the same order, so that no two producers, each with a line open in one sink, wait for
//!   each other.
//! - What is held by all sinks can be told from what is merely on its way: [`Receipt`].

use std::sync::Arc;

use super::queue::{Position, ProducerId, Queue};
use crate::model::Piece;

/// Where a source's cleaned lines go.
#[derive(Clone, Debug)]
pub struct Outlet {
    queues: Arc<[Arc<Queue>]>,
}

/// How far the pieces of a producer reach in each sink's queue.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    positions: Vec<Position>,
}

impl Outlet {
    /// An outlet to these queues, at least one. Outlets that share queues must name them in the same order.
    pub fn new(queues: impl IntoIterator<Item = Arc<Queue>>) -> Self {
        let queues: Arc<[Arc<Queue>]> = queues.into_iter().collect();
        debug_assert!(!queues.is_empty(), "a source without a sink would lose everything");
        Self { queues }
    }

    /// Hands `piece` to every sink, and notes in `receipt` where it ends there. Gives empty memory for the next piece.
    pub async fn push(&self, producer: ProducerId, piece: Piece, receipt: &mut Receipt) -> Vec<u8> {
        if piece.bytes.is_empty() {
            return piece.bytes;
        }
        receipt.positions.resize(self.queues.len(), Position::default());
        let Some((last, others)) = self.queues.split_last() else { return piece.bytes };
        for (at, queue) in others.iter().enumerate() {
            receipt.positions[at] = queue.push(producer, piece.clone()).await.1;
        }
        let (memory, position) = last.push(producer, piece).await;
        receipt.positions[others.len()] = position;
        memory
    }

    /// Waits until every sink holds all that `receipt` tells of.
    pub async fn held(&self, receipt: &Receipt) {
        for (queue, position) in self.queues.iter().zip(&receipt.positions) {
            queue.held(*position).await;
        }
    }

    /// Whether every sink holds all that `receipt` tells of by now.
    pub fn is_held(&self, receipt: &Receipt) -> bool {
        self.queues.iter().zip(&receipt.positions).all(|(queue, position)| queue.is_held(*position))
    }

    /// Whether another producer waits for the end of the line that this one has open.
    pub fn owner_keeps_others_waiting(&self) -> bool {
        self.queues.iter().any(|queue| queue.owner_keeps_others_waiting())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn every_sink_gets_every_piece_and_all_must_hold_it() {
        let queues = [Arc::new(Queue::new(100)), Arc::new(Queue::new(100))];
        let outlet = Outlet::new(queues.clone());
        let mut receipt = Receipt::default();
        for text in ["one\n", "two\n"] {
            let piece = Piece::lines(text.as_bytes().to_vec());
            assert!(outlet.push(ProducerId(1), piece, &mut receipt).now_or_never().is_some());
        }
        for queue in &queues {
            assert!(!outlet.is_held(&receipt) && outlet.held(&receipt).now_or_never().is_none());
            let batch = queue.next().now_or_never().flatten().expect("there");
            assert_eq!(batch.bytes, b"one\ntwo\n");
            queue.done(batch);
        }
        assert!(outlet.is_held(&receipt) && outlet.held(&receipt).now_or_never().is_some());
    }
}
