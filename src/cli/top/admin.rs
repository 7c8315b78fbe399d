//! Asking the admin address for its metrics, within a time and a size.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use ureq::Agent;
use ureq::tls::{ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

use super::exposition::{self, ExpositionError, Sample};

/// The largest answer that is read.
const LARGEST: u64 = 16 << 20;

/// How long one answer may take: longer than a busy service needs, shorter than anyone looks at a still picture.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `http://` or `https://`, a host and a port.
    Web(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Reads `http://127.0.0.1:9640`, `127.0.0.1:9640`, `https://…` or `unix:/path`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fault = || {
            "an address such as http://127.0.0.1:9640, https://host:9640 or unix:/run/inkprint/admin.sock".to_owned()
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(fault()) } else { Ok(Self::Unix(path.into())) };
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let harmless = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && !"/?#@\\".contains(c));
        match (scheme, harmless) {
            ("http" | "https", true) => Ok(Self::Web(format!("{scheme}://{host}"))),
            _ => Err(fault()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// Nobody is there, or it takes too long.
    #[error("{0}")]
    Away(String),
    /// It wants to know who asks.
    #[error("it asks for a token (status {0}): give one with --token-file or --token-env")]
    Refused(u16),
    /// It answers something else.
    #[error("it answers with status {0}: is it inkprint's admin address?")]
    Status(u16),
    /// The answer is too long.
    #[error("its answer is longer than {} MiB", LARGEST >> 20)]
    TooLong,
    /// The answer is not text of metrics.
    #[error("{0}: is it inkprint's admin address?")]
    Form(#[from] ExpositionError),
}

/// The files of PEM with which TLS is spoken.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls {
    /// Whom to trust; the usual authorities without.
    pub(super) authorities: Option<PathBuf>,
    /// Who we are, and the key to it.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

/// The admin address, and as whom it is asked.
pub(super) struct Admin {
    address: Address,
    token: Option<Zeroizing<String>>,
    agent: Agent,
}

impl Admin {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// When a file of TLS cannot be read, or holds not what it should.
    pub(super) fn new(address: Address, token: Option<Zeroizing<String>>, tls: &Tls) -> anyhow::Result<Self> {
        let mut config = TlsConfig::builder();
        if let Some(path) = &tls.authorities {
            config = config.root_certs(RootCerts::new_with_certs(&certificates(path)?));
        }
        if let Some((chain, key)) = &tls.identity {
            config = config.client_cert(Some(ClientCert::new_with_certs(&certificates(chain)?, private_key(key)?)));
        }
        let agent = Agent::config_builder()
            .tls_config(config.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .user_agent(concat!("inkprint/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { address, token, agent })
    }

    /// Asks once.
    ///
    /// # Errors
    /// Why there is nothing to show.
    pub(super) fn ask(&self) -> Result<Vec<Sample>, AdminError> {
        let (status, body) = match &self.address {
            Address::Web(address) => self.ask_web(address)?,
            Address::Unix(path) => self.ask_unix(path).map_err(|error| AdminError::Away(error.to_string()))?,
        };
        match status {
            200 => {}
            401 | 403 => return Err(AdminError::Refused(status)),
            _ => return Err(AdminError::Status(status)),
        }
        if body.len() as u64 > LARGEST {
            return Err(AdminError::TooLong);
        }
        Ok(exposition::parse(&String::from_utf8_lossy(&body))?)
    }

    fn ask_web(&self, address: &str) -> Result<(u16, Vec<u8>), AdminError> {
        let away = |error: ureq::Error| AdminError::Away(error.to_string());
        let mut request = self.agent.get(format!("{address}/metrics"));
        if let Some(token) = &self.token {
            let header = Zeroizing::new(format!("Bearer {}", token.as_str()));
            request = request.header("Authorization", header.as_str());
        }
        let response = request.call().map_err(away)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let mut reader = response.into_body().into_reader().take(LARGEST + 1);
        reader.read_to_end(&mut body).map_err(|error| AdminError::Away(error.to_string()))?;
        Ok((status, body))
    }

    /// By HTTP/1.0, in which an answer is as long as the connection.
    fn ask_unix(&self, path: &Path) -> io::Result<(u16, Vec<u8>)> {
        let end = Instant::now() + PATIENCE;
        let mut stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n")?;
        if let Some(token) = &self.token {
            let header = Zeroizing::new(format!("Authorization: Bearer {}\r\n", token.as_str()));
            stream.write_all(header.as_bytes())?;
        }
        stream.write_all(b"\r\n")?;
        let mut answer = Vec::new();
        let mut chunk = [0; 16 << 10];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut chunk)? {
                0 => break,
                read => answer.extend_from_slice(&chunk[..read]),
            }
            if answer.len() as u64 > LARGEST + chunk.len() as u64 {
                break;
            }
        }
        split(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP"))
    }
}

/// The status and the body of an answer.
fn split(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let head = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let line = answer.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let status = std::str::from_utf8(line).ok()?.parse().ok()?;
    Some((status, answer[head + 4..].to_vec()))
}

fn pem(path: &Path) -> anyhow::Result<Vec<PemItem<'static>>> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = Zeroizing::new(text);
    let items: Result<Vec<_>, _> = parse_pem(&text).collect();
    items.ok().with_context(|| format!("{} is not PEM", path.display()))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<ureq::tls::Certificate<'static>>> {
    let items = pem(path)?.into_iter();
    let certificates: Vec<_> = items
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        bail!("there is no certificate in {}", path.display());
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKey<'static>> {
    let key = pem(path)?.into_iter().find_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    key.with_context(|| format!("there is no private key in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        for (text, shown) in [
            ("127.0.0.1:9640", "http://127.0.0.1:9640"),
            ("http://[::1]:9640/", "http://[::1]:9640"),
            ("https://host:1", "https://host:1"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(Address::parse(text).expect(text).to_string(), shown);
        }
        for bad in ["", "unix:", "ftp://a", "http://", "http://a/b", "http://user:secret@a", "a b", "http://a\r\nX: y"]
        {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        assert_eq!(split(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nup 1\n"), Some((200, b"up 1\n".to_vec())));
        assert_eq!(split(b"HTTP/1.1 503 No\r\n\r\n"), Some((503, Vec::new())));
        for bad in [&b""[..], b"SSH-2.0\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n"] {
            assert_eq!(split(bad), None);
        }
    }
}
