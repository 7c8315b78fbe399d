//! The output of the pipe.

use std::fs::File;
use std::path::Path;

use anyhow::Context;

/// Where the cleaned log goes.
#[derive(Debug)]
pub struct Output {
    /// What it is called in errors.
    pub name: String,
    /// Unbuffered: the pipe writes whole blocks.
    pub file: File,
    is_file: bool,
}

/// Opens the file, or standard output itself: the library's handle would look for the last newline of every block.
///
/// # Errors
/// Naming the file.
pub fn open(path: Option<&Path>) -> anyhow::Result<Output> {
    match path {
        Some(path) => {
            let name = path.display().to_string();
            let file = File::create(path).with_context(|| format!("cannot write {name}"))?;
            Ok(Output { name, file, is_file: true })
        }
        None => {
            let file = File::from(rustix::io::dup(rustix::stdio::stdout()).context("cannot use standard output")?);
            Ok(Output { name: "standard output".to_owned(), file, is_file: false })
        }
    }
}

impl Output {
    /// Closes the output. Some file systems only tell now that they are full.
    ///
    /// # Errors
    /// Naming the file.
    pub fn finish(self) -> anyhow::Result<()> {
        if self.is_file
            && let Err(error) = self.file.sync_data()
            && !matches!(error.raw_os_error(), Some(code) if code == rustix::io::Errno::INVAL.raw_os_error())
        {
            return Err(error).with_context(|| format!("cannot write {}", self.name));
        }
        Ok(())
    }
}
