//! A socket as rustls writes to it.

use std::io::{self, Write};

use tokio::net::TcpStream;

/// Writes what the socket takes at once.
pub(super) struct Now<'a>(pub(super) &'a TcpStream);

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
