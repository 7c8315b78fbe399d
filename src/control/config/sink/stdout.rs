//! Standard output.

use crate::control::config::field::settings;

settings! {
    /// Standard output.
    pub struct Stdout {}
}
