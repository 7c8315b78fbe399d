//! Binds what is listened on, before anything else is started: an address in use is told at once.

use std::fs::FileType;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context, bail};
use rustix::fs::Mode;

/// Connections that wait to be accepted; the system has its own limit below.
const BACKLOG: i32 = 4096;

/// Listens on a TCP address; `what` says in the log what for.
///
/// # Errors
/// When it cannot, with the address.
pub fn tcp(address: impl ToSocketAddrs + std::fmt::Display, what: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(&address).with_context(|| format!("cannot listen on {address}"))?;
    // The library's backlog is short: with a thousand connections at once, some would only be heard a second later.
    rustix::net::listen(&listener, BACKLOG).with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(address = %listener.local_addr()?, "{what}");
    Ok(listener)
}

/// Takes UDP datagrams.
///
/// # Errors
/// When it cannot, with the address.
pub fn udp(address: SocketAddr, what: &str) -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(address = %socket.local_addr()?, "{what}");
    Ok(socket)
}

/// Listens on a Unix stream socket that has this mode from its first moment on. One that nobody listens on any longer is replaced.
///
/// # Errors
/// When it cannot, with the path.
pub fn unix(path: &Path, mode: u32, what: &str) -> anyhow::Result<UnixListener> {
    let listener = with_mode(path, mode, || UnixListener::bind(path))?;
    rustix::net::listen(&listener, BACKLOG).with_context(|| format!("cannot listen on {}", path.display()))?;
    tracing::info!(path = %path.display(), "{what}");
    Ok(listener)
}

/// As [`unix`], for datagrams.
///
/// # Errors
/// When it cannot, with the path.
pub fn unix_datagram(path: &Path, mode: u32, what: &str) -> anyhow::Result<UnixDatagram> {
    let socket = with_mode(path, mode, || UnixDatagram::bind(path))?;
    tracing::info!(path = %path.display(), "{what}");
    Ok(socket)
}

fn with_mode<T>(path: &Path, mode: u32, bind: impl FnOnce() -> io::Result<T>) -> anyhow::Result<T> {
    replace_left_over(path)?;
    // Nothing else makes files by now: the parts are started later.
    let before = rustix::process::umask(Mode::from_raw_mode(!mode & 0o777));
    let bound = bind();
    rustix::process::umask(before);
    bound.with_context(|| format!("cannot listen on {}", path.display()))
}

/// Removes a socket that a process has left that is no more.
fn replace_left_over(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let kind: FileType = match std::fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {shown}")),
    };
    if !kind.is_socket() {
        bail!("cannot listen on {shown}: it is there, and no socket");
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).with_context(|| format!("cannot replace {shown}"))
        }
        // A datagram socket that somebody has open refuses by its type.
        _ => bail!("cannot listen on {shown}: another process does"),
    }
}
