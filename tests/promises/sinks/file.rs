use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use inkprint::pipeline::sink::file::{Settings, run};
use tokio::sync::watch;

use super::super::program::tool;
use super::super::tcp::service::wait_for;
use super::feeding::Running;

fn settings(path: &Path) -> Settings {
    Settings { path: path.to_owned(), mode: 0o640, rotate_size: None, rotate_every: None, keep: 10, compress: false }
}

/// The sink, and what has its file opened again.
fn start(settings: Settings) -> (Running, watch::Sender<u64>) {
    let (reopen, asked) = watch::channel(0);
    let sink = Running::start(async move |feed, up, meters| {
        run(&feed, &settings, asked, &up, &meters).await.expect("opened");
    });
    (sink, reopen)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("text")
}

/// The rotated files, oldest first, as text.
fn rotated(path: &Path) -> Vec<String> {
    let own = format!("{}.2", path.file_name().expect("a name").to_string_lossy());
    let mut names: Vec<PathBuf> = fs::read_dir(path.parent().expect("a folder"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().expect("a name").to_string_lossy().starts_with(&own))
        .filter(|path| path.extension().is_none_or(|extension| extension != "part"))
        .collect();
    names.sort();
    let read = |path: &PathBuf| match path.extension().is_some_and(|extension| extension == "zst") {
        true => zstd::stream::decode_all(File::open(path).expect("there")).expect("zstd"),
        false => fs::read(path).expect("there"),
    };
    names.iter().map(|path| String::from_utf8(read(path)).expect("text")).collect()
}

#[test]
fn lines_are_added_and_stay() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    let (sink, _reopen) = start(settings(&path));
    sink.wait_until_held(sink.push(b"one\ntwo\n"));
    assert_eq!(text(&path), "one\ntwo\n");
    sink.wait_until_held(sink.push_message(b"a\nb\n"));
    sink.wait_until_held(sink.push(b"long "));
    sink.wait_until_held(sink.push(b"line\n"));
    sink.end();
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
    let (sink, _reopen) = start(settings(&path));
    sink.wait_until_held(sink.push(b"more\n"));
    assert_eq!(text(&path), "one\ntwo\na\nb\nlong line\nmore\n");
    assert_eq!(sink.metric("bytes_total"), 5.0);
    sink.end();
}

#[test]
fn a_line_that_a_crash_has_cut_is_no_line() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    fs::write(&path, "one\ntw").expect("written");
    let (sink, _reopen) = start(settings(&path));
    sink.wait_until_held(sink.push(b"two\n"));
    sink.end();
    assert_eq!(text(&path), "one\ntwo\n");
    assert_eq!(text(&folder.path().join("log.torn")), "tw\n");
}

#[test]
fn it_is_rotated_by_size_between_lines_and_the_oldest_go() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    let (sink, _reopen) = start(Settings { rotate_size: Some(100), keep: 3, compress: true, ..settings(&path) });
    let line = |number: usize| format!("line {number} {}\n", "x".repeat(80));
    for number in 0..6 {
        let line = line(number);
        // In two parts: in the midst of a line there is no other file.
        let (begin, end) = line.split_at(50);
        sink.wait_until_held(sink.push(begin.as_bytes()));
        sink.wait_until_held(sink.push(end.as_bytes()));
    }
    assert_eq!(text(&path), line(5));
    let expected = [2, 3, 4].map(line);
    wait_for("the rotated files", || {
        let all_compressed = fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .all(|path| path.ends_with("log") || path.extension().is_some_and(|extension| extension == "zst"));
        (all_compressed && rotated(&path) == expected).then_some(())
    });
    sink.end();
}

#[test]
fn it_is_rotated_when_a_period_has_begun() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    let daily = || Settings { rotate_every: Some(Duration::from_secs(86_400)), ..settings(&path) };
    fs::write(&path, "yesterday\n").expect("written");
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    File::options().append(true).open(&path).expect("there").set_modified(yesterday).expect("set");
    let (sink, _reopen) = start(daily());
    sink.wait_until_held(sink.push(b"today\n"));
    sink.end();
    assert_eq!((text(&path).as_str(), rotated(&path)), ("today\n", vec!["yesterday\n".to_owned()]));
    // And not again.
    let (sink, _reopen) = start(Settings { rotate_every: Some(Duration::from_secs(1 << 40)), ..settings(&path) });
    sink.wait_until_held(sink.push(b"still\n"));
    sink.end();
    assert_eq!(text(&path), "today\nstill\n");
}

#[test]
fn another_program_may_move_it_away() {
    let folder = tempfile::tempdir().expect("a directory");
    let (path, moved) = (folder.path().join("log"), folder.path().join("moved"));
    let (sink, reopen) = start(settings(&path));
    sink.wait_until_held(sink.push(b"one\n"));
    sink.wait_until_held(sink.push(b"begin "));
    fs::rename(&path, &moved).expect("renamed");
    reopen.send_modify(|times| *times += 1);
    // The line that has begun ends where it began.
    sink.wait_until_held(sink.push(b"end\n"));
    sink.wait_until_held(sink.push(b"two\n"));
    assert_eq!((text(&moved).as_str(), text(&path).as_str()), ("one\nbegin end\n", "two\n"));
    sink.end();
}

#[test]
fn a_full_disk_holds_lines_back_until_there_is_room() {
    if !tool("mount") || !rustix::process::getuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("made");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(&disk).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no file system can be mounted");
        return;
    }
    let path = disk.join("log");
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![0; 128 << 10]).expect("written");
    let line = format!("{}\n", "x".repeat(999));
    let (sink, _reopen) = start(settings(&path));
    sink.wait_until_up(true);
    let mut positions = Vec::new();
    for _ in 0..200 {
        positions.push(sink.push(line.as_bytes()));
    }
    sink.wait_until_up(false);
    assert!(!sink.is_held(positions[199]));
    let held = positions.iter().filter(|position| sink.is_held(**position)).count();
    assert!(text(&path).lines().count() >= held, "what is held is there");
    wait_for("whole lines only", || fs::metadata(&path).expect("there").size().is_multiple_of(1000).then_some(()));
    fs::remove_file(&ballast).expect("there");
    sink.wait_until_held(positions[199]);
    assert_eq!(text(&path), line.repeat(200));
    sink.wait_until_up(true);
    sink.end();
    let unmounted = Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
}
