//! Certificates, keys and revocation lists from files. An error names the file and never shows what is in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::expiry::{Expiry, Part, next_update, validity};

/// Why what TLS needs cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file is not PEM.
    #[error("{} is damaged: a PEM section that does not end, or is not base64", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
    },
    /// A file holds nothing of what is looked for.
    #[error("there is no {what} in {}", path.display())]
    Nothing {
        /// Which.
        path: PathBuf,
        /// What is looked for.
        what: &'static str,
    },
    /// A certificate or a list that cannot be understood.
    #[error("the {what} in {} cannot be used: {error}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is in it.
        what: &'static str,
        /// Why.
        error: String,
    },
    /// A key that belongs to another certificate.
    #[error("the key in {} is not that of the certificate in {}: give the two that were made together", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate that is out of date.
    #[error("the certificate in {} ended on {end}: put a new one there", path.display())]
    Expired {
        /// Which.
        path: PathBuf,
        /// When.
        end: Timestamp,
    },
    /// Client certificates are asked for, or looked at, and there is nobody to vouch for them.
    #[error("client certificates need `client_ca`, the authorities that may sign them")]
    NoClientAuthority,
    /// A certificate without a key or a key without a certificate.
    #[error("`certificate` and `key` belong together: give both or neither")]
    HalfAPair,
    /// A name that no certificate can hold.
    #[error("`{name}` is no DNS name and no IP address that a certificate could be for")]
    ServerName {
        /// Which.
        name: String,
    },
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    // Wiped: it may be a key.
    fs::read(path).map(Zeroizing::new).map_err(|error| TlsError::Read { path: path.to_owned(), error })
}

/// All sections of one kind.
fn sections<T: PemObject>(path: &Path, pem: &[u8], what: &'static str) -> Result<Vec<T>, TlsError> {
    let found: Result<Vec<T>, PemError> = T::pem_slice_iter(pem).collect();
    // The library's own words show the line that it cannot read.
    let found = found.map_err(|_| TlsError::Pem { path: path.to_owned() })?;
    if found.is_empty() {
        return Err(TlsError::Nothing { path: path.to_owned(), what });
    }
    Ok(found)
}

/// A certificate with those between it and its authority, and its key.
pub(super) fn certified_key(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
    expiry: &mut Expiry,
) -> Result<CertifiedKey, TlsError> {
    let chain: Vec<CertificateDer<'static>> = sections(certificate, &read(certificate)?, "certificate")?;
    for each in &chain {
        let Some((_, end)) = validity(each) else {
            return Err(unusable(certificate, "certificate", "it is not an X.509 certificate"));
        };
        expiry.note(Part::Certificate, Some(end));
    }
    let pem = read(key)?;
    let what = "private key that is not encrypted";
    let mut keys: Vec<PrivateKeyDer<'static>> = sections(key, &pem, what)?;
    let signing = keys.swap_remove(0);
    let signing = provider
        .key_provider
        .load_private_key(signing)
        .map_err(|_| unusable(key, "key", "it is no RSA, ECDSA or Ed25519 key of a size in use"))?;
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() })
        }
        Err(error) => Err(unusable(certificate, "certificate", error)),
    }
}

/// Authorities that are trusted.
pub(super) fn authorities(path: &Path, expiry: &mut Expiry) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in sections::<CertificateDer<'static>>(path, &read(path)?, "certificate")? {
        expiry.note(Part::Authority, validity(&certificate).map(|(_, end)| end));
        roots.add(certificate).map_err(|error| unusable(path, "certificate", error))?;
    }
    Ok(Arc::new(roots))
}

/// Revocation lists, PEM or DER.
pub(super) fn revocation_lists(
    paths: &[PathBuf],
    expiry: &mut Expiry,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let mut lists = Vec::new();
    for path in paths {
        let bytes = read(path)?;
        // A DER file begins with a sequence's tag, which no text does.
        let found = match bytes.first() {
            Some(0x30) => vec![CertificateRevocationListDer::from(bytes.to_vec())],
            _ => sections(path, &bytes, "revocation list")?,
        };
        for list in &found {
            let parsed = rustls::pki_types::CertificateRevocationListDer::from(list.as_ref());
            if x509_parser::parse_x509_crl(parsed.as_ref()).is_err() {
                return Err(unusable(path, "revocation list", "it is not an X.509 revocation list"));
            }
            expiry.note(Part::RevocationList, next_update(list));
        }
        lists.extend(found);
    }
    Ok(lists)
}

pub(super) fn unusable(path: &Path, what: &'static str, error: impl ToString) -> TlsError {
    TlsError::Unusable { path: path.to_owned(), what, error: error.to_string() }
}

/// Refuses what is out of date.
pub(super) fn in_date(path: &Path, expiry: &Expiry, now: Timestamp) -> Result<(), TlsError> {
    match expiry.of(Part::Certificate).filter(|end| *end < now.as_second()) {
        Some(end) => Err(TlsError::Expired { path: path.to_owned(), end: Timestamp::from_second(end).unwrap_or(now) }),
        None => Ok(()),
    }
}
