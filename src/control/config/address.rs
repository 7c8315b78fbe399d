//! Addresses: to listen on, to send to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use axum::http::Uri;
use toml::de::DeValue;

use super::fault::Problem;
use super::field::{Kind, Shape, Spec};
use super::reader::At;
use crate::control::keyring::source::KeyringSource;

/// An address to listen on. A name is not taken: which of its addresses would be meant?
impl Shape for SocketAddr {
    type Value = Self;
    const KIND: Kind =
        Kind::Text("an IP address and a port", Some(r"^(\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+(%\d+)?\]):\d{1,5}$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let address = at.text(value)?.parse().ok();
        address.or_else(|| {
            at.refuse(Problem::Value(
                "an IP address and a port, such as \"127.0.0.1:6514\", or \"0.0.0.0:6514\" or \"[::]:6514\" for every one of this \
                 machine",
            ))
        })
    }
}

/// Where the admin pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket at this path.
    Unix(PathBuf),
}

impl AdminAddress {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl Shape for AdminAddress {
    type Value = Self;
    const KIND: Kind = Kind::Text(
        "an IP address and a port, or unix: and a path",
        Some(r"^(unix:.+|(\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+(%\d+)?\]):\d{1,5})$"),
    );

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let text = at.text(value)?;
        let address = match text.strip_prefix("unix:") {
            Some(path) => (!path.is_empty() && !path.contains('\0')).then(|| Self::Unix(path.into())),
            None => text.parse().ok().map(Self::Tcp),
        };
        address.or_else(|| {
            at.refuse(Problem::Value(
                "an IP address and a port, such as \"127.0.0.1:9640\", or a socket, such as \"unix:/run/inkprint/admin.sock\"",
            ))
        })
    }
}

/// A host, by name or address, and a port to send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name, or an IP address without brackets.
    pub host: String,
    /// The port, from 1.
    pub port: u16,
}

impl HostPort {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let sound = match bracketed {
            Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host_name(host),
        };
        sound.then(|| Self { host: bracketed.unwrap_or(host).to_owned(), port })
    }

    /// The address, where the host is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// As it is written, and as it can be resolved.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Shape for HostPort {
    type Value = Self;
    const KIND: Kind = Kind::Text("a host and a port", Some(r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let address = Self::parse(at.text(value)?);
        address.or_else(|| {
            at.refuse(Problem::Value(
                "a host and a port, such as \"127.0.0.1:6515\", \"[::1]:6515\" or \"logs.internal:6515\"",
            ))
        })
    }
}

/// The name of a host, as it stands in a certificate.
#[derive(Clone, Copy, Debug)]
pub struct HostName;

impl Shape for HostName {
    type Value = String;
    const KIND: Kind = Kind::Text("the name of a host", Some("^[A-Za-z0-9._:-]+$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<String> {
        let text = at.text(value)?;
        if is_host_name(text) || text.parse::<IpAddr>().is_ok() {
            return Some(text.to_owned());
        }
        at.refuse(Problem::Value("the name of a host, such as \"logs.internal\""))
    }
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        plain && (1..=63).contains(&label.len())
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// The URL of an HTTP service.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// Whether it is `https`.
    pub https: bool,
    /// A name, or an IP address without brackets.
    pub host: String,
    /// The port; 80 or 443 where none is written.
    pub port: u16,
    /// Path and query, from the slash.
    pub path: String,
}

impl HttpUrl {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return None,
        };
        // A port that is no number is no authority to the parser; one that is too large is.
        let written = authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let port = match authority.port_u16() {
            Some(port) => port,
            None if written => return None,
            None if https => 443,
            None => 80,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let sound = port > 0 && !text.contains('#') && (is_host_name(host) || host.parse::<IpAddr>().is_ok());
        sound.then(|| Self { https, host: host.to_owned(), port, path: path.to_owned() })
    }

    /// Whether it leads to this machine.
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
    }

    /// Host and port as they are resolved.
    pub fn address(&self) -> HostPort {
        HostPort { host: self.host.clone(), port: self.port }
    }
}

/// Without the query, which may hold what is not for a log.
impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", if self.https { "https" } else { "http" }, self.address())
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Shape for HttpUrl {
    type Value = Self;
    const KIND: Kind = Kind::Text("a URL", Some("^https?://[^@#\\s]+$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let url = Self::parse(at.text(value)?);
        url.or_else(|| {
            at.refuse(Problem::Value(
                "a URL such as \"https://logs.internal:8080/ingest\", without user, password or fragment (for a bearer token there \
                 is `token`)",
            ))
        })
    }
}

/// Path of an HTTP request, as it must be asked for.
#[derive(Clone, Copy, Debug)]
pub struct UrlPath;

impl Shape for UrlPath {
    type Value = String;
    const KIND: Kind = Kind::Text("a path from the slash", Some(r"^/[!-~]*$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<String> {
        let text = at.text(value)?;
        let sound =
            text.starts_with('/') && text.bytes().all(|b| matches!(b, b'!'..=b'~') && !matches!(b, b'?' | b'#'));
        if sound {
            Some(text.to_owned())
        } else {
            at.refuse(Problem::Value("a path such as \"/ingest\", without a query"))
        }
    }
}

/// Where a keyring comes from: what `--keyring` takes.
impl Shape for KeyringSource {
    type Value = Self;
    const KIND: Kind = Kind::Text(
        "a path or file:PATH, env:NAME, fd:N, credential:NAME, command:PROGRAM ARGS, or vault:...",
        Some(r"^[^\u0000-\u001f\u007f]+$"),
    );

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let source = at.text(value)?.parse();
        source.map_or_else(|error| at.refuse(Problem::Keyring(error)), Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_taken_apart() {
        for (text, host, port) in [
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:65535", "::1", 65535),
            ("logs.internal:6515", "logs.internal", 6515),
        ] {
            let parsed = HostPort::parse(text).expect(text);
            assert_eq!((parsed.host.as_str(), parsed.port, parsed.to_string().as_str()), (host, port, text));
        }
        for text in
            ["", ":1", "a", "a:", "a:0", "a:65536", "::1:5", "[::1]", "a b:1", "[x]:1", "a..b:1", "tcp://a:1", "a:+1x"]
        {
            assert_eq!(HostPort::parse(text), None, "{text}");
        }
    }

    #[test]
    fn urls_have_no_credentials() {
        let url = HttpUrl::parse("https://[::1]/a/b?tenant=x").expect("a URL");
        assert_eq!((url.https, url.host.as_str(), url.port, url.path.as_str()), (true, "::1", 443, "/a/b?tenant=x"));
        assert!(url.is_local());
        assert_eq!(url.to_string(), "https://[::1]:443/a/b");
        assert_eq!(HttpUrl::parse("http://a.b:8080").map(|url| (url.port, url.path)), Some((8080, "/".to_owned())));
        for text in
            ["", "/x", "a:80", "ftp://a/", "http://", "http://u:p@a/", "http://a:99999/", "http://a/#x", "http://a b/"]
        {
            assert_eq!(HttpUrl::parse(text), None, "{text}");
        }
    }
}
