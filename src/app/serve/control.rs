//! The control thread: reloads, one at a time, when a signal or the admin side asks; keys that are rotated when they are due; and the
//! journal, which hears of both.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;
use tokio::sync::oneshot;

use crate::control::admin::AskReload;
use crate::control::chronicle::Chronicle;
use crate::control::journal::entry::Gap;
use crate::control::notify;
use crate::control::reload::Reloader;
use crate::control::rotation::{Rotation, Schedule};
use crate::pipeline::meters::Totals;

/// How often the journal hears of what was withheld or forged, and the keys' age is looked at.
const TICK: Duration = Duration::from_secs(60);

enum Ask {
    /// A reload; who asked may want to know what came of it.
    Reload(Option<oneshot::Sender<Result<u64, String>>>),
    /// The end, whether it is as it should be, and what is not known.
    Stop(bool, Vec<Gap>),
}

/// The thread's other end.
pub(super) struct Control {
    ask: Sender<Ask>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Control {
    /// Starts it; from now on SIGHUP is a reload.
    pub(super) fn start(
        mut reloader: Reloader,
        mut chronicle: Chronicle,
        schedule: Option<Schedule>,
        totals: Arc<Totals>,
    ) -> io::Result<Self> {
        let (ask, asked) = channel();
        let mut hangups = Signals::new([SIGHUP])?;
        let hangup = ask.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in hangups.forever() {
                if hangup.send(Ask::Reload(None)).is_err() {
                    return;
                }
            }
        })?;
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            loop {
                if let Some(schedule) = &schedule {
                    rotate(schedule, &mut reloader, &mut chronicle);
                }
                match asked.recv_timeout(TICK) {
                    Ok(Ask::Reload(answer)) => {
                        let outcome = reload(&mut reloader, &mut chronicle);
                        // Whoever asked may have gone.
                        let _ = answer.map(|answer| answer.send(outcome));
                    }
                    Ok(Ask::Stop(ok, gaps)) => {
                        chronicle.end(Timestamp::now(), ok, totals.sums(), gaps)?;
                        return Ok(());
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        if let Err(error) = chronicle.tick(Timestamp::now(), totals.sums()) {
                            tracing::error!(%error, "the journal cannot be written: it is tried again");
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        })?;
        Ok(Self { ask, thread })
    }

    /// How the admin side asks for a reload.
    pub(super) fn asking(&self) -> AskReload {
        let ask = self.ask.clone();
        Arc::new(move || {
            let (answer, answered) = oneshot::channel();
            // A thread that has ended drops the answer, which says so.
            let _ = ask.send(Ask::Reload(Some(answer)));
            answered
        })
    }

    /// Ends it; the journal tells how the service ended.
    pub(super) fn stop(self, ok: bool, gaps: Vec<Gap>) -> anyhow::Result<()> {
        // A thread that has ended says so below.
        let _ = self.ask.send(Ask::Stop(ok, gaps));
        self.thread.join().unwrap_or_else(|_| Err(anyhow!("the control side has failed")))
    }
}

/// Rotates the keyring when that is due, and takes up whichever epoch it has then: another service may have rotated it.
fn rotate(schedule: &Schedule, reloader: &mut Reloader, chronicle: &mut Chronicle) {
    match chronicle.rotate(schedule, Timestamp::now()) {
        Ok(Rotation::Done(epoch)) => tracing::info!(%epoch, "the keyring was rotated, as it was due"),
        Ok(Rotation::NotDue { epoch, .. }) if epoch != reloader.epoch() => {
            tracing::info!(%epoch, "the keyring has another epoch");
        }
        Ok(Rotation::NotDue { .. }) => return,
        Err(error) => {
            tracing::error!(%error, "the keyring cannot be rotated: the present epoch stays, and it is tried again");
            return;
        }
    }
    // Refused, it is tried again at the next tick. That was said.
    let _ = reload(reloader, chronicle);
}

/// A reload that cannot be told of in the journal is said loudly: it is in force all the same, as its keys may be needed.
fn reload(reloader: &mut Reloader, chronicle: &mut Chronicle) -> Result<u64, String> {
    notify::reloading();
    let now = Timestamp::now();
    let (outcome, told) = match reloader.reload() {
        Ok(applied) => {
            tracing::info!(generation = applied.generation, "reloaded: the new configuration is in force");
            (Ok(applied.generation), chronicle.applied(now, &applied))
        }
        Err(error) => {
            let reason = error.to_string();
            tracing::error!(reason, "reload refused: the old configuration stays in force");
            let told = chronicle.refused(now, &reason);
            (Err(reason), told)
        }
    };
    if let Err(error) = told {
        tracing::error!(%error, "the journal cannot be told of the reload");
    }
    match &outcome {
        Ok(generation) => notify::ready(&format!("generation {generation} of the configuration is in force")),
        Err(_) => notify::ready("the last reload was refused: see the log"),
    }
    outcome
}
