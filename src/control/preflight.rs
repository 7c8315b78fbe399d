//! What a sound configuration needs of the machine it runs on, looked at before it does: keyring, rules, allow lists, certificates,
//! secrets, directories. Everything that is lacking is told at once; nothing is made or changed, and no content is shown.

mod place;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use self::place::Need;
use super::config::Config;
use super::config::address::AdminAddress;
use super::config::secret::{HeaderValue, SecretRef};
use super::config::sink::SinkKind;
use super::config::source::SourceKind;
use super::config::tls::{ClientTls, Clients, ServerTls};
use super::sightings::Place;
use crate::pipeline::detect::Detector;
use crate::pipeline::detect::allow::read_files;

/// A larger file holds no certificates.
const MAX_PEM: u64 = 16 << 20;

/// The label of a revocation list.
const REVOCATION_LIST: &str = "X509 CRL";

/// Something that the configuration names and that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Path of the field that names it.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Looks at everything that the configuration names.
pub fn examine(config: &Config) -> Vec<Lack> {
    let mut examiner = Examiner { lacks: Vec::new() };
    examiner.keys(config);
    examiner.rules(config);
    examiner.process(config);
    for (name, source) in &config.sources {
        examiner.source(&format!("sources.{name}"), &source.kind);
    }
    for (name, sink) in &config.sinks {
        let path = format!("sinks.{name}");
        examiner.sink(&path, &sink.kind);
        if let Some(spool) = &sink.spool {
            examiner.place(format!("{path}.spool.directory"), &spool.directory, Need::Directory);
        }
    }
    examiner.lacks
}

struct Examiner {
    lacks: Vec<Lack>,
}

impl Examiner {
    fn lack(&mut self, path: impl Into<String>, what: impl fmt::Display) {
        self.lacks.push(Lack { path: path.into(), what: what.to_string() });
    }

    /// The keyring can be read, and has the namespaces.
    fn keys(&mut self, config: &Config) {
        let keyring = match config.keyring.load() {
            Ok(keyring) => keyring,
            Err(error) => return self.lack("keyring", error),
        };
        let mut seen = BTreeSet::new();
        let own = config.sources.iter().map(|(name, source)| (format!("sources.{name}.namespace"), &source.namespace));
        for (path, namespace) in std::iter::once(("namespace".to_owned(), &config.namespace)).chain(own) {
            if let Some(error) = keyring.current_mark_keys(namespace).err().filter(|_| seen.insert(namespace)) {
                self.lack(path, error);
            }
        }
    }

