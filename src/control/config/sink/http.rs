//! HTTP requests with many lines each.

use std::path::PathBuf;
use std::time::Duration;

use crate::control::config::address::HttpUrl;
use crate::control::config::fault::Problem;
use crate::control::config::field::{choices, default, optional, required, settings};
use crate::control::config::reader::Section;
use crate::control::config::secret::{Headers, SecretRef};
use crate::control::config::shape::measure::Memory;
use crate::control::config::shape::{Maybe, Table};
use crate::control::config::tls::ClientTls;

choices! {
    /// What a request's body is.
    pub enum BodyFormat: "format" {
        /// A JSON object on each line: lines that are one as they are, others as {"message": …}.
        Ndjson = "ndjson",
        /// The lines as they are.
        Text = "text",
    }
}

choices! {
    /// How a request's body is packed.
    pub enum BodyCompression: "compression" {
        /// Not at all.
        None = "none",
        /// With gzip.
        Gzip = "gzip",
        /// With Zstandard.
        Zstd = "zstd",
    }
}

settings! {
    /// HTTP requests with many lines each.
    pub struct Http {
        /// Where they are posted to.
        url: HttpUrl = required("https://logs.internal:8443/ingest");
        /// What a body is.
        format: BodyFormat = default("ndjson");
        /// How a body is packed.
        compression: BodyCompression = default("none").example("zstd");
        /// Bytes of lines in a body at most, before they are packed.
        batch_size: Memory = default("1M").between(1 << 10, 1 << 30);
        /// How long lines are gathered for a body; "0s" sends what is there.
        batch_wait: Duration = default("0s").example("200ms").between(0, 3_600_000);
        /// The time that a request may take.
        timeout: Duration = default("30s").between(100, 3_600_000);
        /// The bearer token that is sent.
        token: Maybe<SecretRef> = optional(r#"{ env = "INGEST_TOKEN" }"#, "none is sent");
        /// Headers that are sent: texts, or references to secrets.
        headers: Headers = default("{}").example(r#"{ "x-tenant" = "payments", "x-api-key" = { credential = "api-key" } }"#);
        /// The file that gets the lines of requests that the service refuses for good.
        dead_letter: Maybe<PathBuf> = optional("/var/lib/inkprint/ingest.dead", "they are kept and sent again, and hold up what follows");
        /// TLS.
        tls: Maybe<Table<ClientTls>> = optional("{}", "for https, the authorities that Mozilla trusts");
    } check = check;
}

fn check(http: &Http, section: &mut Section<'_, '_>) -> Option<()> {
    if http.tls.is_some() && !http.url.https {
        return section.refuse("tls", Problem::Excludes("a `url` that begins with http:"));
    }
    let authorization = http.headers.iter().any(|(name, _)| name == "authorization");
    if http.token.is_some() && authorization {
        return section.refuse("token", Problem::Excludes("an authorization among `headers`"));
    }
    Some(())
}
