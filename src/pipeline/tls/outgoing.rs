//! A session that lines are written to, in the shape of the socket below it: write what it takes, and hear of the peer's end.
//!
//! Bytes count as written once the kernel has every record that they are in. What rustls still holds is not, and is lost with the
//! session, so that it can be sent again on the next.

use std::io::{self, ErrorKind, Read as _, Write as _};

use rustls::ClientConnection;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::wire::Now;

/// The most that is enciphered at once: some records.
const MOST: usize = 64 << 10;

/// One session.
pub struct Outgoing {
    socket: TcpStream,
    tls: ClientConnection,
    /// Bytes of the caller's that are enciphered and that the kernel does not have whole yet.
    pending: usize,
}

impl Outgoing {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        let (socket, mut tls) = stream.into_inner();
        tls.set_buffer_limit(Some(MOST + MOST / 8));
        Self { socket, tls, pending: 0 }
    }

    /// The connection below. Nothing may be written to it or read from it but through the session.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Writes what the kernel takes of `bytes` and tells how much that was. After `WouldBlock` the next call must begin with the same
    /// bytes.
    ///
    /// # Errors
    /// `WouldBlock` when the socket must become [`writable`](Self::writable) first; and when the connection fails.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending == 0 {
            self.pending = self.tls.writer().write(&bytes[..bytes.len().min(MOST)])?;
        }
        while self.tls.wants_write() {
            self.tls.write_tls(&mut Now(&self.socket))?;
        }
        Ok(std::mem::take(&mut self.pending))
    }

    /// Waits until the socket may take more.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Waits until the peer has ended its side, or failed: then the error. What it says is taken and of no interest.
    pub async fn closed(&mut self) -> Option<io::Error> {
        loop {
            match self.has_closed() {
                Ok(true) => return None,
                Ok(false) => {}
                Err(error) => return Some(error),
            }
            if let Err(error) = self.socket.readable().await {
                return Some(error);
            }
        }
    }

    /// Whether the peer has ended its side by now.
    ///
    /// # Errors
    /// When the connection, or the session, has failed.
    pub fn has_closed(&mut self) -> io::Result<bool> {
        let mut arrived = [0; 4 << 10];
        loop {
            let read = match self.socket.try_read(&mut arrived) {
                Ok(0) => return Ok(true),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut rest = &arrived[..read];
            while !rest.is_empty() {
                if self.tls.read_tls(&mut rest)? == 0 {
                    return Ok(true);
                }
                let state =
                    self.tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                if state.peer_has_closed() {
                    return Ok(true);
                }
                io::copy(&mut self.tls.reader().take(state.plaintext_bytes_to_read() as u64), &mut io::sink())?;
            }
        }
    }
}

impl Drop for Outgoing {
    /// Says that this is the end, if all before it was taken and the socket takes it.
    fn drop(&mut self) {
        if self.pending == 0 {
            self.tls.send_close_notify();
        }
        while self.tls.wants_write() && self.tls.write_tls(&mut Now(&self.socket)).is_ok() {}
    }
}
