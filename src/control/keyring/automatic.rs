//! The keyring of a user who has configured none: made on first use, in the user's own state directory.

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Keyring;
use super::source::{LoadError, load_file};
use super::store::{self, StoreError};

/// Where it is: `$XDG_STATE_HOME/inkprint/keyring`, by default below `~/.local/state`.
///
/// # Errors
/// [`StoreError::NoHome`] when the environment names no home.
pub fn path() -> Result<PathBuf, StoreError> {
    path_in(env::var_os("XDG_STATE_HOME"), env::var_os("HOME")).ok_or(StoreError::NoHome)
}

/// Reads the keyring at `path`, or makes one there; its directory is made too, for its owner alone. Two that start at
/// once end up with the same keyring. `tell` is called before one is made, and can refuse it. Returns whether this call made it,
/// so that its user can be told.
///
/// # Errors
/// That what is there cannot be read, or that it cannot be written, and what `tell` returns.
pub fn load_or_make<E: From<StoreError>>(
    path: &Path,
    now: Timestamp,
    tell: impl FnOnce() -> Result<(), E>,
) -> Result<(Keyring, bool), E> {
    // Every use but the first ends here, without a lock and also where the directory cannot be written.
    match load_file(path) {
        Err(LoadError::NotFound { .. }) => {}
        Err(error) => return Err(StoreError::from(error).into()),
        Ok(keyring) => return Ok((keyring, false)),
    }
    if let Some(directory) = path.parent() {
        make_directory(directory)?;
    }
    store::load_or_create(path, || {
        let keyring = Keyring::generate(now).map_err(StoreError::from)?;
        tell()?;
        Ok(keyring)
    })
}

/// Makes a directory and those above it, for their owner alone; those that are there stay as they are.
///
/// # Errors
/// [`StoreError::Write`].
pub fn make_directory(directory: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| StoreError::Write {
        path: directory.to_owned(),
        step: "make its directory",
        error,
    })
}

/// A relative path in either variable counts as none: the state would depend on where the program was started.
fn path_in(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = state.and_then(absolute).or_else(|| Some(home.and_then(absolute)?.join(".local/state")))?;
    Some(state.join("inkprint/keyring"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn the_place_follows_the_environment() {
        let path = |state: &str, home: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| OsString::from(text));
            path_in(some(state), some(home)).map(|path| path.display().to_string())
        };
        assert_eq!(path("/state", "/home/a").as_deref(), Some("/state/inkprint/keyring"));
        assert_eq!(path("", "/home/a").as_deref(), Some("/home/a/.local/state/inkprint/keyring"));
        assert_eq!(path("state", "/home/a").as_deref(), Some("/home/a/.local/state/inkprint/keyring"));
        assert_eq!(path("", ""), None);
    }

    #[test]
    fn all_that_start_at_once_get_the_same_keyring_and_one_has_made_it() {
        const THREADS: usize = 8;
        for _ in 0..10 {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("state/inkprint/keyring");
            let start = Barrier::new(THREADS);
            let results: Vec<_> = thread::scope(|scope| {
                let open = || {
                    start.wait();
                    load_or_make(&path, Timestamp::UNIX_EPOCH, || Ok::<_, StoreError>(())).expect("opened")
                };
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            });
            let texts: BTreeSet<String> = results.iter().map(|(keyring, _)| keyring.to_toml().to_string()).collect();
            assert_eq!(texts.len(), 1);
            assert_eq!(results.iter().filter(|(_, made)| *made).count(), 1);
            let inkprint = fs::metadata(path.parent().expect("below a directory")).expect("made");
            assert_eq!(inkprint.mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_broken_one_is_never_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keyring");
        load_or_make(&path, Timestamp::UNIX_EPOCH, || Ok::<_, StoreError>(())).expect("made");
        fs::write(&path, "broken").expect("written");
        assert!(load_or_make(&path, Timestamp::UNIX_EPOCH, || Ok::<_, StoreError>(())).is_err());
        assert_eq!(fs::read(&path).expect("there"), b"broken");
    }
}
