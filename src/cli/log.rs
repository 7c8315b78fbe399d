//! The program's own log, on standard error; never a line that passes through.

use std::process::ExitCode;

use tracing::level_filters::LevelFilter;

use super::FAILURE;
use crate::pipeline::queue::Amount;

/// Starts it.
pub(super) fn start(level: LevelFilter, json: bool) {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    // There is none before: the program has just begun.
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.with_ansi(false).try_init() };
}

/// Tells what a service has left when it stopped, and gives its exit code.
pub(super) fn stopped(left: Amount) -> ExitCode {
    if left.bytes > 0 {
        tracing::error!(lines = left.lines, bytes = left.bytes, "not passed on within the time to drain: lost");
        return ExitCode::from(FAILURE);
    }
    tracing::info!("stopped: all that was read was passed on");
    ExitCode::SUCCESS
}
