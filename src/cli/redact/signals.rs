//! SIGTERM and SIGINT: stop reading, finish what was read, exit. A second one ends the program at once.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use tokio::io::AsyncReadExt as _;

/// A descriptor that becomes readable with the first of these signals.
///
/// # Errors
/// When a handler cannot be installed.
pub fn stop_on_termination() -> io::Result<OwnedFd> {
    let (stop, wake) = UnixStream::pair()?;
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the flag is still down when the first signal comes.
        flag::register_conditional_default(signal, Arc::clone(&again))?;
        flag::register(signal, Arc::clone(&again))?;
        low_level::pipe::register(signal, wake.try_clone()?)?;
    }
    Ok(stop.into())
}

/// Waits for one of them, within a runtime.
pub async fn arrived(stop: OwnedFd) {
    let stop = UnixStream::from(stop);
    match stop.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(stop)) {
        Ok(mut stop) => drop(stop.read_u8().await),
        Err(error) => {
            tracing::error!(%error, "cannot wait for signals");
            std::future::pending().await
        }
    }
}
