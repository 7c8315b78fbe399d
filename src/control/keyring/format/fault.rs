//! What can be wrong in a keyring file: told by line and field, never by what stands there.

use std::fmt;

use super::VERSION;
use crate::model::Namespace;

/// What is wrong at one place of a keyring file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are no text.
    #[error("not UTF-8 text")]
    NotText,
    /// The text is no TOML.
    #[error("not valid TOML")]
    NotToml,
    /// There is a field that the layout does not have.
    #[error("unknown field; those known here are {0}")]
    UnknownField(&'static str),
    /// A field is not there.
    #[error("missing")]
    Missing,
    /// A field holds a value of another type.
    #[error("must be {0}")]
    Type(&'static str),
    /// The layout is of another version.
    #[error("must be {VERSION}, the version that this program reads")]
    Version,
    /// A number is out of range.
    #[error("must be a whole number from 1 to 4294967295")]
    Number,
    /// A key or salt is not what it should be.
    #[error("must be 32 bytes in base64, with padding")]
    Bytes,
    /// A namespace's name is not what it should be.
    #[error("must be 1 to 64 of a-z, 0-9, hyphens, dots and underscores")]
    Name,
    /// A number or name stands there twice.
    #[error("the same as in an entry before it")]
    Repeated,
    /// A key or salt stands there twice.
    #[error("the same bytes as in an entry before it")]
    SharedBytes,
    /// Both or neither of two fields of which one must be there.
    #[error("must have either {0}")]
    OneOf(&'static str),
    /// The current epoch cannot make marks.
    #[error("must be the number of an epoch that is neither retired nor destroyed")]
    NotUsable,
    /// The default namespace is missing or forgotten.
    #[error("must hold the namespace {:?} with its salt", Namespace::DEFAULT)]
    NoDefault,
}

/// One fault: where it stands and what it is, never what was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1.
    pub line: usize,
    /// Path of the field, such as `epochs[0].key`; empty for the file as a whole.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        self.problem.fmt(f)
    }
}

/// Every fault of a keyring file, in the order of its lines; there is at least one.
#[derive(Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n  " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
