use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::serve::ledger::{canary, line, lines};
use super::super::serve::service::{Home, Service};
use super::super::tcp::service::wait_for;

/// A source that follows `raw/` of the home, and standard output as the sink.
fn following(paths: &str, more: &str) -> String {
    format!(
        "[sources.files]\ntype = \"file\"\npaths = [{paths}]\ncheckpoint = \"files.json\"\npoll = \"20ms\"\n{more}\n[sinks.out]\ntype = \"stdout\""
    )
}

fn home() -> (Home, PathBuf) {
    let home = Home::new();
    let logs = home.path("raw");
    fs::create_dir(&logs).expect("made");
    (home, logs)
}

fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("opened");
    file.write_all(text.as_ref()).expect("written");
}

/// The numbers of a connection's lines in `text`, each with how often it came.
fn numbers(text: &[u8]) -> BTreeMap<usize, usize> {
    let mut seen = BTreeMap::new();
    for line in String::from_utf8_lossy(text).lines() {
        let number = line.split_once(" n=").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        *seen.entry(number.unwrap_or_else(|| panic!("no line that was written: {line:?}"))).or_default() += 1;
    }
    seen
}

fn wait_for_all(out: impl Fn() -> Vec<u8>, count: usize) -> BTreeMap<usize, usize> {
    wait_for("all lines", || {
        let whole = out();
        let end = memchr::memrchr(b'\n', &whole).map_or(0, |at| at + 1);
        let seen = numbers(&whole[..end]);
        (seen.len() >= count).then_some(seen)
    })
}

/// Renames `a.log` to `a.log.1` and so on, and begins a new one.
fn rename(log: &Path, kept: usize) {
    shift(log, kept);
    fs::rename(log, numbered(log, 1)).expect("renamed");
    File::create(log).expect("made");
}

/// Copies `a.log` to `a.log.1` after renaming that and so on, and truncates it.
fn copy_and_truncate(log: &Path, kept: usize) {
    shift(log, kept);
    fs::copy(log, numbered(log, 1)).expect("copied");
    OpenOptions::new().write(true).open(log).expect("opened").set_len(0).expect("truncated");
}

fn shift(log: &Path, kept: usize) {
    for number in (1..kept).rev() {
        // The first rotations have none.
        let _ = fs::rename(numbered(log, number), numbered(log, number + 1));
    }
}

fn numbered(log: &Path, number: usize) -> PathBuf {
    PathBuf::from(format!("{}.{number}", log.display()))
}

/// A hundred rotations, of which at most `unseen` follow one another without that all of it was read in between.
fn a_hundred_rotations(unseen: usize) {
    for (rotate, paths) in [
        (rename as fn(&Path, usize), "\"raw/a.log\""),
        (rename, "\"raw/*\""),
        (copy_and_truncate, "\"raw/a.log\""),
        (copy_and_truncate, "\"raw/*\""),
    ] {
        let (home, logs) = home();
        let log = logs.join("a.log");
        let mut service = home.start(&following(paths, ""));
        for round in 0..100 {
            append(&log, lines(1, round * 50..round * 50 + 50));
            if round % unseen == 0 {
                wait_for_all(|| service.out.bytes(), (round + 1) * 50);
            }
            // What is removed before anybody has looked is lost.
            rotate(&log, unseen + 20);
        }
        append(&log, lines(1, 5000..5010));
        let seen = wait_for_all(|| service.out.bytes(), 5010);
        let twice = seen.values().filter(|times| **times > 1).count();
        eprintln!("{paths}: {twice} of {} lines came more than once", seen.len());
        service.stop();
        assert_eq!(numbers(&service.out.bytes()).len(), 5010);
    }
}

#[test]
fn a_hundred_rotations_lose_nothing() {
    a_hundred_rotations(1);
}

#[test]
fn rotations_between_two_looks_lose_nothing() {
    a_hundred_rotations(4);
    a_hundred_rotations(100);
}

