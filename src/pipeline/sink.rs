//! Where bytes leave: each takes batches from a queue, in order, until the queue is closed and empty.

pub mod stdout;
pub mod tcp;
