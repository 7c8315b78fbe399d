//! A TCP peer, plain or with TLS.

use super::SinkFraming;
use crate::control::config::address::HostPort;
use crate::control::config::field::{default, optional, required, settings};
use crate::control::config::shape::{Maybe, Table};
use crate::control::config::tls::ClientTls;

settings! {
    /// A TCP peer, plain or with TLS.
    pub struct Tcp {
        /// The host, by name or address, and the port.
        address: HostPort = required("127.0.0.1:6515");
        /// How lines are told apart.
        framing: SinkFraming = default("lf").example("octet-counting");
        /// TLS.
        tls: Maybe<Table<ClientTls>> = optional("{}", "plain TCP");
    }
}
