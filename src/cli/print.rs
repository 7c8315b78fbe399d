//! Writing a command's answer to standard output, and what is to be told beside it to standard error.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Writes `text` to standard output. A reader that has gone away has seen what it wanted, and is no error.
///
/// # Errors
/// That standard output cannot be written.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output, which need not be text.
///
/// # Errors
/// As [`print()`].
pub(super) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output cannot be written"),
        _ => Ok(()),
    }
}

/// Writes `text` to standard error. Where that cannot be written there is nobody to tell, and the work goes on.
pub(super) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
