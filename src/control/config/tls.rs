//! TLS: certificates of our own, and whose certificates are taken.

use std::path::PathBuf;

use toml::de::DeValue;

use super::address::HostName;
use super::fault::Problem;
use super::field::{Kind, Part, Shape, Spec, choices, default, optional, required, settings};
use super::reader::{At, Section};
use super::shape::Maybe;

choices! {
    /// Whether clients must show a certificate.
    pub enum ClientAuth: "mode" {
        /// None is asked for.
        None = "none",
        /// One is asked for, and checked where it is shown.
        Optional = "optional",
        /// Nobody is let in without one.
        Required = "required",
    }
}

settings! {
    /// TLS where connections are accepted, as it is written.
    pub struct RawServerTls {
        /// Our certificate and those between it and its authority, in PEM. Read again when it changes.
        certificate: PathBuf = required("/etc/inkprint/tls/server.pem");
        /// Its key, in PEM.
        key: PathBuf = required("/etc/inkprint/tls/server.key");
        /// The authorities, in PEM, of which a client's certificate must come.
        client_ca: Maybe<PathBuf> = optional("/etc/inkprint/tls/clients-ca.pem", "no client certificate is asked for");
        /// Whether clients must show a certificate.
        client: Maybe<ClientAuth> = optional("required", "required where `client_ca` is there, else none");
        /// Of the clients' certificates, only those with one of these names: DNS names, whose first label may be *, or URIs, where * is
        /// what stands between two slashes and, at the end, all that follows.
        names: Vec<NamePattern> = default("[]").example(r#"["*.example.com", "spiffe://org/*"]"#);
        /// Revocation lists, in PEM or DER.
        crl: Vec<PathBuf> = default("[]").example(r#"["/etc/inkprint/tls/clients.crl"]"#);
    }
}

/// TLS where connections are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Our certificate and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// Whether and which client certificates are asked for.
    pub clients: Clients,
}

/// Whether and which client certificates are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// None.
    Anyone,
    /// One that is shown is checked.
    Optional(ClientCertificates),
    /// One must be shown.
    Required(ClientCertificates),
}

/// Which client certificates are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// The authorities, in PEM.
    pub ca: PathBuf,
    /// One of these must match a name of the certificate; none means any name.
    pub names: Vec<String>,
    /// Revocation lists, in PEM or DER.
    pub crl: Vec<PathBuf>,
}

impl Part for ServerTls {
    type Written = RawServerTls;

    fn check(raw: RawServerTls, section: &mut Section<'_, '_>) -> Option<Self> {
        let RawServerTls { certificate, key, client_ca, client, names, crl } = raw;
        let Some(ca) = client_ca else {
            let needy = [
                ("client", client.is_some_and(|client| client != ClientAuth::None)),
                ("names", !names.is_empty()),
                ("crl", !crl.is_empty()),
            ];
            for (field, _) in needy.iter().filter(|(_, needy)| *needy) {
                section.refuse::<()>(field, Problem::Needs("client_ca"));
            }
            return Some(Self { certificate, key, clients: Clients::Anyone });
        };
        let certificates = ClientCertificates { ca, names, crl };
        let clients = match client {
            None | Some(ClientAuth::Required) => Clients::Required(certificates),
            Some(ClientAuth::Optional) => Clients::Optional(certificates),
            Some(ClientAuth::None) => return section.refuse("client_ca", Problem::Excludes("`client = \"none\"`")),
        };
        Some(Self { certificate, key, clients })
    }
}

settings! {
    /// TLS where we connect, as it is written.
    pub struct RawClientTls {
        /// The authorities, in PEM, of which the server's certificate must come.
        ca: Maybe<PathBuf> = optional("/etc/inkprint/tls/ca.pem", "those that Mozilla trusts, which are built in");
        /// Our certificate and those between it and its authority, in PEM.
        certificate: Maybe<PathBuf> = optional("/etc/inkprint/tls/client.pem", "we show none");
        /// Its key, in PEM.
        key: Maybe<PathBuf> = optional("/etc/inkprint/tls/client.key", "none; there is one with `certificate`");
        /// The name that the server's certificate must have.
        server_name: Maybe<HostName> = optional("logs.internal", "the host that we connect to");
    }
}

/// TLS where we connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// The authorities, in PEM; those that Mozilla trusts, which are built in, where there is none.
    pub ca: Option<PathBuf>,
    /// What we show.
    pub identity: Option<ClientIdentity>,
    /// The name that the server's certificate must have, if it is not the host's.
    pub server_name: Option<String>,
}

/// The certificate that we show as a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Part for ClientTls {
    type Written = RawClientTls;

    fn check(raw: RawClientTls, section: &mut Section<'_, '_>) -> Option<Self> {
        let RawClientTls { ca, certificate, key, server_name } = raw;
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientIdentity { certificate, key }),
            (None, None) => None,
            (Some(_), None) => return section.refuse("certificate", Problem::Needs("key")),
            (None, Some(_)) => return section.refuse("key", Problem::Needs("certificate")),
        };
        Some(Self { ca, identity, server_name })
    }
}

/// A pattern for the names of a certificate, as a [`Shape`].
#[derive(Clone, Copy, Debug)]
pub struct NamePattern;

impl Shape for NamePattern {
    type Value = String;
    const KIND: Kind = Kind::Text("a DNS name or a URI, with * for a part", Some("^[!-~]+$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<String> {
        let text = at.text(value)?;
        let sound = match text.split_once("://") {
            Some((scheme, rest)) => is_uri(scheme, rest),
            None => text.strip_prefix("*.").unwrap_or(text).split('.').all(|label| is_plain(label, "")),
        };
        if sound {
            return Some(text.to_owned());
        }
        at.refuse(Problem::Value(
            "a DNS name such as \"*.example.com\", or a URI such as \"spiffe://org/*\", with * for a whole part",
        ))
    }
}

fn is_plain(part: &str, more: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c) || more.contains(c))
}

fn is_uri(scheme: &str, rest: &str) -> bool {
    let mut parts = rest.split('/');
    let host = parts.next().unwrap_or_default();
    is_plain(scheme, "+.") && is_plain(host, ".:") && parts.all(|part| part == "*" || is_plain(part, ".~"))
}
