use inkprint::control::config::Config;
use proptest::prelude::*;

use super::everything;

/// What must never be repeated: like a token, a password, a header.
const CANARIES: [&str; 4] =
    ["ghp_16C7e42F292c6912E7710c838347Ae178B4a", "hunter2!Hunter2", "Bearer eyJhbGciOi.e30.x", "s3cr3t"];

/// What is put in somewhere.
const PIECES: [&str; 14] =
    ["\"", "'", "[", "]", "{", "}", "=", ".", "\n", "#", ",", "\\u00e9", "9999999999999999999999", "\u{0}"];

#[derive(Clone, Debug)]
enum Change {
    /// A line goes.
    Cut(usize),
    /// A line is there twice.
    Repeat(usize),
    /// What is behind an equals sign is a canary.
    Plant(usize, usize),
    /// What is before an equals sign is a canary.
    Rename(usize, usize),
    /// A piece stands somewhere.
    Insert(usize, usize),
    /// A byte goes.
    Drop(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>();
    prop_oneof![
        at.prop_map(Change::Cut),
        any::<usize>().prop_map(Change::Repeat),
        (any::<usize>(), 0..CANARIES.len()).prop_map(|(at, canary)| Change::Plant(at, canary)),
        (any::<usize>(), 0..CANARIES.len()).prop_map(|(at, canary)| Change::Rename(at, canary)),
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        any::<usize>().prop_map(Change::Drop),
    ]
}

fn apply(text: &mut String, change: &Change) {
    let mut lines: Vec<String> = text.lines().filter(|line| !line.starts_with("# ")).map(str::to_owned).collect();
    if lines.is_empty() {
        return;
    }
    let count = lines.len();
    match *change {
        Change::Cut(at) => drop(lines.remove(at % count)),
        Change::Repeat(at) => lines.insert(at % count, lines[at % count].clone()),
        Change::Plant(at, canary) => {
            if let Some((name, _)) = lines[at % count].clone().split_once('=') {
                lines[at % count] = format!("{name}= \"{}\"", CANARIES[canary]);
            }
        }
        Change::Rename(at, canary) => {
            if let Some((_, value)) = lines[at % count].clone().split_once('=') {
                lines[at % count] = format!("\"{}\" = {value}", CANARIES[canary]);
            }
        }
        Change::Insert(at, piece) => {
            let line = &mut lines[at % count];
            let places: Vec<usize> = line.char_indices().map(|(at, _)| at).chain([line.len()]).collect();
            line.insert_str(places[at / count % places.len()], PIECES[piece]);
        }
        Change::Drop(at) => {
            let line = &mut lines[at % count];
            let places: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
            if !places.is_empty() {
                line.remove(places[at / count % places.len()]);
            }
        }
    }
    *text = lines.join("\n");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_configuration_breaks_the_reading_or_is_repeated(changes in prop::collection::vec(change(), 1..8)) {
        let mut text = everything();
        for change in &changes {
            apply(&mut text, change);
        }
        if let Err(errors) = Config::parse(&text) {
            prop_assert!(!errors.is_empty());
            let lines = text.lines().count() + 1;
            for error in &errors {
                let told = format!("{error} {error:?}");
                prop_assert!(!CANARIES.iter().any(|canary| told.contains(canary)), "{}", told);
                prop_assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{}", told);
            }
        }
    }
}
