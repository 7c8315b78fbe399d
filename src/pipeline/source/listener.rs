//! Accepts connections and gives each to the lane that has the fewest inputs.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use rustix::io::Errno;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::connection::{Incoming, serve};
use super::lane::{Bench, Lane};
use super::{Shared, Source, http};

/// After the process or the system ran out of descriptors or memory: so long, as asking again at once would not help.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// What is listened on.
#[derive(Debug)]
pub enum Listener {
    /// A TCP address.
    Tcp(StdTcpListener),
    /// A Unix stream socket.
    Unix(StdUnixListener),
}

enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    fn new(listener: Listener) -> io::Result<Self> {
        match listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener).map(Self::Unix)
            }
        }
    }

    async fn accept(&self) -> io::Result<Incoming> {
        match self {
            Self::Tcp(listener) => {
                let (socket, address) = listener.accept().await?;
                // A peer of IPv4 has one address, also where it comes by a socket of IPv6.
                Ok(Incoming::Tcp(socket.into_std()?, address.ip().to_canonical().to_string()))
            }
            Self::Unix(listener) => Ok(Incoming::Unix(listener.accept().await?.0.into_std()?)),
        }
    }
}

/// Accepts until the word to stop, by `stop` for this source or by the lanes' own for all. Then nobody listens any longer.
///
/// # Errors
/// When the listener cannot be used at all; a connection that cannot be accepted is no error.
pub async fn accept(
    listener: Listener,
    source: Arc<Source>,
    lanes: &[Lane],
    shared: &Shared,
    stop: &CancellationToken,
) -> io::Result<()> {
    let listener = Accepting::new(listener)?;
    let limit = Arc::new(Semaphore::new(source.settings.max_connections));
    let name = source.settings.name.as_str();
    let mut full = false;
    loop {
        if limit.available_permits() == 0 && !full {
            let connections = source.settings.max_connections;
            tracing::warn!(source = name, connections, "at the limit of connections: more wait to be accepted");
        }
        full = limit.available_permits() == 0;
        let accepted = async {
            let permit = Arc::clone(&limit).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Ok(()),
            () = stop.cancelled() => return Ok(()),
            accepted = accepted => accepted,
        };
        // The limit is never closed.
        let Ok(permit) = permit else { return Ok(()) };
        match accepted {
            Ok(incoming) => give(incoming, permit, &source, lanes, stop),
            Err(error) => {
                tracing::warn!(source = name, %error, "cannot accept a connection");
                let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
                if Errno::from_io_error(&error).is_some_and(|errno| exhausted.contains(&errno)) {
                    tokio::select! {
                        () = shared.stop.cancelled() => {}
                        () = tokio::time::sleep(EXHAUSTED) => {}
                    }
                }
            }
        }
    }
}

fn give(
    incoming: Incoming,
    permit: OwnedSemaphorePermit,
    source: &Arc<Source>,
    lanes: &[Lane],
    stop: &CancellationToken,
) {
    source.meters.connections_total.increment(1);
    let (source, stop) = (Arc::clone(source), stop.clone());
    let job = move |bench: Rc<Bench>| {
        Box::pin(async move {
            match source.http.clone() {
                Some(http) => http::serve(incoming, source, http, bench, stop).await,
                None => serve(incoming, source, bench, stop).await,
            }
            drop(permit);
        }) as LocalBoxFuture<'static, ()>
    };
    Lane::give(lanes, Box::new(job));
}
