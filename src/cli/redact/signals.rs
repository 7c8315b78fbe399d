//! SIGTERM and SIGINT: stop reading, finish what was read, exit. A second one ends the program at once.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

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
