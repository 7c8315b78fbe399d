//! What only one part can have: addresses, sockets, files, directories, the standard streams.

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use super::Checker;
use crate::control::config::RawConfig;
use crate::control::config::address::AdminAddress;
use crate::control::config::fault::Problem;
use crate::control::config::sink::SinkKind;
use crate::control::config::source::SourceKind;
use crate::control::sightings::Place;

/// What is claimed.
#[derive(Debug, PartialEq, Eq)]
enum Thing {
    Tcp(SocketAddr),
    Udp(SocketAddr),
    Stdin,
    Stdout,
    File(PathBuf),
    Directory(PathBuf),
}

/// Who claims what, by the path of the field that does.
pub(super) struct Claims(Vec<(Thing, String)>);

impl Claims {
    /// All claims of a configuration.
    pub(super) fn of(raw: &RawConfig) -> Self {
        let mut claims = Self(Vec::new());
        claims.process(raw);
        for (name, (_, kind)) in raw.sources.iter().flat_map(|sources| &sources.sound) {
            claims.source(&format!("sources.{name}"), kind);
        }
        for (name, (shared, kind)) in raw.sinks.iter().flat_map(|sinks| &sinks.sound) {
            let path = format!("sinks.{name}");
            claims.sink(&path, kind);
            if let Some(spool) = &shared.spool {
                claims.add(Thing::Directory(plain(&spool.directory)), format!("{path}.spool.directory"));
            }
        }
        claims
    }

    fn process(&mut self, raw: &RawConfig) {
        match raw.admin.iter().flatten().map(|admin| &admin.listen).next() {
            Some(AdminAddress::Tcp(address)) => self.add(Thing::Tcp(*address), "admin.listen".to_owned()),
            Some(AdminAddress::Unix(path)) => self.add(Thing::File(plain(path)), "admin.listen".to_owned()),
            None => {}
        }
        if let Some(journal) = raw.journal.iter().flatten().next() {
            self.add(Thing::File(plain(&journal.path)), "journal.path".to_owned());
        }
        if let Some(sightings) = raw.sightings.iter().flatten().next()
            && let Place::File(path) = &sightings.index
        {
            self.add(Thing::File(plain(path)), "sightings.index".to_owned());
        }
        if let Some(quarantine) = raw.quarantine.iter().flatten().next() {
            self.add(Thing::Directory(plain(&quarantine.directory)), "quarantine.directory".to_owned());
        }
    }

    fn source(&mut self, path: &str, kind: &SourceKind) {
        let (thing, field) = match kind {
            SourceKind::Stdin(_) => (Thing::Stdin, "type"),
            SourceKind::Tcp(tcp) => (Thing::Tcp(tcp.listen), "listen"),
            SourceKind::Http(http) => (Thing::Tcp(http.listen), "listen"),
            SourceKind::Udp(udp) => (Thing::Udp(udp.listen), "listen"),
            SourceKind::Unix(unix) => (Thing::File(plain(&unix.path)), "path"),
            SourceKind::UnixDatagram(unix) => (Thing::File(plain(&unix.path)), "path"),
            SourceKind::File(file) => (Thing::File(plain(&file.checkpoint)), "checkpoint"),
        };
        self.add(thing, format!("{path}.{field}"));
    }

    fn sink(&mut self, path: &str, kind: &SinkKind) {
        let claim = match kind {
            SinkKind::Stdout(_) => Some((Thing::Stdout, "type")),
            SinkKind::File(file) => Some((Thing::File(plain(&file.path)), "path")),
            SinkKind::Http(http) => http.dead_letter.as_ref().map(|dead| (Thing::File(plain(dead)), "dead_letter")),
            // Two connections to one peer are two connections.
            SinkKind::Tcp(_) | SinkKind::Unix(_) => None,
        };
        if let Some((thing, field)) = claim {
            self.add(thing, format!("{path}.{field}"));
        }
    }

    fn add(&mut self, thing: Thing, path: String) {
        self.0.push((thing, path));
    }

    /// Notes each claim to what one before it has.
    pub(super) fn conflicts(&self, checker: &mut Checker<'_, '_>) {
        for (index, (thing, path)) in self.0.iter().enumerate() {
            if let Some((_, other)) = self.0[..index].iter().find(|(other, _)| thing.excludes(other)) {
                checker.note(path.clone(), Problem::Shared { what: thing.name(), other: other.clone() });
            }
        }
    }
}

impl Thing {
    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(two)) | (Self::Udp(one), Self::Udp(two)) => overlap(*one, *two),
            (Self::Directory(one), Self::Directory(two)) => one.starts_with(two) || two.starts_with(one),
            (one, two) => one == two,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Tcp(_) | Self::Udp(_) => "address",
            Self::Stdin => "standard input",
            Self::Stdout => "standard output",
            Self::File(_) => "path",
            Self::Directory(_) => "directory, or one within it",
        }
    }
}

/// Whether two addresses cannot both be listened on. Port 0 is any free one.
fn overlap(one: SocketAddr, two: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), two.ip().to_canonical());
    // An IPv6 socket for every address takes those of IPv4 too.
    let every =
        |ip: std::net::IpAddr, other: std::net::IpAddr| ip.is_unspecified() && (ip.is_ipv6() || other.is_ipv4());
    one.port() == two.port() && one.port() != 0 && (a == b || every(a, b) || every(b, a))
}

/// A path without what changes nothing: `/a/./b//c` is `/a/b/c`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// Whether a pattern of a file source covers a path: `*` and `?` stand for what is no slash, `**` for any folders.
pub(super) fn covers(pattern: &str, path: &str) -> bool {
    let path: Vec<&str> = path.split('/').collect();
    // After how many steps of the path the pattern so far can end.
    let mut ends = vec![false; path.len() + 1];
    ends[0] = true;
    for step in pattern.split('/') {
        let mut next = vec![false; path.len() + 1];
        for at in 0..=path.len() {
            next[at] = match step {
                "**" => ends[..=at].contains(&true),
                _ => at > 0 && ends[at - 1] && step_covers(step.as_bytes(), path[at - 1].as_bytes()),
            };
        }
        ends = next;
    }
    ends.last() == Some(&true)
}

/// The same within one step, without going back further than to the last star.
fn step_covers(pattern: &[u8], step: &[u8]) -> bool {
    let (mut p, mut s, mut star) = (0, 0, None);
    while s < step.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, s));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == step[s] => (p, s) = (p + 1, s + 1),
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, s) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_both_be_listened_on() {
        for (one, two, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("0.0.0.0:1", "127.0.0.2:1", true),
            ("[::]:1", "127.0.0.2:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
            ("[::]:1", "0.0.0.0:1", true),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let (one, two) = (one.parse().expect("an address"), two.parse().expect("an address"));
            assert_eq!((overlap(one, two), overlap(two, one)), (expected, expected), "{one} {two}");
        }
    }

    #[test]
    fn patterns_cover_paths() {
        for (pattern, path, expected) in [
            ("/var/log/*.log", "/var/log/a.log", true),
            ("/var/log/*.log", "/var/log/b/a.log", false),
            ("/var/**/*.log", "/var/log/b/a.log", true),
            ("/var/**/*.log", "/var/a.log", true),
            ("/var/log/?.log", "/var/log/ab.log", false),
            ("/var/log/a*b*.log", "/var/log/axxbxb.log", true),
            ("/var/log/a.log", "/var/log/a.log", true),
        ] {
            assert_eq!(covers(pattern, path), expected, "{pattern} {path}");
        }
    }
}
