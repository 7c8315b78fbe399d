//! What a connection is carried by: bytes that can be waited for, and then read without waiting.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use bytes::BufMut;
use rustix::net::RecvFlags;
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};

use crate::pipeline::tls::Session;

/// A connection's lower half.
pub(super) enum Transport {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<Session>),
    /// A pipe's end.
    Pipe(pipe::Receiver),
}

impl Transport {
    /// Waits until [`try_read_buf`](Self::try_read_buf) may have something. Can be given up at any time.
    pub(super) async fn readable(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.readable().await,
            Self::Unix(socket) => socket.readable().await,
            Self::Tls(session) => session.readable().await,
            Self::Pipe(pipe) => pipe.readable().await,
        }
    }

    /// Reads what is there, at most once; 0 is the end. `WouldBlock` when there is nothing.
    pub(super) fn try_read_buf(&mut self, into: &mut impl BufMut) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_read_buf(into),
            Self::Unix(socket) => socket.try_read_buf(into),
            Self::Tls(session) => session.try_read_buf(into),
            Self::Pipe(pipe) => pipe.try_read_buf(into),
        }
    }

    /// Whether something has arrived that was not read.
    pub(super) fn has_arrived(&mut self) -> io::Result<bool> {
        if let Self::Tls(session) = self {
            return session.has_arrived();
        }
        Ok(rustix::io::ioctl_fionread(self.descriptor())? > 0)
    }

    /// The number of bytes up to the next newline, as far as it has arrived and can be told.
    pub(super) fn up_to_newline(&mut self) -> io::Result<usize> {
        match self {
            Self::Pipe(_) => return Ok(1),
            Self::Tls(session) => return session.up_to_newline(),
            Self::Tcp(_) | Self::Unix(_) => {}
        }
        let mut ahead = [0; 4096];
        match rustix::net::recv(self.descriptor(), &mut ahead[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((_, read)) => Ok(memchr::memchr(b'\n', &ahead[..read]).map_or(read, |at| at + 1)),
            Err(rustix::io::Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
            Self::Tls(session) => session.socket().as_fd(),
            Self::Pipe(pipe) => pipe.as_fd(),
        }
    }
}
