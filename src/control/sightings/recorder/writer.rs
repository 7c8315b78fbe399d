//! The thread that writes: so that an index which keeps it waiting keeps nobody else waiting.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::parcel::Parcel;
use crate::control::sightings::{SightingsError, Store};
use crate::model::Namespace;

/// A parcel, and whether it was written.
pub(super) type Written = (Parcel, Result<(), SightingsError>);

/// A thread that writes one parcel at a time. Dropping it waits for its end.
pub(super) struct Writer {
    index: String,
    /// None only while it is dropped.
    parcels: Option<Sender<Parcel>>,
    written: Receiver<Written>,
    /// Rows of the parcel that it has; none while it has none.
    has: Option<usize>,
    thread: Option<JoinHandle<()>>,
}

/// The index is closed when this is gone: one that is left open would not be tidied up at the end of the program.
impl Drop for Writer {
    fn drop(&mut self) {
        self.parcels = None;
        if let Some(thread) = self.thread.take() {
            // Whether it panicked was told by `written`.
            let _ = thread.join();
        }
    }
}

impl Writer {
    /// Starts it.
    ///
    /// # Errors
    /// [`SightingsError::Thread`].
    pub(super) fn start(mut store: Store, namespace: Namespace) -> Result<Self, SightingsError> {
        let index = store.name();
        let (parcels, work) = channel::<Parcel>();
        let (done, written) = channel();
        let run = move || {
            for parcel in work {
                let outcome = store.add_once(parcel.number(), &namespace, parcel.rows(), parcel.coverage());
                if done.send((parcel, outcome)).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("sightings-write".to_owned())
            .spawn(run)
            .map_err(|_| SightingsError::Thread { index: index.clone() })?;
        Ok(Self { index, parcels: Some(parcels), written, has: None, thread: Some(thread) })
    }

    /// Whether it has a parcel.
    pub(super) fn is_busy(&self) -> bool {
        self.has.is_some()
    }

    /// Rows that it has.
    pub(super) fn rows(&self) -> usize {
        self.has.unwrap_or_default()
    }

    /// Gives it a parcel. It must have none.
    pub(super) fn write(&mut self, parcel: Parcel) {
        self.has = Some(parcel.len());
        // Where it is gone, `written` says so.
        let _ = self.parcels.as_ref().map(|parcels| parcels.send(parcel));
    }

    /// What it has written or tried to, which is waited for so long; nothing also where it has no parcel.
    ///
    /// # Errors
    /// [`SightingsError::Thread`], when it is gone.
    pub(super) fn written(&mut self, wait: Duration) -> Result<Option<Written>, SightingsError> {
        if self.has.is_none() {
            return Ok(None);
        }
        let gone = SightingsError::Thread { index: self.index.clone() };
        let written = match wait {
            Duration::MAX => self.written.recv().map_err(|_| RecvTimeoutError::Disconnected),
            wait => self.written.recv_timeout(wait),
        };
        match written {
            Ok(written) => {
                self.has = None;
                Ok(Some(written))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(gone),
        }
    }
}
