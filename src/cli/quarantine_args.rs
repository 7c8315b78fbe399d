//! `--quarantine`: where lines that must be withheld are kept, encrypted.

use std::path::PathBuf;

use anyhow::bail;
use jiff::Timestamp;

use super::print::tell;
use super::redact::bytes;
use crate::control::quarantine::{Quarantine, Recipient, Settings};
use crate::pipeline::detention::Detaining;

/// Options about withheld lines.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Quarantine")]
pub struct QuarantineArgs {
    /// Keep lines that have to be withheld in this directory, encrypted; `inkprint quarantine` reads it
    #[arg(long, value_name = "DIR", requires = "quarantine_recipient", conflicts_with = "dry_run")]
    quarantine: Option<PathBuf>,
    // Read later: clap shows a value that it cannot read, and this one may be an identity in the wrong place.
    /// The age recipient (age1…) that they are encrypted to: whoever holds its identity can read them, and nobody else
    #[arg(long, value_name = "RECIPIENT", requires = "quarantine")]
    quarantine_recipient: Option<String>,
    /// Bytes that they may use on the disk; when these are used up, lines are withheld without being kept
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size, requires = "quarantine")]
    quarantine_max_size: Option<u64>,
}

/// A quarantine that is open, if one was asked for.
#[derive(Debug, Default)]
pub struct Keeping(Option<Quarantine>);

impl QuarantineArgs {
    /// Opens the quarantine, if one was asked for, for lines of which `max_line` bytes are kept at most.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn start(&self, max_line: usize) -> anyhow::Result<(Option<Detaining>, Keeping)> {
        let (Some(directory), Some(recipient)) = (&self.quarantine, &self.quarantine_recipient) else {
            return Ok((None, Keeping(None)));
        };
        let max_bytes = self.quarantine_max_size.unwrap_or(1 << 30);
        let settings = Settings { directory: directory.clone(), recipient: Recipient::parse(recipient)?, max_bytes };
        let (lines, quarantine) = Quarantine::start(settings, |error| tell(&format!("inkprint: {error}\n")))?;
        let clock = || Timestamp::now().as_second();
        Ok((Some(Detaining { quarantine: lines, clock, most: max_line }), Keeping(Some(quarantine))))
    }
}

impl Keeping {
    /// Waits until all is written.
    ///
    /// # Errors
    /// When something could not be kept: it was withheld all the same.
    pub fn finish(self) -> anyhow::Result<()> {
        let lost = self.0.map_or(0, |quarantine| quarantine.finish().not_kept());
        if lost > 0 {
            bail!("{lost} withheld lines could not be kept in the quarantine; the log was cleaned all the same");
        }
        Ok(())
    }
}

fn size(text: &str) -> Result<u64, String> {
    let size = bytes(text).map(|size| size as u64).filter(|size| *size >= 1 << 20);
    size.ok_or_else(|| "a size of 1M or more, such as 1G".to_owned())
}
