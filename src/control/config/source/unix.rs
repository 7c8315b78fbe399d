//! Connections to a Unix socket.

use std::path::PathBuf;
use std::time::Duration;

use super::StreamFraming;
use crate::control::config::field::{default, optional, required, settings};
use crate::control::config::shape::Maybe;
use crate::control::config::shape::measure::{Count, Mode, OrOff};

settings! {
    /// Connections to a Unix socket.
    pub struct Unix {
        /// The path of the socket. One that is left from before is replaced.
        path: PathBuf = required("/run/inkprint/logs.sock");
        /// Who may connect: its permission bits.
        mode: Mode = default("0660");
        /// How the stream is divided into lines.
        framing: Maybe<StreamFraming> = optional("nul", "auto where `syslog` is true, else lf");
        /// Whether the lines are syslog (RFC 5424 or 3164), whose headers are kept intact.
        syslog: bool = default("false");
        /// Connections at once; more wait to be accepted.
        max_connections: Count = default("4096").between(1, 1_000_000);
        /// A connection that says nothing for so long is closed; "0s" turns this off.
        idle_timeout: OrOff<Duration> = default("0s").example("15m").between(1_000, 604_800_000);
        /// The time that the length before a message may take from its first byte.
        header_timeout: Duration = default("10s").between(100, 3_600_000);
    }
}

impl Unix {
    /// The framing in force: what is written, else what goes with `syslog`.
    pub fn framing(&self) -> StreamFraming {
        super::framing(self.framing, self.syslog)
    }
}
