//! Telling the service manager how the service is: ready, reloading, stopping, alive.
//!
//! Under systemd with `Type=notify` or `Type=notify-reload`, and under whatever else sets `NOTIFY_SOCKET`; elsewhere nothing is sent.
//! Nobody waits for an answer, and a manager that cannot be told is no reason to stop: each call says so once in the log and goes on.
//! It is one datagram a call, to a socket that the sandbox leaves reachable.

use std::time::Duration;

use sd_notify::NotifyState;

/// What a status may hold: one line, whatever is in it.
const LONGEST_STATUS: usize = 200;

/// The service takes lines and passes them on; also said at the end of a reload.
pub fn ready(status: &str) {
    let status = one_line(status);
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The configuration is read anew. [`ready`] must follow, whether the new one was taken or refused.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        // Without the time the manager would wait for it in vain, and end the service.
        Err(error) => tracing::debug!(%error, "cannot tell the service manager of a reload"),
    }
}

/// What was read is passed on, and then it ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// How the service is, in a few words for `systemctl status`; never a word of a log that passes through.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(&one_line(status))]);
}

/// Whether the manager ends the service unless [`alive`] is called, and how often to call it: twice in the time it allows.
pub fn watched() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|within| within / 2)
}

/// It is alive. To be called by what would not if the service hung.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}

/// A line break in a status would begin another message.
fn one_line(status: &str) -> String {
    status.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_STATUS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("2 sources\nWATCHDOG=trigger\0"), "2 sources WATCHDOG=trigger ");
        assert_eq!(one_line(&"x".repeat(1000)).len(), LONGEST_STATUS);
    }
}
