//! TCP connections, plain or with TLS.

use std::net::SocketAddr;
use std::time::Duration;

use super::StreamFraming;
use crate::control::config::field::{default, optional, required, settings};
use crate::control::config::shape::measure::{Count, OrOff};
use crate::control::config::shape::{Maybe, Table};
use crate::control::config::tls::ServerTls;

settings! {
    /// TCP connections, plain or with TLS.
    pub struct Tcp {
        /// Address to listen on.
        listen: SocketAddr = required("127.0.0.1:6514");
        /// How the stream is divided into lines.
        framing: Maybe<StreamFraming> = optional("auto", "auto where `syslog` is true, else lf");
        /// Whether the lines are syslog (RFC 5424 or 3164), whose headers are kept intact.
        syslog: bool = default("false");
        /// Connections at once; more wait to be accepted.
        max_connections: Count = default("4096").between(1, 1_000_000);
        /// A connection that says nothing for so long is closed; "0s" turns this off.
        idle_timeout: OrOff<Duration> = default("0s").example("15m").between(1_000, 604_800_000);
        /// The time that a TLS handshake, or the length before a message, may take from its first byte.
        header_timeout: Duration = default("10s").between(100, 3_600_000);
        /// TLS.
        tls: Maybe<Table<ServerTls>> = optional("{}", "plain TCP");
    }
}

impl Tcp {
    /// The framing in force: what is written, else what goes with `syslog`.
    pub fn framing(&self) -> StreamFraming {
        super::framing(self.framing, self.syslog)
    }
}
