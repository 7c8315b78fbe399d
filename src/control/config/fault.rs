//! What can be wrong in a configuration: told by path and line, never by what stands there, as that may be a secret.

use std::fmt;

use super::VERSION;
use crate::control::keyring::source::SourceSyntaxError;
use crate::control::sightings::PlaceError;

/// What is wrong at one place of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are no text.
    #[error("not UTF-8 text")]
    NotText,
    /// The text is no TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// The layout is of another version.
    #[error("must be {VERSION}, the version that this program reads")]
    Version,
    /// There is a field that the layout does not have.
    #[error("unknown field{}; known here: {}", meant(.nearest.as_deref()), .known.join(", "))]
    UnknownField {
        /// The known one that is spelled most alike, if one is.
        nearest: Option<String>,
        /// All that are known.
        known: Vec<&'static str>,
    },
    /// A word that is none of those that may stand here.
    #[error("unknown {what}{}; there are {}", meant(.nearest.as_deref()), .known.join(", "))]
    UnknownWord {
        /// What it should be, such as `type`.
        what: &'static str,
        /// The known one that is spelled most alike, if one is.
        nearest: Option<String>,
        /// All that are known.
        known: Vec<&'static str>,
    },
    /// A source or sink that is not there.
    #[error("there is no {what} of this name{}; {}", meant(.nearest.as_deref()), existing(.what, .known))]
    UnknownPart {
        /// `source` or `sink`.
        what: &'static str,
        /// The one that is spelled most alike, if one is.
        nearest: Option<String>,
        /// All that are there.
        known: Vec<String>,
    },
    /// A field is not there.
    #[error("is missing; write for example: {0}")]
    Missing(String),
    /// A field holds a value of another type.
    #[error("must be {expected}, not {found}")]
    Type {
        /// What it must be.
        expected: &'static str,
        /// The type that stands there.
        found: &'static str,
    },
    /// A value of the right type that is not what it must be.
    #[error("must be {0}")]
    Value(&'static str),
    /// A number, size or time that is out of range.
    #[error("must be from {least} to {most}")]
    Range {
        /// The least, as it would be written.
        least: String,
        /// The most, as it would be written.
        most: String,
    },
    /// No place of a keyring.
    #[error(transparent)]
    Keyring(SourceSyntaxError),
    /// No index of sightings.
    #[error("{0}")]
    Index(PlaceError),
    /// An action that cannot be read.
    #[error("must be WHO=WHAT, such as \"jwt=mask\"; WHAT is mark, mask, keep-last=1 to keep-last=4 or drop-line")]
    Action,
    /// A secret that was written down.
    #[error(
        "a secret is never written here, only where it is: {{ env = \"NAME\" }}, {{ file = \"/path\" }} or {{ credential = \"name\" }}"
    )]
    Literal,
    /// Not the name of a source or a sink.
    #[error("a name is 1 to 40 of a-z, 0-9, hyphens and underscores")]
    Name,
    /// Something of the kind must be there.
    #[error("there is no {what}; add a table [{what}s.NAME] with a `type`")]
    None {
        /// `source` or `sink`.
        what: &'static str,
    },
    /// An empty list that must not be one.
    #[error("must not be empty; name at least one {0}")]
    Empty(&'static str),
    /// A field that makes no sense without another.
    #[error("needs `{0}` beside it")]
    Needs(&'static str),
    /// A field that makes no sense with another as it is.
    #[error("cannot be had with {0}")]
    Excludes(&'static str),
    /// A sink that nothing is sent to.
    #[error("no route leads to this sink, so it would never get a line; name it in a route's `to`, or remove it")]
    NeverFed,
    /// A source whose lines go nowhere.
    #[error(
        "no route starts from this source, so its lines would go nowhere; name it in a route's `from`, or remove it"
    )]
    GoesNowhere,
    /// A name that stands twice in one list.
    #[error("stands here twice")]
    Repeated,
    /// What only one can have.
    #[error("{other} has the same {what}; each needs its own")]
    Shared {
        /// What it is, such as `file`.
        what: &'static str,
        /// The path of the field that has it too.
        other: String,
    },
    /// What is written is read again.
    #[error("{other} reads what is written here: its lines would go round for ever")]
    Loop {
        /// The path of the source.
        other: String,
    },
    /// An admin address that others can reach, without a way to tell who may.
    #[error(
        "others can reach this address, so it needs `token`, or `tls` with `client_ca`; or listen on 127.0.0.1:9640 or \
         unix:/run/inkprint/admin.sock"
    )]
    OpenAdmin,
    /// A size that does not hold what it must.
    #[error("is too low for {what}: {least} is the least")]
    TooLow {
        /// What it must hold.
        what: String,
        /// What would do.
        least: String,
    },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"))
}

fn existing(what: &str, known: &[String]) -> String {
    if known.is_empty() { format!("there is no {what} at all") } else { format!("there are {}", known.join(", ")) }
}

/// One fault: where it stands and what it is, never what was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Path of the field, such as `sources.apps.listen`; empty for the file as a whole.
    pub path: String,
    /// Line in the file, from 1; `None` for the file as a whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}
