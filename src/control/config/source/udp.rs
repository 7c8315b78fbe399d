//! UDP datagrams.

use std::net::SocketAddr;

use crate::control::config::field::{default, required, settings};
use crate::control::config::shape::measure::Memory;

settings! {
    /// UDP datagrams.
    pub struct Udp {
        /// Address to listen on.
        listen: SocketAddr = required("127.0.0.1:5514");
        /// The largest datagram that is taken whole.
        max_datagram: Memory = default("64K").between(512, 64 << 10);
    }
}
