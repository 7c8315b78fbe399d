//! How a request's body is compressed.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;

/// A content coding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// `gzip`, which every server knows.
    Gzip,
    /// `zstd`: smaller and several times as fast.
    Zstd,
}

/// Zstandard's own middle.
const LEVEL: i32 = 3;

impl Compression {
    /// The body, compressed, and how it is then called in a request.
    pub(super) fn compress(self, body: Vec<u8>) -> (Vec<u8>, Option<&'static str>) {
        let (compressed, coding) = match self {
            Self::None => return (body, None),
            Self::Gzip => (gzip(&body), "gzip"),
            Self::Zstd => (zstd::bulk::compress(&body, LEVEL), "zstd"),
        };
        match compressed {
            Ok(compressed) => (compressed, Some(coding)),
            // Larger is better than not at all.
            Err(_) => (body, None),
        }
    }
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_is_compressed_can_be_read_again() {
        let body = b"a line\n".repeat(1000);
        let (gzip, coding) = Compression::Gzip.compress(body.clone());
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut read).expect("gzip");
        assert!(coding == Some("gzip") && read == body && gzip.len() < body.len() / 10);
        let (zstd, coding) = Compression::Zstd.compress(body.clone());
        let read = zstd::bulk::decompress(&zstd, body.len()).expect("zstd");
        assert!(coding == Some("zstd") && read == body && zstd.len() < body.len() / 10);
        assert!(Compression::None.compress(body.clone()) == (body, None));
    }
}
