//! Why a handshake failed: a word for each reason, for logs and metrics.

use std::io::{self, ErrorKind};

use metrics::{Counter, counter, describe_counter};
use rustls::{CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HandshakeFailure {
    /// Not done within its time.
    #[error("the handshake was not done in time")]
    Timeout,
    /// The peer went away before it was done.
    #[error("the peer closed the connection before the handshake was done")]
    Closed,
    /// What came is no TLS.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// Only versions before TLS 1.2.
    #[error("the peer speaks no version of TLS that is still secure: 1.2 is the oldest taken")]
    Version,
    /// No cipher, group or signature that both sides have.
    #[error("the peer has no cipher, key exchange or signature in common with us")]
    Parameters,
    /// A client certificate is required and there is none.
    #[error("the peer has sent no certificate")]
    NoCertificate,
    /// The certificate has ended, or one above it.
    #[error("the peer's certificate has expired")]
    Expired,
    /// The certificate has not begun, or one above it.
    #[error("the peer's certificate is not valid yet")]
    NotYetValid,
    /// No authority that is trusted here.
    #[error("the peer's certificate is of no authority that is trusted here")]
    UnknownAuthority,
    /// Revoked by its authority.
    #[error("the peer's certificate is revoked")]
    Revoked,
    /// No revocation list in date tells of it.
    #[error("no revocation list in date tells whether the peer's certificate is revoked")]
    RevocationUnknown,
    /// No name that is allowed.
    #[error("the peer's certificate holds no name that is allowed")]
    Name,
    /// The certificate is damaged, or for another purpose.
    #[error("the peer's certificate is damaged, or for another purpose")]
    BadCertificate,
    /// The peer has refused us.
    #[error("the peer has refused the handshake")]
    RefusedByPeer,
    /// Against the protocol.
    #[error("the peer has broken the protocol")]
    Protocol,
    /// The connection failed.
    #[error("the connection failed")]
    Io,
}

impl HandshakeFailure {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Timeout,
        Self::Closed,
        Self::NotTls,
        Self::Version,
        Self::Parameters,
        Self::NoCertificate,
        Self::Expired,
        Self::NotYetValid,
        Self::UnknownAuthority,
        Self::Revoked,
        Self::RevocationUnknown,
        Self::Name,
        Self::BadCertificate,
        Self::RefusedByPeer,
        Self::Protocol,
        Self::Io,
    ];

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::NotTls => "not_tls",
            Self::Version => "version",
            Self::Parameters => "parameters",
            Self::NoCertificate => "no_certificate",
            Self::Expired => "certificate_expired",
            Self::NotYetValid => "certificate_not_yet_valid",
            Self::UnknownAuthority => "unknown_authority",
            Self::Revoked => "certificate_revoked",
            Self::RevocationUnknown => "revocation_unknown",
            Self::Name => "name_not_allowed",
            Self::BadCertificate => "bad_certificate",
            Self::RefusedByPeer => "refused_by_peer",
            Self::Protocol => "protocol",
            Self::Io => "io",
        }
    }
}

impl From<&io::Error> for HandshakeFailure {
    fn from(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => error.into(),
            None if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Self::Closed,
            None => Self::Io,
        }
    }
}

impl From<&Error> for HandshakeFailure {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
                Self::NotTls
            }
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidCertificate(error) => error.into(),
            // Of the right authority's name and not signed by it.
            Error::InvalidCertRevocationList(_) => Self::RevocationUnknown,
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                // Clients of older versions have no such extension.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            ) => Self::Version,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Self::Parameters,
            Error::AlertReceived(_) => Self::RefusedByPeer,
            _ => Self::Protocol,
        }
    }
}

impl From<&CertificateError> for HandshakeFailure {
    fn from(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            // The second: of an authority of the same name with another key, such as one that was made anew.
            E::UnknownIssuer | E::BadSignature => Self::UnknownAuthority,
            E::Revoked => Self::Revoked,
            E::UnknownRevocationStatus | E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
                Self::RevocationUnknown
            }
            E::NotValidForName | E::NotValidForNameContext { .. } | E::ApplicationVerificationFailure => Self::Name,
            _ => Self::BadCertificate,
        }
    }
}

/// Counts failed handshakes of one source, by reason. Only where there is TLS.
#[derive(Clone)]
pub struct TlsMeters([Counter; HandshakeFailure::ALL.len()]);

impl TlsMeters {
    /// Registers them with the recorder that is in force.
    pub fn new(source: &str) -> Self {
        describe_counter!("inkprint_tls_handshake_failures_total", "TLS handshakes that failed, by source and reason.");
        Self(HandshakeFailure::ALL.map(|failure| {
            counter!("inkprint_tls_handshake_failures_total", "source" => source.to_owned(), "reason" => failure.as_str())
        }))
    }

    /// Counts one.
    pub fn failed(&self, failure: HandshakeFailure) {
        self.0[failure as usize].increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_word_of_its_own_and_its_place() {
        let mut words: Vec<&str> = HandshakeFailure::ALL.map(HandshakeFailure::as_str).to_vec();
        assert!(HandshakeFailure::ALL.iter().enumerate().all(|(at, failure)| *failure as usize == at));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), HandshakeFailure::ALL.len());
    }
}
