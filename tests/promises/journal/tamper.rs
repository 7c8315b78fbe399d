use std::ops::Range;

use inkprint::control::journal::entry::{Entry, Gap};
use inkprint::control::journal::note::{Checkpoint, PrivateKey};
use inkprint::control::journal::record::Hash;
use inkprint::control::journal::verify::Problem;

use super::disk::Disk;
use super::{at, closed, entry, key, open, verified};

/// Where each line stands, its line feed included.
pub fn lines(journal: &[u8]) -> Vec<Range<usize>> {
    let ends = memchr::memchr_iter(b'\n', journal).map(|at| at + 1);
    let mut start = 0;
    ends.map(|end| std::mem::replace(&mut start, end)..end).collect()
}

/// What a checkpoint kept elsewhere says of the whole journal.
pub fn head(journal: &[u8], key: &PrivateKey) -> Checkpoint {
    let last = lines(journal).pop().expect("a line");
    let line: serde_json::Value = serde_json::from_slice(&journal[last]).expect("JSON");
    key.public().open(line["details"]["note"].as_str().expect("closed by a checkpoint")).expect("signed")
}

/// Every copy of the journal in which one record, at every place, was changed in some way; each with what was done.
pub fn mutations(journal: &[u8]) -> Vec<(String, Vec<u8>)> {
    let lines = lines(journal);
    let mut mutations = Vec::new();
    let mut add = |what: String, parts: &[&[u8]]| mutations.push((what, parts.concat()));
    for (i, line) in lines.iter().enumerate() {
        let (before, this, behind) = (&journal[..line.start], &journal[line.clone()], &journal[line.end..]);
        for at in (0..this.len()).step_by(1 + this.len() / 50) {
            let mut flipped = this.to_vec();
            flipped[at] ^= 1 << (at % 8);
            add(format!("record {} flipped at {at}", i + 1), &[before, &flipped, behind]);
        }
        add(format!("record {} removed", i + 1), &[before, behind]);
        add(format!("record {} repeated", i + 1), &[before, this, this, behind]);
        add(format!("record {} cut in half", i + 1), &[before, &this[..this.len() / 2], behind]);
        add(format!("cut before record {}", i + 1), &[before]);
        add(format!("cut within record {}", i + 1), &[before, &this[..this.len() / 2]]);
        add(format!("cut before the line feed of record {}", i + 1), &[before, &this[..this.len() - 1]]);
        add(format!("record {} emptied", i + 1), &[before, b"\n", behind]);
        add(format!("a line put in before record {}", i + 1), &[before, b"{}\n", this, behind]);
        add(format!("record 1 put in before record {}", i + 1), &[before, &journal[lines[0].clone()], this, behind]);
        if let Some(next) = lines.get(i + 1) {
            let next_line = &journal[next.clone()];
            add(format!("records {} and {} swapped", i + 1, i + 2), &[before, next_line, this, &journal[next.end..]]);
        }
    }
    mutations
}

#[test]
fn every_change_of_every_record_is_found() {
    let journal = closed(200);
    let head = head(&journal, &key());
    let sound = verified(&journal, Some(&head));
    assert!(sound.is_sound() && sound.unsigned() == 0, "{sound:?}");
    let mutations = mutations(&journal);
    assert!(mutations.len() > 10_000);
    for (what, mutation) in mutations {
        // Only what is cut at the end needs the checkpoint kept elsewhere.
        let cut_whole = what.starts_with("cut before record") || what == format!("record {} removed", sound.records);
        assert_eq!(verified(&mutation, None).is_sound(), cut_whole && !mutation.is_empty(), "{what}");
        assert!(!cut_whole || !verified(&mutation, Some(&head)).is_sound(), "{what} is not found");
    }
}

#[test]
fn it_is_said_where_and_what() {
    let journal = closed(10);
    let lines = lines(&journal);
    let line = |number: usize| &journal[lines[number - 1].clone()];
    let first = |bytes: &[u8]| {
        let verdict = verified(bytes, None);
        let fault = verdict.faults.first().expect("a fault").clone();
        (fault.record, fault.line, fault.byte as usize, fault.problem, verdict.fault_count)
    };
    let mut edited = journal.clone();
    let details = memchr::memmem::find(line(5), b"details").expect("there");
    edited[lines[4].start + details + 20] ^= 1;
    assert_eq!(first(&edited), (5, 5, lines[4].start, Problem::Edited, 1));
    let removed = [&journal[..lines[4].start], &journal[lines[6].start..]].concat();
    assert_eq!(first(&removed), (7, 5, lines[4].start, Problem::Missing { from: 5, to: 6 }, 1));
    let repeated = [&journal[..lines[5].start], line(5), &journal[lines[5].start..]].concat();
    assert_eq!(first(&repeated), (5, 6, lines[5].start, Problem::Repeated, 1));
    let copied = [&journal[..lines[5].start], line(2), &journal[lines[5].start..]].concat();
    assert_eq!(first(&copied), (2, 6, lines[5].start, Problem::OutOfOrder(5), 1));
    let put_in = [&journal[..lines[5].start], b"hello\n", &journal[lines[5].start..]].concat();
    assert_eq!(first(&put_in), (6, 6, lines[5].start, Problem::Malformed, 1));
    let torn = &journal[..lines[5].start + 20];
    assert_eq!(first(torn), (6, 6, lines[5].start, Problem::Torn(20), 1));
    let long = [&journal[..lines[5].start], &vec![b'x'; 1 << 20], b"\n", &journal[lines[5].start..]].concat();
    assert_eq!(first(&long), (6, 6, lines[5].start, Problem::Malformed, 1));
    assert_eq!(first(b"").3, Problem::Empty);
}

