//! What a piece of cleaned log is made of.

/// How a piece of cleaned log is read as frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Each line, with the newline that ends it, is a frame.
    #[default]
    Lines,
    /// The whole is one frame, whatever newlines it holds.
    Message,
}
