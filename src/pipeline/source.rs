//! Where bytes enter.

mod interruptible;
pub mod tcp;

pub use interruptible::Interruptible;
