//! Accepts connections and gives each to the lane that has the fewest.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::Semaphore;

use super::Shared;
use super::lane::{Incoming, Lane};

/// After the process or the system ran out of descriptors or memory: so long, as asking again at once would not help.
const EXHAUSTED: Duration = Duration::from_millis(200);

/// Accepts until the word to stop. Then nobody listens any longer, and each lane ends with its last connection.
///
/// # Errors
/// When the listener cannot be used at all; a connection that cannot be accepted is no error.
pub async fn accept(listener: TcpListener, mut lanes: Vec<Lane>, shared: &Shared) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let limit = Arc::new(Semaphore::new(shared.settings.max_connections));
    let mut full = false;
    loop {
        if limit.available_permits() == 0 && !full {
            tracing::warn!(
                connections = shared.settings.max_connections,
                "at the limit of connections: more wait to be accepted"
            );
        }
        full = limit.available_permits() == 0;
        let accepted = async {
            let permit = Arc::clone(&limit).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Ok(()),
            accepted = accepted => accepted,
        };
        // The limit is never closed.
        let Ok(permit) = permit else { return Ok(()) };
        match accepted.and_then(|(socket, address)| Ok((socket.into_std()?, address))) {
            Ok((socket, address)) => {
                shared.meters.connections_total.increment(1);
                if let Some(lane) = lanes.iter_mut().min_by_key(|lane| lane.connections()) {
                    lane.give(Incoming { socket, address, _permit: permit });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
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
