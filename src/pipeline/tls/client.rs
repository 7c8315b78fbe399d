//! The side that connects.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::expiry::Expiry;
use super::failure::HandshakeFailure;
use super::files::{TlsError, authorities, certified_key, in_date, unusable};
use super::outgoing::Outgoing;

/// What a connection to a server needs for TLS.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    /// PEM file: the authorities that may sign the server's certificate. Without one, those that Mozilla trusts, which are built in.
    pub ca: Option<PathBuf>,
    /// PEM file: our own certificate, then those between it and its authority.
    pub certificate: Option<PathBuf>,
    /// PEM file: its private key.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must hold. Without one, the host that is connected to.
    pub server_name: Option<String>,
}

struct InForce {
    settings: ClientSettings,
    rustls: Arc<ClientConfig>,
    expiry: Expiry,
}

/// Makes sessions to a server, by what is in force when they begin. Clones share it.
#[derive(Clone)]
pub struct Connector(Arc<RwLock<Arc<InForce>>>);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The handshake has failed.
    #[error("{0}")]
    Handshake(HandshakeFailure),
    /// The connection has failed.
    #[error(transparent)]
    Io(io::Error),
    /// The host cannot be in a certificate.
    #[error(transparent)]
    ServerName(TlsError),
}

impl ClientSettings {
    /// Every file that is read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.ca, &self.certificate, &self.key].into_iter().flatten().map(PathBuf::as_path)
    }

    fn load(&self) -> Result<InForce, TlsError> {
        let mut expiry = Expiry::default();
        let provider = Arc::new(ring::default_provider());
        let own = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(certified_key(certificate, key, &provider, &mut expiry)?),
            (None, None) => None,
            _ => return Err(TlsError::HalfAPair),
        };
        if let Some(name) = &self.server_name {
            server_name(name)?;
        }
        let (roots, origin) = match &self.ca {
            Some(path) => (authorities(path, &mut expiry)?, path.as_path()),
            None => {
                let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
                (Arc::new(roots), Path::new("the program"))
            }
        };
        let fault = |error: &dyn std::error::Error| unusable(origin, "certificate", error);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| fault(&error))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| fault(&error))?
            .with_webpki_verifier(verifier);
        let mut config = match own {
            Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(InForce { settings: self.clone(), rustls: Arc::new(config), expiry })
    }
}

impl Connector {
    /// Reads every file and checks the whole.
    ///
    /// # Errors
    /// The first fault, with its file.
    pub fn new(settings: &ClientSettings) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(settings.load()?)))))
    }

    /// Puts what another was made from in force for all sessions to come.
    pub fn install(&self, other: &Self) {
        let new = other.in_force();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Reads the files again, checks the whole and puts it in force for all sessions to come.
    ///
    /// # Errors
    /// With a fault, or a certificate that has ended, what was in force stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let new = self.in_force().settings.load()?;
        if let Some(path) = &new.settings.certificate {
            in_date(path, &new.expiry, Timestamp::now())?;
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    /// Until when what is in force is good.
    pub fn expiry(&self) -> Expiry {
        self.in_force().expiry
    }

    /// Does the handshake with `host`, a name or an IP address, on a connection to it that lines are written to, within `limit`.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn connect(&self, socket: TcpStream, host: &str, limit: Duration) -> Result<Outgoing, ConnectError> {
        Ok(Outgoing::new(self.connect_stream(socket, host, limit).await?))
    }

    /// The same for a connection that is read from too, such as one that speaks HTTP.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_stream<S>(&self, socket: S, host: &str, limit: Duration) -> Result<TlsStream<S>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let in_force = self.in_force();
        let name = in_force.settings.server_name.as_deref().unwrap_or(host);
        let name = server_name(name).map_err(ConnectError::ServerName)?;
        let connector = TlsConnector::from(Arc::clone(&in_force.rustls));
        match tokio::time::timeout(limit, connector.connect(name, socket)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(match HandshakeFailure::from(&error) {
                HandshakeFailure::Io => ConnectError::Io(error),
                failure => ConnectError::Handshake(failure),
            }),
            Err(_) => Err(ConnectError::Handshake(HandshakeFailure::Timeout)),
        }
    }

    fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A host as certificates hold it: an IPv6 address without its brackets.
fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::ServerName { name: host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_can_be_in_a_certificate() {
        for good in ["example.com", "localhost", "127.0.0.1", "::1", "[::1]"] {
            assert!(server_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "example.com:443", "*.example.com"] {
            assert!(server_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn half_a_pair_is_refused() {
        let settings = ClientSettings { certificate: Some("c.pem".into()), ..ClientSettings::default() };
        assert!(matches!(Connector::new(&settings), Err(TlsError::HalfAPair)));
        assert!(Connector::new(&ClientSettings::default()).is_ok(), "without files, by the authorities built in");
    }
}
