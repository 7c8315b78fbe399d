//! How fast a store takes in and gives out, and what it takes of the disk for that.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::store::Store;

/// Records of 64 KiB, so many to a group that is synced at once.
const LARGE: (usize, usize) = (64 << 10, 4);
/// Records of 1 KiB.
const SMALL: (usize, usize) = (1 << 10, 64);
const MB: f64 = 1e6;

/// A record of log-like bytes, which do not shrink much.
fn record(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = number.to_le_bytes().to_vec();
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    bytes.truncate(length);
    bytes
}

fn group(first: u64, (length, records): (usize, usize)) -> Vec<Vec<u8>> {
    (first..).take(records).map(|number| record(number, length)).collect()
}

/// Bytes of the disk in use below a directory.
fn used(directory: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // What is removed meanwhile takes nothing.
        let Ok(about) = entry.metadata() else { continue };
        sum += if about.is_dir() { used(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(sum)
}

/// Appends `bytes` in all; gives megabytes a second.
fn fill<S: Store>(store: &mut S, next: &mut u64, shape: (usize, usize), bytes: usize) -> Outcome<f64> {
    let mut taken = 0.0;
    let mut written = 0;
    while written < bytes {
        let group = group(*next, shape);
        let started = Instant::now();
        store.append(*next, &group)?;
        taken += started.elapsed().as_secs_f64();
        *next += group.len() as u64;
        written += shape.0 * shape.1;
    }
    Ok(written as f64 / MB / taken)
}

/// Reads and deletes all; gives megabytes a second.
fn drain<S: Store>(store: &mut S, at_once: usize) -> Outcome<f64> {
    let started = Instant::now();
    let mut bytes = 0;
    loop {
        let records = store.read(at_once)?;
        if records.is_empty() {
            return Ok(bytes as f64 / MB / started.elapsed().as_secs_f64());
        }
        bytes += records.iter().map(Vec::len).sum::<usize>();
        store.delete()?;
    }
}

/// Prints the figures of one store.
pub fn run<S: Store>(directory: &Path) -> Outcome<()> {
    let mut store = S::open(directory)?;
    let mut next = 0;
    println!("{}", S::NAME);
    let started = Instant::now();
    for _ in 0..200 {
        store.append(next, &[record(next, 1 << 10)])?;
        next += 1;
    }
    println!("  one record of 1 KiB, synced: {:.0} µs", started.elapsed().as_secs_f64() * 1e6 / 200.0);
    println!("  append 1 KiB x 64: {:.0} MB/s", fill(&mut store, &mut next, SMALL, 16 << 20)?);
    println!("  drain 1 KiB x 64: {:.0} MB/s", drain(&mut store, 64)?);
    println!("  append 64 KiB x 4: {:.0} MB/s", fill(&mut store, &mut next, LARGE, 128 << 20)?);
    println!("  disk for 128 MiB: {:.0} MiB", used(directory)? as f64 / f64::from(1 << 20));
    println!("  drain 64 KiB x 4: {:.0} MB/s", drain(&mut store, 4)?);
    // What is given back by and by has some time for it.
    std::thread::sleep(Duration::from_secs(2));
    println!("  disk when empty: {:.1} MiB", used(directory)? as f64 / f64::from(1 << 20));
    // With 32 MiB behind, each group that comes in lets one go.
    fill(&mut store, &mut next, LARGE, 32 << 20)?;
    let (started, mut most) = (Instant::now(), 0);
    for round in 0..256 {
        store.append(next, &group(next, LARGE))?;
        next += LARGE.1 as u64;
        store.read(LARGE.1)?;
        store.delete()?;
        if round % 16 == 0 {
            most = most.max(used(directory)?);
        }
    }
    let bytes = (256 * LARGE.0 * LARGE.1) as f64;
    println!("  in and out at once: {:.0} MB/s", bytes / MB / started.elapsed().as_secs_f64());
    println!("  disk for the 32 MiB meanwhile, at most: {:.0} MiB", most as f64 / f64::from(1 << 20));
    Ok(())
}

/// Leaves so many MiB in a store.
pub fn fill_large<S: Store>(directory: &Path, mebibytes: usize) -> Outcome<()> {
    let mut store = S::open(directory)?;
    fill(&mut store, &mut 0, (64 << 10, 64), mebibytes << 20)?;
    // Ended as a kill ends it.
    std::process::exit(0);
}

/// How long it takes from the start to the first record.
pub fn recovery<S: Store>(directory: &Path) -> Outcome<()> {
    let started = Instant::now();
    let mut store = S::open(directory)?;
    let first = store.read(1)?;
    let taken = started.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    println!("{}: first record ({} bytes) after {taken:.3} s, memory {}", S::NAME, first.iter().map(Vec::len).sum::<usize>(), memory.trim());
    Ok(())
}
