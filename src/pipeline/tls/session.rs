//! A session that lines come from, in the shape of the socket below it: wait until there is something, then read into memory that
//! is only lent.
//!
//! What an idle session holds is what rustls needs: its keys, the peer's certificate, and one small buffer. What arrives is read into
//! memory that lasts for the call, and never more than fits, once deciphered, into what was lent: so nothing deciphered stays behind
//! but the rest of a record.

use std::io::{self, BufRead as _, ErrorKind, Read};

use bytes::{Buf as _, BufMut, BytesMut};
use futures_util::FutureExt as _;
use rustls::{Error, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::verifier::names_of;
use super::wire::Now;

/// The least and the most that is read from the socket at once.
const READ: (usize, usize) = (4 << 10, 64 << 10);

/// One session.
pub struct Session {
    socket: TcpStream,
    tls: ServerConnection,
    /// Read from the socket and not given to rustls yet.
    arrived: BytesMut,
    /// Told once all that came before it is read.
    failed: Option<Error>,
    /// The peer takes nothing: nothing is written any more.
    mute: bool,
    names: Box<[String]>,
}

/// What is deciphered and was not read.
enum Deciphered<'a> {
    Bytes(&'a [u8]),
    Nothing,
    End,
}

impl Session {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        let (socket, tls) = stream.into_inner();
        let names = tls.peer_certificates().and_then(<[_]>::first).map(names_of).unwrap_or_default();
        Self { socket, tls, arrived: BytesMut::new(), failed: None, mute: false, names: names.into() }
    }

    /// The DNS names and URIs of the client's certificate; none if it has shown none.
    pub fn peer_names(&self) -> &[String] {
        &self.names
    }

    /// The connection below. What arrives on it must only be read through the session.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Waits until there may be something to read, or the end. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// When the socket cannot be waited for.
    pub async fn readable(&mut self) -> io::Result<()> {
        if self.has_pending() {
            return Ok(());
        }
        loop {
            self.flush();
            if let Some(ready) = self.socket.readable().now_or_never() {
                return ready;
            }
            self.trim();
            if !self.wants_write() {
                return self.socket.readable().await;
            }
            tokio::select! {
                ready = self.socket.readable() => return ready,
                ready = self.socket.writable() => ready?,
            }
        }
    }

    /// Whether something has arrived that was not read: perhaps no whole record yet.
    ///
    /// # Errors
    /// When the socket does not tell.
    pub fn has_arrived(&mut self) -> io::Result<bool> {
        Ok(self.has_pending() || rustix::io::ioctl_fionread(&self.socket)? > 0)
    }

    /// Reads what is there into `into`, which must have room. 0 is the end, by the peer's own word.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet. `UnexpectedEof` when the connection ended without the peer's word: somebody may have cut
    /// it. `InvalidData` when what came is not the peer's, or the peer gives up. The last two only after all that came before was read.
    pub fn try_read_buf(&mut self, into: &mut impl BufMut) -> io::Result<usize> {
        let mut read = 0;
        loop {
            let enciphered = !self.arrived.is_empty();
            match self.deciphered() {
                Ok(Deciphered::Bytes(bytes)) => {
                    let some = bytes.len().min(into.remaining_mut());
                    into.put_slice(&bytes[..some]);
                    self.tls.reader().consume(some);
                    read += some;
                    if !into.has_remaining_mut() {
                        break;
                    }
                }
                Ok(Deciphered::Nothing) if enciphered => self.decipher(),
                // The socket is read once: what is here goes on first.
                Ok(Deciphered::Nothing) if read == 0 => self.fill(into.remaining_mut())?,
                Err(error) if read == 0 => return Err(error),
                Ok(Deciphered::Nothing | Deciphered::End) | Err(_) => break,
            }
        }
        self.flush();
        Ok(read)
    }

    /// The number of bytes up to the next newline, that one included, or of all that is at hand; 0 when there is nothing, or the end.
    ///
    /// # Errors
    /// As [`try_read_buf`](Self::try_read_buf), but for `WouldBlock`.
    pub fn up_to_newline(&mut self) -> io::Result<usize> {
        loop {
            let enciphered = !self.arrived.is_empty();
            match self.deciphered()? {
                Deciphered::Bytes(bytes) => return Ok(memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)),
                Deciphered::End => return Ok(0),
                Deciphered::Nothing if enciphered => self.decipher(),
                Deciphered::Nothing => match self.fill(READ.0) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                    filled => filled?,
                },
            }
        }
    }

    fn deciphered(&mut self) -> io::Result<Deciphered<'_>> {
        match (self.tls.reader().into_first_chunk(), &self.failed) {
            (Ok(bytes @ [_, ..]), _) => Ok(Deciphered::Bytes(bytes)),
            (_, Some(error)) => Err(io::Error::new(ErrorKind::InvalidData, error.clone())),
            (Ok([]), None) => Ok(Deciphered::End),
            (Err(error), None) if error.kind() == ErrorKind::WouldBlock => Ok(Deciphered::Nothing),
            (Err(error), None) if error.kind() == ErrorKind::UnexpectedEof => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the connection ended without the end of its TLS session: what was sent may have been cut",
            )),
            (Err(error), None) => Err(error),
        }
    }

    /// Gives rustls some of what has arrived. Called when all that was deciphered is read, so that there is always room.
    fn decipher(&mut self) {
        let mut rest = &self.arrived[..];
        let outcome = self.tls.read_tls(&mut rest).map_err(|error| Error::General(error.to_string()));
        let left = rest.len();
        match outcome.and_then(|taken| self.tls.process_new_packets().map(|_| taken)) {
            Ok(1..) => self.arrived.advance(self.arrived.len() - left),
            // After the peer's last word nothing counts.
            Ok(0) => self.arrived.clear(),
            Err(error) => {
                self.failed = Some(error);
                self.arrived.clear();
            }
        }
        if self.arrived.is_empty() {
            self.arrived = BytesMut::new();
        }
    }

    /// Reads the socket once, about as much as `room` holds when it is deciphered.
    fn fill(&mut self, room: usize) -> io::Result<()> {
        let mut arrived = BytesMut::with_capacity(room.clamp(READ.0, READ.1));
        match self.socket.try_read_buf(&mut arrived) {
            // Rustls tells a cut from an end when it hears of it.
            Ok(0) => self.tls.read_tls(&mut io::empty()).map(drop),
            Ok(_) => {
                self.arrived = arrived;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn has_pending(&mut self) -> bool {
        !self.arrived.is_empty() || !matches!(self.deciphered(), Ok(Deciphered::Nothing))
    }

    /// Makes rustls give back the memory of the last records: it looks at its buffer's size before each read.
    fn trim(&mut self) {
        let _ = self.tls.read_tls(&mut NothingYet);
    }

    fn wants_write(&self) -> bool {
        !self.mute && self.tls.wants_write()
    }

    /// Writes what the protocol wants said, as far as the socket takes it.
    fn flush(&mut self) {
        while self.wants_write() {
            match self.tls.write_tls(&mut Now(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Reading will tell.
                Err(_) => self.mute = true,
            }
        }
    }
}

impl Drop for Session {
    /// Says that this is the end, if the socket takes it.
    fn drop(&mut self) {
        self.tls.send_close_notify();
        self.flush();
    }
}

/// Never has anything.
struct NothingYet;

impl Read for NothingYet {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}
