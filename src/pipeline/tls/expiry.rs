//! Until when what was loaded is good.

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

/// What runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Our own certificate, or one that was sent with it.
    Certificate,
    /// A certificate of an authority.
    Authority,
    /// A revocation list.
    RevocationList,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Certificate, Self::Authority, Self::RevocationList];

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Authority => "authority",
            Self::RevocationList => "crl",
        }
    }
}

/// The earliest end of each part's validity, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry([Option<i64>; 3]);

impl Expiry {
    /// When the first of this part runs out; `None` if there is none, or none that ever does.
    pub fn of(&self, part: Part) -> Option<i64> {
        self.0[part as usize]
    }

    /// When the first of all runs out.
    pub fn earliest(&self) -> Option<i64> {
        self.0.iter().flatten().min().copied()
    }

    pub(super) fn note(&mut self, part: Part, end: Option<i64>) {
        let known = &mut self.0[part as usize];
        *known = known.iter().copied().chain(end).min();
    }
}

/// A certificate's validity: not before, not after. `None` if it cannot be read.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

/// When the next list is due. `None` if that is not said or cannot be read.
pub(super) fn next_update(list: &CertificateRevocationListDer<'_>) -> Option<i64> {
    let (_, list) = CertificateRevocationList::from_der(list.as_ref()).ok()?;
    list.next_update().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_of_each_part_is_kept() {
        let mut expiry = Expiry::default();
        assert_eq!((expiry.earliest(), expiry.of(Part::Certificate)), (None, None));
        for end in [Some(30), None, Some(20), Some(40)] {
            expiry.note(Part::Authority, end);
        }
        expiry.note(Part::RevocationList, Some(50));
        assert_eq!(Part::ALL.map(|part| expiry.of(part)), [None, Some(20), Some(50)]);
        assert_eq!(expiry.earliest(), Some(20));
    }
}