#[test]
fn killed_at_any_moment_and_rotated_meanwhile_nothing_is_lost() {
    let (home, logs) = home();
    let log = logs.join("a.log");
    let (mut out, mut written) = (Vec::new(), 0);
    for kill in 0..20 {
        let mut service = home.start(&following("\"raw/a.log\"", "start_at = \"beginning\""));
        for _ in 0..10 {
            append(&log, lines(1, written..written + 100));
            written += 100;
        }
        if kill % 2 == 0 {
            wait_for("some of it", || (service.out.lines() > kill * 40).then_some(()));
        }
        service.kill();
        // The last line may be cut: standard output is a pipe to which lines are written as they come.
        let text = service.out.bytes();
        out.extend_from_slice(&text[..memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1)]);
        append(&log, lines(1, written..written + 100));
        written += 100;
        // While nobody looks, it is rotated, once or twice.
        for _ in 0..kill % 3 {
            if kill % 2 == 0 {
                rename(&log, 20)
            } else {
                copy_and_truncate(&log, 20)
            }
            append(&log, lines(1, written..written + 100));
            written += 100;
        }
    }
    let mut service = home.start(&following("\"raw/a.log\"", ""));
    wait_for_all(|| [&out[..], &service.out.bytes()].concat(), written);
    service.stop();
    let before = numbers(&service.out.bytes());
    let mut service = home.start(&following("\"raw/a.log\"", ""));
    append(&log, line(1, written));
    wait_for("the line", || service.out.text().contains(&format!(" n={written} ")).then_some(()));
    service.stop();
    // What a run had passed on that was killed before it could write so down may come again only now.
    let now = numbers(&service.out.bytes());
    let again: Vec<_> = now.keys().filter(|number| before.contains_key(number)).collect();
    assert!(again.is_empty(), "what was held before the stop does not come again: {again:?}");
}

#[test]
fn a_half_line_waits_for_its_end_and_gets_one_when_the_file_is_removed() {
    let (home, logs) = home();
    let service = home.start(&following("\"raw/*.log\"", ""));
    let (one, two) = (logs.join("one.log"), logs.join("two.log"));
    let secret = canary(7);
    let (first, second) = secret.split_at(20);
    append(&one, format!("whole\ntoken={first}"));
    append(&two, "left with half a line");
    wait_for("the whole line", || (service.out.text() == "whole\n").then_some(()));
    service.wait_for_metric("inkprint_source_files{source=\"files\"}", 2.0);
    append(&one, format!("{second}\n"));
    wait_for("its end", || (service.out.lines() == 2).then_some(()));
    assert!(service.out.text().contains("token=ink1-github-pat-k1-"), "{}", service.out.text());
    fs::remove_file(&two).expect("removed");
    wait_for("what was left", || service.out.text().ends_with("\nleft with half a line\n").then_some(()));
    service.assert_clean();
}

