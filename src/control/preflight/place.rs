//! Places that are written to: whether they are there, or can be made.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// What is to be at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A file that is written to, and made if it is not there.
    File,
    /// A directory that is written to, and made if it is not there, in one that is.
    Directory,
    /// A socket that is made anew.
    Socket,
}

/// Whether this process could write there; else why not.
pub(super) fn check(path: &Path, need: Need) -> Result<(), String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(there) => {
            let kind = there.file_type();
            match need {
                Need::File if kind.is_dir() => Err(format!("{shown} is a directory, not a file")),
                Need::Directory if !kind.is_dir() => Err(format!("{shown} is no directory")),
                Need::Socket if !kind.is_socket() => {
                    Err(format!("{shown} is there and is no socket; remove it, or listen at another path"))
                }
                Need::Socket => writable(&parent(path)),
                Need::File | Need::Directory => writable(path),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = parent(path);
            if parent.is_dir() {
                writable(&parent)
            } else {
                Err(format!("there is no directory {}; make it", parent.display()))
            }
        }
        Err(error) => Err(format!("cannot look at {shown}: {error}")),
    }
}

fn writable(path: &Path) -> Result<(), String> {
    access(path, Access::WRITE_OK).map_err(|error| format!("cannot write to {}: {error}", path.display()))
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn places_are_there_or_can_be_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "").expect("written");
        let _listener = UnixListener::bind(at("socket")).expect("a socket");
        for (path, need) in [
            (at("file"), Need::File),
            (at("new"), Need::File),
            (at("new"), Need::Directory),
            (at(""), Need::Directory),
            (at("socket"), Need::Socket),
            (at("new"), Need::Socket),
        ] {
            assert_eq!(check(&path, need), Ok(()), "{need:?} {path:?}");
        }
        for (path, need) in [
            (at(""), Need::File),
            (at("file"), Need::Directory),
            (at("file"), Need::Socket),
            (at("no/new"), Need::File),
            (at("no/new"), Need::Directory),
        ] {
            assert!(check(&path, need).is_err(), "{need:?} {path:?}");
        }
    }
}
