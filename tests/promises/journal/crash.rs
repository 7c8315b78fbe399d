use inkprint::control::journal::JournalError;
use inkprint::control::journal::entry::{Entry, Gap};

use super::disk::Disk;
use super::{at, closed, entry, open, verified};

/// Appends until the disk breaks; how many entries were acknowledged, and the length of the journal when the last of them was.
fn append_until_broken(disk: &Disk, entries: u64) -> (u64, usize) {
    let Ok(mut journal) = open(disk.clone()) else { return (0, 0) };
    let mut acknowledged = 0;
    for number in 0..entries {
        if journal.append(at(number as i64), &[entry(number)]).is_err() {
            break;
        }
        acknowledged += 1;
    }
    (acknowledged, disk.synced())
}

#[test]
fn a_crash_at_any_byte_loses_nothing_synced_and_leaves_nothing_half_written() {
    const ENTRIES: u64 = 70;
    let whole = {
        let disk = Disk::default();
        append_until_broken(&disk, ENTRIES);
        disk.bytes()
    };
    for cut in 0..=whole.len() {
        let disk = Disk::default().breaking_after(cut);
        let (acknowledged, synced) = append_until_broken(&disk, ENTRIES);
        let left = disk.bytes();
        assert_eq!(left, whole[..cut], "the same run writes the same bytes");
        // A new process after the crash.
        let again = Disk::of(left.clone());
        let mut journal = open(again.clone()).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        journal.append(at(99), &[entry(99)]).expect("appended");
        journal.checkpoint(at(99)).expect("signed");
        let bytes = again.bytes();
        assert_eq!(bytes[..synced], whole[..synced], "cut at {cut}: something synced was lost");
        let verdict = verified(&bytes, None);
        assert!(verdict.is_sound(), "cut at {cut}: {:?}", verdict.faults);
        assert_eq!(verdict.unsigned(), 0);
        assert!(verdict.last > acknowledged);
        // What stood behind the last whole record is told of, and nothing else.
        let kept = left.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8(bytes).expect("text");
        let told = text.contains(&format!("\"kind\":\"recovered\",\"details\":{{\"bytes\":{}}}", cut - kept));
        assert_eq!((told, verdict.recovered), (cut > kept, u64::from(cut > kept)), "cut at {cut}");
    }
}

#[test]
fn a_full_disk_leaves_the_journal_as_it_was() {
    let bytes = closed(3);
    let disk = Disk::of(bytes.clone());
    let mut journal = open(disk.clone()).expect("opened");
    let mut full = Disk::of(bytes.clone()).breaking_after(10);
    let mut on_full = open(full.clone()).expect("opened");
    assert!(matches!(on_full.append(at(1), &[entry(1)]), Err(JournalError::Io { .. })));
    // It could not even be cut: this process writes no more.
    assert!(matches!(on_full.append(at(1), &[entry(1)]), Err(JournalError::Broken(_))));
    full = Disk::of(full.bytes());
    open(full.clone()).expect("the next one mends it").checkpoint(at(1)).expect("signed");
    assert!(verified(&full.bytes(), None).is_sound());
    journal.append(at(1), &[entry(1)]).expect("appended");
    disk.fail_syncs();
    assert!(matches!(journal.append(at(1), &[entry(1)]), Err(JournalError::Io { .. })));
    assert!(
        matches!(journal.checkpoint(at(1)), Err(JournalError::Broken(_))),
        "after a failed sync nothing is believed"
    );
}

#[test]
fn writers_that_take_turns_make_one_chain() {
    let disk = Disk::default();
    let mut writers: Vec<_> = (0..3).map(|_| open(disk.clone()).expect("opened")).collect();
    for number in 0..200 {
        let writer = &mut writers[number as usize * 7 % 3];
        writer.append(at(number), &[entry(number as u64), entry(number as u64 + 1)]).expect("appended");
    }
    writers[0].checkpoint(at(0)).expect("signed");
    let verdict = verified(&disk.bytes(), None);
    assert!(verdict.is_sound(), "{:?}", verdict.faults);
    assert_eq!(verdict.records, 1 + 400 + 400 / 63 + 1);
}

#[test]
fn what_no_crash_can_have_left_is_not_mended() {
    let bytes = closed(3);
    for damaged in [
        [&bytes[..], b"no record\n"].concat(),
        [&bytes[..bytes.len() - 5], b"x\"}\n"].concat(),
        [&bytes[..], &vec![b'x'; 1 << 20]].concat(),
    ] {
        let disk = Disk::of(damaged.clone());
        assert!(matches!(open(disk.clone()), Err(JournalError::Damaged { .. })));
        assert_eq!(disk.bytes(), damaged, "left as it is");
    }
    let disk = Disk::of(bytes.clone());
    let mut journal = open(disk.clone()).expect("opened");
    disk.replace(bytes[..bytes.len() / 2].to_vec());
    assert!(matches!(journal.append(at(1), &[entry(1)]), Err(JournalError::Cut(_))));
}

#[test]
fn a_tail_of_zeros_is_cut_off_like_any_other() {
    let disk = Disk::of([&closed(3)[..], &[0; 300]].concat());
    open(disk.clone()).expect("mended").checkpoint(at(1)).expect("signed");
    let verdict = verified(&disk.bytes(), None);
    assert!(verdict.is_sound() && verdict.recovered == 1, "{:?}", verdict.faults);
}

#[test]
fn a_record_has_a_longest_length() {
    let mut journal = open(Disk::default()).expect("opened");
    let long = Entry::Gap(Gap { what: "x".repeat(70_000), from: at(0), to: at(0) });
    assert!(matches!(journal.append(at(1), &[long]), Err(JournalError::TooLong)));
    assert_eq!(journal.append(at(1), &[entry(1)]).expect("appended"), 2);
}
