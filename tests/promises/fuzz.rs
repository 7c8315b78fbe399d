use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

use super::hay::cases;
use super::targets::TARGETS;

/// The kept inputs of a target: seeds, and what once broke a promise.
fn kept(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = files.map(|file| file.expect("an entry").path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect();
    files.sort();
    files
}

#[test]
fn kept_inputs_break_no_promise() {
    for (name, target) in TARGETS {
        let inputs = kept(name);
        assert!(!inputs.is_empty(), "{name}");
        for (path, input) in inputs {
            // Shown only where one fails.
            println!("{}", path.display());
            target(&input);
        }
    }
}

#[test]
fn mutations_of_kept_inputs_break_no_promise() {
    for (name, target) in TARGETS {
        let inputs: Vec<Vec<u8>> = kept(name).into_iter().map(|(_, input)| input).collect();
        let changes = prop::collection::vec((any::<Index>(), any::<u8>(), 0..3u8), 0..12);
        proptest!(cases(100), |(first in any::<Index>(), second in any::<Index>(), cut in any::<Index>(), changes in changes)| {
            let (first, second) = (&inputs[first.index(inputs.len())], &inputs[second.index(inputs.len())]);
            let mut input = first[..cut.index(first.len() + 1)].to_vec();
            input.extend_from_slice(&second[cut.index(second.len() + 1)..]);
            for (at, byte, kind) in changes {
                let at = at.index(input.len() + 1);
                match kind {
                    0 if at < input.len() => input[at] = byte,
                    1 if at < input.len() => drop(input.remove(at)),
                    _ => input.insert(at, byte),
                }
            }
            target(&input);
        });
    }
}
