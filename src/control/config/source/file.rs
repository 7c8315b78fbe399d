//! Files, followed as they grow and are rotated.

use std::path::PathBuf;
use std::time::Duration;

use crate::control::config::fault::Problem;
use crate::control::config::field::{choices, default, required, settings};
use crate::control::config::reader::Section;

choices! {
    /// Where a file is begun that has no checkpoint.
    pub enum StartAt: "place" {
        /// At its first byte.
        Beginning = "beginning",
        /// At its last, where it was there when the service started; what is made later is read whole.
        End = "end",
    }
}

settings! {
    /// Files, followed as they grow and are rotated.
    pub struct File {
        /// Paths, in which * and ? stand for characters other than a slash and ** for any folders.
        paths: Vec<String> = required(r#"["/var/log/app/*.log"]"#);
        /// Of those, the ones that are left out.
        exclude: Vec<String> = default("[]").example(r#"["/var/log/app/debug-*.log"]"#);
        /// Where a file is begun that was not there before.
        start_at: StartAt = default("end").example("beginning");
        /// The file that remembers how far each was passed on, so that nothing is lost over a crash.
        checkpoint: PathBuf = required("/var/lib/inkprint/app.json");
        /// How often files are looked for and looked at.
        poll: Duration = default("250ms").between(10, 3_600_000);
    } check = check;
}

fn check(file: &File, section: &mut Section<'_, '_>) -> Option<()> {
    if file.paths.is_empty() { section.refuse("paths", Problem::Empty("path")) } else { Some(()) }
}
