//! HMAC-SHA256 (RFC 2104, FIPS 180-4) under a key that is used for millions of short texts.
//!
//! - The two key blocks are compressed once, so that a short text costs two compressions and nothing is copied or allocated for it.
//! - A text passes through one block on the stack, which is wiped behind it; the states are wiped when dropped.
//! - Agrees with the `hmac` crate for every length: a test holds it.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing, optimization_barrier};

/// What a hash begins with (FIPS 180-4, section 5.3.3).
const INITIAL: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const BLOCK: usize = 64;
/// Where the length stands in the last block.
const LENGTH_AT: usize = BLOCK - 8;
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

type State = [u32; 8];

/// A tag in bytes.
pub(super) type Tag = [u8; 32];

/// A key, ready for use.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Keyed {
    inner: State,
    outer: State,
}

impl Keyed {
    /// Takes a key of 32 bytes.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let begun = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            let mut state = INITIAL;
            compress256(&mut state, std::slice::from_ref(&*block));
            state
        };
        Self { inner: begun(INNER_PAD), outer: begun(OUTER_PAD) }
    }

    /// The tag of these parts, one behind the other.
    pub(super) fn tag(&self, parts: &[&[u8]]) -> Tag {
        let mut text = Text { state: self.inner, block: [0; BLOCK], filled: 0, length: BLOCK };
        parts.iter().for_each(|part| text.push(part));
        text.finish();
        // The text's block takes in the inner tag, too, so that this is wiped with it.
        let inner = size_of::<Tag>();
        text.block = [0; BLOCK];
        write(&text.state, &mut text.block);
        text.block[inner] = 0x80;
        text.block[LENGTH_AT..].copy_from_slice(&bits(BLOCK + inner));
        let mut state = self.outer;
        compress256(&mut state, std::slice::from_ref(&text.block));
        let mut tag = [0; size_of::<Tag>()];
        write(&state, &mut tag);
        tag
    }
}

/// A text on its way through one block.
struct Text {
    state: State,
    /// Zeros behind what is taken.
    block: [u8; BLOCK],
    /// Bytes of the block that are taken; never all of them.
    filled: usize,
    /// Bytes so far, those of the key included.
    length: usize,
}

impl Text {
    fn push(&mut self, mut part: &[u8]) {
        self.length += part.len();
        while part.len() >= BLOCK - self.filled {
            let (head, rest) = part.split_at(BLOCK - self.filled);
            self.block[self.filled..].copy_from_slice(head);
            compress256(&mut self.state, std::slice::from_ref(&self.block));
            self.block = [0; BLOCK];
            (self.filled, part) = (0, rest);
        }
        self.block[self.filled..self.filled + part.len()].copy_from_slice(part);
        self.filled += part.len();
    }

    /// Pads the text; its digest is the state then.
    fn finish(&mut self) {
        self.block[self.filled] = 0x80;
        if self.filled + 1 > LENGTH_AT {
            compress256(&mut self.state, std::slice::from_ref(&self.block));
            self.block = [0; BLOCK];
        }
        self.block[LENGTH_AT..].copy_from_slice(&bits(self.length));
        compress256(&mut self.state, std::slice::from_ref(&self.block));
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        (self.state, self.block) = ([0; 8], [0; BLOCK]);
        // The zeros must get there, though nobody reads them.
        optimization_barrier(self);
    }
}

/// A length in bits, as it stands in the last block.
fn bits(length: usize) -> [u8; 8] {
    (length as u64 * 8).to_be_bytes()
}

/// Writes a state's bytes to the front of `to`.
fn write(state: &State, to: &mut [u8]) {
    to.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    use super::*;

    fn expected(key: &[u8; 32], text: &[u8]) -> Tag {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn it_agrees_with_another_implementation_at_every_length() {
        let key = std::array::from_fn(|at| at as u8 ^ 0xa5);
        let keyed = Keyed::new(&key);
        let text: Vec<u8> = (0..300).map(|at| (at * 7 % 251) as u8).collect();
        for length in 0..text.len() {
            let text = &text[..length];
            let expected = expected(&key, text);
            assert_eq!(keyed.tag(&[text]), expected, "{length} bytes");
            let (head, rest) = text.split_at(length / 3);
            let (middle, rest) = rest.split_at(rest.len() / 2);
            assert_eq!(keyed.tag(&[head, middle, rest]), expected, "{length} bytes in parts");
        }
    }
}
