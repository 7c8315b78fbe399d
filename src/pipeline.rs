//! The data path.

pub mod fingerprint;
