//! What of a stream waits for the lines that follow.

use zeroize::Zeroize as _;

use crate::pipeline::detect::Shape;

/// The end of a stream's blocks so far: lines that belong together with what follows, such as half of a private key.
#[derive(Debug, Default)]
pub struct Carry {
    pub(super) lines: Vec<u8>,
    /// How the rows of a key go on whose first part was cleaned already.
    pub(super) shape: Option<Shape>,
}

impl Carry {
    /// Whether nothing waits and nothing goes on.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.shape.is_none()
    }

    /// Bytes that wait.
    pub fn held(&self) -> usize {
        self.lines.len()
    }

    /// Whether rows of a key go on whose first part was cleaned already: what follows is only known by what was before.
    pub fn goes_on(&self) -> bool {
        self.shape.is_some()
    }
}

impl Drop for Carry {
    fn drop(&mut self) {
        self.lines.zeroize();
    }
}
