//! Where bytes enter.

mod interruptible;
mod relayed;
pub mod tcp;

pub use interruptible::Interruptible;
pub use relayed::Relayed;
