//! Datagrams: each is one message, by UDP or a Unix datagram socket. Nobody is told whether it arrived; what the system drops because
//! nobody read it in time is counted where the system tells.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use tokio::net::{UdpSocket, UnixDatagram};
use tokio_util::sync::CancellationToken;

use super::Source;
use super::lane::{Bench, Lane};
use super::place::Place;
use crate::model::Piece;
use crate::pipeline::worker::{Carry, Outcome};

/// The largest datagram there is.
const LARGEST: usize = 64 << 10;
/// So many bytes of datagrams that have arrived are cleaned together.
const BATCH: usize = 256 << 10;
/// Lines that belong together with what follows wait for it no longer than this.
const LINGER: Duration = Duration::from_secs(2);
/// How often it is looked at what the system has dropped.
const LOOK: Duration = Duration::from_secs(1);
/// What the system may hold while nobody reads.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A datagram socket.
#[derive(Debug)]
pub enum Datagrams {
    /// UDP.
    Udp(std::net::UdpSocket),
    /// A Unix datagram socket.
    Unix(std::os::unix::net::UnixDatagram),
}

enum Receiving {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Receives on the least busy lane until the word to stop, and then what has arrived.
///
/// # Errors
/// When the socket cannot be used.
pub fn receive(datagrams: Datagrams, source: Arc<Source>, lanes: &[Lane], stop: CancellationToken) -> io::Result<()> {
    let descriptor = match &datagrams {
        Datagrams::Udp(socket) => {
            socket.set_nonblocking(true)?;
            socket.as_fd()
        }
        Datagrams::Unix(socket) => {
            socket.set_nonblocking(true)?;
            socket.as_fd()
        }
    };
    // Where the system's limit is lower it is what counts.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(descriptor, RECEIVE_BUFFER);
    let job = move |bench: Rc<Bench>| {
        Box::pin(async move {
            let name = source.settings.name.clone();
            if let Err(error) = serve(datagrams, source, bench, stop).await {
                tracing::error!(source = name, %error, "the source is out of service");
            }
        }) as LocalBoxFuture<'static, ()>
    };
    Lane::give(lanes, Box::new(job));
    Ok(())
}

async fn serve(datagrams: Datagrams, source: Arc<Source>, bench: Rc<Bench>, stop: CancellationToken) -> io::Result<()> {
    let socket = match datagrams {
        Datagrams::Udp(socket) => Receiving::Udp(UdpSocket::from_std(socket)?),
        Datagrams::Unix(socket) => Receiving::Unix(UnixDatagram::from_std(socket)?),
    };
    let name = source.settings.name.clone();
    let mut receiver = Receiver {
        place: Place::new(Rc::clone(&bench), Arc::clone(&source), name),
        carry: Carry::default(),
        lines: Vec::new(),
        message: vec![0; LARGEST],
    };
    let (mut drops, mut looked) = (Drops::default(), Instant::now());
    loop {
        let stopped = tokio::select! {
            biased;
            () = bench.shared.stop.cancelled() => true,
            () = stop.cancelled() => true,
            ready = socket.readable() => {
                ready?;
                false
            }
            () = tokio::time::sleep(LINGER), if receiver.carry.held() > 0 => {
                receiver.pass_on(true).await;
                false
            }
        };
        while receiver.receive_some(&socket).await? {}
        if stopped || looked.elapsed() >= LOOK {
            looked = Instant::now();
            source.meters.datagrams_dropped.increment(drops.new_ones(socket.descriptor()));
        }
        if stopped {
            receiver.pass_on(true).await;
            return Ok(());
        }
        let wait = source.rate.as_ref().map(|rate| rate.wait(Instant::now()));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            tokio::time::sleep(wait).await;
        }
    }
}

struct Receiver {
    place: Place,
    carry: Carry,
    /// What was received and not cleaned yet.
    lines: Vec<u8>,
    message: Vec<u8>,
}

impl Receiver {
    /// Cleans and passes on what has arrived, up to a batch; whether there may be more.
    async fn receive_some(&mut self, socket: &Receiving) -> io::Result<bool> {
        let mut received = 0;
        let more = loop {
            if received >= BATCH {
                break true;
            }
            let len = match socket.try_receive(&mut self.message) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(error) => return Err(error),
            };
            received += len + 1;
            let text = &self.message[..len];
            let text = text.strip_suffix(b"\0").unwrap_or(text);
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            if memchr::memchr(b'\n', text).is_none() {
                self.lines.extend_from_slice(text);
                self.lines.push(b'\n');
                continue;
            }
            let message = text.to_vec();
            self.pass_on(true).await;
            let piece = self.place.clean_message(&message);
            self.place.push(piece).await;
        };
        self.pass_on(false).await;
        if let Some(rate) = &self.place.source.rate {
            rate.spend(received, Instant::now());
        }
        Ok(more)
    }

    /// Cleans the lines and passes them on; with `all`, also those that wait for what follows.
    async fn pass_on(&mut self, all: bool) {
        if self.lines.is_empty() && (!all || self.carry.held() == 0) {
            return;
        }
        let Self { place, carry, lines, .. } = self;
        let cleaned = place.work(|worker, buffers| match worker.redact_next(carry, lines, all, &mut buffers.out) {
            Outcome::Unchanged => std::mem::take(lines),
            Outcome::Rewritten => std::mem::take(&mut buffers.out),
        });
        lines.clear();
        place.push(Piece::lines(cleaned)).await;
    }
}

impl Receiving {
    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.readable().await,
            Self::Unix(socket) => socket.readable().await,
        }
    }

    fn try_receive(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.try_recv(into),
            Self::Unix(socket) => socket.try_recv(into),
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Udp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

/// How many datagrams the system has dropped for want of room, as `/proc/net/udp` tells by the socket's inode.
#[derive(Debug, Default)]
struct Drops {
    before: u64,
}

impl Drops {
    fn new_ones(&mut self, socket: BorrowedFd<'_>) -> u64 {
        let Some(now) = dropped(socket) else { return 0 };
        now.saturating_sub(std::mem::replace(&mut self.before, now))
    }
}

fn dropped(socket: BorrowedFd<'_>) -> Option<u64> {
    let inode = rustix::fs::fstat(socket).ok()?.st_ino.to_string();
    ["/proc/net/udp", "/proc/net/udp6"].iter().find_map(|table| {
        let table = std::fs::read_to_string(table).ok()?;
        let mut rows = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        rows.find(|row| row.get(9) == Some(&inode.as_str()))?.last()?.parse().ok()
    })
}
