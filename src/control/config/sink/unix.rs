//! A Unix socket.

use std::path::PathBuf;

use super::SinkFraming;
use crate::control::config::field::{default, required, settings};

settings! {
    /// A Unix socket that takes connections.
    pub struct Unix {
        /// The path of the socket.
        path: PathBuf = required("/run/collector/in.sock");
        /// How lines are told apart.
        framing: SinkFraming = default("lf").example("nul");
    }
}
