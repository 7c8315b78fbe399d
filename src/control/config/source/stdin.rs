//! Standard input.

use crate::control::config::field::settings;

settings! {
    /// Standard input.
    pub struct Stdin {}
}
