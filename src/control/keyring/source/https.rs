//! Requests to services that keep keys.
//!
//! Redirects are not followed and no proxy is used: a credential goes to the server named and to nobody else. What is read is wiped; the
//! buffers of TLS and HTTP below are not ours to wipe.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::value::RawValue;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

use crate::pipeline::detect::{Written, decode};

/// Makes requests to servers whose certificates are from the authorities in this PEM file; without one, from the public ones.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn agent(authorities: Option<&Path>) -> Result<Agent, String> {
    let roots = match authorities {
        None => RootCerts::WebPki,
        Some(path) => {
            let pem = fs::read(path).map_err(|error| error.to_string())?;
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                return Err("there is no certificate in it".to_owned());
            }
            RootCerts::new_with_certs(&certificates)
        }
    };
    Ok(Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("inkprint/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent())
}

/// Whether what is sent to this address, a scheme and a host, can be read by nobody else.
pub(super) fn is_safe(address: &str) -> bool {
    let plain = address.strip_prefix("http://");
    let Some(rest) = plain.or_else(|| address.strip_prefix("https://")) else { return false };
    // No user, no path, no question: what follows is put behind it.
    let sound = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"/@?#\\".contains(&byte));
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    sound && (plain.is_none() || ["127.0.0.1", "localhost", "[::1]"].contains(&host))
}

/// What a server answered, in JSON.
pub(super) struct Answer(pub(super) Zeroizing<Vec<u8>>);

impl Answer {
    /// The text at the end of a path of members, its escapes undone.
    pub(super) fn text(&self, path: &[&str]) -> Option<Zeroizing<Vec<u8>>> {
        let mut at: &RawValue = serde_json::from_slice(&self.0).ok()?;
        for name in path {
            at = *serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(at.get()).ok()?.get(*name)?;
        }
        // Not by the parser, which would leave a copy in a buffer of its own.
        let written = at.get().strip_prefix('"')?.strip_suffix('"')?;
        let text = decode::canonical(written.as_bytes(), Written::Json(1));
        Some(Zeroizing::new(text.expose().to_vec()))
    }
}
