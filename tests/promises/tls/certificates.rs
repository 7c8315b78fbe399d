use std::fs;
use std::path::{Path, PathBuf};

use inkprint::pipeline::tls::{ClientAuth, ClientSettings, ServerSettings};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use tempfile::{TempDir, tempdir};

/// An authority and the folder that its files are in.
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, in files.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
        let folder = tempdir().expect("a directory");
        fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("written");
        Self { folder, issuer }
    }

    /// Where its files are.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A certificate for names (DNS, IP, or URI), good until the end of `year`, in files that begin with `file`.
    pub fn issue_until(&self, file: &str, serial: u64, names: &[&str], year: i32) -> Pair {
        let (uris, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains("://"));
        let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(others).expect("names");
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("text"))));
        params.distinguished_name.push(DnType::CommonName, "not looked at");
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_after = date_time_ymd(year, 12, 31);
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let pair = Pair { certificate: self.path(&format!("{file}.pem")), key: self.path(&format!("{file}.key")) };
        fs::write(&pair.certificate, certificate.pem()).expect("written");
        fs::write(&pair.key, key.serialize_pem()).expect("written");
        pair
    }

    pub fn issue(&self, file: &str, names: &[&str]) -> Pair {
        self.issue_until(file, 77, names, 4000)
    }

    /// A list of what is revoked, with the next one due at the end of `year`.
    pub fn revoke(&self, file: &str, serials: &[u64], year: i32) -> PathBuf {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a list");
        let path = self.path(file);
        match path.extension().is_some_and(|extension| extension == "der") {
            true => fs::write(&path, list.der()),
            false => fs::write(&path, list.pem().expect("text")),
        }
        .expect("written");
        path
    }

    /// An empty list of its own in the folder of another.
    pub fn revoke_into(&self, other: &Self, file: &str) -> PathBuf {
        let path = other.path(file);
        fs::copy(self.revoke(file, &[], 4000), &path).expect("copied");
        path
    }

    /// A server that asks nobody for a certificate.
    pub fn server(&self) -> ServerSettings {
        let pair = self.issue("server", &["localhost", "127.0.0.1"]);
        ServerSettings {
            certificate: pair.certificate,
            key: pair.key,
            client_ca: None,
            client: ClientAuth::None,
            names: Vec::new(),
            crl: Vec::new(),
        }
    }

    /// A server that lets in whoever has a certificate of this authority.
    pub fn strict_server(&self) -> ServerSettings {
        ServerSettings { client_ca: Some(self.certificate()), client: ClientAuth::Required, ..self.server() }
    }

    /// A client that trusts this authority.
    pub fn client(&self) -> ClientSettings {
        ClientSettings { ca: Some(self.certificate()), ..ClientSettings::default() }
    }

    /// The same with a certificate.
    pub fn client_with(&self, pair: &Pair) -> ClientSettings {
        ClientSettings { certificate: Some(pair.certificate.clone()), key: Some(pair.key.clone()), ..self.client() }
    }
}

/// Puts `from` in `to`'s place, as a certificate manager does.
pub fn replace(from: &Path, to: &Path) {
    fs::copy(from, to).expect("copied");
}
