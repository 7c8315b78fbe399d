//! A descriptor that is read until it ends, or until another one says stop; it says when nothing has come for a while.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

/// After the word to stop, no more than this is still read of what the other side has written already: what a pipe and the relay
/// behind it hold together.
const LEFT_BEHIND: usize = 2 * super::relayed::CAPACITY;

/// A read that brought nothing for so long ends as timed out: what waits for more shall not wait for ever.
const PATIENCE: rustix::time::Timespec = rustix::time::Timespec { tv_sec: 2, tv_nsec: 0 };

/// Reads from `input`; once `stop` is readable, takes what is there without waiting, and then ends.
#[derive(Debug)]
pub struct Interruptible<R> {
    input: R,
    stop: OwnedFd,
    left: Option<usize>,
}

impl<R: Read + AsFd> Interruptible<R> {
    /// Wraps `input`. `stop` becomes readable, and stays so, when reading is to end.
    pub fn new(input: R, stop: OwnedFd) -> Self {
        Self { input, stop, left: None }
    }

    /// Waits until there is input or the word to stop; whether there is input.
    fn wait(&mut self) -> io::Result<bool> {
        loop {
            let mut both = [PollFd::new(&self.input, PollFlags::IN), PollFd::new(&self.stop, PollFlags::IN)];
            let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
            match poll(&mut both, Some(if self.left.is_some() { &now } else { &PATIENCE })) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(0) if self.left.is_none() => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {}
            }
            let (input, stop) = (!both[0].revents().is_empty(), !both[1].revents().is_empty());
            if stop && self.left.is_none() {
                self.left = Some(LEFT_BEHIND);
            }
            if input || self.left.is_some() {
                return Ok(input);
            }
        }
    }
}

impl<R: Read + AsFd> Read for Interruptible<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.wait()? || self.left == Some(0) {
            return Ok(0);
        }
        let limit = self.left.unwrap_or(into.len()).min(into.len());
        let read = loop {
            match self.input.read(&mut into[..limit]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => break other?,
            }
        };
        if let Some(left) = &mut self.left {
            *left -= read;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_there_is_still_read_after_the_word_to_stop() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let (stop, mut say_stop) = io::pipe().expect("a pipe");
        let mut input = Interruptible::new(reader, stop.into());
        writer.write_all(b"last line\n").expect("written");
        say_stop.write_all(b"x").expect("written");
        let mut read = Vec::new();
        input.read_to_end(&mut read).expect("it ends though the writer is still open");
        assert_eq!(read, b"last line\n");
    }

    #[test]
    fn a_full_relay_and_the_full_pipe_before_it_are_still_read_after_the_word_to_stop() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let (stop, mut say_stop) = io::pipe().expect("a pipe");
        let relayed = super::super::Relayed::new(std::fs::File::from(OwnedFd::from(reader)));
        let mut input = Interruptible::new(relayed, stop.into());
        let full = vec![b'x'; super::super::relayed::CAPACITY];
        writer.write_all(&full).expect("a pipe takes it");
        // One byte asked for moves all of it into the relay, so that the pipe takes as much again.
        input.read_exact(&mut [0]).expect("read");
        writer.write_all(&full).expect("a pipe takes it");
        say_stop.write_all(b"x").expect("written");
        let mut read = Vec::new();
        input.read_to_end(&mut read).expect("it ends though the writer is still open");
        assert_eq!(read.len() + 1, 2 * full.len());
    }
}
