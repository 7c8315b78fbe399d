//! A pipe that is read without holding up who writes into it.
//!
//! The kernel copies into a pipe and out of one under the pipe's lock, and who finds it taken spins: with a writer that is as fast as we
//! are, both spent a fifth of their time on that. So what stands in the pipe is moved into one of our own, page by page and without a
//! copy, and copied out of there while the writer fills the first one again.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};

/// A pipe holds 64 KiB by default, and a switch of processes is needed for each; with so much both sides run longer at a time.
pub(super) const CAPACITY: usize = 1 << 20;

/// Reads a pipe through another one; anything else as it is.
#[derive(Debug)]
pub struct Relayed {
    input: File,
    /// `None` where there is nothing to be gained.
    relay: Option<Relay>,
}

#[derive(Debug)]
struct Relay {
    writer: PipeWriter,
    reader: PipeReader,
    /// Bytes in the relay.
    held: usize,
}

impl Relayed {
    /// Wraps `input`, and widens it where it is a pipe. More room may be refused, to a user who has many pipes, which is no harm.
    pub fn new(input: File) -> Self {
        let relay = || -> io::Result<Relay> {
            fcntl_setpipe_size(&input, CAPACITY)?;
            let (reader, writer) = io::pipe()?;
            fcntl_setpipe_size(&writer, CAPACITY)?;
            Ok(Relay { writer, reader, held: 0 })
        };
        let relay = relay().ok();
        Self { input, relay }
    }
}

impl Read for Relayed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(relay) = &mut self.relay else { return self.input.read(into) };
        if relay.held == 0 && !into.is_empty() {
            match splice(&self.input, None, &relay.writer, None, CAPACITY, SpliceFlags::empty()) {
                Ok(0) => return Ok(0),
                Ok(moved) => relay.held = moved,
                // It is empty now, so that nothing is lost or out of order without it.
                Err(Errno::INVAL) => {
                    self.relay = None;
                    return self.input.read(into);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let limit = relay.held.min(into.len());
        let read = relay.reader.read(&mut into[..limit])?;
        relay.held -= read;
        Ok(read)
    }
}

/// What to wait for: the input, or the relay while there is something in it.
impl AsFd for Relayed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.relay {
            Some(relay) if relay.held > 0 => relay.reader.as_fd(),
            _ => self.input.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_pipe_comes_through_whole_whatever_is_asked_for_at_a_time() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let text: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
        let written = text.clone();
        let side = std::thread::spawn(move || writer.write_all(&written).expect("written"));
        let mut relayed = Relayed::new(File::from(OwnedFd::from(reader)));
        assert!(relayed.relay.is_some(), "a pipe is relayed");
        let (mut read, mut room, mut size) = (Vec::new(), vec![0; 300_000], 1);
        loop {
            match relayed.read(&mut room[..size]).expect("read") {
                0 => break,
                some => read.extend_from_slice(&room[..some]),
            }
            size = (size * 7 + 1) % 300_000 + 1;
        }
        side.join().expect("the writer ends");
        assert!(read == text, "{} bytes of {}", read.len(), text.len());
    }

    #[test]
    fn a_file_is_read_as_it_is() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"a line\n").expect("written");
        std::io::Seek::rewind(&mut file).expect("rewound");
        let mut read = Vec::new();
        Relayed::new(file).read_to_end(&mut read).expect("read");
        assert_eq!(read, b"a line\n");
    }
}
