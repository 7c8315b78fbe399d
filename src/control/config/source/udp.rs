//! UDP datagrams.

use std::net::SocketAddr;

use crate::control::config::field::{required, settings};

settings! {
    /// UDP datagrams.
    pub struct Udp {
        /// Address to listen on.
        listen: SocketAddr = required("127.0.0.1:5514");
    }
}
