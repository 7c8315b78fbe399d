//! Certificates that are read again on a reload: checked first, and put in force together with all else.

use jiff::Timestamp;

use crate::control::reload::{ExpiryOf, Reloads};
use crate::pipeline::tls::{Acceptor, ClientSettings, Connector, ServerConfiguration, ServerSettings};

/// Those of a listener.
pub(super) struct ServerCertificates {
    part: String,
    settings: ServerSettings,
    acceptor: Acceptor,
    prepared: Option<ServerConfiguration>,
}

impl ServerCertificates {
    pub(super) fn new(part: String, settings: ServerSettings, acceptor: Acceptor) -> Self {
        Self { part, settings, acceptor, prepared: None }
    }
}

impl Reloads for ServerCertificates {
    fn part(&self) -> &str {
        &self.part
    }

    fn prepare(&mut self) -> Result<(), String> {
        let loaded = self.settings.load().map_err(|error| error.to_string())?;
        loaded.in_date(Timestamp::now()).map_err(|error| error.to_string())?;
        self.prepared = Some(loaded);
        Ok(())
    }

    fn apply(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.acceptor.install(prepared);
        }
    }

    fn certificates(&self) -> Option<ExpiryOf> {
        let acceptor = self.acceptor.clone();
        Some(Box::new(move || acceptor.expiry()))
    }
}

/// Those of a sink.
pub(super) struct ClientCertificates {
    part: String,
    settings: ClientSettings,
    connector: Connector,
    prepared: Option<Connector>,
}

impl ClientCertificates {
    pub(super) fn new(part: String, settings: ClientSettings, connector: Connector) -> Self {
        Self { part, settings, connector, prepared: None }
    }
}

impl Reloads for ClientCertificates {
    fn part(&self) -> &str {
        &self.part
    }

    fn prepare(&mut self) -> Result<(), String> {
        self.prepared = Some(Connector::new(&self.settings).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn apply(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.connector.install(&prepared);
        }
    }

    fn certificates(&self) -> Option<ExpiryOf> {
        let connector = self.connector.clone();
        Some(Box::new(move || connector.expiry()))
    }
}
