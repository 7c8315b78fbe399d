//! Bounds on the process as a whole.

use std::time::Duration;

use super::field::{default, settings};
use super::shape::measure::Memory;
use crate::pipeline::framing::MIN_MAX_LINE;

/// The most that a longest line may be: with more, memory would be no bound.
pub const MOST_LINE: u64 = 1 << 30;

/// The least that a longest line may be.
pub const LEAST_LINE: u64 = MIN_MAX_LINE as u64;

settings! {
    /// Bounds on the process as a whole.
    pub struct Limits {
        /// Log that is held in memory at once: queues before the sinks and lines not yet whole. When it is used up, sources are made
        /// to wait.
        memory: Memory = default("64M").between(1 << 20, 16 << 40);
        /// Lines over this are cleaned in overlapping windows instead of whole.
        max_line: Memory = default("1M").between(LEAST_LINE, MOST_LINE);
        /// After SIGTERM, the time to pass on what was read; what is left then is spooled, or told as lost.
        drain_timeout: Duration = default("10s").between(0, 86_400_000);
    }
}
