//! Damage: at each byte of a small spool, and of a thousand kinds at random places of a larger one.

use std::collections::BTreeSet;
use std::ops::Range;

use super::disk::Disk;
use super::{drain, numbered, on, wait};

const MAX_BYTES: u64 = 1 << 20;

/// A spool of records of these lengths, closed as it should be, of which the first `done` were delivered.
fn filled(lengths: &[usize], done: usize) -> Disk {
    let disk = Disk::default();
    let spool = on(&disk, MAX_BYTES);
    for (number, length) in lengths.iter().enumerate() {
        wait(spool.append(numbered(number, *length))).expect("there is room");
    }
    for _ in 0..done {
        wait(spool.next()).expect("there");
        spool.done();
    }
    drop(spool);
    disk
}

/// Where each record stands: read from the files as their layout is described.
fn places(disk: &Disk) -> Vec<(String, Range<usize>)> {
    let mut places = Vec::new();
    for name in disk.segments() {
        let bytes = disk.read(&name);
        let mut at = 0;
        while at < bytes.len() {
            let length = u32::from_le_bytes(bytes[at + 24..at + 28].try_into().expect("four")) as usize;
            places.push((name.clone(), at..at + 40 + length));
            at += 40 + length;
        }
    }
    places
}

/// What comes out of a damaged spool, and how many records it says are damaged.
fn read(disk: &Disk) -> (Vec<usize>, u64) {
    let spool = on(disk, MAX_BYTES);
    let numbers = drain(&spool);
    (numbers, spool.stats().damaged)
}

#[test]
fn a_damaged_byte_costs_the_record_that_it_is_in() {
    let lengths = [10, 90, 40, 11, 200, 33, 12];
    let disk = filled(&lengths, 0);
    let places = places(&disk);
    assert_eq!(places.len(), lengths.len());
    for (hit, (name, range)) in places.iter().enumerate() {
        for at in range.clone() {
            for flip in [1, 0x80, 0xff] {
                let damaged = disk.copy();
                let mut bytes = damaged.read(name);
                bytes[at] ^= flip;
                damaged.write(name, bytes);
                let expected: Vec<usize> = (0..lengths.len()).filter(|number| *number != hit).collect();
                assert_eq!(read(&damaged), (expected, 1), "byte {at} by {flip}");
            }
        }
    }
}

#[test]
fn a_cut_spool_keeps_the_records_before_the_cut() {
    let lengths = [10, 90, 40, 11];
    let disk = filled(&lengths, 0);
    let places = places(&disk);
    let name = &places[0].0;
    let bytes = disk.read(name);
    for end in 0..bytes.len() {
        let cut = disk.copy();
        cut.write(name, bytes[..end].to_vec());
        let whole = places.iter().filter(|(_, range)| range.end <= end).count();
        let lost = (lengths.len() - whole) as u64;
        assert_eq!(read(&cut.copy()), (Vec::from_iter(0..whole), lost), "cut at {end}");
        // Killed in the middle of the write, before it knew of any of them: then none was promised.
        cut.delete("checkpoint");
        assert_eq!(read(&cut), (Vec::from_iter(0..whole), 0), "cut at {end}");
    }
}

#[test]
fn a_damaged_checkpoint_loses_nothing() {
    let lengths = [100; 9];
    let disk = filled(&lengths, 4);
    assert_eq!(read(&disk.copy()), (Vec::from_iter(4..9), 0));
    let bytes = disk.read("checkpoint");
    for at in 0..bytes.len() {
        let damaged = disk.copy();
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x5a;
        damaged.write("checkpoint", bytes);
        let (numbers, lost) = read(&damaged);
        assert_eq!((numbers, lost), (Vec::from_iter(4..9), 0), "byte {at}");
    }
    for replaced in [Vec::new(), vec![0; bytes.len()], vec![0xff; bytes.len()], bytes[..30].to_vec()] {
        let damaged = disk.copy();
        damaged.write("checkpoint", replaced);
        assert_eq!(read(&damaged), (Vec::from_iter(0..9), 0), "all that is left is delivered");
    }
}

/// What was done to a file, in offsets of what it was.
fn mutate(random: &mut fastrand::Rng, bytes: &[u8]) -> (Vec<u8>, Range<usize>) {
    let at = random.usize(..bytes.len());
    let end = (at + 1 + random.usize(..3000)).min(bytes.len());
    let mut mutated = bytes.to_vec();
    match random.u8(..6) {
        0 => {
            mutated[at] ^= 1 << random.u8(..8);
            (mutated, at..at + 1)
        }
        1 => {
            let page = at / 4096 * 4096;
            let range = page..(page + 4096).min(bytes.len());
            mutated[range.clone()].fill(0);
            (mutated, range)
        }
        2 => {
            mutated[at..end].iter_mut().for_each(|byte| *byte = random.u8(..));
            (mutated, at..end)
        }
        3 => {
            mutated.drain(at..end);
            (mutated, at..end)
        }
        4 => {
            let strange: Vec<u8> = (0..end - at).map(|_| random.u8(..)).collect();
            mutated.splice(at..at, strange);
            (mutated, at..at)
        }
        _ => {
            mutated.truncate(at);
            (mutated, at..bytes.len())
        }
    }
}

#[test]
fn a_thousand_mutations_cost_what_they_hit() {
    let mut random = fastrand::Rng::with_seed(4);
    let lengths: Vec<usize> =
        (0..120).map(|_| if random.u8(..8) == 0 { 20_000 } else { random.usize(10..3000) }).collect();
    let disk = filled(&lengths, 0);
    let places = places(&disk);
    let names = disk.segments();
    assert!(places.len() == lengths.len() && names.len() > 3, "{names:?}");
    for round in 0..1000 {
        let damaged = disk.copy();
        let mut hit = BTreeSet::new();
        for _ in 0..random.usize(1..4) {
            let name = &names[random.usize(..names.len())];
            // Hit once only, so that offsets are those of what it was.
            if damaged.read(name) != disk.read(name) {
                continue;
            }
            let range = if random.u8(..20) == 0 {
                damaged.delete(name);
                damaged.write(name, Vec::new());
                0..usize::MAX
            } else {
                let (mutated, range) = mutate(&mut random, &disk.read(name));
                damaged.write(name, mutated);
                range
            };
            for (number, (other, place)) in places.iter().enumerate() {
                // Bytes put in between hit a record when they are inside of it.
                let inside = range.is_empty() && place.start < range.start && range.start < place.end;
                let overlaps = place.start < range.end && range.start < place.end;
                let same = range.end <= damaged.read(name).len()
                    && damaged.read(name).len() == disk.read(name).len()
                    && damaged.read(name).get(place.clone()) == disk.read(name).get(place.clone());
                if other == name && (inside || overlaps) && !same {
                    hit.insert(number);
                }
            }
        }
        let expected: Vec<usize> = (0..lengths.len()).filter(|number| !hit.contains(number)).collect();
        assert_eq!(read(&damaged), (expected, hit.len() as u64), "round {round}");
    }
}

#[test]
fn a_missing_segment_costs_its_records_only() {
    let lengths = [30_000; 20];
    let disk = filled(&lengths, 0);
    let places = places(&disk);
    for name in disk.segments() {
        let damaged = disk.copy();
        damaged.delete(&name);
        let expected: Vec<usize> = (0..lengths.len()).filter(|number| places[*number].0 != name).collect();
        let lost = (lengths.len() - expected.len()) as u64;
        assert_eq!(read(&damaged), (expected, lost));
    }
}
