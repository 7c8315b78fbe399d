//! What a sink takes from: batches in order, each of which counts as held only once the sink says that it is done with it.

use std::sync::Arc;

use super::queue::Queue;
use crate::model::Piece;

/// A sink's input. A batch that is not [`done`](Self::done) when the sink loses its peer is sent again.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Straight from memory.
    Queue(Arc<Queue>),
}

impl Feed {
    /// The next batch, or `None` when no more will come. One at a time.
    pub async fn next(&self) -> Option<Arc<Piece>> {
        match self {
            Self::Queue(queue) => queue.next().await,
        }
    }

    /// The same, with what follows joined to it up to so many bytes, where that can be done.
    pub async fn next_up_to(&self, most: usize) -> Option<Arc<Piece>> {
        match self {
            Self::Queue(queue) => queue.next_up_to(most).await,
        }
    }

    /// Takes note of how many bytes of the present batch were handed on.
    pub fn wrote(&self, bytes: usize) {
        match self {
            Self::Queue(queue) => queue.wrote(bytes),
        }
    }

    /// The present batch is safe with whom it was handed to.
    pub fn done(&self, batch: Arc<Piece>) {
        match self {
            Self::Queue(queue) => queue.done(batch),
        }
    }
}
