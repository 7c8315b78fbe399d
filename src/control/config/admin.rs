//! The pages of the admin side: metrics, health, API.

use super::address::AdminAddress;
use super::fault::Problem;
use super::field::{default, optional, settings};
use super::reader::Section;
use super::secret::SecretRef;
use super::shape::{Maybe, Table};
use super::tls::{Clients, ServerTls};

settings! {
    /// Metrics, health and the API, over HTTP.
    pub struct Admin {
        /// Address to serve on: an IP address and a port, or unix: and the path of a socket. Where others than this machine can reach
        /// it, `token` or client certificates are needed.
        listen: AdminAddress = default("127.0.0.1:9640");
        /// The bearer token that is asked for.
        token: Maybe<SecretRef> = optional(r#"{ credential = "admin-token" }"#, "no token is asked for");
        /// TLS.
        tls: Maybe<Table<ServerTls>> = optional("{}", "plain HTTP");
    } check = check;
}

fn check(admin: &Admin, section: &mut Section<'_, '_>) -> Option<()> {
    if admin.tls.is_some() && matches!(admin.listen, AdminAddress::Unix(_)) {
        return section.refuse("tls", Problem::Excludes("a Unix socket"));
    }
    let guarded = admin.tls.as_ref().is_some_and(|tls| matches!(tls.clients, Clients::Required(_)));
    if admin.listen.is_local() || admin.token.is_some() || guarded {
        return Some(());
    }
    section.refuse("listen", Problem::OpenAdmin)
}
