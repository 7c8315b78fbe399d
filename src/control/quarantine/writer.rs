//! The thread that writes the quarantine: one file for all lines that wait at the time.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use age::Encryptor;
use metrics::{Counter, counter, describe_counter};

use super::{QuarantineError, Recipient, entry, list, name};
use crate::pipeline::detention::WithheldLine;

/// Lines that may wait to be written; a worker that has more waits.
const WAITING: usize = 8;
/// Lines in one file at most.
const TOGETHER: usize = 64;
/// Bytes of lines in one file at most, unless one is longer.
const TOGETHER_BYTES: usize = 4 << 20;
/// How long after the last line the end is looked for: senders may outlive it.
const LOOK: Duration = Duration::from_millis(100);
/// What a file takes of the disk beyond its length.
const SLACK: u64 = 4096;

/// Where a quarantine is, whom it is for, and how large it may get.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its directory, which is made where it is not there.
    pub directory: PathBuf,
    /// Who can read it.
    pub recipient: Recipient,
    /// The most bytes that it uses on the disk.
    pub max_bytes: u64,
}

/// How many lines were kept, and how many were not.
pub struct Kept {
    kept: (AtomicU64, Counter),
    not_kept: (AtomicU64, Counter),
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({}, and {} not)", self.kept(), self.not_kept())
    }
}

impl Kept {
    /// Counts that are told to the metrics of the recorder that is in force, if one is.
    fn new() -> Self {
        describe_counter!(
            "inkprint_quarantined_lines_total",
            "Withheld lines, by whether the quarantine has kept them."
        );
        let counter = |kept: &'static str| counter!("inkprint_quarantined_lines_total", "kept" => kept);
        Self { kept: (AtomicU64::new(0), counter("yes")), not_kept: (AtomicU64::new(0), counter("no")) }
    }

    fn count(&self, kept: bool, lines: u64) {
        let (sum, counter) = if kept { &self.kept } else { &self.not_kept };
        sum.fetch_add(lines, Ordering::Relaxed);
        counter.increment(lines);
    }

    /// Lines that are in the quarantine.
    pub fn kept(&self) -> u64 {
        self.kept.0.load(Ordering::Relaxed)
    }

    /// Lines that found no room there, or could not be written.
    pub fn not_kept(&self) -> u64 {
        self.not_kept.0.load(Ordering::Relaxed)
    }
}

/// A quarantine that is open for lines.
#[derive(Debug)]
pub struct Quarantine {
    kept: Arc<Kept>,
    stops: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Quarantine {
    /// Opens the quarantine, and starts to write what comes by the sender. What cannot be kept is told to `on_error`, once until
    /// lines are kept again. Both are counted in the metrics of the recorder that is in force, if one is.
    ///
    /// # Errors
    /// [`QuarantineError::Io`], also when the directory cannot be written to.
    pub fn start(
        settings: Settings,
        on_error: impl Fn(&str) + Send + 'static,
    ) -> Result<(SyncSender<WithheldLine>, Self), QuarantineError> {
        let directory = &settings.directory;
        let fault = |what| move |error| QuarantineError::io(directory, what, error);
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(fault("made"))?;
        rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
            .map_err(|errno| fault("written to")(errno.into()))?;
        let used = used(directory)?;
        let (sender, lines) = sync_channel(WAITING);
        let kept = Arc::new(Kept::new());
        let counts = Arc::clone(&kept);
        let directory = settings.directory.clone();
        let stops = Arc::new(AtomicBool::new(false));
        let mut writer = Writer { settings, used, counts, stops: Arc::clone(&stops), next: 0, failed: false };
        let thread = std::thread::Builder::new().name("quarantine".to_owned());
        let thread = thread.spawn(move || writer.run(&lines, &on_error));
        let thread = thread.map_err(|error| QuarantineError::io(&directory, "served", error))?;
        Ok((sender, Self { kept, stops, thread }))
    }

    /// Waits until all is written that was sent.
    pub fn finish(self) -> Arc<Kept> {
        self.stops.store(true, Ordering::Release);
        // A thread that panicked has said so.
        let _ = self.thread.join();
        self.kept
    }
}

/// Bytes that the files of a quarantine use.
fn used(directory: &Path) -> Result<u64, QuarantineError> {
    Ok(list(directory)?.iter().map(|file| file.size + SLACK).sum())
}

struct Writer {
    settings: Settings,
    used: u64,
    counts: Arc<Kept>,
    /// Whether nothing more is to be waited for.
    stops: Arc<AtomicBool>,
    /// The number of the next file.
    next: u64,
    /// Whether the last lines could not be kept.
    failed: bool,
}

impl Writer {
    fn run(&mut self, lines: &Receiver<WithheldLine>, on_error: &impl Fn(&str)) {
        loop {
            let first = match lines.recv_timeout(LOOK) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) if !self.stops.load(Ordering::Acquire) => continue,
                Err(_) => return,
            };
            let mut bytes = first.bytes.len();
            let mut together = vec![first];
            while together.len() < TOGETHER
                && bytes < TOGETHER_BYTES
                && let Ok(next) = lines.try_recv()
            {
                bytes += next.bytes.len();
                together.push(next);
            }
            let outcome = self.keep(&together);
            self.counts.count(outcome.is_ok(), together.len() as u64);
            match outcome {
                Ok(()) => self.failed = false,
                Err(reason) if !self.failed => {
                    self.failed = true;
                    on_error(&reason);
                }
                Err(_) => {}
            }
        }
    }

    /// Writes lines to a file of their own.
    fn keep(&mut self, lines: &[WithheldLine]) -> Result<(), String> {
        let told = |error: io::Error| {
            let directory = self.settings.directory.display();
            format!("withheld lines cannot be kept in the quarantine {directory}: {error}")
        };
        let encrypted = encrypt(&self.settings.recipient, lines).map_err(told)?;
        let size = encrypted.len() as u64 + SLACK;
        if self.used + size > self.settings.max_bytes {
            // Somebody may have read it and made room.
            self.used = used(&self.settings.directory).unwrap_or(self.used);
            if self.used + size > self.settings.max_bytes {
                let directory = self.settings.directory.display();
                return Err(format!(
                    "the quarantine {directory} is full: withheld lines are not kept any more; inkprint quarantine replay --remove \
                     makes room"
                ));
            }
        }
        let time = lines.iter().map(|line| line.time).max().unwrap_or_default();
        write(&self.settings.directory, time, &mut self.next, &encrypted).map_err(told)?;
        self.used += size;
        Ok(())
    }
}

fn encrypt(recipient: &Recipient, lines: &[WithheldLine]) -> io::Result<Vec<u8>> {
    let to = std::iter::once(&recipient.0 as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(to).map_err(|error| io::Error::other(error.to_string()))?;
    let mut encrypted = Vec::new();
    let mut clear = encryptor.wrap_output(&mut encrypted)?;
    entry::begin(&mut clear)?;
    for line in lines {
        entry::write(line, &mut clear)?;
    }
    clear.finish()?;
    Ok(encrypted)
}

/// Writes a file that was not there, and returns once it is safe.
fn write(directory: &Path, time: i64, next: &mut u64, bytes: &[u8]) -> io::Result<()> {
    let (path, mut file) = loop {
        let path = directory.join(name(time, *next));
        *next += 1;
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => break (path, opened?),
        }
    };
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| File::open(directory)?.sync_all());
    if written.is_err() {
        // A part of it is of no use to anybody.
        let _ = fs::remove_file(&path);
    }
    written
}
