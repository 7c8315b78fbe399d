//! TLS at the admin address.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::server::TlsStream;

use crate::pipeline::tls::Acceptor;

/// So many handshakes at once, each within this time: others wait, and nobody can keep the address busy.
const HANDSHAKES: (usize, Duration) = (32, Duration::from_secs(10));
/// After a connection could not be accepted, as when the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Sessions whose handshake is done.
pub(super) struct Secured {
    sessions: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Secured {
    /// Accepts on `listener`, beside whoever serves; it must be within a runtime.
    pub(super) fn new(listener: TcpListener, acceptor: Acceptor) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (send, sessions) = mpsc::channel(1);
        tokio::spawn(async move {
            let limit = Arc::new(Semaphore::new(HANDSHAKES.0));
            // Neither the limit nor, while somebody serves, the channel is ever closed.
            while let Ok(permit) = Arc::clone(&limit).acquire_owned().await {
                let Ok((socket, peer)) = listener.accept().await else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let (acceptor, send) = (acceptor.clone(), send.clone());
                tokio::spawn(async move {
                    match acceptor.accept_stream(socket, HANDSHAKES.1).await {
                        Ok(session) => drop(send.send((session, peer)).await),
                        Err(failure) => tracing::warn!(%peer, %failure, "a TLS handshake at the admin address failed"),
                    }
                    drop(permit);
                });
            }
        });
        Ok(Self { sessions, address })
    }
}

impl Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self.sessions.recv().await {
            Some(session) => session,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
