//! Reading what must not linger: every buffer is wiped, also the ones it outgrew.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// What a first buffer holds in bytes: more than most keyrings and most lists of secrets.
const FIRST: usize = 16 * 1024;

/// Why something could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WipedError {
    /// It holds more bytes than the limit.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads `source` to its end, at most `limit` bytes.
///
/// A vector that grows by itself leaves its old bytes behind in freed memory; here each outgrown buffer is wiped.
/// `source` should not buffer on its own.
///
/// # Errors
/// [`WipedError::TooLong`] as soon as there is a byte beyond `limit`; [`WipedError::Io`] when reading fails.
pub(crate) fn read_to_end(mut source: impl Read, limit: usize) -> Result<Zeroizing<Vec<u8>>, WipedError> {
    // One byte more than the limit is enough to see that it is passed.
    let most = limit.saturating_add(1);
    let mut buffer = Zeroizing::new(vec![0; FIRST.min(most)]);
    let mut len = 0;
    loop {
        if len == buffer.len() {
            if len > limit {
                return Err(WipedError::TooLong(limit));
            }
            let mut larger = Zeroizing::new(vec![0; len.saturating_mul(2).min(most)]);
            larger[..len].copy_from_slice(&buffer);
            buffer = larger;
        }
        match source.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    if len > limit {
        return Err(WipedError::TooLong(limit));
    }
    buffer.truncate(len);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_up_to_the_limit_is_read() {
        for len in [0, 1, FIRST - 1, FIRST, FIRST + 1, 5 * FIRST] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            assert_eq!(*read_to_end(&bytes[..], len).expect("within the limit"), bytes);
            if len > 0 {
                assert!(matches!(read_to_end(&bytes[..], len - 1), Err(WipedError::TooLong(_))));
            }
        }
    }

    #[test]
    fn an_endless_source_is_refused_in_bounded_memory() {
        assert!(matches!(read_to_end(io::repeat(b'x'), 100_000), Err(WipedError::TooLong(100_000))));
    }
}
