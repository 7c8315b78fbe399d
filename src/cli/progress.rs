//! A bar while logs are searched.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over all bytes on the disk, on a terminal only, and only where there is enough to wait for.
pub(super) fn over_logs(logs: &[PathBuf]) -> ProgressBar {
    const WORTH_A_BAR: u64 = 64 << 20;
    let total = logs.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum();
    if total < WORTH_A_BAR {
        return ProgressBar::hidden();
    }
    // Drawn to a terminal only; elsewhere the target is a hidden one.
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
