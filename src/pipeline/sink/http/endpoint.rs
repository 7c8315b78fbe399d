//! Where requests go, and with which headers. Tokens and header values are mute in every `Debug`.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::Uri;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// Headers that this sink sets itself.
const OWN: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::EXPECT,
];

/// A URL that lines can be posted to.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authority: HeaderValue,
    /// Path and query.
    pub(super) path: Uri,
}

/// What is wrong with a URL or a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// No URL.
    #[error("not a URL such as https://logs.example.com:8080/ingest")]
    Url,
    /// Neither `http` nor `https`.
    #[error("a URL must begin with http:// or https://")]
    Scheme,
    /// A user or password before the host.
    #[error("a URL must not hold a user or a password: use `token` or `headers`")]
    UserInfo,
    /// No name of a header.
    #[error("`{0}` is no name of an HTTP header")]
    Name(String),
    /// A value that no header can have.
    #[error("the value of the header `{0}` holds characters that no header can have")]
    Value(String),
    /// A header that the sink sets.
    #[error("the header `{0}` is set by the sink itself")]
    Own(HeaderName),
}

impl Endpoint {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it is none that can be posted to.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let uri: Uri = url.parse().map_err(|_| EndpointError::Url)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(EndpointError::Url);
        };
        if authority.as_str().contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(EndpointError::Scheme),
        };
        // A port beyond all ports would be taken for none.
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if authority.host().is_empty() || (!port.is_empty() && authority.port_u16().is_none()) {
            return Err(EndpointError::Url);
        }
        Ok(Self {
            tls,
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| EndpointError::Url)?,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).parse().map_err(|_| EndpointError::Url)?,
        })
    }

    /// Whether it is spoken to by TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Host and port to connect to; an IPv6 address without its brackets.
    pub(super) fn address(&self) -> (&str, u16) {
        let host = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (host.unwrap_or(&self.host), self.port)
    }
}

/// Without the query, which may hold a token.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path.path())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Headers of every request beside the sink's own. Their values are taken for secrets. Clones share them, so that a new token can be put
/// in force while the sink runs.
#[derive(Clone, Debug, Default)]
pub struct Headers(Arc<RwLock<HeaderMap>>);

impl Headers {
    /// Adds one.
    ///
    /// # Errors
    /// When it cannot be, or is the sink's own.
    pub fn add(&mut self, name: &str, value: &[u8]) -> Result<(), EndpointError> {
        let known = HeaderName::try_from(name).map_err(|_| EndpointError::Name(name.to_owned()))?;
        if OWN.contains(&known) {
            return Err(EndpointError::Own(known));
        }
        let mut value = HeaderValue::from_bytes(value).map_err(|_| EndpointError::Value(name.to_owned()))?;
        value.set_sensitive(true);
        self.0.write().unwrap_or_else(PoisonError::into_inner).append(known, value);
        Ok(())
    }

    /// `Authorization: Bearer …`.
    ///
    /// # Errors
    /// When no header can hold the token.
    pub fn bearer(&mut self, token: &[u8]) -> Result<(), EndpointError> {
        self.add("authorization", &Zeroizing::new([b"Bearer ", token].concat()))
    }

    /// Puts others in the place of these.
    pub fn install(&self, others: &Self) {
        let others = others.map();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = others;
    }

    pub(super) fn map(&self) -> HeaderMap {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let parts = |url: &str| {
            let endpoint = Endpoint::parse(url).expect("a URL");
            (endpoint.tls, endpoint.address().0.to_owned(), endpoint.port, endpoint.path.to_string())
        };
        assert_eq!(parts("http://localhost"), (false, "localhost".to_owned(), 80, "/".to_owned()));
        assert_eq!(parts("https://h:8443/in?x=1"), (true, "h".to_owned(), 8443, "/in?x=1".to_owned()));
        assert_eq!(parts("HTTPS://[::1]/"), (true, "::1".to_owned(), 443, "/".to_owned()));
    }

    #[test]
    fn what_cannot_be_posted_to_is_refused_and_no_secret_is_shown() {
        for bad in ["", "/in", "localhost:80", "ftp://h/", "http://user:hunter2@h/", "http://h:/", "http://h:99999/"] {
            let error = Endpoint::parse(bad).err().unwrap_or_else(|| panic!("{bad} is taken")).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let mut headers = Headers::default();
        headers.bearer(b"hunter2").expect("a token");
        headers.add("X-Key", b"hunter2").expect("a header");
        assert!(matches!(headers.add("Host", b"x"), Err(EndpointError::Own(_))));
        assert!(matches!(headers.add("a b", b"x"), Err(EndpointError::Name(_))));
        let error = headers.add("X-Key", b"hunter2\n").expect_err("a newline");
        let endpoint = Endpoint::parse("http://h/in?key=hunter2").expect("a URL");
        let shown = format!("{headers:?} {endpoint:?} {endpoint} {error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
