//! What a sink takes from: batches in order, each of which counts as held only once the sink says that it is done with it.

use std::sync::Arc;

use super::queue::Queue;
use super::spool::{Spool, SpoolError};
use crate::model::{Piece, PieceKind};

/// So many bytes share a sync, if so many wait.
const TOGETHER: usize = 1 << 20;

/// A sink's input. A batch that is not [`done`](Self::done) when the sink loses its peer is sent again.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Straight from memory.
    Queue(Arc<Queue>),
    /// From the disk behind it.
    Spool(Arc<Spool>),
}

impl Feed {
    /// The next batch, or `None` when no more will come. One at a time.
    pub async fn next(&self) -> Option<Arc<Piece>> {
        match self {
            Self::Queue(queue) => queue.next().await,
            Self::Spool(spool) => spool.next().await,
        }
    }

    /// The same, with what follows joined to it up to so many bytes, where that can be done.
    pub async fn next_up_to(&self, most: usize) -> Option<Arc<Piece>> {
        match self {
            Self::Queue(queue) => queue.next_up_to(most).await,
            Self::Spool(spool) => spool.next_up_to(most).await,
        }
    }

    /// Takes note of how many bytes of the present batch were handed on.
    pub fn wrote(&self, bytes: usize) {
        match self {
            Self::Queue(queue) => queue.wrote(bytes),
            // What is not delivered whole is on the disk.
            Self::Spool(_) => {}
        }
    }

    /// The present batch is safe with whom it was handed to.
    pub fn done(&self, batch: Arc<Piece>) {
        match self {
            Self::Queue(queue) => queue.done(batch),
            Self::Spool(spool) => spool.done_with_all(),
        }
    }
}

/// Puts what comes out of the queue on the disk: only then do the sources hear that it is held. Ends, and closes the spool, when the
/// queue does.
///
/// # Errors
/// When the disk has failed. What was not put there is held by nobody: the queue keeps it, and its sources wait.
pub async fn spool(queue: &Queue, spool: &Spool, longest: usize) -> Result<(), SpoolError> {
    while let Some(batch) = queue.next_up_to(longest.min(TOGETHER)).await {
        // A message that is too long for a record is passed on as lines.
        let whole = batch.bytes.len() <= longest;
        for part in batch.bytes.chunks(longest.max(1)) {
            let kind = if whole { batch.kind } else { PieceKind::Lines };
            spool.append(Piece { bytes: part.to_vec(), kind }).await?;
        }
        queue.done(batch);
    }
    spool.close();
    Ok(())
}
