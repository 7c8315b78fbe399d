//! What became of each part of the sandbox.

use std::fmt;

/// A part of the sandbox. Shown as one word or two in the log and in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// No dump of its memory.
    CoreDumps,
    /// Another user.
    User,
    /// No capabilities.
    Capabilities,
    /// No more privileges by running a program.
    NewPrivileges,
    /// Only the files it needs.
    Files,
    /// Only the TCP ports it needs.
    Network,
    /// No signals to others, and no abstract sockets of others.
    Scope,
    /// Only the system calls it needs.
    SystemCalls,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoreDumps => "core dumps",
            Self::User => "user",
            Self::Capabilities => "capabilities",
            Self::NewPrivileges => "new privileges",
            Self::Files => "files",
            Self::Network => "network",
            Self::Scope => "scope",
            Self::SystemCalls => "system calls",
        })
    }
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds; what is left, in a few words.
    Applied(String),
    /// It was not asked for, and why nothing is missed.
    Off(&'static str),
    /// This kernel or this processor has not got it.
    Unsupported(String),
    /// It was refused.
    Failed(String),
}

impl Outcome {
    pub(super) fn applied(left: &str) -> Self {
        Self::Applied(left.to_owned())
    }
}

/// What became of each part, and what an operator should know beside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    parts: Vec<(Part, Outcome)>,
    notes: Vec<String>,
}

impl Report {
    /// What became of `part`, once it was come to.
    pub fn of(&self, part: Part) -> Option<&Outcome> {
        self.parts.iter().find(|(one, _)| *one == part).map(|(_, outcome)| outcome)
    }

    /// Each part in the order in which it was applied.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &Outcome)> {
        self.parts.iter().map(|(part, outcome)| (*part, outcome))
    }

    /// Files that are not there or cannot be replaced, and directories that are opened wider than one would think.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str)
    }

    /// The first part that was asked for and is not there, and why.
    pub fn lacking(&self) -> Option<(Part, &str)> {
        self.parts.iter().find_map(|(part, outcome)| match outcome {
            Outcome::Unsupported(reason) | Outcome::Failed(reason) => Some((*part, reason.as_str())),
            Outcome::Applied(_) | Outcome::Off(_) => None,
        })
    }

    /// Says it all in the program's log, a line for each.
    pub fn log(&self) {
        for (part, outcome) in self.parts() {
            match outcome {
                Outcome::Applied(left) => tracing::info!(%part, %left, "sandbox: applied"),
                Outcome::Off(reason) => tracing::info!(%part, reason, "sandbox: not asked for"),
                Outcome::Unsupported(reason) => tracing::warn!(%part, %reason, "sandbox: not supported here"),
                Outcome::Failed(reason) => tracing::warn!(%part, %reason, "sandbox: failed"),
            }
        }
        for note in self.notes() {
            tracing::warn!("sandbox: {note}");
        }
    }

    pub(super) fn part(&mut self, part: Part, outcome: Outcome) {
        self.parts.push((part, outcome));
    }

    pub(super) fn applied(&mut self, part: Part, left: String) {
        self.part(part, Outcome::Applied(left));
    }

    pub(super) fn off(&mut self, part: Part, reason: &'static str) {
        self.part(part, Outcome::Off(reason));
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_what_was_asked_for_and_is_not_there() {
        let mut report = Report::default();
        report.applied(Part::CoreDumps, "none".to_owned());
        report.off(Part::User, "none was named");
        assert_eq!(report.lacking(), None);
        report.part(Part::Files, Outcome::Unsupported("no Landlock".to_owned()));
        report.part(Part::SystemCalls, Outcome::Failed("refused".to_owned()));
        assert_eq!(report.lacking(), Some((Part::Files, "no Landlock")));
        assert_eq!(report.of(Part::User), Some(&Outcome::Off("none was named")));
        assert_eq!(report.of(Part::Scope), None);
    }
}
