//! A process that is killed at any moment, or whose disk fails: what it was told to be safe is there afterwards.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use inkprint::pipeline::spool::storage::{Directory, Storage, StoredFile};
use inkprint::pipeline::spool::{Health, Spool};

use super::super::program::tool;
use super::{number_of, numbered, settings, wait};

/// The variable that makes a test the child: its directory.
const DIRECTORY: &str = "INKPRINT_TEST_SPOOL";
/// The variable with the number of the first record that it appends.
const FIRST: &str = "INKPRINT_TEST_SPOOL_FIRST";
/// The variable with what it does: `deliver`, `append` or `unsynced`.
const ROLE: &str = "INKPRINT_TEST_SPOOL_ROLE";
const MAX_BYTES: u64 = 8 << 20;

/// This test binary once more, as the process that is killed; `before` is what it is run by.
pub fn child(before: &[&str], directory: &Path, role: &str, first: usize) -> Child {
    let own = std::env::current_exe().expect("a path");
    let mut words = before.iter().map(|word| word.to_string()).chain([own.display().to_string()]);
    let mut command = Command::new(words.next().expect("a word"));
    command
        .args(words)
        .args(["--exact", "promises::spool::killed::the_child", "--nocapture", "--test-threads", "1"])
        .env(DIRECTORY, directory)
        .env(ROLE, role)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().expect("it runs")
}

/// What a child says: `kept N`, `done N`, `refused`.
pub fn words(child: &mut Child) -> impl Iterator<Item = (String, usize)> + use<> {
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    lines.map_while(Result::ok).filter_map(|line| {
        // What the test harness prints may stand before the first word.
        let (word, number) = line.rsplit_once("~ ")?.1.split_once(' ')?;
        Some((word.to_owned(), number.parse().ok()?))
    })
}

fn say(word: &str, number: usize) {
    let mut out = std::io::stdout().lock();
    // The parent may have gone away.
    let _ = writeln!(out, "~ {word} {number}").and_then(|()| out.flush());
}

#[test]
fn the_child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let role = std::env::var(ROLE).expect("a role");
    let first: usize = std::env::var(FIRST).expect("a number").parse().expect("a number");
    let settings = settings(Path::new(&directory), MAX_BYTES);
    let opened = match role.as_str() {
        "unsynced" => {
            let directory = Directory::take(&settings.directory).expect("it opens");
            Spool::on(Arc::new(Unsynced(directory)), &settings)
        }
        _ => Spool::open(&settings),
    };
    let Ok((spool, _)) = opened else {
        say("refused", 0);
        return;
    };
    std::thread::scope(|scope| {
        if role == "deliver" {
            for producer in 0..4 {
                let spool = &spool;
                scope.spawn(move || {
                    for number in (first + producer..).step_by(4) {
                        if wait(spool.append(numbered(number, 20 + number * 37 % 6000))).is_err() {
                            break;
                        }
                        say("kept", number);
                    }
                });
            }
            for turn in 0.. {
                let record = wait(spool.next()).expect("it is not closed");
                say("sent", number_of(&record));
                spool.done();
                // Behind the producers, so that there is something to lose.
                if turn % 3 == 0 {
                    std::thread::sleep(std::time::Duration::from_micros(300));
                }
            }
        }
        for number in first..first + 400 {
            if wait(spool.append(numbered(number, 3000))).is_err() {
                say("refused", number);
                // Nor does anything after it.
                assert!(matches!(spool.stats().health, Health::Failed(_)));
                assert!(wait(spool.append(numbered(number, 20))).is_err());
                return;
            }
            say("kept", number);
        }
    });
}

/// A directory that says of everything that it is safe.
struct Unsynced(Directory);

impl Storage for Unsynced {
    fn names(&self) -> std::io::Result<Vec<String>> {
        self.0.names()
    }

    fn create(&self, name: &str) -> std::io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(UnsyncedFile(self.0.create(name)?)))
    }

    fn open(&self, name: &str, change: bool) -> std::io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(UnsyncedFile(self.0.open(name, change)?)))
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }

    fn sync_names(&self) -> std::io::Result<()> {
        Ok(())
    }
}

struct UnsyncedFile(Box<dyn StoredFile>);

impl StoredFile for UnsyncedFile {
    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn cut(&self, length: u64) -> std::io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that a directory still holds, which must be whole.
pub fn left(directory: &Path) -> Vec<usize> {
    let (spool, _) = Spool::open(&settings(directory, MAX_BYTES)).expect("it opens");
    let numbers = super::drain(&spool);
    assert_eq!(spool.stats().damaged, 0, "a kill damages nothing");
    numbers
}

#[test]
fn a_kill_loses_nothing_that_was_taken_in() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("spool");
    let mut random = fastrand::Rng::with_seed(11);
    let (mut kept, mut sent, mut twice) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut first = 0;
    for _ in 0..20 {
        let mut child = child(&[], &directory, "deliver", first);
        let mut heard = 0;
        let most = random.usize(1..1500);
        for (word, number) in words(&mut child) {
            match word.as_str() {
                "kept" => assert!(kept.insert(number)),
                "sent" => twice += usize::from(!sent.insert(number)),
                other => panic!("{other}"),
            }
            first = first.max(number + 4);
            heard += 1;
            // The words that are under way count, too.
            if heard == most {
                child.kill().expect("it runs");
            }
        }
        child.wait().expect("it ended");
    }
    assert!(kept.len() > 1000, "{}", kept.len());
    for number in left(&directory) {
        twice += usize::from(!sent.insert(number));
    }
    let lost: Vec<&usize> = kept.difference(&sent).collect();
    assert_eq!(lost, [&0; 0], "taken in, and lost");
    // What was handed over when it was killed, and what the disk's thread had not written down yet.
    assert!(twice <= 20 * 8, "{twice} came twice");
}

#[test]
fn after_a_failed_sync_of_the_disk_nothing_more_is_taken_in() {
    if !tool("strace") {
        return;
    }
    for failing in [1, 2, 3, 7, 20, 50] {
        let home = tempfile::tempdir().expect("a directory");
        let directory = home.path().join("spool");
        let inject = format!("inject=fdatasync:error=EIO:when={failing}");
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject];
        let mut child = child(&strace, &directory, "append", 0);
        let words: Vec<(String, usize)> = words(&mut child).collect();
        assert!(child.wait().expect("it ended").success(), "{words:?}");
        // Each thread's syncs are counted by themselves; the first of all is the checkpoint's, when it is made.
        let kept = failing - 1;
        let mut expected: Vec<(String, usize)> = (0..kept).map(|number| ("kept".to_owned(), number)).collect();
        expected.push(("refused".to_owned(), kept));
        assert_eq!(words, expected, "the sync that failed was number {failing}");
        let left = left(&directory);
        assert!(left.len() >= kept && left.iter().enumerate().all(|(at, number)| at == *number), "{left:?}");
    }
}

#[test]
fn a_disk_that_cannot_be_written_for_a_while_loses_nothing() {
    if !tool("strace") {
        return;
    }
    for error in ["EROFS", "ENOSPC", "EDQUOT"] {
        let home = tempfile::tempdir().expect("a directory");
        let directory = home.path().join("spool");
        let inject = format!("inject=pwrite64:error={error}:when=30..34");
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", &inject];
        let mut child = child(&strace, &directory, "append", 0);
        let kept = words(&mut child).filter(|(word, _)| word == "kept").count();
        assert!(child.wait().expect("it ended").success());
        assert_eq!(kept, 400);
        assert_eq!(left(&directory), Vec::from_iter(0..400));
    }
}
