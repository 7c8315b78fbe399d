//! Where bytes leave: each takes batches from its feed, in order, until no more will come.

pub mod encoding;
pub mod file;
pub mod http;
pub mod peer;
pub mod stdout;
