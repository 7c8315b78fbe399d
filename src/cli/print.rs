//! Writing a command's answer to standard output.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Writes `text` to standard output. A reader that has gone away has seen what it wanted, and is no error.
///
/// # Errors
/// That standard output cannot be written.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output cannot be written"),
        _ => Ok(()),
    }
}
