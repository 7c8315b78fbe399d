//! One limit on memory, divided among those who hold log.

use crate::pipeline::source::memory::BASE;

/// Bytes for each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Cleaned lines that wait for the output.
    pub queue: usize,
    /// Lines that have begun, beyond what each connection may always hold.
    pub lines: usize,
}

/// The limit is too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("for {connections} connections and lines of {max_line} bytes, {least} bytes of memory are the least")]
pub struct BudgetError {
    /// Connections at once.
    pub connections: usize,
    /// The longest line handled whole.
    pub max_line: usize,
    /// What would do.
    pub least: usize,
}

impl Budget {
    /// Divides `memory`: what each connection may always hold and the line of last resort are set aside, the queue and unfinished
    /// lines have a half each of the rest. Not in it: the system's socket buffers, and some MiB for each thread.
    ///
    /// # Errors
    /// [`BudgetError`] when the rest would not hold one line in each half.
    pub fn divide(memory: usize, connections: usize, max_line: usize) -> Result<Self, BudgetError> {
        let aside = connections.saturating_mul(BASE).saturating_add(max_line);
        let least = aside.saturating_add(max_line.saturating_mul(2));
        if memory < least {
            return Err(BudgetError { connections, max_line, least });
        }
        let half = (memory - aside) / 2;
        Ok(Self { queue: half, lines: half })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_together_are_the_limit() {
        let budget = Budget::divide(64 << 20, 4096, 1 << 20).expect("enough");
        assert_eq!(budget.queue + budget.lines + 4096 * BASE + (1 << 20), 64 << 20);
        let error = Budget::divide(8 << 20, 4096, 1 << 20).expect_err("too little");
        assert!(Budget::divide(error.least, 4096, 1 << 20).is_ok());
    }
}
