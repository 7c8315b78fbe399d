//! The data path: blocks of whole frames through one worker's stages, in order.

pub mod bridger;
pub mod detect;
pub mod detention;
pub mod feed;
pub mod fingerprint;
pub mod framing;
pub mod meters;
pub mod outlet;
pub mod pipe;
pub mod policy;
pub mod queue;
pub mod report;
pub mod rewrite;
pub mod sink;
pub mod source;
pub mod spool;
pub mod standing;
pub mod stream;
pub mod tally;
pub mod tls;
pub mod witness;
pub mod worker;
