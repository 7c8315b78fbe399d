//! What of the machine a configuration needs once the service has started, and nothing else: the sandbox.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::control::config::Config;
use crate::control::config::sink::SinkKind;
use crate::control::config::source::SourceKind;
use crate::control::config::tls::{ClientTls, Clients, ServerTls};
use crate::control::keyring::source::KeyringSource;
use crate::control::sandbox::{Account, Outcome, Ports, Sandbox, fixed_part};
use crate::control::sightings::Place;

/// Enters the sandbox that fits the configuration in the file `path`, where it is not switched off, and logs what became of each part.
/// Directories of the service's own that are missing are made before.
///
/// # Errors
/// When a directory cannot be made, or the sandbox not be entered.
pub(super) fn confine(path: &Path, config: &Config) -> anyhow::Result<()> {
    if !config.sandbox.enabled {
        tracing::warn!("sandbox: switched off by the configuration");
        return make_directories(&needs(path, config).made);
    }
    let Needs { read, write, made, connect } = needs(path, config);
    let settings = &config.sandbox;
    let account = settings.user.clone().map(|user| Account { user, group: settings.group.clone() });
    let sandbox = Sandbox {
        read,
        write,
        own: made,
        bind: Ports::Only(Vec::new()),
        connect,
        account,
        read_all_files: settings.read_all_files,
        required: settings.required,
    };
    let report = sandbox.enter()?;
    for (part, outcome) in report.parts() {
        match outcome {
            Outcome::Applied(left) => tracing::info!(%part, left, "sandbox: applied"),
            Outcome::Off(reason) => tracing::info!(%part, reason, "sandbox: not asked for"),
            Outcome::Unsupported(reason) => tracing::warn!(%part, reason, "sandbox: not supported here"),
            Outcome::Failed(reason) => tracing::error!(%part, reason, "sandbox: failed"),
        }
    }
    for note in report.notes() {
        tracing::warn!(note, "sandbox: note");
    }
    Ok(())
}

#[derive(Default)]
struct Needs {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    /// Directories that are ours to make, and to write.
    made: Vec<PathBuf>,
    connect: Ports,
}

fn needs(path: &Path, config: &Config) -> Needs {
    let mut needs = Needs { read: vec![path.to_owned()], ..Needs::default() };
    let mut ports = Some(Vec::new());
    match &config.keyring {
        KeyringSource::File(path) if config.keys.rotate_every.is_some() => needs.write.push(path.clone()),
        KeyringSource::File(path) => needs.read.push(path.clone()),
        KeyringSource::Credential(_) => {
            needs.read.extend(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from));
        }
        KeyringSource::Env(_) | KeyringSource::Fd(_) | KeyringSource::Command(_) => {}
        // Where it is found is said by the environment, and may be said otherwise by what it answers.
        _ => ports = None,
    }
    needs.read.extend(config.rules.patterns.iter().chain(&config.rules.allow).cloned());
    if let Some(journal) = &config.journal {
        needs.write.push(journal.path.clone());
        needs.write.extend(journal.key.clone());
    }
    match config.sightings.as_ref().map(|sightings| &sightings.index) {
        Some(Place::File(path)) => needs.write.push(path.clone()),
        // Its port, its passwords and its authorities are where the environment says.
        Some(Place::Database(_)) => ports = None,
        None => {}
    }
    if let Some(quarantine) = &config.quarantine {
        needs.keep(&quarantine.directory);
    }
    if let Some(tls) = config.admin.as_ref().and_then(|admin| admin.tls.as_ref()) {
        needs.server(tls);
    }
    for source in config.sources.values() {
        match &source.kind {
            SourceKind::Tcp(tcp) => tcp.tls.iter().for_each(|tls| needs.server(tls)),
            SourceKind::Http(http) => http.tls.iter().for_each(|tls| needs.server(tls)),
            SourceKind::File(file) => {
                needs.read.extend(file.paths.iter().map(|pattern| fixed_part(pattern)));
                needs.write.push(file.checkpoint.clone());
            }
            SourceKind::Stdin(_) | SourceKind::Unix(_) | SourceKind::UnixDatagram(_) | SourceKind::Udp(_) => {}
        }
    }
    for sink in config.sinks.values() {
        if let Some(spool) = &sink.spool {
            needs.keep(&spool.directory);
        }
        match &sink.kind {
            SinkKind::Stdout(_) => {}
            SinkKind::File(file) => needs.write.push(file.path.clone()),
            SinkKind::Tcp(tcp) => {
                ports.iter_mut().for_each(|ports| ports.push(tcp.address.port));
                tcp.tls.iter().for_each(|tls| needs.client(tls));
            }
            SinkKind::Unix(unix) => needs.read.push(unix.path.clone()),
            SinkKind::Http(http) => {
                ports.iter_mut().for_each(|ports| ports.push(http.url.address().port));
                http.tls.iter().for_each(|tls| needs.client(tls));
                needs.write.extend(http.dead_letter.clone());
            }
        }
    }
    needs.connect = ports.map_or(Ports::Any, Ports::Only);
    needs
}

impl Needs {
    /// A directory with all that is in it.
    fn keep(&mut self, directory: &Path) {
        self.made.push(directory.to_owned());
    }

    fn server(&mut self, tls: &ServerTls) {
        self.read.extend([tls.certificate.clone(), tls.key.clone()]);
        if let Clients::Optional(certificates) | Clients::Required(certificates) = &tls.clients {
            self.read.push(certificates.ca.clone());
            self.read.extend(certificates.crl.iter().cloned());
        }
    }

    fn client(&mut self, tls: &ClientTls) {
        self.read.extend(tls.ca.clone());
        self.read.extend(tls.identity.iter().flat_map(|own| [own.certificate.clone(), own.key.clone()]));
    }
}

fn make_directories(directories: &[PathBuf]) -> anyhow::Result<()> {
    directories.iter().try_for_each(|directory| {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.with_context(|| format!("cannot make the directory {}", directory.display()))
    })
}
