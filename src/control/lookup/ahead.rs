//! Reads ahead: while one portion is searched, a thread reads, or decompresses, the next.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{channel, sync_channel};

/// So many portions are read ahead at most, beside the one that is searched.
const AHEAD: usize = 2;

/// Gives `search` what `reader` has, portion by portion, each behind what it wanted to see again of the one before: it is given that with
/// the portion, and how much of it that is, and says from where on it wants to see it again, which must be its last `again` bytes at most.
/// A portion has `size` bytes at most.
///
/// # Errors
/// What the reader says; the portions before were given.
pub(super) fn read_ahead(
    reader: &mut (dyn Read + Send),
    size: usize,
    again: usize,
    mut search: impl FnMut(&[u8], usize) -> usize,
) -> io::Result<()> {
    std::thread::scope(|scope| {
        let (filled, portions) = sync_channel(AHEAD);
        let (emptied, empty) = channel();
        for _ in 0..=AHEAD {
            // Its other end is there.
            let _ = emptied.send(vec![0; again + size]);
        }
        scope.spawn(move || {
            for mut buffer in empty {
                let read = loop {
                    match reader.read(&mut buffer[again..]) {
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        read => break read,
                    }
                };
                let ends = !matches!(read, Ok(1..));
                if filled.send((buffer, read)).is_err() || ends {
                    return;
                }
            }
        });
        let mut kept = Vec::with_capacity(again);
        for (mut buffer, read) in portions {
            let read = read?;
            if read == 0 {
                break;
            }
            let start = again - kept.len();
            buffer[start..again].copy_from_slice(&kept);
            let text = &buffer[start..again + read];
            let from = search(text, kept.len());
            kept.clear();
            kept.extend_from_slice(&text[from..]);
            // Who reads may have come to the end.
            let _ = emptied.send(buffer);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_given_once_behind_what_is_wanted_again() {
        let text: Vec<u8> = (0..10_000u32).flat_map(u32::to_be_bytes).collect();
        for size in [1, 7, 4096, 100_000] {
            let (mut seen, mut before) = (Vec::new(), Vec::new());
            let read = read_ahead(&mut &text[..], size, 5, |portion, again| {
                assert_eq!(portion[..again], before[before.len() - again..]);
                assert!(portion.len() > again && portion.len() - again <= size);
                seen.extend_from_slice(&portion[again..]);
                before = portion.to_vec();
                portion.len().saturating_sub(portion.len() % 6)
            });
            assert!(read.is_ok() && seen == text, "{size}");
        }
    }

    #[test]
    fn what_was_read_before_an_error_is_given() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 | 3 => Ok(buffer.len()),
                    2 => Err(ErrorKind::Interrupted.into()),
                    _ => Err(ErrorKind::BrokenPipe.into()),
                }
            }
        }
        let mut bytes = 0;
        let read = read_ahead(&mut Broken(0), 10, 3, |portion, again| {
            bytes += portion.len() - again;
            portion.len()
        });
        assert!(read.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) && bytes == 20);
    }
}
