//! How fast a journal is verified, and what an entry costs on a real disk: `cargo bench --bench journal`.

use std::io;
use std::time::Instant;

use inkprint::control::journal::Journal;
use inkprint::control::journal::entry::{Actor, Entry, Lookup};
use inkprint::control::journal::note::PrivateKey;
use inkprint::control::journal::storage::Storage;
use inkprint::control::journal::verify::verify;
use jiff::Timestamp;

/// Bytes of the journal that is verified, at least.
const BYTES: usize = 200 << 20;
/// Entries written and synced one by one.
const SYNCED: u32 = 2_000;

/// Grows in memory, and is always safe.
#[derive(Default)]
struct Memory(Vec<u8>);

impl Storage for &mut Memory {
    fn lock(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn unlock(&mut self) {}

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, mut buffer: &mut [u8]) -> io::Result<usize> {
        io::Write::write(&mut buffer, &self.0[offset as usize..])
    }

    fn write_at(&mut self, _: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn entry(number: u32) -> Entry {
    let actor = Actor { uid: 1000, name: Some("responder".to_owned()), host: "bastion".to_owned(), pid: number };
    Entry::Lookup(Lookup {
        actor,
        reason: format!("case {number}: token seen in a paste"),
        by: "fingerprint".to_owned(),
        namespace: "default".to_owned(),
        asked: 1,
        found: Some(0),
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (key, now) = (PrivateKey::new(&[7; 40]), Timestamp::UNIX_EPOCH);
    let public = key.public().clone();
    let mut memory = Memory::default();
    while memory.0.len() < BYTES {
        let key = key.clone();
        let mut journal = Journal::on(
            "memory".to_owned(),
            &mut memory,
            |_| Ok::<_, inkprint::control::journal::JournalError>(key),
            now,
        )?;
        let entries: Vec<Entry> = (0..10_000).map(entry).collect();
        journal.append(now, &entries)?;
        journal.checkpoint(now)?;
    }
    for _ in 0..3 {
        let started = Instant::now();
        let verdict = verify(&memory.0[..], &public, None)?;
        let seconds = started.elapsed().as_secs_f64();
        assert!(verdict.is_sound() && verdict.unsigned() == 0, "{:?}", verdict.faults);
        let rate = verdict.bytes as f64 / 1e6 / seconds;
        println!("verify: {} records, {} bytes, {seconds:.3} s, {rate:.0} MB/s", verdict.records, verdict.bytes);
    }

    let directory = tempfile::tempdir()?;
    let mut journal = Journal::open(&directory.path().join("journal"), None, now)?;
    let started = Instant::now();
    for number in 0..SYNCED {
        journal.append(now, &[entry(number)])?;
    }
    println!(
        "append: {:.0} µs an entry, written and synced",
        started.elapsed().as_secs_f64() * 1e6 / f64::from(SYNCED)
    );
    Ok(())
}
