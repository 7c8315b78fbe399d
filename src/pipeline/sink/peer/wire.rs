//! A connection to a peer: bytes are handed over, and what the peer says is taken only to notice its end.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::net::{TcpStream, UnixStream};

use super::liveness;

/// An idle peer that is gone without a word is noticed after idle + probes.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);

/// Where a peer is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host and port, looked up for each connection.
    Tcp(String),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => formatter.write_str(address),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// A connection.
pub(super) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    pub(super) async fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let socket = TcpStream::connect(address).await?;
                prepare(&socket)?;
                Ok(Self::Tcp(socket))
            }
            Address::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        }
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_write(bytes),
            Self::Unix(socket) => socket.try_write(bytes),
        }
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.writable().await,
            Self::Unix(socket) => socket.writable().await,
        }
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.readable().await,
            Self::Unix(socket) => socket.readable().await,
        }
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_read(into),
            Self::Unix(socket) => socket.try_read(into),
        }
    }

    /// Waits until the peer has closed its side, or fails. What it says is of no interest, but must be taken: unread, it would make
    /// our closing an abortion that discards what the kernel still holds.
    pub(super) async fn closed(&self) -> Option<io::Error> {
        loop {
            if let Err(error) = self.readable().await {
                return Some(error);
            }
            match self.try_read(&mut [0; 1024]) {
                Ok(0) => return None,
                Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return Some(error);
                }
                _ => {}
            }
        }
    }

    /// Whether the peer has closed its side by now.
    pub(super) fn has_closed(&self) -> io::Result<bool> {
        loop {
            match rustix::net::recv(self.descriptor(), &mut [0; 1024][..], RecvFlags::DONTWAIT) {
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
            Self::Unix(_) => false,
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
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
