//! Files, followed as they grow, are rotated, truncated, removed and made.
//!
//! - Nothing is lost over a rotation by rename or by copy and truncation, also where the program was killed in between; what the sinks
//!   did not hold yet when it was killed is passed on again. Of several rotations between two looks, what is found beside the file is
//!   read, as long as it is there and not packed.
//! - Lines keep their file's order, and a file that takes another's place is begun when that one was read to its end.
//! - The [checkpoint](self::checkpoint::CheckpointError) holds no byte of a log.
//!
//! ```text
//! watcher: a look at all paths, every so often --file--> a lane: read, clean, push, learn what is held --> checkpoint
//! ```

mod checkpoint;
mod followed;
mod identity;
mod paths;
mod progress;
mod rotation;
mod tail;
mod watcher;

use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::LocalBoxFuture;
use tokio_util::sync::CancellationToken;

pub use self::checkpoint::CheckpointError;
pub use self::paths::PatternError;

use self::checkpoint::Store;
use self::followed::Followed;
use self::paths::Paths;
use self::tail::Reading;
use self::watcher::{Round, Watcher};
use super::Source;
use super::lane::{Bench, Lane};
use crate::pipeline::meters::FileMeters;

/// File systems tell times by a clock that may be so much behind.
const CLOCK: Duration = Duration::from_millis(20);
/// After the word to stop, it is looked so often whether the files have ended.
const STOPPING: Duration = Duration::from_millis(20);

/// Which files are followed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Patterns: `*` and `?` stand for characters other than a slash, `**` for any folders, `[…]` for one of some characters. What is
    /// packed by its name (such as `*.gz`) is left out.
    pub paths: Vec<String>,
    /// Patterns of paths that are left out.
    pub exclude: Vec<String>,
    /// Where files are begun that were there before the first start.
    pub start_at: StartAt,
    /// Where it is written how far each file is held by the sinks.
    pub checkpoint: PathBuf,
    /// Time between two looks.
    pub poll: Duration,
}

/// Where a file is begun that was there when there was no checkpoint yet. All later ones are begun at their beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartAt {
    /// At its first byte.
    Beginning,
    /// Behind its last whole line.
    #[default]
    End,
}

/// Why files cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Follows files until the word to stop; their lines are cleaned on all lanes.
///
/// # Errors
/// [`FileError`] when a pattern is none, or the checkpoint cannot be read or written.
pub fn follow(
    settings: Settings,
    source: Arc<Source>,
    meters: FileMeters,
    lanes: Vec<Lane>,
    stop: CancellationToken,
) -> Result<(), FileError> {
    let paths = Paths::new(settings.paths, &settings.exclude)?;
    let store = Store::new(settings.checkpoint);
    let lock = store.lock_file()?;
    store.load()?;
    let poll = settings.poll;
    let begun = (settings.start_at, SystemTime::now().checked_sub(CLOCK).unwrap_or(SystemTime::UNIX_EPOCH));
    let all = lanes.clone();
    let name = source.settings.name.clone();
    // Where files are there already, what is written from now on must not be taken for what was there.
    let free = store.try_lock(&lock).unwrap_or(false);
    let looking = if free {
        let mut watcher = Watcher::new(name.clone(), paths, begun, store)?;
        let round = watcher.round();
        Looking::Begun(Box::new(watcher), round)
    } else {
        Looking::Waiting(paths, store)
    };
    let job = move |bench: Rc<Bench>| {
        Box::pin(async move {
            let stopped = bench.shared.stop.clone();
            let begun = match looking {
                Looking::Begun(watcher, round) => Ok((*watcher, Some(round))),
                Looking::Waiting(paths, store) => {
                    if !lock_when_free(&store, &lock, &name, poll, [&stopped, &stop]).await {
                        return;
                    }
                    Watcher::new(name.clone(), paths, begun, store).map(|watcher| (watcher, None))
                }
            };
            match begun {
                Ok((watcher, round)) => {
                    watch(watcher, round, Watch { source, meters, lanes: all, poll, stopped, stop }).await;
                }
                Err(error) => tracing::error!(source = name, %error, "the source is out of service"),
            }
            drop(lock);
        }) as LocalBoxFuture<'static, ()>
    };
    Lane::give(&lanes, Box::new(job));
    Ok(())
}

/// How far a source has come when its job begins.
enum Looking {
    /// It has had a first look.
    Begun(Box<Watcher>, Round),
    /// Another one uses its checkpoint.
    Waiting(Paths, Store),
}

/// Waits for whoever uses the checkpoint, such as the same source before a reload; `false` when it is not wanted any longer.
async fn lock_when_free(
    store: &Store,
    lock: &File,
    name: &str,
    poll: Duration,
    stops: [&CancellationToken; 2],
) -> bool {
    let mut told = false;
    loop {
        match store.try_lock(lock) {
            Ok(true) => return true,
            Ok(false) if !std::mem::replace(&mut told, true) => {
                tracing::warn!(source = name, "another one uses the checkpoint: waiting for its end");
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(source = name, %error, "the source is out of service");
                return false;
            }
        }
        tokio::select! {
            () = stops[0].cancelled() => return false,
            () = stops[1].cancelled() => return false,
            () = tokio::time::sleep(poll) => {}
        }
    }
}

struct Watch {
    source: Arc<Source>,
    meters: FileMeters,
    lanes: Vec<Lane>,
    poll: Duration,
    /// All are stopped.
    stopped: CancellationToken,
    /// This source is.
    stop: CancellationToken,
}

/// Round after round, and at the end until all files have ended.
async fn watch(mut watcher: Watcher, mut first: Option<Round>, watch: Watch) {
    let Watch { source, meters, lanes, poll, stopped, stop } = watch;
    let reading = Reading { source, salt: watcher.salt(), poll, stop: stop.clone() };
    while !stopped.is_cancelled() && !stop.is_cancelled() {
        let round = match first.take() {
            Some(round) => round,
            None => {
                let (back, round) = aside(watcher, Watcher::round).await;
                watcher = back;
                round
            }
        };
        let Round { begun, files, lag } = round;
        meters.files.set(files as f64);
        meters.lag.set(lag as f64);
        for followed in begun {
            give(followed, reading.clone(), &lanes);
        }
        tokio::select! {
            () = stopped.cancelled() => {}
            () = stop.cancelled() => {}
            () = tokio::time::sleep(poll) => {}
        }
    }
    // As long as they are held, the lanes wait for more.
    drop(lanes);
    loop {
        let (back, ended) = aside(watcher, Watcher::stop).await;
        if ended {
            meters.files.set(0.0);
            return;
        }
        watcher = back;
        tokio::time::sleep(STOPPING).await;
    }
}

/// Beside the lane's own work: a look at many folders, or a sync, takes longer than a lane may wait.
async fn aside<R: Send + 'static>(mut watcher: Watcher, work: fn(&mut Watcher) -> R) -> (Watcher, R) {
    let done = tokio::task::spawn_blocking(move || {
        let result = work(&mut watcher);
        (watcher, result)
    });
    match done.await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The lane is at its end.
        Err(Err(_)) => std::future::pending().await,
    }
}

fn give(followed: Arc<Followed>, reading: Reading, lanes: &[Lane]) {
    let job = move |bench: Rc<Bench>| Box::pin(tail::follow(followed, reading, bench)) as LocalBoxFuture<'static, ()>;
    Lane::give(lanes, Box::new(job));
}
