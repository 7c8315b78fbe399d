//! The password for a database: as PostgreSQL's own programs find it.
//!
//! In this order: the file that the URL names as `passfile`, `PGPASSWORD`, the file that `PGPASSFILE` names, `~/.pgpass`. A file has
//! lines of `host:port:database:user:password`, in which `*` is any; one that others may read is refused. A server that asks for no
//! password needs none of them.

use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Address;
use crate::control::sightings::SightingsError;
use crate::control::wiped;

/// The most bytes of a file of passwords.
const MAX_FILE: usize = 1 << 20;

/// The password for a database, if there is one.
///
/// # Errors
/// [`SightingsError::Access`], when a file of passwords that was named cannot be used, or `~/.pgpass` can be read by others.
pub(in crate::control::sightings) fn password(address: &Address) -> Result<Option<Zeroizing<Vec<u8>>>, SightingsError> {
    found(address, |name| env::var_os(name).filter(|value| !value.is_empty()))
}

fn found(
    address: &Address,
    get: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Zeroizing<Vec<u8>>>, SightingsError> {
    if let Some(path) = &address.passfile {
        return from_file(path, address, true);
    }
    if let Some(password) = get("PGPASSWORD") {
        return Ok(Some(Zeroizing::new(password.into_encoded_bytes())));
    }
    if let Some(path) = get("PGPASSFILE") {
        return from_file(Path::new(&path), address, true);
    }
    match get("HOME") {
        Some(home) => from_file(&PathBuf::from(home).join(".pgpass"), address, false),
        None => Ok(None),
    }
}

/// The password in a file; none if it has none for this database. A file that was `named` must be there.
fn from_file(path: &Path, address: &Address, named: bool) -> Result<Option<Zeroizing<Vec<u8>>>, SightingsError> {
    let fault = |error: String| SightingsError::Access { path: path.to_owned(), error };
    // Without blocking, so that a named pipe is refused below rather than waited for.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => file,
        Err(error) if !named && error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(format!("the file of passwords cannot be read: {error}"))),
    };
    let metadata = file.metadata().map_err(|error| fault(error.to_string()))?;
    let mode = metadata.mode() & 0o7777;
    if !metadata.is_file() {
        return Err(fault("the file of passwords is not a regular file".to_owned()));
    }
    if mode & 0o077 != 0 {
        return Err(fault(format!("the file of passwords can be read by others (mode {mode:04o}); run: chmod 600")));
    }
    let text = wiped::read_to_end(file, MAX_FILE).map_err(|error| fault(error.to_string()))?;
    Ok(text.split(|byte| *byte == b'\n').find_map(|line| of_line(line, address)))
}

fn of_line(line: &[u8], address: &Address) -> Option<Zeroizing<Vec<u8>>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.starts_with(b"#") {
        return None;
    }
    let (host, rest) = field(line)?;
    let (port, rest) = field(rest?)?;
    let (database, rest) = field(rest?)?;
    let (user, rest) = field(rest?)?;
    let (password, _) = field(rest?)?;
    let fits = |field: &[u8], is: &str| field == b"*" || field == is.as_bytes();
    let all = fits(&host, &address.host())
        && fits(&port, &address.port().to_string())
        && fits(&database, address.database())
        // Where the URL names nobody, the user is whoever runs this: a file of theirs need not be asked.
        && address.user().is_none_or(|is| fits(&user, is));
    all.then_some(password)
}

/// What a field holds, and what stands behind it if anything does.
type Field<'t> = (Zeroizing<Vec<u8>>, Option<&'t [u8]>);

/// A field with its escapes undone, and what stands behind its colon.
fn field(text: &[u8]) -> Option<Field<'_>> {
    let mut value = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b':' => return Some((value, text.get(at + 1..))),
            b'\\' if at + 1 < text.len() => {
                at += 1;
                value.push(text[at]);
            }
            byte => value.push(*byte),
        }
        at += 1;
    }
    Some((value, None))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::control::sightings::Place;

    fn address(url: &str) -> Address {
        match Place::parse(url.as_ref()) {
            Ok(Place::Database(address)) => *address,
            other => panic!("{other:?}"),
        }
    }

    fn shown(password: Option<Zeroizing<Vec<u8>>>) -> Option<String> {
        password.map(|password| String::from_utf8_lossy(&password).into_owned())
    }

    #[test]
    fn a_line_is_found_by_host_port_database_and_user() {
        let file =
            b"# a comment\nother:5432:fleet:ink:no\n*:5432:fleet:else:no\n*:*:fleet:ink:a\\:b\\\\c\n*:*:*:*:last\n";
        let of = |url: &str| {
            let address = address(url);
            shown(file.split(|byte| *byte == b'\n').find_map(|line| of_line(line, &address)))
        };
        assert_eq!(of("postgres://ink@db/fleet").as_deref(), Some("a:b\\c"));
        assert_eq!(of("postgres://else@db/fleet").as_deref(), Some("no"));
        assert_eq!(of("postgres://ink@other:5433/another").as_deref(), Some("last"));
    }

    #[test]
    fn the_nearest_source_counts_and_a_lax_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pass");
        fs::write(&path, "*:*:*:*:hunter2\n").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        let plain = address("postgres://ink@db/fleet");
        let named = address(&format!("postgres://ink@db/fleet?passfile={}", path.display()));
        let environment = |name: &str| (name == "PGPASSWORD").then(|| "from the environment".into());
        assert_eq!(shown(found(&plain, environment).expect("read")).as_deref(), Some("from the environment"));
        assert_eq!(shown(found(&named, environment).expect("read")).as_deref(), Some("hunter2"));
        let file = |name: &str| (name == "PGPASSFILE").then(|| path.clone().into());
        assert_eq!(shown(found(&plain, file).expect("read")).as_deref(), Some("hunter2"));
        let home = |name: &str| (name == "HOME").then(|| folder.path().into());
        assert_eq!(shown(found(&plain, home).expect("no file is no fault")), None);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        let refused = found(&named, |_| None).expect_err("others may read it").to_string();
        assert!(refused.contains("chmod 600") && !refused.contains("hunter2"), "{refused}");
    }
}