/// The journal with every record from this line on chained anew: what somebody can do who has no key.
fn chained_anew(lines: &[Vec<u8>], from: usize) -> Vec<u8> {
    let mut prev = Hash::ZERO;
    let mut journal = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let mut line = String::from_utf8(line.clone()).expect("text");
        if i >= from {
            let start = line.rfind(",\"prev\":\"").expect("a record");
            line.truncate(start);
            line += &format!(",\"prev\":\"{prev}\"");
            line = format!("{line},\"hash\":\"{}\"}}\n", Hash::of(line.as_bytes()));
        }
        let record: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let hash = record["hash"].as_str().expect("a hash");
        prev = Hash::new(std::array::from_fn(|at| u8::from_str_radix(&hash[2 * at..2 * at + 2], 16).expect("hex")));
        journal.extend(line.into_bytes());
    }
    journal
}

/// Whoever has no key can chain all records anew, and is found by the next checkpoint.
#[test]
fn an_edit_that_is_chained_anew_is_found_by_the_next_checkpoint() {
    let journal = closed(150);
    let whole: Vec<Vec<u8>> = lines(&journal).into_iter().map(|line| journal[line].to_vec()).collect();
    assert_eq!(chained_anew(&whole, 0), journal);
    for at in 0..whole.len() {
        let mut edited = whole.clone();
        let year = memchr::memmem::find(&edited[at], b"\"time\":\"2026").expect("a time") + 11;
        edited[at][year] = b'7';
        let verdict = verified(&chained_anew(&edited, at), None);
        assert!(!verdict.is_sound(), "an edit of record {} is not found", at + 1);
        let mut removed = whole.clone();
        removed.remove(at);
        let verdict = verified(&chained_anew(&removed, at), None);
        assert_eq!(verdict.is_sound(), at + 1 == whole.len(), "record {} removed", at + 1);
        let mut repeated = whole.clone();
        repeated.insert(at, whole[at].clone());
        assert!(!verified(&chained_anew(&repeated, at), None).is_sound(), "record {} repeated", at + 1);
    }
    // Without its checkpoints it is a chain that nobody has signed, and that is a fault from the 64th record on.
    let unsigned: Vec<_> =
        whole.iter().filter(|line| memchr::memmem::find(line, b"\"checkpoint\"").is_none()).cloned().collect();
    let renumbered: Vec<_> = unsigned
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let at = memchr::memmem::find(line, b",\"time\"").expect("a record");
            [format!("{{\"seq\":{}", i + 1).as_bytes(), &line[at..]].concat()
        })
        .collect();
    let verdict = verified(&chained_anew(&renumbered, 0), None);
    assert_eq!((verdict.signed, verdict.faults[0].problem.clone()), (0, Problem::NoCheckpoint));
}

/// Nor does it help to have another key.
#[test]
fn a_history_that_another_key_has_signed_is_found() {
    let journal = closed(200);
    // The same, but for one entry, signed by another key.
    let other = PrivateKey::new(&[6; 40]);
    let disk = Disk::default();
    let mut forged = inkprint::control::journal::Journal::on(
        "forged".to_owned(),
        disk.clone(),
        |_| Ok::<_, inkprint::control::journal::JournalError>(other.clone()),
        at(0),
    )
    .expect("opened");
    for number in 0..200 {
        let gap = Entry::Gap(Gap { what: "forged".to_owned(), from: at(0), to: at(0) });
        let entry = if number == 17 { gap } else { entry(number) };
        forged.append(at(number as i64), &[entry]).expect("appended");
    }
    forged.checkpoint(at(0)).expect("signed");
    let verdict = verified(&disk.bytes(), None);
    assert!(!verdict.is_sound() && verdict.signed == 0, "{verdict:?}");
    let head = head(&journal, &key());
    assert!(verified(&disk.bytes(), Some(&head)).faults.iter().any(|fault| fault.problem == Problem::OtherHistory));
}

/// An older copy is sound by itself; the checkpoint kept elsewhere tells.
#[test]
fn an_old_copy_in_the_journals_place_is_found() {
    let disk = Disk::default();
    let mut journal = open(disk.clone()).expect("opened");
    for number in 0..20 {
        journal.append(at(number as i64), &[entry(number)]).expect("appended");
    }
    journal.checkpoint(at(0)).expect("signed");
    let old = disk.bytes();
    let old_head = head(&old, &key());
    journal.append(at(30), &[entry(30)]).expect("appended");
    journal.checkpoint(at(0)).expect("signed");
    let new_head = head(&disk.bytes(), &key());
    assert!(verified(&old, None).is_sound());
    assert!(verified(&disk.bytes(), Some(&old_head)).is_sound(), "a journal that has gone on holds its old head");
    assert!(!verified(&old, Some(&new_head)).is_sound());
}

#[test]
fn clean_runs_raise_no_alarm() {
    for run in 0..1000 {
        let journal = closed(run % 150);
        let verdict = verified(&journal, Some(&head(&journal, &key())));
        assert!(verdict.is_sound() && verdict.unsigned() == 0, "run {run}: {verdict:?}");
    }
}
