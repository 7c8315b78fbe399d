//! HTTP requests that bring lines.

use std::net::SocketAddr;
use std::time::Duration;

use crate::control::config::address::UrlPath;
use crate::control::config::field::{default, optional, required, settings};
use crate::control::config::secret::SecretRef;
use crate::control::config::shape::measure::{Count, Memory};
use crate::control::config::shape::{Maybe, Table};
use crate::control::config::tls::ServerTls;

settings! {
    /// HTTP requests that bring lines.
    pub struct Http {
        /// Address to listen on.
        listen: SocketAddr = required("127.0.0.1:8080");
        /// The path that is posted to.
        path: UrlPath = default("/").example("/ingest");
        /// The bearer token that is asked for.
        token: Maybe<SecretRef> = optional(r#"{ file = "/etc/inkprint/ingest.token" }"#, "no token is asked for");
        /// The largest body that is taken, before and after it is unpacked.
        max_body: Memory = default("16M").between(1 << 10, 1 << 30);
        /// Connections at once; more wait to be accepted. Each may hold `max_line` of lines, and more while it unpacks.
        max_connections: Count = default("256").between(1, 100_000);
        /// The time that a TLS handshake may take, and the headers of a request, from the end of the one before.
        header_timeout: Duration = default("20s").between(100, 3_600_000);
        /// A body of which nothing comes for so long is given up.
        idle_timeout: Duration = default("20s").between(1_000, 3_600_000);
        /// TLS.
        tls: Maybe<Table<ServerTls>> = optional("{}", "plain HTTP");
    }
}
