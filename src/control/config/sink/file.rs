//! A file that is rotated by size and time.

use std::path::PathBuf;
use std::time::Duration;

use crate::control::config::field::{choices, default, required, settings};
use crate::control::config::shape::measure::{Count, Mode, OrOff, Size};

choices! {
    /// How rotated files are packed.
    pub enum FileCompression: "compression" {
        /// Not at all.
        None = "none",
        /// With Zstandard.
        Zstd = "zstd",
    }
}

settings! {
    /// A file that is rotated by size and time.
    pub struct File {
        /// The file, which is appended to.
        path: PathBuf = required("/var/log/inkprint/clean.log");
        /// It is rotated before it grows over this; "0" turns this off.
        rotate_size: OrOff<Size> = default("100M").between(4 << 10, 512 << 40);
        /// It is rotated after so long; "0s" turns this off.
        rotate_every: OrOff<Duration> = default("24h").between(1_000, 31_622_400_000);
        /// Rotated files that are kept; older ones are removed.
        keep: Count = default("10").between(0, 100_000);
        /// How rotated files are packed.
        compress: FileCompression = default("none").example("zstd");
        /// Who may read it: its permission bits.
        mode: Mode = default("0640");
    }
}
