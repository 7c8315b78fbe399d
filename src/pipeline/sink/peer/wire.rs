//! A connection to a peer: bytes are handed over, and what the peer says is taken only to notice its end.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use super::liveness;
use crate::pipeline::tls::{Connector, Outgoing};

/// An idle peer that is gone without a word is noticed after idle + probes.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);

/// Where a peer is found.
#[derive(Clone)]
pub enum Address {
    /// A host and port, looked up for each connection, and TLS if that is asked for.
    Tcp(String, Option<Connector>),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address, _) => formatter.write_str(address),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// A connection.
pub(super) enum Wire {
    Tcp(TcpStream),
    Tls(Box<Outgoing>),
    Unix(UnixStream),
}

impl Wire {
    /// Connects, within `limit`.
    pub(super) async fn connect(address: &Address, limit: Duration) -> io::Result<Self> {
        let until = tokio::time::Instant::now() + limit;
        let late = || io::Error::from(ErrorKind::TimedOut);
        match address {
            Address::Tcp(address, tls) => {
                let socket =
                    tokio::time::timeout_at(until, TcpStream::connect(address)).await.map_err(|_| late())??;
                prepare(&socket)?;
                let Some(connector) = tls else { return Ok(Self::Tcp(socket)) };
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let session =
                    connector.connect(socket, host, until.saturating_duration_since(tokio::time::Instant::now()));
                session.await.map(|session| Self::Tls(Box::new(session))).map_err(io::Error::other)
            }
            Address::Unix(path) => {
                let connected = tokio::time::timeout_at(until, UnixStream::connect(path)).await;
                connected.map_err(|_| late())?.map(Self::Unix)
            }
        }
    }

    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_write(bytes),
            Self::Tls(session) => session.try_write(bytes),
            Self::Unix(socket) => socket.try_write(bytes),
        }
    }

    /// Waits until more may be written; whether that is so, and not the peer's end.
    pub(super) async fn writable(&mut self) -> io::Result<bool> {
        loop {
            let either = Interest::READABLE | Interest::WRITABLE;
            let ready = match self {
                Self::Tcp(socket) => socket.ready(either).await?,
                Self::Tls(session) => session.socket().ready(either).await?,
                Self::Unix(socket) => socket.ready(either).await?,
            };
            if ready.is_readable() && self.drain()? {
                return Ok(false);
            }
            if ready.is_writable() {
                return Ok(true);
            }
        }
    }

    /// Waits until the peer has closed its side.
    pub(super) async fn closed(&mut self) -> io::Result<()> {
        loop {
            match self {
                Self::Tcp(socket) => socket.readable().await?,
                Self::Tls(session) => session.socket().readable().await?,
                Self::Unix(socket) => socket.readable().await?,
            }
            if self.drain()? {
                return Ok(());
            }
        }
    }

    /// Takes what the peer says, and tells whether that was its end. It is of no interest, but must be taken: unread, it would make our
    /// closing an abortion that discards what the kernel still holds.
    fn drain(&mut self) -> io::Result<bool> {
        let mut said = [0; 1024];
        loop {
            let read = match self {
                Self::Tcp(socket) => socket.try_read(&mut said),
                Self::Tls(session) => return session.has_closed(),
                Self::Unix(socket) => socket.try_read(&mut said),
            };
            match read {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the peer has closed its side by now.
    pub(super) fn has_closed(&mut self) -> io::Result<bool> {
        let descriptor: BorrowedFd<'_> = match &*self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
            Self::Tls(_) => return self.drain(),
        };
        loop {
            match rustix::net::recv(descriptor, &mut [0; 1024][..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Ok(true),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the peer has not answered for too long.
    pub(super) fn is_dead(&self) -> bool {
        match self {
            Self::Tcp(socket) => liveness::is_dead(socket),
            Self::Tls(session) => liveness::is_dead(session.socket()),
            Self::Unix(_) => false,
        }
    }
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
    socket.set_nodelay(true)?;
    set_socket_keepalive(socket, true)?;
    set_tcp_keepidle(socket, KEEPALIVE.0)?;
    set_tcp_keepintvl(socket, KEEPALIVE.1)?;
    Ok(set_tcp_keepcnt(socket, KEEPALIVE.2)?)
}
