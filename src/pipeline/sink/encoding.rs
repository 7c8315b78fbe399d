//! Frames -> the bytes of a wire.

use std::borrow::Cow;

use memchr::memrchr;

use crate::model::Piece;

/// How frames are told apart on a wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Each ends with a newline. A message with newlines in it keeps them, so that it arrives as several lines.
    #[default]
    Lines,
    /// Each ends with a zero byte.
    Nul,
    /// Each begins with its length (RFC 6587, 3.4.1). A line that is over the limit and passed on in pieces becomes several frames.
    OctetCounting,
}

impl Encoding {
    /// A piece as it goes over the wire.
    pub fn encode(self, piece: &Piece) -> Cow<'_, [u8]> {
        match self {
            Self::Lines => Cow::Borrowed(&piece.bytes),
            Self::Nul => {
                let mut wire = Vec::with_capacity(piece.bytes.len());
                let mut left = piece.bytes.len();
                for frame in piece.frames() {
                    wire.extend_from_slice(frame);
                    left -= frame.len();
                    // An open line goes on with the next piece.
                    if left > 0 {
                        wire.push(0);
                        left -= 1;
                    }
                }
                Cow::Owned(wire)
            }
            Self::OctetCounting => {
                let mut wire = Vec::with_capacity(piece.bytes.len() + piece.bytes.len() / 16 + 16);
                for frame in piece.frames().filter(|frame| !frame.is_empty()) {
                    wire.extend_from_slice(frame.len().to_string().as_bytes());
                    wire.push(b' ');
                    wire.extend_from_slice(frame);
                }
                Cow::Owned(wire)
            }
        }
    }

    /// Where in `wire`, which is an encoded piece, the first frame begins that was not `sent` whole.
    pub fn resume(self, wire: &[u8], sent: usize) -> usize {
        let behind = |delimiter| memrchr(delimiter, &wire[..sent]).map_or(0, |at| at + 1);
        match self {
            Self::Lines => behind(b'\n'),
            Self::Nul => behind(0),
            Self::OctetCounting => {
                let mut at = 0;
                while let Some(end) = frame_end(&wire[at..]).map(|len| at + len).filter(|end| *end <= sent) {
                    at = end;
                }
                at
            }
        }
    }
}

/// The length of the octet-counted frame that `wire` begins with, its count included.
fn frame_end(wire: &[u8]) -> Option<usize> {
    let space = memchr::memchr(b' ', wire)?;
    let length = std::str::from_utf8(&wire[..space]).ok()?.parse::<usize>().ok()?;
    Some(space + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PieceKind;

    #[test]
    fn each_encoding_of_lines_and_messages() {
        let lines = Piece::lines(b"one\n\nthree\nopen".to_vec());
        let message = Piece { bytes: b"a\nb\n".to_vec(), kind: PieceKind::Message };
        assert_eq!(&*Encoding::Lines.encode(&lines), b"one\n\nthree\nopen");
        assert_eq!(&*Encoding::Nul.encode(&lines), b"one\0\0three\0open");
        assert_eq!(&*Encoding::Nul.encode(&message), b"a\nb\0");
        assert_eq!(&*Encoding::OctetCounting.encode(&lines), b"3 one5 three4 open");
        assert_eq!(&*Encoding::OctetCounting.encode(&message), b"3 a\nb");
    }

    #[test]
    fn what_was_sent_in_part_is_sent_again_from_its_beginning() {
        let wire = b"3 one5 three4 open";
        for (sent, from) in [(0, 0), (4, 0), (5, 5), (11, 5), (12, 12), (17, 12), (18, 18)] {
            assert_eq!(Encoding::OctetCounting.resume(wire, sent), from, "{sent}");
        }
        assert_eq!(Encoding::Lines.resume(b"one\ntwo\n", 6), 4);
        assert_eq!(Encoding::Nul.resume(b"one\0two\0", 3), 0);
    }
}
