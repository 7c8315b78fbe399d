//! Frames -> the lines of a request.
//!
//! - `text`: each frame as it is, and a newline. A message with newlines in it arrives as several lines.
//! - `ndjson`: a frame that is a JSON object goes as it is (newlines between its members become spaces). Any other becomes
//!   `{"message": "…"}`. A byte that is not UTF-8 cannot stand in JSON: then U+FFFD stands for it in `message`, and `message_base64`
//!   holds the frame's own bytes. A line over the limit, passed on in parts, becomes several objects, all but the last with
//!   `"continues": true`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;

use crate::model::{Piece, PieceKind};

/// How lines stand in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a line.
    #[default]
    Ndjson,
    /// Lines as they are.
    Text,
}

/// A frame, and whether it is one whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) bytes: &'a [u8],
    /// It goes on what was sent before.
    pub(super) continued: bool,
    /// What is sent next goes on it.
    pub(super) continues: bool,
}

/// The frames of a piece; with `open`, the first goes on the piece before.
pub(super) fn frames(piece: &Piece, open: bool) -> Vec<Frame<'_>> {
    let whole = |bytes| Frame { bytes, continued: false, continues: false };
    let mut frames: Vec<Frame<'_>> = piece.frames().map(whole).collect();
    if let Some(first) = frames.first_mut() {
        first.continued = open;
    }
    if let Some(last) = frames.last_mut() {
        last.continues = is_open(piece);
    }
    frames
}

/// Whether the last line goes on with the next piece.
pub(super) fn is_open(piece: &Piece) -> bool {
    piece.kind == PieceKind::Lines && !piece.bytes.ends_with(b"\n")
}

impl Format {
    /// What it is called in a request.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Text => "text/plain",
        }
    }

    /// The lines of a request, uncompressed.
    pub(super) fn write(self, frames: &[Frame<'_>]) -> Vec<u8> {
        let mut out = Vec::with_capacity(frames.iter().map(|frame| frame.bytes.len() + 16).sum());
        for frame in frames {
            match self {
                Self::Text => out.extend_from_slice(frame.bytes),
                Self::Ndjson => write_object(&mut out, frame),
            }
            out.push(b'\n');
        }
        out
    }
}

fn write_object(out: &mut Vec<u8>, frame: &Frame<'_>) {
    if !frame.continued && !frame.continues && is_object(frame.bytes) {
        out.extend(frame.bytes.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        return;
    }
    out.push(b'{');
    write_message(out, frame.bytes);
    if frame.continues {
        out.extend_from_slice(b",\"continues\":true");
    }
    out.push(b'}');
}

/// The members that hold any bytes, without braces around them.
pub(super) fn write_message(out: &mut Vec<u8>, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    out.extend_from_slice(b"\"message\":");
    // A string can always be written, and so can anything into memory.
    let _ = serde_json::to_writer(&mut *out, &text);
    if std::str::from_utf8(bytes).is_err() {
        out.extend_from_slice(b",\"message_base64\":\"");
        out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        out.push(b'"');
    }
}

/// Whether a JSON object stands here and nothing else. Newlines in it can only stand between its parts.
fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
        && std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ndjson(piece: &Piece, open: bool) -> String {
        String::from_utf8(Format::Ndjson.write(&frames(piece, open))).expect("text")
    }

    #[test]
    fn objects_go_as_they_are_and_all_else_becomes_one() {
        let lines =
            "{\"a\": 1e400, \"b\":\"\\ud800\"}\n {\"n\":{}} \r\nplain \"text\"\n[1]\n{broken\n\n{\"a\":1} {\"b\":2}\n";
        let expected = concat!(
            "{\"a\": 1e400, \"b\":\"\\ud800\"}\n",
            " {\"n\":{}}  \n",
            "{\"message\":\"plain \\\"text\\\"\"}\n",
            "{\"message\":\"[1]\"}\n",
            "{\"message\":\"{broken\"}\n",
            "{\"message\":\"\"}\n",
            "{\"message\":\"{\\\"a\\\":1} {\\\"b\\\":2}\"}\n",
        );
        assert_eq!(ndjson(&Piece::lines(lines.into()), false), expected);
        assert_eq!(Format::Text.write(&frames(&Piece::lines(lines.into()), false)), lines.as_bytes());
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_beside_it() {
        let line = ndjson(&Piece::lines(b"caf\xe9 \x00\n".to_vec()), false);
        assert_eq!(line, "{\"message\":\"caf\u{fffd} \\u0000\",\"message_base64\":\"Y2Fm6SAA\"}\n");
        let object = ndjson(&Piece::lines(b"{\"a\":\"\xe9\"}\n".to_vec()), false);
        let object: serde_json::Value = serde_json::from_str(&object).expect("an object");
        assert_eq!(
            STANDARD.decode(object["message_base64"].as_str().expect("text")).expect("base64"),
            b"{\"a\":\"\xe9\"}"
        );
    }

    #[test]
    fn a_message_is_one_line_and_a_long_line_several() {
        let message = |bytes: &[u8]| Piece { bytes: bytes.to_vec(), kind: PieceKind::Message };
        assert_eq!(ndjson(&message(b"{\n \"a\": 1\n}\n"), false), "{  \"a\": 1 }\n");
        assert_eq!(ndjson(&message(b"one\ntwo\n"), false), "{\"message\":\"one\\ntwo\"}\n");
        assert_eq!(
            ndjson(&Piece::lines(b"{}\nlong".to_vec()), false),
            "{}\n{\"message\":\"long\",\"continues\":true}\n"
        );
        assert_eq!(ndjson(&Piece::lines(b"{}\n{}\n".to_vec()), true), "{\"message\":\"{}\"}\n{}\n");
    }
}
