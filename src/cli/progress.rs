//! Logs that are searched one after the other, and a bar meanwhile.

use std::io;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::print::tell;
use crate::control::lookup::search::Search;

/// Searches all of `logs`, of which `-` is standard input; those that could not be read to their end are told and named.
pub(super) fn search_all(search: &mut Search<'_>, logs: &[PathBuf]) -> Vec<String> {
    let progress = over_logs(logs);
    let mut failed = Vec::new();
    for path in logs {
        let outcome = if path == Path::new("-") {
            search.log("-", io::stdin())
        } else {
            search.file(path, &|bytes| progress.inc(bytes))
        };
        if let Err(error) = outcome {
            progress.suspend(|| tell(&format!("inkprint: {error}\n")));
            failed.push(path.display().to_string());
        }
    }
    progress.finish_and_clear();
    failed
}

/// A bar over all bytes on the disk, on a terminal only, and only where there is enough to wait for.
fn over_logs(logs: &[PathBuf]) -> ProgressBar {
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
