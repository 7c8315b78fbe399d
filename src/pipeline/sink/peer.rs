//! One peer that lines are streamed to, by TCP or a Unix socket. While it is away, batches stay in the feed, and the feed holds the
//! sources back.
//!
//! Such a wire acknowledges nothing to the program, so what is promised is this:
//! - What was not handed to the kernel is kept and sent on the next connection. A frame that was handed over in part is sent again from
//!   its beginning, so that the peer may see its first part twice; a line over the limit, passed on in pieces, from the beginning
//!   of the piece.
//! - What was handed to the kernel and had not reached the peer when it went away is lost with it.
//! - A peer that has closed its side is noticed before more is written. Since it can only be told from one that still reads by writing
//!   into it, which would lose what is written, it is taken for gone; what the kernel still holds is delivered to it.
//! - A peer that is merely slow is waited for; one that does not answer at all is given up (`liveness`).

mod backoff;
mod liveness;
mod wire;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use self::wire::Address;

use self::backoff::Backoff;
use self::wire::Wire;
use super::encoding::Encoding;
use crate::model::Piece;
use crate::pipeline::feed::Feed;
use crate::pipeline::meters::SinkMeters;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that lasted so long was a good one: the next is tried without delay.
const GOOD: Duration = Duration::from_secs(5);
/// How often a peer that takes nothing is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Where to, and how.
#[derive(Clone)]
pub struct Settings {
    /// The peer.
    pub address: Address,
    /// How frames are told apart.
    pub encoding: Encoding,
}

/// Why a connection ended before the feed did.
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
    batch: Arc<Piece>,
    /// The batch encoded, where that is not its own bytes.
    encoded: Option<Vec<u8>>,
    sent: usize,
}

/// Sends every batch to the peer; `up` tells whether there is a connection.
pub async fn run(feed: &Feed, settings: &Settings, up: &watch::Sender<bool>, meters: &SinkMeters) {
    let (mut backoff, mut present, mut before) = (Backoff::default(), None, false);
    let peer = settings.address.to_string();
    loop {
        let mut wire = connect(settings, &mut backoff).await;
        let since = Instant::now();
        if before {
            meters.reconnects.increment(1);
        }
        before = true;
        meters.up.set(1);
        up.send_replace(true);
        tracing::info!(peer, "connected");
        let outcome = send_all(&mut wire, feed, settings.encoding, &mut present, meters).await;
        meters.up.set(0);
        up.send_replace(false);
        match outcome {
            Ok(()) => return,
            Err(error) => tracing::warn!(peer, %error, "connection lost: what follows is kept until there is another"),
        }
        if let Some(present) = &mut present {
            meters.retries.increment(1);
            present.sent = settings.encoding.resume(present.wire(), present.sent);
            present.account(feed);
        }
        if since.elapsed() >= GOOD {
            backoff.reset();
        } else {
            tokio::time::sleep(backoff.delay()).await;
        }
    }
}

async fn connect(settings: &Settings, backoff: &mut Backoff) -> Wire {
    let peer = settings.address.to_string();
    loop {
        let error = match Wire::connect(&settings.address, CONNECT).await {
            Ok(wire) => return wire,
            Err(error) => error,
        };
        let delay = backoff.delay();
        tracing::warn!(peer, %error, delay_ms = delay.as_millis() as u64, "cannot connect");
        tokio::time::sleep(delay).await;
    }
}

/// Sends until the feed ends.
async fn send_all(
    wire: &mut Wire,
    feed: &Feed,
    encoding: Encoding,
    present: &mut Option<Present>,
    meters: &SinkMeters,
) -> Result<(), Broken> {
    loop {
        let sending = match present {
            Some(sending) => sending,
            None => {
                let batch = tokio::select! {
                    biased;
                    batch = feed.next() => batch,
                    closed = wire.closed() => return Err(closed.map_or_else(Broken::Io, |()| Broken::Closed)),
                };
                let Some(batch) = batch else { return Ok(()) };
                present.insert(Present::new(batch, encoding))
            }
        };
        send(wire, feed, sending).await?;
        if let Some(Present { batch, .. }) = present.take() {
            meters.bytes.increment(batch.bytes.len() as u64);
            meters.batches.increment(1);
            feed.done(batch);
        }
    }
}

async fn send(wire: &mut Wire, feed: &Feed, present: &mut Present) -> Result<(), Broken> {
    if wire.has_closed()? {
        return Err(Broken::Closed);
    }
    while present.sent < present.wire().len() {
        match wire.try_write(&present.wire()[present.sent..]) {
            Ok(sent) => {
                present.sent += sent;
                present.account(feed);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                match tokio::time::timeout(LOOK, wire.writable()).await {
                    Ok(Err(error)) => return Err(error.into()),
                    Ok(Ok(false)) => return Err(Broken::Closed),
                    Err(_) if wire.is_dead() => return Err(Broken::Silent),
                    Ok(Ok(true)) | Err(_) => {}
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Present {
    fn new(batch: Arc<Piece>, encoding: Encoding) -> Self {
        let encoded = (encoding != Encoding::Lines).then(|| encoding.encode(&batch).into_owned());
        Self { batch, encoded, sent: 0 }
    }

    fn wire(&self) -> &[u8] {
        self.encoded.as_deref().unwrap_or(&self.batch.bytes)
    }

    /// Tells the feed how much was handed over: of an encoded batch, its lines' bytes are not counted one by one.
    fn account(&self, feed: &Feed) {
        if self.encoded.is_none() {
            feed.wrote(self.sent);
        }
    }
}
