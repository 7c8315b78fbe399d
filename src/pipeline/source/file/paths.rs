//! Which paths a source follows, and what stands beside a file that was rotated.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// What is packed is no log that grows: it was read before it was packed.
const PACKED: [&str; 10] = ["gz", "bz2", "xz", "zst", "lz4", "zip", "Z", "lzma", "br", "7z"];
/// `*` stands for no slash and, as in a shell, for no dot at a name's beginning.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A pattern that is none.
#[derive(Debug, thiserror::Error)]
#[error("{pattern:?} is no pattern of paths: {error}")]
pub struct PatternError {
    /// As it was written.
    pub pattern: String,
    /// What is wrong.
    #[source]
    pub error: glob::PatternError,
}

/// The paths that are followed.
#[derive(Debug)]
pub(super) struct Paths {
    patterns: Vec<String>,
    excluded: Vec<Pattern>,
}

impl Paths {
    pub(super) fn new(patterns: Vec<String>, exclude: &[String]) -> Result<Self, PatternError> {
        let parse = |text: &String| Pattern::new(text).map_err(|error| PatternError { pattern: text.clone(), error });
        patterns.iter().try_for_each(|text| parse(text).map(drop))?;
        let excluded = exclude.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { patterns, excluded })
    }

    /// The paths that are there now, each once; folders that cannot be read are given to `unreadable`.
    pub(super) fn look(&self, mut unreadable: impl FnMut(&Path, &std::io::Error)) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        for paths in self.patterns.iter().filter_map(|pattern| glob::glob_with(pattern, OPTIONS).ok()) {
            for path in paths {
                match path {
                    Ok(path) if self.follows(&path) => drop(found.insert(path)),
                    Ok(_) => {}
                    Err(error) => unreadable(error.path(), error.error()),
                }
            }
        }
        found
    }

    fn follows(&self, path: &Path) -> bool {
        !is_packed(path) && !self.excluded.iter().any(|pattern| pattern.matches_path_with(path, OPTIONS))
    }
}

pub(super) fn is_packed(path: &Path) -> bool {
    path.extension().and_then(OsStr::to_str).is_some_and(|extension| PACKED.contains(&extension))
}

/// Whether `path` is named as what `real` is rotated to: with a number or a date behind its name.
pub(super) fn is_rotated_name(real: &Path, path: &Path) -> bool {
    let (Some(name), Some(other)) = (real.file_name(), path.file_name()) else { return false };
    goes_on(name.as_bytes(), other.as_bytes()).is_some_and(|rest| {
        rest.iter().any(u8::is_ascii_digit) && rest.iter().all(|byte| byte.is_ascii_digit() || b".-_:TZ".contains(byte))
    })
}

/// Whether `path` is beside `real`, with a name that goes on behind its name.
pub(super) fn is_beside(real: &Path, path: &Path) -> bool {
    let (Some(name), Some(other)) = (real.file_name(), path.file_name()) else { return false };
    real.parent() == path.parent() && goes_on(name.as_bytes(), other.as_bytes()).is_some()
}

fn goes_on<'a>(name: &[u8], other: &'a [u8]) -> Option<&'a [u8]> {
    other.strip_prefix(name).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn patterns_find_what_a_shell_would_and_nothing_packed() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().to_str().expect("text").to_owned();
        fs::create_dir_all(folder.path().join("sub/deep")).expect("made");
        for name in ["a.log", "b.log", ".hidden.log", "a.log.1", "a.log.2.gz", "sub/c.log", "sub/deep/d.log", "b.txt"] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        let look = |patterns: &[&str], exclude: &[&str]| {
            let full = |names: &[&str]| names.iter().map(|name| format!("{root}/{name}")).collect::<Vec<_>>();
            let paths = Paths::new(full(patterns), &full(exclude)).expect("patterns");
            let found = paths.look(|path, error| panic!("{}: {error}", path.display()));
            let name = |path: &PathBuf| path.strip_prefix(&root).expect("below").to_str().expect("text").to_owned();
            found.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(look(&["*.log"], &[]), "a.log b.log");
        assert_eq!(look(&["*.log*", "a.log"], &["b*"]), "a.log a.log.1");
        assert_eq!(look(&["**/*.log"], &["**/d*"]), "a.log b.log sub/c.log");
        assert_eq!(look(&["missing/*.log"], &[]), "");
        assert!(Paths::new(vec!["[".to_owned()], &[]).is_err() && Paths::new(vec![], &["a**b".to_owned()]).is_err());
    }

    #[test]
    fn names_of_what_was_rotated() {
        let is = |name: &str| is_rotated_name(Path::new("/var/log/a.log"), &Path::new("/var/log").join(name));
        for name in ["a.log.1", "a.log-20261129", "a.log.20261129-145010", "a.log.2026-11-29T14:50:10Z"] {
            assert!(is(name), "{name}");
        }
        for name in ["a.log", "a.log.bak", "a.log.swp", "b.log.1", "a.log.", "a.logger.1"] {
            assert!(!is(name), "{name}");
        }
    }
}
