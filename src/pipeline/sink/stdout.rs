//! A descriptor that is written in whole batches: standard output.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

use rustix::event::{PollFd, PollFlags, poll};

use crate::pipeline::queue::Queue;

/// Writes every batch to `output`. Blocks its thread while the reader is slow.
///
/// # Errors
/// When a write fails, `EPIPE` included; what was not written is still in the queue's account.
pub async fn run(queue: &Queue, mut output: File) -> io::Result<()> {
    while let Some(batch) = queue.next().await {
        let mut written = 0;
        while written < batch.len() {
            match output.write(&batch[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Standard output is shared with whoever made it not block.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(&output, PollFlags::OUT)], None);
                }
                Err(error) => return Err(error),
            }
            queue.wrote(written);
        }
        queue.done(batch);
    }
    Ok(())
}
