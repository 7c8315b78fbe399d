//! The inputs of the pipe: checked before the first byte is read, opened when their turn comes.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::model::SourceId;
use crate::pipeline::pipe::Input;
use crate::pipeline::source::{Interruptible, Relayed};

/// An input as it was named.
#[derive(Clone, Debug)]
pub enum Named {
    /// Standard input.
    Stdin,
    /// A file, and its length where that is known.
    File(PathBuf, Option<u64>),
}

impl Named {
    /// What it is called in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path, _) => path.display().to_string(),
        }
    }

    /// What the sources of an allow list are held against.
    pub fn source(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path, _) => path.display().to_string(),
        }
    }

    /// What the index of sightings calls it.
    pub fn id(&self) -> SourceId {
        match self {
            Self::Stdin => SourceId::new("stdin"),
            Self::File(path, _) => SourceId::new(&path.display().to_string()),
        }
    }

    /// Opens it without heed to signals.
    ///
    /// # Errors
    /// As opening a file.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Stdin => Ok(Box::new(stdin()?)),
            Self::File(path, _) => Ok(Box::new(File::open(path)?)),
        }
    }
}

/// Reads the names, and finds what would only fail after half of the work: a file that is not there, a folder, an output that is
/// also an input.
///
/// # Errors
/// Naming the file.
pub fn check(files: &[PathBuf], output: Option<&Path>) -> anyhow::Result<Vec<Named>> {
    if files.is_empty() {
        return Ok(vec![Named::Stdin]);
    }
    let output = output.and_then(|path| std::fs::metadata(path).ok());
    let same = |a: &Metadata, b: &Metadata| a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino());
    let mut named = Vec::new();
    for path in files {
        if path.as_os_str() == "-" {
            named.push(Named::Stdin);
            continue;
        }
        let metadata = File::open(path)
            .and_then(|file| file.metadata())
            .with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            bail!("{} is a folder; name the files in it", path.display());
        }
        if output.as_ref().is_some_and(|output| same(output, &metadata)) {
            bail!("{} is both an input and the output; write to another file and rename it", path.display());
        }
        named.push(Named::File(path.clone(), metadata.is_file().then_some(metadata.len())));
    }
    Ok(named)
}

/// The inputs for the pipe, each with its name in the index of sightings; each ends early once `stop` is readable.
pub fn open(named: Vec<Named>, ids: Vec<SourceId>, stop: OwnedFd) -> Vec<Input> {
    let mut inputs = Vec::new();
    for (input, id) in named.into_iter().zip(ids) {
        let stop = stop.try_clone();
        inputs.push(Input {
            name: input.name(),
            source: input.source(),
            id,
            open: Box::new(move || {
                let stop = stop?;
                Ok(match input {
                    Named::Stdin => Box::new(Interruptible::new(Relayed::new(stdin()?), stop)) as Box<dyn Read + Send>,
                    Named::File(path, _) => Box::new(Interruptible::new(File::open(path)?, stop)),
                })
            }),
        });
    }
    inputs
}

/// Standard input itself: the library's handle would copy every byte once more.
fn stdin() -> io::Result<File> {
    Ok(File::from(rustix::io::dup(rustix::stdio::stdin())?))
}
