//! A configuration from a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Config, ConfigError};

/// Where the configuration is, unless it is said.
pub const DEFAULT_PATH: &str = "/etc/inkprint/inkprint.toml";

/// A larger file is no configuration.
const MAX_BYTES: u64 = 4 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It could not be read.
    #[error("cannot read the configuration {}: {error}", .path.display())]
    Read {
        /// What was asked for.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// It is too large to be one.
    #[error("{} is larger than {MAX_BYTES} bytes, and so no configuration", .0.display())]
    TooLarge(PathBuf),
    /// Everything that is wrong in it.
    #[error(transparent)]
    Faults(#[from] Faults),
}

/// Every fault of a file, each on a line: `FILE:LINE: PATH: what is wrong`.
#[derive(Debug, PartialEq, Eq)]
pub struct Faults {
    /// The file's name.
    pub file: String,
    /// At least one.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let between = if index == 0 { "" } else { "\n" };
            write!(f, "{between}{}:", self.file)?;
            if let Some(line) = error.line {
                write!(f, "{line}:")?;
            }
            if !error.path.is_empty() {
                write!(f, " {}:", error.path)?;
            }
            write!(f, " {}", error.problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`LoadError`]: that it cannot be read, or every fault of it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let file = File::open(path).map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
        Self::load_from(file, path)
    }

    /// Reads a configuration from what is called `name`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_from(input: impl Read, name: &Path) -> Result<Self, LoadError> {
        let mut bytes = Vec::new();
        input
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| LoadError::Read { path: name.to_owned(), error })?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(LoadError::TooLarge(name.to_owned()));
        }
        let faults = |errors| Faults { file: name.display().to_string(), errors };
        Self::parse_bytes(&bytes).map_err(|errors| faults(errors).into())
    }
}
