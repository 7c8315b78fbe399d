//! A few requests to the server over HTTP, within one time for all of them.

use std::time::Instant;

use serde::Serialize;
use ureq::Agent;
use zeroize::Zeroizing;

use super::super::https::{self, Answer};
use super::settings::{Login, Settings, SettingsError};
use super::{VaultError, body};

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

impl Client {
    /// Prepares to ask; nothing is sent yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, VaultError> {
        let fault = |error| {
            let path = settings.authorities.clone().unwrap_or_default();
            SettingsError::Authorities { path, error }
        };
        let agent = https::agent(settings.authorities.as_deref()).map_err(fault)?;
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
