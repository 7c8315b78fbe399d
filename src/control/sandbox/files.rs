//! Files and ports by Landlock: all is refused that no rule allows.
//!
//! What newer kernels can restrict beyond [`TESTED`] is left alone, as nobody has tried it; what older ones cannot is done as far as they
//! can, and told.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};

use super::paths::{self, Opened};
use super::{Outcome, Part, Ports, Report, Sandbox};

/// The version of Landlock whose restrictions are used.
const TESTED: ABI = ABI::V7;

/// The first versions that restrict TCP ports, and scopes.
const FIRST_WITH_PORTS: ABI = ABI::V4;
const FIRST_WITH_SCOPES: ABI = ABI::V6;

/// The port of the name service, which takes to TCP when an answer is long.
const DNS: u16 = 53;

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

/// Regular files, directories and sockets; no devices, pipes or links, and nothing that is run.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSock | RemoveFile | RemoveDir | Refer
});

/// What is to be restricted, with every file open that it is bound to.
pub(super) struct Restriction(Result<RulesetCreated, String>);

impl Restriction {
    /// Opens what `sandbox` names. What is not there is noted: it could not be used later either.
    pub(super) fn prepare(sandbox: &Sandbox, report: &mut Report) -> Self {
        Self(ruleset(sandbox, report).map_err(|error| error.to_string()))
    }

    /// Applies it to this thread and those that it starts.
    pub(super) fn apply(self, report: &mut Report) {
        let enforced = self.0.and_then(|ruleset| ruleset.restrict_self().map_err(|error| error.to_string()));
        let unsupported = |what: &str| Outcome::Unsupported(what.to_owned());
        let nothing = match enforced {
            Err(error) => Outcome::Failed(error),
            Ok(status) => match (status.landlock, status.ruleset) {
                (LandlockStatus::NotImplemented, _) => unsupported("the kernel is built without Landlock"),
                (LandlockStatus::NotEnabled, _) | (_, RulesetStatus::NotEnforced) => {
                    unsupported("Landlock is switched off: see the kernel's option lsm=")
                }
                (LandlockStatus::Available { effective_abi, .. }, _) => return tell(effective_abi, report),
            },
        };
        for part in [Part::Files, Part::Network, Part::Scope] {
            report.part(part, nothing.clone());
        }
    }
}

/// What a Landlock of the version `abi` holds to.
fn tell(abi: ABI, report: &mut Report) {
    let by_version = |part, first: ABI, left: &str| match abi >= first {
        true => Outcome::applied(left),
        false => Outcome::Unsupported(format!(
            "this kernel's Landlock is of version {}, and {part} needs {}",
            abi as i32, first as i32
        )),
    };
    report.applied(Part::Files, "those that are named".to_owned());
    report.part(Part::Network, by_version(Part::Network, FIRST_WITH_PORTS, "TCP ports that are named"));
    report.part(Part::Scope, by_version(Part::Scope, FIRST_WITH_SCOPES, "itself"));
}

fn ruleset(sandbox: &Sandbox, report: &mut Report) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TESTED))?
        .scope(Scope::Signal)?;
    // A service manager may listen on an abstract socket, and must be told that the service is ready.
    if !std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| socket.as_encoded_bytes().starts_with(b"@")) {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket)?;
    }
    for (ports, access) in [(&sandbox.bind, AccessNet::BindTcp), (&sandbox.connect, AccessNet::ConnectTcp)] {
        if matches!(ports, Ports::Only(_)) {
            ruleset = ruleset.handle_access(access)?;
        }
    }
    let mut created = ruleset.create()?;
    for (ports, access) in [(&sandbox.bind, AccessNet::BindTcp), (&sandbox.connect, AccessNet::ConnectTcp)] {
        if let Ports::Only(ports) = ports {
            let dns = (access == AccessNet::ConnectTcp).then_some(DNS);
            created = created.add_rules(
                ports.iter().copied().chain(dns).map(|port| Ok::<_, RulesetError>(NetPort::new(port, access))),
            )?;
        }
    }
    for path in paths::SYSTEM.iter().map(Path::new).filter(|path| path.exists()) {
        // Of what every program reads, nothing is worth a note.
        if let Ok(opened) = paths::to_read(path) {
            created = open(created, &opened.path, READ, report)?;
        }
    }
    created = open(created, Path::new("/dev/null"), make_bitflags!(AccessFs::{ReadFile | WriteFile}), report)?;
    for path in &sandbox.read {
        if let Some(opened) = noted(path, paths::to_read(path), report) {
            created = open(created, &opened, READ, report)?;
        }
        if let Some(directory) = paths::link_directory(path) {
            created = open(created, &directory, READ, report)?;
        }
    }
    for path in sandbox.write.iter().chain(&sandbox.own) {
        if let Some(opened) = noted(path, paths::to_write(path), report) {
            created = open(created, &opened, WRITE, report)?;
        }
    }
    Ok(created)
}

/// What is opened for `path`, once what is to be said of it is said.
fn noted(path: &Path, opened: std::io::Result<Opened>, report: &mut Report) -> Option<std::path::PathBuf> {
    match opened {
        Ok(opened) => {
            opened.note.into_iter().for_each(|note| report.note(note));
            Some(opened.path)
        }
        Err(error) => {
            report.note(format!("{} cannot be used before a restart: {error}", path.display()));
            None
        }
    }
}

fn open(
    created: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
    report: &mut Report,
) -> Result<RulesetCreated, RulesetError> {
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(TESTED) };
    match PathFd::new(path) {
        Ok(opened) => created.add_rule(PathBeneath::new(opened, access)),
        Err(error) => {
            report.note(format!("{} cannot be used before a restart: {error}", path.display()));
            Ok(created)
        }
    }
}
