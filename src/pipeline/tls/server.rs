//! The side that is connected to.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::expiry::Expiry;
use super::failure::HandshakeFailure;
use super::files::{TlsError, authorities, certified_key, in_date, revocation_lists, unusable};
use super::names::NamePattern;
use super::session::Session;
use super::verifier::NamedClients;

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked; without one they are let in all the same, with a wrong one they are not.
    Optional,
    /// Without one they are not let in.
    Required,
}

/// What a listener needs for TLS.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// PEM file: the certificate, then those between it and its authority.
    pub certificate: PathBuf,
    /// PEM file: its private key.
    pub key: PathBuf,
    /// PEM file: the authorities that may sign clients' certificates.
    pub client_ca: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client: ClientAuth,
    /// Names that a client's certificate must hold one of; none: any name is good.
    pub names: Vec<NamePattern>,
    /// PEM or DER files: revocation lists, one of each authority.
    pub crl: Vec<PathBuf>,
}

/// Settings and the files that they name, read and checked, ready to be put in force.
pub struct ServerConfiguration {
    settings: ServerSettings,
    rustls: Arc<ServerConfig>,
    expiry: Expiry,
}

/// Makes sessions from connections, by what is in force when they begin. Clones share it.
#[derive(Clone)]
pub struct Acceptor(Arc<RwLock<Arc<ServerConfiguration>>>);

impl ServerSettings {
    /// Every file that is read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let own = [&self.certificate, &self.key];
        own.into_iter().chain(&self.client_ca).chain(&self.crl).map(PathBuf::as_path)
    }

    /// Reads every file and checks the whole.
    ///
    /// # Errors
    /// The first fault, with its file. A certificate that has ended is none: whoever connects will say so.
    pub fn load(&self) -> Result<ServerConfiguration, TlsError> {
        let mut expiry = Expiry::default();
        let provider = Arc::new(ring::default_provider());
        let own = certified_key(&self.certificate, &self.key, &provider, &mut expiry)?;
        let clients = self.clients(&mut expiry)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&self.certificate, "certificate", error))?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(ServerConfiguration { settings: self.clone(), rustls: Arc::new(config), expiry })
    }

    fn clients(&self, expiry: &mut Expiry) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let Some(authority) = self.client_ca.as_ref().filter(|_| self.client != ClientAuth::None) else {
            let asked = self.client != ClientAuth::None || !self.names.is_empty() || !self.crl.is_empty();
            return match asked {
                true => Err(TlsError::NoClientAuthority),
                false => Ok(WebPkiClientVerifier::no_client_auth()),
            };
        };
        let roots = authorities(authority, expiry)?;
        let provider = Arc::new(ring::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider)
            .with_crls(revocation_lists(&self.crl, expiry)?)
            .enforce_revocation_expiration();
        if self.client == ClientAuth::Optional {
            builder = builder.allow_unauthenticated();
        }
        let verifier = builder.build().map_err(|error| match &error {
            VerifierBuilderError::InvalidCrl(_) => {
                unusable(self.crl.first().unwrap_or(authority), "revocation list", error)
            }
            _ => unusable(authority, "certificate", error),
        })?;
        Ok(match self.names.is_empty() {
            true => verifier,
            false => Arc::new(NamedClients::new(verifier, self.names.clone())),
        })
    }
}

impl ServerConfiguration {
    /// Until when what was loaded is good.
    pub fn expiry(&self) -> Expiry {
        self.expiry
    }

    /// Refuses a certificate that has ended, as a load again does.
    ///
    /// # Errors
    /// With its file and the time.
    pub fn in_date(&self, now: Timestamp) -> Result<(), TlsError> {
        in_date(&self.settings.certificate, &self.expiry, now)
    }
}

impl Acceptor {
    /// Begins with this.
    pub fn new(configuration: ServerConfiguration) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(configuration))))
    }

    /// Puts this in force for all sessions to come.
    pub fn install(&self, configuration: ServerConfiguration) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(configuration);
    }

    /// Reads the files again, checks the whole and puts it in force for all sessions to come.
    ///
    /// # Errors
    /// With a fault, or a certificate that has ended, what was in force stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let configuration = self.in_force().settings.load()?;
        configuration.in_date(Timestamp::now())?;
        self.install(configuration);
        Ok(())
    }

    /// Until when what is in force is good.
    pub fn expiry(&self) -> Expiry {
        self.in_force().expiry
    }

    /// Does the handshake on a connection that lines come from, within `limit`.
    ///
    /// # Errors
    /// Why it failed; the peer has been told as far as the protocol can, and the connection is closed.
    pub async fn accept(&self, socket: TcpStream, limit: Duration) -> Result<Session, HandshakeFailure> {
        Ok(Session::new(self.accept_stream(socket, limit).await?))
    }

    /// The same for a connection that is read from and written to, such as one that speaks HTTP.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn accept_stream<S>(&self, socket: S, limit: Duration) -> Result<TlsStream<S>, HandshakeFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.in_force().rustls));
        match tokio::time::timeout(limit, acceptor.accept(socket)).await {
            Ok(outcome) => outcome.map_err(|error| HandshakeFailure::from(&error)),
            Err(_) => Err(HandshakeFailure::Timeout),
        }
    }

    fn in_force(&self) -> Arc<ServerConfiguration> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
