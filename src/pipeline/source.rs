//! Where bytes enter.

mod interruptible;

pub use interruptible::Interruptible;
