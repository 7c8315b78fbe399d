mod crash;
mod damage;
mod disk;
mod full;
mod killed;
mod model;

use std::path::Path;
use std::sync::Arc;

use inkprint::model::{Piece, PieceKind};
use inkprint::pipeline::spool::{Settings, Spool, SpoolError};

use self::disk::Disk;

/// Waits for a future, in this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(future)
}

fn settings(directory: &Path, max_bytes: u64) -> Settings {
    Settings { directory: directory.to_owned(), max_bytes }
}

fn on(disk: &Disk, max_bytes: u64) -> Arc<Spool> {
    Spool::on(Arc::new(disk.clone()), &settings(Path::new("disk"), max_bytes)).expect("it opens").0
}

/// The record of this number: `length` bytes at least, which follow from the number.
fn numbered(number: usize, length: usize) -> Piece {
    let mut bytes = format!("{number:08} ").into_bytes();
    let mut state = number as u32 | 1;
    while bytes.len() + 1 < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push(b'a' + (state >> 24) as u8 % 26);
    }
    bytes.push(b'\n');
    Piece { bytes, kind: if number.is_multiple_of(3) { PieceKind::Message } else { PieceKind::Lines } }
}

/// The number of a record, which must be just as it was made.
#[track_caller]
fn number_of(record: &Piece) -> usize {
    let number = record.bytes.get(..8).and_then(|digits| std::str::from_utf8(digits).ok());
    let number = number.and_then(|digits| digits.parse().ok()).expect("a number");
    assert_eq!(*record, numbered(number, record.bytes.len()), "record {number} came out changed");
    number
}

/// All that is left in a spool, which is closed for that.
#[track_caller]
fn drain(spool: &Spool) -> Vec<usize> {
    spool.close();
    let mut numbers = Vec::new();
    while let Some(record) = wait(spool.next()) {
        numbers.push(number_of(&record));
        spool.done();
    }
    numbers
}

#[test]
fn a_line_that_a_killed_process_has_not_ended_is_ended() {
    let home = tempfile::tempdir().expect("a directory");
    let open = || Spool::open(&settings(&home.path().join("spool"), 8 << 20)).expect("it opens").0;
    let append = |spool: &Spool, text: &str| wait(spool.append(Piece::lines(text.into()))).expect("there is room");
    let spool = open();
    append(&spool, "begun, ");
    append(&spool, "gone on with");
    drop(spool);
    let spool = open();
    append(&spool, "and another, ");
    append(&spool, "whole\n");
    spool.close();
    let mut out = Vec::new();
    while let Some(record) = wait(spool.next()) {
        out.extend_from_slice(&record.bytes);
        spool.done();
    }
    assert_eq!(out.escape_ascii().to_string(), "begun, gone on with\\nand another, whole\\n");
}

#[test]
fn records_come_out_as_they_went_in_and_the_disk_is_given_back() {
    let home = tempfile::tempdir().expect("a directory");
    let settings = settings(&home.path().join("spool"), 2 << 20);
    let (spool, recovered) = Spool::open(&settings).expect("it opens");
    assert_eq!((recovered.records, recovered.bytes), (0, 0));
    let empty = spool.stats().bytes;
    for number in 0..100 {
        wait(spool.append(numbered(number, 10_000))).expect("there is room");
    }
    let stats = spool.stats();
    assert!(stats.bytes > 1_000_000 && stats.records == 100 && stats.oldest.is_some(), "{stats:?}");
    assert_eq!(number_of(&wait(spool.next()).expect("there")), 0);
    assert_eq!(number_of(&wait(spool.next()).expect("there")), 1);
    spool.again();
    assert_eq!(drain(&spool), Vec::from_iter(0..100));
    assert_eq!((spool.stats().records, spool.stats().damaged), (0, 0));
    assert!(matches!(wait(spool.append(numbered(0, 20))), Err(SpoolError::Closed)));
    drop(spool);
    let (spool, recovered) = Spool::open(&settings).expect("it opens");
    assert_eq!(recovered.records, 0);
    assert_eq!(drain(&spool), [0; 0]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while spool.stats().bytes > empty {
        assert!(std::time::Instant::now() < deadline, "{:?}", spool.stats());
        std::thread::yield_now();
    }
}

#[test]
fn a_directory_belongs_to_one_process_and_to_its_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().expect("a directory");
    let settings = settings(&home.path().join("spool"), 2 << 20);
    let (spool, _) = Spool::open(&settings).expect("it opens");
    wait(spool.append(numbered(1, 100))).expect("there is room");
    assert!(matches!(Spool::open(&settings), Err(SpoolError::InUse(_))));
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&settings.directory), 0o700);
    for entry in settings.directory.read_dir().expect("there") {
        assert_eq!(mode(&entry.expect("there").path()), 0o600);
    }
    drop(spool);
    assert!(Spool::open(&settings).is_ok());
    let small = Settings { max_bytes: 1000, ..settings };
    assert!(matches!(Spool::open(&small), Err(SpoolError::TooSmall(..))));
}

#[test]
fn a_record_longer_than_may_be_is_refused_and_the_longest_is_not() {
    let disk = Disk::default();
    let spool = on(&disk, 1 << 20);
    let long = Piece { bytes: vec![b'x'; (256 << 10) + 1], kind: PieceKind::Lines };
    assert!(matches!(wait(spool.append(long)), Err(SpoolError::TooLong { .. })));
    for number in 0..10 {
        wait(async {
            spool.append(numbered(number, 256 << 10)).await.expect("taken in");
            assert_eq!(number_of(&spool.next().await.expect("there")), number);
            spool.done();
        });
    }
}
