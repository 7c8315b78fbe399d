//! Which file or directory is opened to the sandboxed process for a path that it was told of.
//!
//! A right is bound to the file that is there when the sandbox is entered. One that is later put in its place by a rename, as editors,
//! package managers and Kubernetes do, is another file: it can be read only if its directory may be. So a file stands for the directory
//! that it is in, where that one is its own: `/etc/inkprint/inkprint.toml` opens `/etc/inkprint`. A directory that everybody puts
//! things into is not opened for the sake of one file in it: `/etc/inkprint.toml` opens that file alone, which is noted.
//!
//! What is written is made, renamed and removed, and these are rights to a directory: a file to write always opens its directory.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::{Component, Path, PathBuf};

use rustix::process::{Gid, Uid};

/// Directories that many things live in.
const SHARED: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/dev/shm",
    "/etc",
    "/home",
    "/lib",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/run/lock",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/etc",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// What every program reads: the resolver's files, the C library's modules, time zones, and what the kernel says of this process and
/// of the processors. What is not there is passed over.
pub(super) const SYSTEM: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/proc/self",
    "/proc/sys/kernel",
    "/proc/sys/net",
    "/proc/sys/vm",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];

/// A file or directory to open, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    /// What is opened, with all below it.
    pub(super) path: PathBuf,
    /// What an operator should know.
    pub(super) note: Option<String>,
}

/// What is opened for reading `path`.
///
/// # Errors
/// That it is not there, or cannot be looked at.
pub(super) fn to_read(path: &Path) -> io::Result<Opened> {
    let real = fs::canonicalize(path)?;
    if real.is_dir() {
        return Ok(Opened { path: real, note: None });
    }
    // The directory of the link, where the path is one: it is the link that is replaced. What it leads to is opened beside it.
    match real.parent() {
        Some(parent) if !is_shared(parent) => Ok(Opened { path: parent.to_owned(), note: None }),
        _ => {
            let note = format!(
                "{0} is opened as it is; a file put in its place cannot be read before a restart: a directory of its own helps",
                path.display()
            );
            Ok(Opened { path: real, note: Some(note) })
        }
    }
}

/// The directory in which a link stands, if `path` is one and its directory is its own: another link may be put in its place.
pub(super) fn link_directory(path: &Path) -> Option<PathBuf> {
    let parent = fs::canonicalize(path.parent()?).ok()?;
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    (is_link && !is_shared(&parent)).then_some(parent)
}

/// What is opened for writing `path`, which need not be there; its directory must.
///
/// # Errors
/// That the directory is not there, or cannot be looked at.
pub(super) fn to_write(path: &Path) -> io::Result<Opened> {
    let found = fs::metadata(path);
    match &found {
        Ok(found) if found.is_dir() => return Ok(Opened { path: fs::canonicalize(path)?, note: None }),
        // A device or a pipe: it is written and never made.
        Ok(found) if !found.is_file() && !is_socket(found) => {
            return Ok(Opened { path: fs::canonicalize(path)?, note: None });
        }
        _ => {}
    }
    let real = if found.is_ok() { fs::canonicalize(path)? } else { path.to_owned() };
    let parent = real.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = fs::canonicalize(parent)?;
    let note = is_shared(&parent).then(|| {
        format!("{} opens all of {} for writing: a directory of its own is safer", path.display(), parent.display())
    });
    Ok(Opened { path: parent, note })
}

/// Makes a directory that is missing, and those above it, of mode 0700 and for `owner`. One that is there is left as it is.
///
/// # Errors
/// That it cannot be made or given away.
pub(super) fn make_directory(path: &Path, owner: Option<(Uid, Gid)>) -> io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    for path in missing.into_iter().rev() {
        DirBuilder::new().mode(0o700).create(path)?;
        if let Some((user, group)) = owner {
            chown(path, Some(user.as_raw()), Some(group.as_raw()))?;
        }
    }
    Ok(())
}

