//! Lines from many TCP connections, each line whole.
//!
//! - Order is kept within a connection. Lines of different connections never mix, however long.
//! - Lines end with a newline; one that a connection leaves unended when it closes is passed on with a newline of its own.
//! - Nothing read is dropped, and memory is bounded: while there is no room behind, no more is read, and TCP holds the senders back.
//! - An idle connection holds no buffer: it is read into memory that its lane's connections share, and keeps only the line that has
//!   begun.
//!
//! ```text
//! accept --least busy lane--> lane: a thread, its runtime, one worker --cleaned lines--> queue --> sink
//!                               +-- connection: wait for input, take turns, read, clean, push
//! ```
//!
//! Reading and cleaning a chunk is one piece of work on one thread: no hand-over between, and no worker waits for another. Who waits
//! for what, and why nobody waits for ever: [`memory`], [`patience`], [`connection`].

mod accept;
mod connection;
mod lane;
pub mod memory;
pub mod patience;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use self::accept::accept;
pub use self::lane::{Lane, LaneError, run};

use self::memory::Memory;
use self::patience::Patience;
use crate::model::SourceId;
use crate::pipeline::meters::Meters;
use crate::pipeline::queue::Queue;
use crate::pipeline::witness::Witnessing;

/// How connections are served.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Lines over so many bytes come in windows.
    pub max_line: usize,
    /// So many connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// How long a line may keep others waiting for the output.
    pub output: Patience,
    /// How long a line may keep others waiting for memory.
    pub memory: Patience,
}

/// What all lanes share.
pub struct Shared {
    /// How connections are served.
    pub settings: Settings,
    /// Where cleaned lines go.
    pub queue: Arc<Queue>,
    /// What unfinished lines may take.
    pub memory: Arc<Memory>,
    /// Where counts go.
    pub meters: Meters,
    /// Who is told of what is seen.
    pub witnessing: Option<Witnessing>,
    /// What the index calls every peer; without it, each is called by its address.
    pub id: Option<SourceId>,
    /// Stop reading.
    pub stop: CancellationToken,
}
