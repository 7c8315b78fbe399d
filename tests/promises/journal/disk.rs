use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use inkprint::control::journal::storage::Storage;

/// A disk in memory that breaks where it is told to; its copies share what is on it.
#[derive(Clone, Default)]
pub struct Disk(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// What a power cut leaves for sure.
    synced: usize,
    /// Bytes that can still be written before it breaks; then nothing works any more.
    left: Option<usize>,
    dead: bool,
    syncs_fail: bool,
    locked: bool,
}

impl Disk {
    pub fn of(bytes: Vec<u8>) -> Self {
        let synced = bytes.len();
        Self(Rc::new(RefCell::new(State { bytes, synced, ..State::default() })))
    }

    /// Breaks after so many more bytes.
    pub fn breaking_after(self, bytes: usize) -> Self {
        self.0.borrow_mut().left = Some(bytes);
        self
    }

    pub fn fail_syncs(&self) {
        self.0.borrow_mut().syncs_fail = true;
    }

    /// What somebody else makes of it, beside all locks.
    pub fn replace(&self, bytes: Vec<u8>) {
        self.0.borrow_mut().bytes = bytes;
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }

    pub fn synced(&self) -> usize {
        self.0.borrow().synced
    }
}

impl Storage for Disk {
    fn lock(&mut self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        assert!(!state.locked, "locked twice");
        state.locked = true;
        Ok(())
    }

    fn unlock(&mut self) {
        self.0.borrow_mut().locked = false;
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.borrow().bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.0.borrow();
        let there = state.bytes.get(offset as usize..).unwrap_or_default();
        // Less than is there, as a real one may give.
        let count = there.len().min(buffer.len()).min(1000);
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        assert!(state.locked, "written without the lock");
        assert_eq!(offset, state.bytes.len() as u64, "not at the end");
        let count = state.left.unwrap_or(bytes.len()).min(bytes.len());
        state.bytes.extend_from_slice(&bytes[..count]);
        state.left = state.left.map(|left| left - count);
        state.dead |= count < bytes.len();
        if state.dead { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        if state.dead {
            return Err(io::ErrorKind::Other.into());
        }
        state.bytes.truncate(len as usize);
        state.synced = state.synced.min(len as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        if state.dead || state.syncs_fail {
            return Err(io::ErrorKind::Other.into());
        }
        state.synced = state.bytes.len();
        Ok(())
    }
}
