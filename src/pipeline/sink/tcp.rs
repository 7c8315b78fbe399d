//! One TCP peer. While it is away, batches stay in the queue, and the queue holds the sources back.
//!
//! Plain TCP acknowledges nothing to the program, so what is promised is this:
//! - What was not handed to the kernel is kept and sent on the next connection. A line that was handed over in part is sent again from
//!   its beginning, so that the peer may see its first part twice; a line over the limit, passed on in pieces, from the beginning
//!   of the piece.
//! - What was handed to the kernel and had not reached the peer when it went away is lost with it.
//! - A peer that has closed its side is noticed before more is written. Since it can only be told from one that still reads by writing
//!   into it, which would lose what is written, it is taken for gone; what the kernel still holds is delivered to it.
//! - A peer that is merely slow is waited for; one that does not answer at all is given up ([`liveness`]).

mod backoff;
mod liveness;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use tokio::net::TcpStream;
use tokio::sync::watch;

use self::backoff::Backoff;
use crate::pipeline::meters::ForwardMeters;
use crate::pipeline::queue::Queue;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that lasted so long was a good one: the next is tried without delay.
const GOOD: Duration = Duration::from_secs(5);
/// How often a peer that takes nothing is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// An idle peer that is gone without a word is noticed after idle + probes.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);

/// Why a connection ended before the queue did.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the peer does not answer")]
    Silent,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What is being sent.
struct Present {
    batch: Arc<Vec<u8>>,
    sent: usize,
}

/// Sends every batch to `peer`, a host and port that are looked up for each connection; `connected` tells whether there is one.
pub async fn run(queue: &Queue, peer: &str, connected: &watch::Sender<bool>, meters: &ForwardMeters) {
    let (mut backoff, mut present, mut before) = (Backoff::default(), None, false);
    loop {
        let socket = connect(peer, &mut backoff).await;
        let since = Instant::now();
        if before {
            meters.reconnects.increment(1);
        }
        before = true;
        meters.connected.set(1);
        connected.send_replace(true);
        tracing::info!(peer, "connected");
        let outcome = send_all(&socket, queue, &mut present).await;
        meters.connected.set(0);
        connected.send_replace(false);
        match outcome {
            Ok(()) => return,
            Err(error) => tracing::warn!(peer, %error, "connection lost: what follows is kept until there is another"),
        }
        if let Some(present) = &mut present {
            present.rewind(queue);
        }
        if since.elapsed() >= GOOD {
            backoff.reset();
        } else {
            tokio::time::sleep(backoff.delay()).await;
        }
    }
}

async fn connect(peer: &str, backoff: &mut Backoff) -> TcpStream {
    loop {
        let error = match tokio::time::timeout(CONNECT, TcpStream::connect(peer)).await {
            Ok(Ok(socket)) => match prepare(&socket) {
                Ok(()) => return socket,
                Err(error) => error,
            },
            Ok(Err(error)) => error,
            Err(_) => ErrorKind::TimedOut.into(),
        };
        let delay = backoff.delay();
        tracing::warn!(peer, %error, delay_ms = delay.as_millis() as u64, "cannot connect");
        tokio::time::sleep(delay).await;
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

/// Sends until the queue ends.
async fn send_all(socket: &TcpStream, queue: &Queue, present: &mut Option<Present>) -> Result<(), Broken> {
    loop {
        let sending = match present {
            Some(sending) => sending,
            None => {
                let batch = tokio::select! {
                    biased;
                    batch = queue.next() => batch,
                    broken = closed(socket) => return Err(broken),
                };
                let Some(batch) = batch else { return Ok(()) };
                present.insert(Present { batch, sent: 0 })
            }
        };
        send(socket, queue, sending).await?;
        if let Some(Present { batch, .. }) = present.take() {
            queue.done(batch);
        }
    }
}

async fn send(socket: &TcpStream, queue: &Queue, present: &mut Present) -> Result<(), Broken> {
    if has_closed(socket)? {
        return Err(Broken::Closed);
    }
    while present.sent < present.batch.len() {
        match socket.try_write(&present.batch[present.sent..]) {
            Ok(sent) => {
                present.sent += sent;
                queue.wrote(present.sent);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::select! {
                biased;
                broken = closed(socket) => return Err(broken),
                ready = socket.writable() => ready?,
                () = tokio::time::sleep(LOOK) => {
                    if liveness::is_dead(socket) {
                        return Err(Broken::Silent);
                    }
                }
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until the peer has closed its side. What it says is of no interest, but must be taken: unread, it would make our closing an
/// abortion that discards what the kernel still holds.
async fn closed(socket: &TcpStream) -> Broken {
    loop {
        if let Err(error) = socket.readable().await {
            return error.into();
        }
        match socket.try_read(&mut [0; 1024]) {
            Ok(0) => return Broken::Closed,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return error.into();
            }
            _ => {}
        }
    }
}

/// Whether the peer has closed its side by now.
fn has_closed(socket: &TcpStream) -> io::Result<bool> {
    loop {
        match rustix::net::recv(socket, &mut [0; 1024][..], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return Ok(true),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Present {
    /// Back to the beginning of the first line that was not sent whole.
    fn rewind(&mut self, queue: &Queue) {
        self.sent = memchr::memrchr(b'\n', &self.batch[..self.sent]).map_or(0, |at| at + 1);
        queue.wrote(self.sent);
    }
}
