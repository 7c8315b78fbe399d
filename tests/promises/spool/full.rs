//! No room: in the spool, on the disk, for another file, or none to write at all.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use inkprint::pipeline::spool::{Health, Spool, SpoolError};
use rustix::io::Errno;

use super::disk::Disk;
use super::{drain, number_of, numbered, on, settings, wait};

/// How long a spool may take until it goes on.
const SOON: Duration = Duration::from_secs(5);

/// Waits until `what` is so.
#[track_caller]
fn until(within: Duration, what: impl Fn() -> bool) {
    let deadline = Instant::now() + within;
    while !what() {
        assert!(Instant::now() < deadline, "it does not come to that within {within:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Appends `records`, and delivers whenever `delivers` says so; gives what was delivered.
fn fill(spool: &Spool, records: usize, delivers: impl Fn() -> bool, largest: u64) -> Vec<usize> {
    wait(async {
        let mut delivered = Vec::new();
        for number in 0..records {
            let append = spool.append(numbered(number, 50_000));
            tokio::pin!(append);
            loop {
                assert!(spool.stats().bytes <= largest, "{:?}", spool.stats());
                tokio::select! {
                    biased;
                    outcome = &mut append => break outcome.expect("it waits until there is room"),
                    record = spool.next(), if delivers() => {
                        delivered.push(number_of(&record.expect("it is not closed")));
                        spool.done();
                    }
                    () = tokio::time::sleep(Duration::from_millis(1)) => {}
                }
            }
        }
        delivered
    })
}

#[test]
fn a_full_spool_holds_back_and_never_grows_beyond_its_bound() {
    let disk = Disk::default();
    let spool = on(&disk, 1 << 20);
    let mut delivered = fill(&spool, 200, || spool.stats().bytes > 900_000, 1 << 20);
    delivered.extend(drain(&spool));
    assert_eq!(delivered, Vec::from_iter(0..200));
    assert!(disk.syncs() > 0);
}

#[test]
fn what_cannot_be_written_waits_and_goes_on() {
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::MFILE] {
        let disk = Disk::default();
        let spool = on(&disk, 1 << 20);
        wait(spool.append(numbered(0, 100))).expect("there is room");
        disk.fail_writes(Some(errno));
        std::thread::scope(|scope| {
            for number in 1..=3 {
                let spool = &spool;
                scope.spawn(move || wait(spool.append(numbered(number, 100))).expect("it waits until there is room"));
            }
            until(SOON, || matches!(spool.stats().health, Health::Waiting(_)));
            disk.fail_writes(None);
        });
        assert_eq!(spool.stats().health, Health::Good, "{errno}");
        let mut numbers = drain(&spool);
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3], "{errno}");
    }
}

#[test]
fn a_sync_that_finds_no_room_is_tried_in_another_file() {
    for errno in [Errno::NOSPC, Errno::ROFS] {
        let disk = Disk::default();
        let spool = on(&disk, 1 << 20);
        wait(spool.append(numbered(0, 100))).expect("there is room");
        let before = disk.segments();
        disk.fail_syncs(Some(errno));
        std::thread::scope(|scope| {
            scope.spawn(|| wait(spool.append(numbered(1, 100))).expect("it waits"));
            until(SOON, || matches!(spool.stats().health, Health::Waiting(_)));
            disk.fail_syncs(None);
        });
        assert_ne!(disk.segments(), before);
        assert_eq!(drain(&spool), [0, 1]);
    }
}

#[test]
fn after_a_failed_sync_nothing_is_promised_any_more() {
    let disk = Disk::default();
    let spool = on(&disk, 1 << 20);
    wait(spool.append(numbered(0, 100))).expect("there is room");
    disk.fail_syncs(Some(Errno::IO));
    assert!(matches!(wait(spool.append(numbered(1, 100))), Err(SpoolError::Failed { .. })));
    disk.fail_syncs(None);
    let syncs = disk.syncs();
    assert!(matches!(wait(spool.append(numbered(2, 100))), Err(SpoolError::Failed { .. })));
    assert!(matches!(spool.stats().health, Health::Failed(_)));
    // What is safe can be delivered, and nothing that was promised is missing afterwards.
    assert_eq!(number_of(&wait(spool.next()).expect("there")), 0);
    assert_eq!(disk.syncs(), syncs, "no second attempt");
    let left = disk.after_power_cut(|| false);
    drop(spool);
    assert_eq!(drain(&on(&left, 1 << 20)), [0]);
}

