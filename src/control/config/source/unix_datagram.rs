//! Datagrams to a Unix socket.

use std::path::PathBuf;

use crate::control::config::field::{default, required, settings};
use crate::control::config::shape::measure::Mode;

settings! {
    /// Datagrams to a Unix socket.
    pub struct UnixDatagram {
        /// The path of the socket. One that is left from before is replaced.
        path: PathBuf = required("/run/inkprint/datagrams.sock");
        /// Who may send: its permission bits.
        mode: Mode = default("0660");
    }
}
