//! A descriptor that is written in whole batches: standard output.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

use rustix::event::{PollFd, PollFlags, poll};

use crate::pipeline::feed::Feed;
use crate::pipeline::meters::SinkMeters;

/// Writes every batch to `output`. Blocks its thread while the reader is slow.
///
/// # Errors
/// When a write fails, `EPIPE` included; what was not written is still in the feed's account.
pub async fn run(feed: &Feed, mut output: File, meters: &SinkMeters) -> io::Result<()> {
    meters.up.set(1);
    while let Some(batch) = feed.next().await {
        let mut written = 0;
        while written < batch.bytes.len() {
            match output.write(&batch.bytes[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Standard output is shared with whoever made it not block.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(&output, PollFlags::OUT)], None);
                }
                Err(error) => return Err(error),
            }
            feed.wrote(written);
        }
        meters.bytes.increment(batch.bytes.len() as u64);
        meters.batches.increment(1);
        feed.done(batch);
    }
    Ok(())
}
