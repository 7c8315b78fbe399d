//! Packed bodies, unpacked as they come: never more at once than a step brings, however well a body is packed.

use std::io::{self, Write as _};

use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// So much of a gzip body is unpacked in one step: it may become a thousand times as much.
const GZIP_STEP: usize = 128;
/// So much at most comes out of a step of zstd.
const ZSTD_STEP: usize = 64 << 10;
/// A zstd body may look back 8 MiB: what the format's own text asks every decoder to support.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a body is packed.
pub(super) enum Unpacker {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd {
        decoder: Decoder<'static>,
        /// A frame has begun and not ended.
        midway: bool,
    },
}

impl Unpacker {
    /// The one for a `Content-Encoding`; `None` for one that is not known.
    pub(super) fn of(encoding: Option<&str>) -> io::Result<Option<Self>> {
        Ok(Some(match encoding.unwrap_or("identity").trim().to_ascii_lowercase().as_str() {
            "identity" => Self::Plain,
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            "zstd" => {
                let mut decoder = Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                Self::Zstd { decoder, midway: false }
            }
            _ => return Ok(None),
        }))
    }

    /// Unpacks a step's part of `input` into `out`, whose content goes; gives the rest. It is done when there is no rest and nothing came.
    ///
    /// # Errors
    /// When it is not packed as it is said to be.
    pub(super) fn step<'i>(&mut self, input: &'i [u8], out: &mut Vec<u8>) -> io::Result<&'i [u8]> {
        out.clear();
        match self {
            Self::Plain => {
                out.extend_from_slice(input);
                Ok(&[])
            }
            Self::Gzip(decoder) => {
                let (now, later) = input.split_at(input.len().min(GZIP_STEP));
                decoder.write_all(now)?;
                std::mem::swap(decoder.get_mut(), out);
                Ok(later)
            }
            Self::Zstd { decoder, midway } => {
                if input.is_empty() && !*midway {
                    return Ok(input);
                }
                out.resize(ZSTD_STEP, 0);
                let (mut from, mut into) = (InBuffer::around(input), OutBuffer::around(&mut out[..]));
                let missing = decoder.run(&mut from, &mut into)?;
                let (read, written) = (from.pos(), into.pos());
                if read > 0 || written > 0 {
                    *midway = missing != 0;
                }
                out.truncate(written);
                Ok(&input[read..])
            }
        }
    }

    /// The body has ended; `out` gets what was left.
    ///
    /// # Errors
    /// When it has ended too early.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        match self {
            Self::Plain => Ok(()),
            Self::Gzip(decoder) => {
                decoder.try_finish()?;
                std::mem::swap(decoder.get_mut(), out);
                Ok(())
            }
            Self::Zstd { midway: false, .. } => Ok(()),
            Self::Zstd { midway: true, .. } => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(encoding: &str, packed: &[u8], size: usize) -> io::Result<(Vec<u8>, usize)> {
        let mut unpacker = Unpacker::of(Some(encoding))?.expect("known");
        let (mut all, mut out, mut most) = (Vec::new(), Vec::new(), 0);
        for piece in packed.chunks(size) {
            let mut rest = piece;
            loop {
                rest = unpacker.step(rest, &mut out)?;
                most = most.max(out.len());
                all.extend_from_slice(&out);
                if rest.is_empty() && out.is_empty() {
                    break;
                }
            }
        }
        unpacker.finish(&mut out)?;
        all.extend_from_slice(&out);
        Ok((all, most))
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).expect("packed");
        encoder.finish().expect("packed")
    }

    #[test]
    fn what_was_packed_comes_out_in_bounded_steps_and_cut_it_is_told() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let zeros = vec![b'0'; 20 << 20];
        let zstd = |text: &[u8]| zstd::encode_all(text, 19).expect("packed");
        for (encoding, packed, whole) in [
            ("gzip", gzip(&text), &text),
            ("zstd", zstd(&text), &text),
            ("gzip", [gzip(&text[..100]), gzip(&text[100..])].concat(), &text),
            ("zstd", [zstd(&text[..100]), zstd(&text[100..])].concat(), &text),
            ("gzip", gzip(&zeros), &zeros),
            ("zstd", zstd(&zeros), &zeros),
        ] {
            for size in [777, 65_536] {
                let (unpacked, most) = unpack(encoding, &packed, size).expect("unpacked");
                assert!(unpacked == *whole, "{encoding} in pieces of {size}");
                assert!(most <= 256 << 10, "{most} bytes in one step");
            }
            assert!(unpack(encoding, &packed[..packed.len() - 3], 4096).is_err(), "{encoding} cut");
            assert!(unpack(encoding, &[&packed[..40], &[7; 40][..]].concat(), 4096).is_err(), "{encoding} broken");
        }
        assert!(Unpacker::of(Some("br")).expect("asked").is_none());
    }

    #[test]
    fn a_window_over_the_limit_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.window_log(24).expect("set");
        encoder.write_all(&vec![b'x'; 32 << 20]).expect("packed");
        assert!(unpack("zstd", &encoder.finish().expect("packed"), 65_536).is_err());
    }
}
