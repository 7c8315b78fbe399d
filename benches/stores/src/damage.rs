//! What one damaged byte costs: records that do not come out, or come out changed, or a store that does not open at all.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::store::Store;

/// Records of a store that is damaged.
const RECORDS: u64 = 400;

fn record(number: u64) -> Vec<u8> {
    let mut bytes = format!("{number:08}").into_bytes();
    let mut state = number as u32 | 1;
    while bytes.len() < 4000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((state >> 24) as u8);
    }
    bytes
}

/// Fills a store, in groups of ten records.
pub fn fill<S: Store>(directory: &Path) -> Outcome<S> {
    let mut store = S::open(directory)?;
    for first in (0..RECORDS).step_by(10) {
        let group: Vec<Vec<u8>> = (first..first + 10).map(record).collect();
        store.append(first, &group)?;
    }
    Ok(store)
}

/// Reads what there is, and prints how many records are whole and how many are not.
pub fn read<S: Store>(directory: &Path) -> Outcome<()> {
    let mut store = S::open(directory)?;
    store.finish();
    let (mut whole, mut changed) = (0, 0);
    loop {
        let records = match store.read(1) {
            Ok(records) => records,
            Err(error) => {
                println!("{whole} {changed} stopped: {error}");
                return Ok(());
            }
        };
        let Some(bytes) = records.first() else { break };
        let number = bytes.get(..8).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        match number.is_some_and(|number| *bytes == record(number)) {
            true => whole += 1,
            false => changed += 1,
        }
    }
    println!("{whole} {changed}");
    Ok(())
}

/// The files below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Flips one byte at a time, spread evenly over all that is not zero, in a store that was filled and ended as `fill` does it.
pub fn run<S: Store>(directory: &Path, rounds: usize, fill: &str) -> Outcome<()> {
    let original = directory.join("original");
    fs::create_dir_all(&original)?;
    own(S::NAME, fill, &original)?;
    let mut places = Vec::new();
    let mut found = Vec::new();
    files(&original, &mut found)?;
    found.sort();
    for path in &found {
        let mut bytes = Vec::new();
        fs::File::open(path)?.read_to_end(&mut bytes)?;
        places.extend(bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| (path.clone(), at)));
    }
    let (mut lost, mut most, mut changed, mut refused, mut stopped, mut hung) = (0, 0, 0, 0, 0, 0);
    for round in 0..rounds {
        let (path, at) = &places[(places.len() - 1) * round / rounds.max(1) + places.len() / rounds.max(1) / 3];
        let copy = directory.join("copy");
        Command::new("cp").args(["-r", "--sparse=always"]).arg(&original).arg(&copy).status()?;
        let damaged = copy.join(path.strip_prefix(&original)?);
        let mut bytes = fs::read(&damaged)?;
        bytes[*at] ^= 0x20;
        fs::write(&damaged, bytes)?;
        let said = own(S::NAME, "read", &copy);
        let mut words = said.as_deref().unwrap_or_default().split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let gone = match (&said, number(), number()) {
            (Ok(said), Some(whole), Some(wrong)) => {
                changed += wrong;
                stopped += u64::from(said.contains("stopped"));
                RECORDS - whole
            }
            (Err(error), ..) if error.to_string() == "hangs" => {
                hung += 1;
                RECORDS
            }
            _ => {
                refused += 1;
                RECORDS
            }
        };
        lost += gone;
        most = most.max(gone);
        fs::remove_dir_all(&copy)?;
    }
    println!(
        "{}: {rounds} bytes, of {RECORDS} records lost {:.1} on average, {most} at most; came out changed {changed}; does not open \
         or panics {refused}, stops in the middle {stopped}, hangs {hung}",
        S::NAME,
        lost as f64 / rounds as f64
    );
    Ok(())
}

/// Runs this program for a part of the work: what it prints, if it ends well and in time.
fn own(store: &str, what: &str, directory: &Path) -> Outcome<String> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([what, store])
        .arg(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err("hangs".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err("fails".into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
