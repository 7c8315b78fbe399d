//! The power is cut: a file system in a file is copied while it is in use, repaired and looked into.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::super::program::{long_tests, tool};
use super::killed::{child, left, words};

/// Runs a program; whether it ended well.
fn runs(program: &str, args: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    Command::new(program).args(args).env("PATH", path).output().is_ok_and(|output| output.status.success())
}

/// A file system in a file, mounted until it is dropped.
struct Loop {
    place: std::path::PathBuf,
}

impl Loop {
    fn mount(image: &Path, place: &Path) -> Option<Self> {
        fs::create_dir_all(place).expect("a directory");
        let (image, target) = (image.display().to_string(), place.display().to_string());
        // The file system's own writes, of every few seconds, would come into the middle of the copy.
        runs("mount", &["-o", "loop,commit=300", &image, &target]).then(|| Self { place: place.to_owned() })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        runs("umount", &["-l", &self.place.display().to_string()]);
    }
}

/// Stops a child where it is, and waits until all of its threads stand still. A power cut takes one moment, but a copy takes
/// the blocks one after the other: one of a file system in use may hold a journal that is newer than the data that it tells of.
fn freeze(child: &Child) {
    let pid = Pid::from_child(child);
    kill_process(pid, Signal::STOP).expect("it runs");
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is ours").expect("it has stopped");
    assert!(status.stopped(), "it ended before the power was cut: {status:?}");
}

/// How many records that were said to be safe a power cut loses; `None` where no file system can be mounted.
fn lost_by_a_power_cut(role: &str, cut_after: usize) -> Option<usize> {
    let home = tempfile::tempdir().expect("a directory");
    let (image, copy) = (home.path().join("image"), home.path().join("copy"));
    fs::File::create(&image).and_then(|file| file.set_len(48 << 20)).expect("there is room");
    let text = |path: &Path| path.display().to_string();
    if !runs("mkfs.ext4", &["-q", "-F", &text(&image)]) {
        return None;
    }
    let mounted = Loop::mount(&image, &home.path().join("mounted"))?;
    let mut child = child(&[], &mounted.place.join("spool"), role, 0);
    let mut safe = 0;
    for (word, number) in words(&mut child) {
        assert_eq!(word, "kept");
        safe = number + 1;
        if safe == cut_after {
            break;
        }
    }
    freeze(&child);
    fs::copy(&image, &copy).expect("there is room");
    child.kill().expect("it ran");
    child.wait().expect("it ended");
    // What it says is what it did: whether it had anything to do does not matter.
    runs("e2fsck", &["-fy", &text(&copy)]);
    let mounted = Loop::mount(&copy, &home.path().join("again"))?;
    let left = left(&mounted.place.join("spool"));
    assert!(left.iter().enumerate().all(|(at, number)| at == *number), "in order and without gaps: {left:?}");
    Some(safe.saturating_sub(left.len()))
}

#[test]
fn a_power_cut_loses_nothing_that_was_taken_in() {
    if !tool("mkfs.ext4") || !tool("e2fsck") {
        return;
    }
    let mut random = fastrand::Rng::with_seed(2);
    let rounds = if long_tests() { 50 } else { 10 };
    let mut lost_unsynced = 0;
    for round in 0..rounds {
        let cut_after = random.usize(1..300);
        let Some(lost) = lost_by_a_power_cut("append", cut_after) else {
            eprintln!("SKIPPED: no file system can be mounted");
            return;
        };
        assert_eq!(lost, 0, "round {round}: cut after {cut_after}");
        if round < 3 {
            lost_unsynced += lost_by_a_power_cut("unsynced", cut_after).expect("mounted before");
        }
    }
    assert!(lost_unsynced > 0, "what is not synced is lost, or this test sees nothing");
}