    /// The rules and the allow list are sound.
    fn rules(&mut self, config: &Config) {
        let all = match config.rules.all() {
            Ok(all) => all,
            Err(error) => return self.lack("rules", error),
        };
        match config.rules.in_force(&all).map(Detector::new) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => self.lack("rules", error),
            Err(error) => self.lack("rules", error),
        }
        if let Err(error) = read_files(&config.rules.allow, &all) {
            self.lack("rules.allow", error);
        }
    }

    fn process(&mut self, config: &Config) {
        if let Some(journal) = &config.journal {
            self.place("journal.path".to_owned(), &journal.path, Need::File);
        }
        if let Some(sightings) = &config.sightings
            && let Place::File(path) = &sightings.index
        {
            self.place("sightings.index".to_owned(), path, Need::File);
        }
        if let Some(quarantine) = &config.quarantine {
            self.place("quarantine.directory".to_owned(), &quarantine.directory, Need::Directory);
        }
        if let Some(admin) = &config.admin {
            if let AdminAddress::Unix(path) = &admin.listen {
                self.place("admin.listen".to_owned(), path, Need::Socket);
            }
            self.secret("admin.token", admin.token.as_ref());
            self.server_tls("admin.tls", admin.tls.as_ref());
        }
    }

    fn source(&mut self, path: &str, kind: &SourceKind) {
        match kind {
            SourceKind::Stdin(_) | SourceKind::Udp(_) => {}
            SourceKind::Tcp(tcp) => self.server_tls(&format!("{path}.tls"), tcp.tls.as_ref()),
            SourceKind::Unix(unix) => self.place(format!("{path}.path"), &unix.path, Need::Socket),
            SourceKind::UnixDatagram(unix) => self.place(format!("{path}.path"), &unix.path, Need::Socket),
            SourceKind::File(file) => self.place(format!("{path}.checkpoint"), &file.checkpoint, Need::File),
            SourceKind::Http(http) => {
                self.secret(&format!("{path}.token"), http.token.as_ref());
                self.server_tls(&format!("{path}.tls"), http.tls.as_ref());
            }
        }
    }

    fn sink(&mut self, path: &str, kind: &SinkKind) {
        match kind {
            // A peer that is away may come back: that is what the queue is for.
            SinkKind::Stdout(_) | SinkKind::Unix(_) => {}
            SinkKind::File(file) => self.place(format!("{path}.path"), &file.path, Need::File),
            SinkKind::Tcp(tcp) => self.client_tls(&format!("{path}.tls"), tcp.tls.as_ref()),
            SinkKind::Http(http) => {
                self.secret(&format!("{path}.token"), http.token.as_ref());
                for (name, value) in &http.headers {
                    if let HeaderValue::Secret(secret) = value {
                        self.secret(&format!("{path}.headers.{name}"), Some(secret));
                    }
                }
                if let Some(dead_letter) = &http.dead_letter {
                    self.place(format!("{path}.dead_letter"), dead_letter, Need::File);
                }
                self.client_tls(&format!("{path}.tls"), http.tls.as_ref());
            }
        }
    }

    fn server_tls(&mut self, path: &str, tls: Option<&ServerTls>) {
        let Some(tls) = tls else { return };
        self.pem(format!("{path}.certificate"), &tls.certificate, "CERTIFICATE");
        self.pem(format!("{path}.key"), &tls.key, "PRIVATE KEY");
        if let Clients::Optional(clients) | Clients::Required(clients) = &tls.clients {
            self.pem(format!("{path}.client_ca"), &clients.ca, "CERTIFICATE");
            for (index, crl) in clients.crl.iter().enumerate() {
                self.pem(format!("{path}.crl[{index}]"), crl, REVOCATION_LIST);
            }
        }
    }

    fn client_tls(&mut self, path: &str, tls: Option<&ClientTls>) {
        let Some(tls) = tls else { return };
        if let Some(ca) = &tls.ca {
            self.pem(format!("{path}.ca"), ca, "CERTIFICATE");
        }
        if let Some(identity) = &tls.identity {
            self.pem(format!("{path}.certificate"), &identity.certificate, "CERTIFICATE");
            self.pem(format!("{path}.key"), &identity.key, "PRIVATE KEY");
        }
    }

    /// A secret can be had.
    fn secret(&mut self, path: &str, secret: Option<&SecretRef>) {
        if let Some(error) = secret.and_then(|secret| secret.resolve().err()) {
            self.lack(path, error);
        }
    }

    /// A PEM file is there and holds what it should.
    fn pem(&mut self, field: String, path: &Path, label: &str) {
        if let Err(what) = pem(path, label) {
            self.lack(field, what);
        }
    }

    /// A place that is written to can be.
    fn place(&mut self, field: String, path: &Path, need: Need) {
        if let Err(what) = place::check(path, need) {
            self.lack(field, what);
        }
    }
}

/// Whether a file has a block of this kind. `PRIVATE KEY` stands at the end of the label of several kinds of keys.
fn pem(path: &Path, label: &str) -> Result<(), String> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let shown = path.display();
    File::open(path)
        .and_then(|file| file.take(MAX_PEM).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {shown}: {error}"))?;
    let holds = bytes.split(|&byte| byte == b'\n').any(|line| {
        let line = line.trim_ascii().strip_prefix(b"-----BEGIN ".as_slice());
        line.and_then(|line| line.strip_suffix(b"-----".as_slice()))
            .is_some_and(|line| line.ends_with(label.as_bytes()))
    });
    // A revocation list may be DER, which begins with a sequence.
    let binary = label == REVOCATION_LIST && bytes.first() == Some(&0x30);
    if holds || binary {
        Ok(())
    } else {
        Err(format!("{shown} holds no PEM block that begins with -----BEGIN {label}-----"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_pem_file_holds_what_it_should() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.pem");
        assert!(pem(&path, "CERTIFICATE").expect_err("missing").contains("x.pem"));
        fs::write(&path, "text\n-----BEGIN EC PRIVATE KEY-----\r\nhunter2\n-----END EC PRIVATE KEY-----\n")
            .expect("written");
        assert_eq!(pem(&path, "PRIVATE KEY"), Ok(()));
        let error = pem(&path, "CERTIFICATE").expect_err("a key");
        assert!(error.contains("CERTIFICATE") && !error.contains("hunter2"), "{error}");
    }
}
