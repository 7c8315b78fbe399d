//! The control side: what sets up the data path and answers for it, beside the stream and never in it.

pub mod admin;
pub mod bridge;
pub mod chronicle;
pub mod config;
pub mod gaps;
pub mod inventory;
pub mod journal;
pub mod keyring;
pub mod lookup;
pub mod metrics;
pub mod notify;
pub mod preflight;
pub(crate) mod private_file;
pub mod quarantine;
pub mod reload;
pub mod rotation;
pub mod rules;
pub mod sandbox;
pub mod schedule;
pub mod sightings;
pub mod trace;
pub(crate) mod wiped;
