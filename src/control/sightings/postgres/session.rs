//! A connection to the server, encrypted by rustls where it leaves the machine, and asked from where nothing is asynchronous.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::place::{Address, CONNECT_TIMEOUT, password, told};
use crate::control::sightings::SightingsError;

/// An open connection. To be used outside of any asynchronous runtime: it has one of its own, for itself alone.
pub(super) struct Session {
    index: String,
    runtime: Runtime,
    client: Client,
}

impl Session {
    /// Connects, with the password that is found for the address.
    pub(super) fn open(address: &Address) -> Result<Self, SightingsError> {
        let index = address.to_string();
        let mut config = address.config.clone();
        if let Some(password) = password(address)? {
            config.password(&*password);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(client_config(address)?)),
        };
        let limit = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        let away = |error: String| SightingsError::Away { index: index.clone(), error };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| away(error.to_string()))?;
        let client = match runtime.block_on(async { timeout(limit, connect(&config, tls)).await }) {
            Ok(connected) => connected.map_err(|error| refused(&index, &error))?,
            Err(_) => return Err(away(format!("no answer in {} s", limit.as_secs()))),
        };
        let mut session = Self { index, runtime, client };
        // What a lock holds up shall not be waited for without end.
        session.run(Some(limit), async |client| client.batch_execute("SET lock_timeout = '20s'").await)?;
        Ok(session)
    }

    /// Whether the connection is there, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Does some work with the server, which may take so long.
    pub(super) fn run<T>(
        &mut self,
        limit: Option<Duration>,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<T, SightingsError> {
        let Self { index, runtime, client } = self;
        let outcome = runtime.block_on(async {
            match limit {
                Some(limit) => timeout(limit, work(client)).await,
                None => Ok(work(client).await),
            }
        });
        match outcome {
            Ok(outcome) => outcome.map_err(|error| failed(index, &error)),
            Err(_) => {
                let error = format!("no answer in {} s", limit.unwrap_or_default().as_secs());
                Err(SightingsError::Away { index: index.clone(), error })
            }
        }
    }
}

/// Connects; what goes over the connection is driven by the runtime from then on.
async fn connect(config: &Config, tls: Option<MakeRustlsConnect>) -> Result<Client, Error> {
    match tls {
        Some(tls) => {
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(connection);
            Ok(client)
        }
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        }
    }
}

/// Why a connection was not made, where nothing but a change of settings would help, or a wait.
fn refused(index: &str, error: &Error) -> SightingsError {
    let text = told(error);
    if error.as_db_error().is_some() {
        return failed(index, error);
    }
    let refusal = |error: String| SightingsError::Server { index: index.to_owned(), error };
    if text.contains("password missing") {
        return refusal(
            "the server asks for a password; give it in PGPASSWORD, in a file that PGPASSFILE or ?passfile=FILE names, or in ~/.pgpass"
                .to_owned(),
        );
    }
    if text.contains("certificate") || text.contains("server does not support TLS") {
        return refusal(format!("{text}; ?sslrootcert=FILE names its authority, ?sslmode=disable does without"));
    }
    failed(index, error)
}

/// What went wrong: the server is not there, or it refuses.
pub(super) fn failed(index: &str, error: &Error) -> SightingsError {
    let index = index.to_owned();
    let Some(refusal) = error.as_db_error() else {
        return SightingsError::Away { index, error: told(error) };
    };
    let said = refusal.message().to_owned();
    let said = refusal.hint().map_or_else(|| said.clone(), |hint| format!("{said} ({hint})"));
    // It stops, or starts, or has no room for one more: it may be back.
    let passing = ["57P", "53", "08"];
    if passing.iter().any(|class| refusal.code().code().starts_with(class)) {
        SightingsError::Away { index, error: said }
    } else {
        SightingsError::Server { index, error: said }
    }
}

fn client_config(address: &Address) -> Result<ClientConfig, SightingsError> {
    let roots = match &address.authorities {
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        Some(path) => authorities(path)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder =
        builder.map_err(|error| SightingsError::Server { index: address.to_string(), error: error.to_string() })?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn authorities(path: &Path) -> Result<RootCertStore, SightingsError> {
    let fault = |error: String| SightingsError::Access { path: path.to_owned(), error };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots.add(certificate).map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}