/// The directory that a pattern of paths cannot leave: all before its first component with a wildcard, and for a path without one the
/// directory that the file is in.
pub fn fixed_part(pattern: &str) -> PathBuf {
    let is_fixed = |component: &Component<'_>| !component.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let whole = Path::new(pattern);
    let fixed: PathBuf = whole.components().take_while(is_fixed).collect();
    if fixed == whole {
        return fixed.parent().map(Path::to_owned).unwrap_or(fixed);
    }
    fixed
}

fn is_shared(directory: &Path) -> bool {
    let is_home = directory.parent() == Some(Path::new("/home"));
    is_home || SHARED.iter().any(|shared| directory == Path::new(shared))
}

fn is_socket(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    found.file_type().is_socket()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_to_read_opens_the_directory_of_its_own() {
        let home = tempfile::tempdir().expect("a directory");
        let home = fs::canonicalize(home.path()).expect("there");
        fs::write(home.join("a.toml"), "").expect("written");
        let own = Opened { path: home.clone(), note: None };
        assert_eq!(to_read(&home.join("a.toml")).expect("there"), own);
        assert_eq!(to_read(&home).expect("there"), own);
        assert!(to_read(&home.join("missing")).is_err());
        let shared = to_read(Path::new("/etc/passwd")).expect("there");
        assert_eq!(shared.path, Path::new("/etc/passwd"));
        assert!(shared.note.expect("told").contains("/etc/passwd"));
    }

    #[test]
    fn a_link_to_read_opens_where_it_leads_and_where_it_stands() {
        let home = tempfile::tempdir().expect("a directory");
        let home = fs::canonicalize(home.path()).expect("there");
        // As Kubernetes mounts a configuration: ..data leads to a directory of the day, and each file leads through it.
        for folder in ["..day", "etc"] {
            fs::create_dir(home.join(folder)).expect("made");
        }
        fs::write(home.join("..day/a.toml"), "").expect("written");
        symlink("../..day/a.toml", home.join("etc/a.toml")).expect("linked");
        let link = home.join("etc/a.toml");
        assert_eq!(to_read(&link).expect("there").path, home.join("..day"));
        assert_eq!(link_directory(&link), Some(home.join("etc")));
        assert_eq!(link_directory(&home.join("..day/a.toml")), None);
    }

    #[test]
    fn a_file_to_write_opens_its_directory_before_it_is_there() {
        let home = tempfile::tempdir().expect("a directory");
        let home = fs::canonicalize(home.path()).expect("there");
        for path in [home.join("out.log"), home.clone()] {
            assert_eq!(to_write(&path).expect("there"), Opened { path: home.clone(), note: None });
        }
        assert!(to_write(&home.join("missing/out.log")).is_err());
        assert_eq!(to_write(Path::new("/dev/null")).expect("there").path, Path::new("/dev/null"));
        assert!(to_write(Path::new("/var/log/clean.log")).expect("there").note.expect("told").contains("/var/log"));
    }

    #[test]
    fn a_missing_directory_is_made_for_its_owner_alone() {
        use std::os::unix::fs::MetadataExt as _;
        let home = tempfile::tempdir().expect("a directory");
        let own = Some((rustix::process::getuid(), rustix::process::getgid()));
        for _ in 0..2 {
            make_directory(&home.path().join("a/b"), own).expect("made");
        }
        for name in ["a", "a/b"] {
            assert_eq!(fs::metadata(home.path().join(name)).expect("made").mode() & 0o777, 0o700, "{name}");
        }
        fs::write(home.path().join("file"), "").expect("written");
        assert!(make_directory(&home.path().join("file/b"), own).is_err());
    }

    #[test]
    fn a_pattern_is_fixed_up_to_its_first_wildcard() {
        for (pattern, fixed) in [
            ("/var/log/*.log", "/var/log"),
            ("/var/log/app/out.log", "/var/log/app"),
            ("/var/log/pods/*/*/?.log", "/var/log/pods"),
            ("/var/{a,b}/x", "/var"),
            ("/a[0-9]/x", "/"),
            ("logs/*.log", "logs"),
        ] {
            assert_eq!(fixed_part(pattern), Path::new(fixed), "{pattern}");
        }
    }
}
