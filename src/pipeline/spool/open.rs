//! What a spool finds when it is opened: only the last segment is looked through, so that this takes no longer the more there is.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use tokio::sync::Notify;

use super::checkpoint::{Checkpoint, Progress};
use super::segment::{self, Name, Place};
use super::state::{Segment, Shared, State};
use super::storage::Storage;
use super::{Recovered, Settings, SpoolError};

/// A spool is made of so many segments, about.
const SEGMENTS: u64 = 16;
/// The largest segment in bytes: no more than this of the disk is given back late, or delivered twice after a power cut.
const LARGEST: u64 = 16 << 20;

/// Opens what `storage` holds.
pub(super) fn open(
    storage: Arc<dyn Storage>,
    settings: &Settings,
) -> Result<(Arc<Shared>, Checkpoint, Recovered), SpoolError> {
    let name = settings.directory.display().to_string();
    if settings.max_bytes < Settings::LEAST_BYTES {
        return Err(SpoolError::TooSmall(name, settings.max_bytes));
    }
    let fault = |what| {
        let name = name.clone();
        move |error| SpoolError::Io { name, what, error: Arc::new(error) }
    };
    let segments = find_segments(storage.as_ref()).map_err(fault("read"))?;
    let (checkpoint, found) = Checkpoint::open(storage.as_ref()).map_err(fault("read or given a checkpoint"))?;
    if found.is_none() && !segments.is_empty() {
        tracing::warn!(spool = name, "how far the sink had come is not known: everything that is left is delivered");
    }
    let state = stand(storage.as_ref(), segments, found).map_err(fault("read"))?;
    let recovered = Recovered {
        records: state.end - state.position,
        bytes: state.segments.iter().map(|segment| segment.length).sum(),
    };
    let shared = Shared {
        name,
        storage,
        limit: settings.max_bytes,
        longest: settings.longest_record(),
        segment_bytes: (settings.max_bytes / SEGMENTS).min(LARGEST),
        state: Mutex::new(state),
        intake: Condvar::new(),
        delivery: Condvar::new(),
        room: Notify::new(),
        filled: Notify::new(),
    };
    Ok((Arc::new(shared), checkpoint, recovered))
}

/// The segments that are there, in order. Other files are nothing to us.
fn find_segments(storage: &dyn Storage) -> io::Result<VecDeque<Segment>> {
    let mut names: Vec<Name> = storage.names()?.iter().filter_map(|name| Name::parse(name)).collect();
    names.sort_by_key(|name| name.number);
    let segment = |name: Name| Ok(Segment { name, length: storage.open(&name.text(), false)?.size()? });
    names.into_iter().map(segment).collect()
}

/// Where the spool stands. What is written from now on goes into a new segment: how the last one ends is not relied on again.
fn stand(storage: &dyn Storage, segments: VecDeque<Segment>, found: Option<Progress>) -> io::Result<State> {
    let first = segments.front().map_or(0, |segment| segment.name.first);
    let known = found.unwrap_or(Progress { position: first, end: first });
    let mut end = known.end;
    if let Some(Segment { name, length }) = segments.back() {
        let place = Place { salt: name.salt, bytes: 0..*length, records: name.first..u64::MAX };
        let last = segment::survey(storage.open(&name.text(), false)?.as_ref(), &place)?;
        // What remains behind the last record was one, too, at least.
        end = end.max(last.behind + u64::from(last.remains));
    }
    Ok(State {
        next_number: segments.back().map_or(0, |last| last.name.number + 1),
        segments,
        position: known.position,
        loaded: known.position,
        inherited: end,
        end,
        ..State::default()
    })
}
