//! The sandbox: what the process gives up once it has started, so that a fault in it is worth little to whoever finds one.
//!
//! What [`Sandbox::enter`] guarantees of each part that the [`Report`] calls applied, until the process ends:
//! - **core dumps**: none is written, and no debugger of the same user's sees its memory.
//! - **user**: it is another user, with that user's own groups and no way back.
//! - **capabilities**: none is held or can be got, but at most the one to read all files, where that is asked for.
//! - **new privileges**: no program it could run would have more than it.
//! - **files**: what is not named cannot be opened, made, changed or removed, by Landlock, whoever the process is.
//! - **network**: TCP ports that are not named can neither be bound nor connected to.
//! - **system calls**: no program is run, no process made or looked into, nothing mounted, no memory both written and run, and
//!   whatever else the service does not need is refused.
//!
//! A user that cannot be changed to is an error in any case: a service that was to run as another and runs as root is not safer than
//! none. Of the rest, what the kernel does not have is reported, or is an error with [`Sandbox::required`].
//!
//! It is entered before any other thread is started, as most of this holds for the thread that asks and those it starts. What was open
//! before stays open: listeners, logs, the journal. A file that comes to stand in place of a named one, as an editor or a package manager
//! writes it, can be read where its directory may be; see [`paths`].

mod account;
mod calls;
mod files;
mod paths;
mod privileges;
mod report;

use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::set_no_new_privs;

pub use self::paths::fixed_part;
pub use self::report::{Outcome, Part, Report};

/// What the process keeps. Empty lists and `None` are the narrowest: nothing of it is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// What is read after the start: files, with the directories of their own that they stand in, and directories with all below.
    pub read: Vec<PathBuf>,
    /// What is written: directories with all below, and files, with the directories that they are made, renamed and removed in.
    /// Each directory must be there.
    pub write: Vec<PathBuf>,
    /// Directories of the service's own: made where they are missing, for who it becomes and nobody else, and written as above.
    pub own: Vec<PathBuf>,
    /// TCP ports that may be bound after the start. Listeners that are open by then need none.
    pub bind: Ports,
    /// TCP ports that may be connected to. That of DNS always may.
    pub connect: Ports,
    /// Who the process becomes; nobody else when it is `None`.
    pub account: Option<Account>,
    /// Whether the capability to read all files is kept, for logs that only their owners may read. Landlock's bounds hold all the same.
    pub read_all_files: bool,
    /// Whether a part that cannot be had is an error.
    pub required: bool,
}

/// A user of this machine, by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: String,
    /// The group; the user's own when it is `None`.
    pub group: Option<String>,
}

/// TCP ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// All of them: nothing is restricted.
    Any,
    /// These and no other.
    Only(Vec<u16>),
}

impl Default for Ports {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

/// Why the sandbox was not entered. What had been applied by then stays applied: the process should end.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Threads run already.
    #[error("the sandbox must be entered before other threads run, and there are {0}")]
    Threads(usize),
    /// Threads cannot be counted.
    #[error("cannot tell whether other threads run, as /proc/self/task cannot be read")]
    Uncounted(#[source] io::Error),
    /// The machine has no such user.
    #[error("there is no user {0}: make it, or name another one")]
    UnknownUser(String),
    /// The machine has no such group.
    #[error("there is no group {0}: make it, or name another one")]
    UnknownGroup(String),
    /// The machine's users cannot be looked up.
    #[error("cannot look up the user or group {name}")]
    Lookup {
        /// Whom.
        name: String,
        /// What was said.
        #[source]
        source: io::Error,
    },
    /// A directory of its own cannot be made.
    #[error("cannot make the directory {}", .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The user cannot be changed to.
    #[error("cannot {step} for the user {user}: start as root, or as that user")]
    Account {
        /// What failed.
        step: &'static str,
        /// The user.
        user: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A part cannot be had, and is required.
    #[error("the sandbox is required, and its part `{part}` cannot be had: {reason}")]
    Required {
        /// The part.
        part: Part,
        /// Why.
        reason: String,
    },
}

impl Sandbox {
    /// Enters it, for good, and tells what became of each part.
    ///
    /// # Errors
    /// When other threads run; when a directory cannot be made; when the user is not known or cannot be changed to; when a part cannot be had and is required.
    pub fn enter(&self) -> Result<Report, SandboxError> {
        let threads = fs::read_dir("/proc/self/task").map_err(SandboxError::Uncounted)?.count();
        if threads != 1 {
            return Err(SandboxError::Threads(threads));
        }
        let mut report = Report::default();
        let account = self.account.as_ref().map(account::find).transpose()?;
        for path in &self.own {
            let made = paths::make_directory(path, account.as_ref().map(|account| (account.user, account.group)));
            made.map_err(|source| SandboxError::Directory { path: path.clone(), source })?;
        }
        // Opened as who it still is: afterwards, the way to a file may be closed where the file itself is not.
        let files = files::Restriction::prepare(self, &mut report);
        privileges::drop_bounding_set(self.read_all_files);
        match &account {
            Some(account) => {
                privileges::become_account(account, self.read_all_files)?;
                report.applied(Part::User, format!("{} ({}:{})", account.name, account.user, account.group));
            }
            None => report.off(Part::User, "none was named, and it stays who it is"),
        }
        report.part(Part::Capabilities, privileges::drop_capabilities(self.read_all_files));
        // A change of user takes this back, whoever set it before.
        report.part(Part::CoreDumps, no_core_dumps());
        report.part(
            Part::NewPrivileges,
            set_no_new_privs(true)
                .map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::applied("none")),
        );
        files.apply(&mut report);
        report.part(Part::SystemCalls, calls::restrict());
        match report.lacking().filter(|_| self.required) {
            Some((part, reason)) => Err(SandboxError::Required { part, reason: reason.to_owned() }),
            None => Ok(report),
        }
    }
}

fn no_core_dumps() -> Outcome {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let outcome = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    outcome.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::applied("none"))
}
