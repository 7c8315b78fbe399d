//! A few requests to the server over HTTP, within one time for all of them.
//!
//! Redirects are not followed and no proxy is used: a token goes to the server named and to nobody else. What is read is wiped; the
//! buffers of TLS and HTTP below are not ours to wipe.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::time::Instant;

use serde::Serialize;
use serde_json::value::RawValue;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

use super::settings::{Login, Settings, SettingsError};
use super::{VaultError, body};
use crate::pipeline::detect::{Written, decode};

/// A connection to the server, and as whom.
pub(super) struct Client {
    agent: Agent,
    address: String,
    namespace: Option<String>,
    deadline: Instant,
    token: Zeroizing<String>,
    /// Whether the token was made for this client alone.
    own: bool,
}

/// What the server answered.
pub(super) struct Answer(Zeroizing<Vec<u8>>);

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

impl Client {
    /// Prepares to ask; nothing is sent yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, VaultError> {
        let roots = match &settings.authorities {
            None => RootCerts::WebPki,
            Some(path) => {
                let fault = |error: String| SettingsError::Authorities { path: path.clone(), error };
                let pem = fs::read(path).map_err(|error| fault(error.to_string()))?;
                let mut certificates = Vec::new();
                for item in parse_pem(&pem) {
                    if let PemItem::Certificate(certificate) = item.map_err(|error| fault(error.to_string()))? {
                        certificates.push(certificate);
                    }
                }
                if certificates.is_empty() {
                    return Err(fault("there is no certificate in it".to_owned()).into());
                }
                RootCerts::new_with_certs(&certificates)
            }
        };
        let agent = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("inkprint/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            address: settings.address.clone(),
            namespace: settings.namespace.clone(),
            deadline: Instant::now() + settings.timeout,
            token: Zeroizing::new(String::new()),
            own: false,
        })
    }

    /// Takes the token given, or gets one for the role.
    pub(super) fn log_in(&mut self, login: &Login) -> Result<(), VaultError> {
        #[derive(Serialize)]
        struct Role<'a> {
            role_id: &'a str,
            secret_id: &'a str,
        }
        match login {
            Login::Token(token) => self.token = token.clone(),
            Login::AppRole { mount, role_id, secret_id } => {
                let what = "the AppRole login";
                let role = Role { role_id, secret_id };
                let role = Zeroizing::new(serde_json::to_vec(&role).unwrap_or_default());
                // The server says 400 where it means that role or secret are wrong.
                let answer = match self.post(&format!("auth/{mount}/login"), &role, what) {
                    Err(VaultError::Status { status: 400, .. }) => return Err(VaultError::Refused { what }),
                    other => other?,
                };
                let token = answer.text(&["auth", "client_token"]).ok_or(VaultError::Form { what, hint: "" })?;
                let token =
                    std::str::from_utf8(&token).ok().filter(|token| token.bytes().all(|b| b.is_ascii_graphic()));
                self.token = Zeroizing::new(token.ok_or(VaultError::Form { what, hint: "" })?.to_owned());
                self.own = true;
            }
        }
        Ok(())
    }

    /// Revokes a token of our own, and renews one that was given, so that one which is used regularly does not expire. What was asked
    /// for is there already: neither has to succeed.
    pub(super) fn leave(&self) {
        let path = if self.own { "auth/token/revoke-self" } else { "auth/token/renew-self" };
        if !self.token.is_empty() {
            let _ = self.post(path, b"{}", "leaving");
        }
    }

    /// Asks for `path`.
    pub(super) fn get(&self, path: &str, what: &'static str) -> Result<Answer, VaultError> {
        self.ask(path, None, what)
    }

    /// Sends JSON to `path`.
    pub(super) fn post(&self, path: &str, json: &[u8], what: &'static str) -> Result<Answer, VaultError> {
        self.ask(path, Some(json), what)
    }

    fn ask(&self, path: &str, json: Option<&[u8]>, what: &'static str) -> Result<Answer, VaultError> {
        let url = format!("{}/v1/{path}", self.address);
        let mut headers = vec![("X-Vault-Request", "true")];
        headers.extend(self.namespace.as_deref().map(|namespace| ("X-Vault-Namespace", namespace)));
        headers.extend((!self.token.is_empty()).then_some(("X-Vault-Token", self.token.as_str())));
        let left = Some(self.deadline.saturating_duration_since(Instant::now()));
        let asked = match json {
            None => {
                let request = self.agent.get(&url).config().timeout_global(left).build();
                headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).call()
            }
            Some(json) => {
                let request = self.agent.post(&url).config().timeout_global(left).build();
                let request = request.header("Content-Type", "application/json");
                headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send(json)
            }
        };
        // Of its own errors the client shows the address and the reason, and nothing that was sent.
        let response = asked.map_err(|error| VaultError::Transport(error.to_string()))?;
        match response.status().as_u16() {
            200 | 204 => Ok(Answer(body(response.into_body().into_reader())?)),
            503 => Err(VaultError::Sealed),
            403 => Err(VaultError::Refused { what }),
            404 => Err(VaultError::NotFound { what }),
            status => Err(VaultError::Status { what, status }),
        }
    }
}
