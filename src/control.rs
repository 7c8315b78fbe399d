//! The control side: what sets up the data path and answers for it, beside the stream and never in it.

pub mod admin;
pub mod inventory;
pub mod keyring;
pub mod lookup;
pub mod metrics;
pub mod rules;
pub mod sightings;
pub mod trace;
pub(crate) mod wiped;
