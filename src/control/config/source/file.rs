//! Files, followed as they grow and are rotated.

use std::path::PathBuf;
use std::time::Duration;

use crate::control::config::fault::Problem;
use crate::control::config::field::{choices, default, required, settings};
use crate::control::config::reader::Section;

choices! {
    /// Where a file is begun that was there before the first start.
    pub enum StartAt: "place" {
        /// At its first byte.
        Beginning = "beginning",
        /// Behind its last whole line.
        End = "end",
    }
}

settings! {
    /// Files, followed as they grow and are rotated.
    pub struct File {
        /// Paths, in which * and ? stand for characters other than a slash, ** for any folders and [...] for one of some characters. What
        /// is packed by its name, such as *.gz, is left out.
        paths: Vec<String> = required(r#"["/var/log/app/*.log"]"#);
        /// Of those, the ones that are left out.
        exclude: Vec<String> = default("[]").example(r#"["/var/log/app/debug-*.log"]"#);
        /// Where files are begun that are there before the first start; all later ones are begun at their first byte.
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
