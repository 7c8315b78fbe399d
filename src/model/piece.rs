//! A piece of cleaned log, as it passes from a source to its sinks.

/// How a piece divides into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PieceKind {
    /// Each line is a frame. The last one may be open: its rest comes with its producer's next piece.
    Lines,
    /// The whole piece is one frame, with newlines inside it. It ends with one more, which is not of it.
    Message,
}

/// Cleaned bytes and how they divide into frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The cleaned bytes.
    pub bytes: Vec<u8>,
    /// How they divide.
    pub kind: PieceKind,
}

impl Piece {
    /// Lines.
    pub fn lines(bytes: Vec<u8>) -> Self {
        Self { bytes, kind: PieceKind::Lines }
    }

    /// The frames without what ends them; none is split, and an open line at the end is one.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.bytes.as_slice();
        let (lines, message) = match self.kind {
            PieceKind::Lines => (bytes, None),
            PieceKind::Message => (&[][..], Some(bytes)),
        };
        lines
            .split_inclusive(|byte| *byte == b'\n')
            .chain(message)
            .map(|frame| frame.strip_suffix(b"\n").unwrap_or(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_lines_and_of_a_message() {
        let lines = Piece::lines(b"one\n\nthree\nopen".to_vec());
        assert_eq!(lines.frames().collect::<Vec<_>>(), [&b"one"[..], b"", b"three", b"open"]);
        let message = Piece { bytes: b"first\nsecond\n\n".to_vec(), kind: PieceKind::Message };
        assert_eq!(message.frames().collect::<Vec<_>>(), [&b"first\nsecond\n"[..]]);
    }
}