#[test]
fn at_the_first_start_what_was_there_is_passed_over_and_later_ones_are_not() {
    let (home, logs) = home();
    append(&logs.join("old.log"), "old\nhalf ");
    append(&logs.join("old.log.2.gz"), "packed\n");
    rustix::fs::mknodat(rustix::fs::CWD, logs.join("fifo.log"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("a FIFO");
    fs::create_dir(logs.join("folder.log")).expect("made");
    let mut service = home.start(&following("\"raw/*\"", "exclude = [\"raw/no-*\"]"));
    service.logged("not followed", "path");
    wait_for("both to be told", || (service.count_logged("not followed") == 2).then_some(()));
    append(&logs.join("no-thanks.log"), "excluded\n");
    append(&logs.join("old.log"), "a line\n");
    wait_for("the line", || (service.out.text() == "half a line\n").then_some(()));
    append(&logs.join("later.log"), "first\n");
    wait_for("the file", || service.out.text().ends_with("\nfirst\n").then_some(()));
    service.stop();
    append(&logs.join("while-away.log"), "second\n");
    let mut service = home.start(&following("\"raw/*\"", "exclude = [\"raw/no-*\"]"));
    wait_for("the other file", || (service.out.text() == "second\n").then_some(()));
    service.stop();
    let checkpoint = fs::read_to_string(home.path("files.json")).expect("a checkpoint");
    assert!(!checkpoint.contains("half") && !checkpoint.contains("second"), "{checkpoint}");
}

#[test]
fn a_file_that_is_written_anew_is_read_anew_and_a_used_inode_is_not_the_old_file() {
    let (home, logs) = home();
    let log = logs.join("a.log");
    append(&log, "");
    let mut service = home.start(&following("\"raw/*.log\"", ""));
    append(&log, "a first line that is rather long\n");
    wait_for("it", || (service.out.lines() == 1).then_some(()));
    fs::write(&log, "short\n").expect("written");
    wait_for("the short one", || service.out.text().ends_with("\nshort\n").then_some(()));
    fs::write(&log, "another line that is as long as all before it was together\n").expect("written");
    wait_for("the long one", || service.out.text().ends_with(" together\n").then_some(()));
    service.stop();
    // Most file systems give the inode to the next file.
    fs::remove_file(&log).expect("removed");
    fs::write(&log, "a new file, of which more was written than was read of the one with the same inode before it\n")
        .expect("written");
    let mut service = home.start(&following("\"raw/*.log\"", ""));
    wait_for("the new file", || service.out.text().starts_with("a new file").then_some(()));
    service.stop();
}

#[test]
fn a_long_line_that_stands_open_keeps_no_other_file_waiting_for_ever() {
    let (home, logs) = home();
    let service = home.start(&following("\"raw/*.log\"", ""));
    append(&logs.join("a.log"), vec![b'x'; 3 << 20]);
    wait_for("a part of it", || (service.out.len() > 1 << 20).then_some(()));
    append(&logs.join("b.log"), "a line of another file\n");
    wait_for("it", || service.out.text().ends_with("\na line of another file\n").then_some(()));
    assert!(service.out.text().contains("ink1-withheld-oversized"));
}

#[test]
fn the_checkpoint_follows_what_the_sink_holds() {
    let (home, logs) = home();
    let peer = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = peer.local_addr().expect("bound");
    let parts = following("\"raw/a.log\"", "start_at = \"beginning\"")
        .replace("type = \"stdout\"", &format!("type = \"tcp\"\naddress = \"{address}\""));
    drop(peer);
    append(&logs.join("a.log"), lines(1, 0..100));
    let mut service: Service = home.start(&parts);
    service.wait_for_metric("inkprint_source_lines_total{source=\"files\"}", 100.0);
    let size = fs::metadata(logs.join("a.log")).expect("there").len() as f64;
    let lag = service.metric("inkprint_source_lag_bytes{source=\"files\"}");
    assert!(lag == size, "read, and held by nobody: {lag} of {size}");
    let checkpoint = fs::read_to_string(home.path("files.json")).expect("a checkpoint");
    assert!(checkpoint.contains("\"held\":{\"offset\":0,"), "{checkpoint}");
    service.kill();
    let peer = std::net::TcpListener::bind(address).expect("bound");
    let mut service = home.start(&parts);
    let (mut socket, _) = peer.accept().expect("it connects");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let mut text = vec![0; 1 << 16];
    let mut read = Vec::new();
    while read.iter().filter(|byte| **byte == b'\n').count() < 100 {
        let some = std::io::Read::read(&mut socket, &mut text).expect("lines");
        read.extend_from_slice(&text[..some]);
    }
    assert_eq!(numbers(&read).len(), 100);
    wait_for("the checkpoint", || {
        let checkpoint = fs::read_to_string(home.path("files.json")).expect("a checkpoint");
        checkpoint.contains(&format!("\"held\":{{\"offset\":{size},")).then_some(())
    });
    service.stop();
}