/// A small file system for a test; none where this user may not mount one.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn tmpfs(options: &str) -> Option<Self> {
        let place = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(place));
        }
        eprintln!("SKIPPED: no file system can be mounted");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "{options}");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Fills the spool on a file system until there is no room, then has room made, and delivers all.
fn fills_up_and_goes_on(disk: &Mounted, make_room: impl FnOnce(&Spool)) {
    let (spool, _) = Spool::open(&settings(&disk.path().join("spool"), 64 << 20)).expect("it opens");
    std::thread::scope(|scope| {
        let appends = scope.spawn(|| {
            wait(async {
                for number in 0..200 {
                    spool.append(numbered(number, 50_000)).await.expect("it waits until there is room");
                }
            });
        });
        until(Duration::from_secs(60), || matches!(spool.stats().health, Health::Waiting(_)));
        assert!(!appends.is_finished());
        let syncs = spool.stats().syncs;
        make_room(&spool);
        until(SOON, || spool.stats().syncs > syncs || appends.is_finished());
        for number in 0..200 {
            assert_eq!(number_of(&wait(spool.next()).expect("there")), number);
            spool.done();
        }
    });
    assert_eq!((spool.stats().health, spool.stats().records, spool.stats().damaged), (Health::Good, 0, 0));
}

#[test]
fn a_full_disk_holds_back_until_there_is_room() {
    let Some(disk) = Mounted::tmpfs("size=8m") else { return };
    let other = disk.path().join("other");
    fs::write(&other, vec![1; 3 << 20]).expect("there is room");
    fills_up_and_goes_on(&disk, |_| fs::remove_file(&other).expect("it is there"));
}

#[test]
fn a_full_disk_is_freed_by_delivering() {
    let Some(disk) = Mounted::tmpfs("size=8m") else { return };
    let (spool, _) = Spool::open(&settings(&disk.path().join("spool"), 64 << 20)).expect("it opens");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait(async {
                for number in 0..400 {
                    spool.append(numbered(number, 50_000)).await.expect("it waits until there is room");
                }
            })
        });
        until(Duration::from_secs(60), || matches!(spool.stats().health, Health::Waiting(_)));
        for number in 0..400 {
            assert_eq!(number_of(&wait(spool.next()).expect("there")), number);
            spool.done();
        }
    });
}

#[test]
fn a_disk_that_takes_no_more_files_holds_back() {
    // One for the root, the directory, the lock, the checkpoint: then two segments.
    let Some(disk) = Mounted::tmpfs("size=64m,nr_inodes=7") else { return };
    let (first, second) = (disk.path().join("first"), disk.path().join("second"));
    fs::write(&first, b"").expect("there is room");
    fs::write(&second, b"").expect("there is room");
    fills_up_and_goes_on(&disk, |_| {
        fs::remove_file(&first).expect("it is there");
        fs::remove_file(&second).expect("it is there");
    });
}

#[test]
fn a_read_only_disk_is_told_at_the_start() {
    let Some(disk) = Mounted::tmpfs("size=8m") else { return };
    let settings = settings(&disk.path().join("spool"), 4 << 20);
    let (spool, _) = Spool::open(&settings).expect("it opens");
    wait(spool.append(numbered(0, 100))).expect("there is room");
    drop(spool);
    disk.remount("ro");
    let error = Spool::open(&settings).map(drop).expect_err("it cannot be written");
    assert!(error.to_string().contains("Read-only"), "{error}");
    disk.remount("rw");
    assert_eq!(drain(&Spool::open(&settings).expect("it opens").0), [0]);
}
