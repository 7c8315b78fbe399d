//! The shared words: what passes between stages is bytes or one of these types.

mod id;
mod piece;
mod secret;
mod sighting;
mod span;

pub use id::{Fingerprint, IdError, KeyEpoch, Namespace, RuleId};
pub use piece::{Piece, PieceKind};
pub use secret::{NamespaceSalt, Secret, SecretKey};
pub use sighting::{Batch, Coverage, Hour, Seen, Sighting, SourceId};
pub use span::Span;
