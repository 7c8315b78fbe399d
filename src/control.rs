//! The control side.

pub mod keyring;
