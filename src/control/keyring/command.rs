//! The output of a shell command, bounded in bytes and time, and wiped after use.
//!
//! The command's standard error goes nowhere: a program that fails may well print what it was given.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use crate::control::wiped::{self, WipedError};

/// Why a command gave nothing to use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It could not be started.
    #[error("the shell cannot be started: {0}")]
    Start(io::Error),
    /// It printed more than may be.
    #[error("the command printed more than {0} bytes")]
    TooLong(usize),
    /// Its output could not be read.
    #[error("the command's output cannot be read: {0}")]
    Output(io::Error),
    /// It did not end, or did not close its output, in time.
    #[error("the command did not end within {} seconds and was stopped; run it by hand to see what it waits for", .0.as_secs())]
    TimedOut(Duration),
    /// It ended without success.
    #[error(
        "the command failed ({0}); its messages are not shown, as they may hold secrets: run it by hand to see them"
    )]
    Failed(ExitStatus),
}

/// Runs `command` by `/bin/sh -c` with an empty standard input and returns what it prints.
///
/// # Errors
/// [`CommandError`]; whatever the command started in its process group is stopped then.
pub(super) fn output(command: &str, limit: usize, timeout: Duration) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let deadline = Instant::now() + timeout;
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A group of its own, so that what the shell started can be stopped along with it.
        .process_group(0)
        .spawn()
        .map_err(CommandError::Start)?;
    let outcome = collect(&mut child, limit, timeout, deadline);
    if outcome.is_err() {
        stop(&mut child);
    }
    outcome
}

fn collect(
    child: &mut Child,
    limit: usize,
    timeout: Duration,
    deadline: Instant,
) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let Some(stdout) = child.stdout.take() else {
        return Err(CommandError::Output(io::ErrorKind::BrokenPipe.into()));
    };
    let (sender, receiver) = mpsc::sync_channel(1);
    // If nobody waits any more, the output is wiped as it is dropped with the message.
    thread::spawn(move || sender.send(wiped::read_to_end(stdout, limit)));
    let bytes = match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(WipedError::TooLong(limit))) => return Err(CommandError::TooLong(limit)),
        Ok(Err(WipedError::Io(error))) => return Err(CommandError::Output(error)),
        Err(RecvTimeoutError::Timeout) => return Err(CommandError::TimedOut(timeout)),
        Err(RecvTimeoutError::Disconnected) => return Err(CommandError::Output(io::ErrorKind::BrokenPipe.into())),
    };
    match wait_until(child, deadline)? {
        Some(status) if status.success() => Ok(bytes),
        Some(status) => Err(CommandError::Failed(status)),
        None => Err(CommandError::TimedOut(timeout)),
    }
}

/// Waits for a child that has closed its output, and so is about to end; `None` when it has not by `deadline`.
fn wait_until(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>, CommandError> {
    let mut pause = Duration::from_micros(100);
    loop {
        if let Some(status) = child.try_wait().map_err(CommandError::Output)? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn stop(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself in the meantime; then there is nothing left to stop.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn what_is_printed_is_returned() {
        assert_eq!(**output("printf 'a\\0b'", 100, LONG).expect("it runs"), *b"a\0b");
    }

    #[test]
    fn failure_length_and_time_are_told_apart() {
        assert!(matches!(output("exit 7", 100, LONG), Err(CommandError::Failed(status)) if status.code() == Some(7)));
        assert!(matches!(output("yes", 100, LONG), Err(CommandError::TooLong(100))));
        let started = Instant::now();
        let short = Duration::from_millis(50);
        assert!(matches!(output("sleep 60", 100, short), Err(CommandError::TimedOut(_))));
        assert!(matches!(output("sleep 60 & echo x", 100, short), Err(CommandError::TimedOut(_))), "held open");
        assert!(matches!(output("exec >&-; sleep 60", 100, short), Err(CommandError::TimedOut(_))), "closed early");
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn standard_input_is_empty() {
        assert!(output("cat", 100, LONG).expect("it ends").is_empty());
    }
}
