mod commands;
mod crash;
mod disk;
mod spans;
mod tamper;

use inkprint::control::journal::entry::{Actor, Entry, Gap, Key, KeyAction, Lookup, Withheld};
use inkprint::control::journal::note::{Checkpoint, PrivateKey};
use inkprint::control::journal::verify::{Verdict, verify};
use inkprint::control::journal::{Journal, JournalError};
use jiff::Timestamp;

use self::disk::Disk;

fn key() -> PrivateKey {
    PrivateKey::new(&[5; 40])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + second).expect("in range")
}

/// Entries of several kinds and lengths, by number.
fn entry(number: u64) -> Entry {
    let actor = Actor { uid: 1000, name: Some("aude \"\u{e9}\"".to_owned()), host: "h".to_owned(), pid: number as u32 };
    match number % 4 {
        0 => Entry::Lookup(Lookup {
            actor,
            reason: format!("case {number}: {}", "x".repeat(number as usize % 50)),
            by: "fingerprint".to_owned(),
            namespace: "default".to_owned(),
            asked: number,
            found: Some(1),
        }),
        1 => Entry::Key(Key::new(KeyAction::Rotate, "file:/k".to_owned(), None, None, actor)),
        2 => Entry::Withheld(Withheld { reason: "scan-failed".to_owned(), lines: number, source: None }),
        _ => Entry::Gap(Gap { what: "stopped".to_owned(), from: at(0), to: at(number as i64) }),
    }
}

fn open(disk: Disk) -> Result<Journal<Disk>, JournalError> {
    Journal::on("test".to_owned(), disk, |_| Ok::<_, JournalError>(key()), at(0))
}

fn verified(bytes: &[u8], head: Option<&Checkpoint>) -> Verdict {
    verify(bytes, key().public(), head).expect("memory can be read")
}

/// The bytes of a journal with so many entries, closed by a checkpoint.
fn closed(entries: u64) -> Vec<u8> {
    let disk = Disk::default();
    let mut journal = open(disk.clone()).expect("opened");
    for number in 0..entries {
        journal.append(at(number as i64), &[entry(number)]).expect("appended");
    }
    journal.checkpoint(at(0)).expect("signed");
    disk.bytes()
}
