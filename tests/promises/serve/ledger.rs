use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memmem;

/// What stands in the midst and at the end of every canary, so that none of its halves goes unseen.
const SIGNS: [&str; 3] = ["ghp_", "CaNaRy", "zAnAr7"];

/// A secret that nothing may show, different for each number.
pub fn canary(number: usize) -> String {
    let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    let mut state = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |length: usize| -> String {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(letters[(state >> 33) as usize % letters.len()])
        };
        (0..length).map(|_| next()).collect()
    };
    let [first, midst, last] = SIGNS;
    format!("{first}{}{midst}{}{last}", random(12), random(12))
}

/// `bytes` hold no part of a canary.
#[track_caller]
pub fn assert_clean(what: &str, bytes: &[u8]) {
    for sign in SIGNS {
        if let Some(at) = memmem::find(bytes, sign.as_bytes()) {
            let around = &bytes[at.saturating_sub(100)..bytes.len().min(at + 100)];
            panic!("{what} holds {sign} at {at}: {}", String::from_utf8_lossy(around));
        }
    }
}

/// Line `number` of a connection, as it is sent.
pub fn line(connection: usize, number: usize) -> String {
    let padding = "x".repeat(padding(number));
    format!("c={connection} n={number} token={} {padding}\n", canary(connection << 32 | number))
}

/// Lines differ in length, from none to some hundreds of bytes of padding.
fn padding(number: usize) -> usize {
    number * 37 % 900
}

/// Numbered lines, as they are sent.
pub fn lines(connection: usize, numbers: Range<usize>) -> Vec<u8> {
    numbers.flat_map(|number| line(connection, number).into_bytes()).collect()
}

/// Numbers of what arrived, by connection, each with how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub seen: BTreeMap<usize, BTreeMap<usize, usize>>,
}

impl Ledger {
    /// Of whole cleaned lines, each of which must be one that [`line`] makes, and in order: behind its connection's line before, or, where
    /// lines may be sent again, behind one that came before.
    #[track_caller]
    pub fn of(text: &[u8]) -> Self {
        let mut ledger = Self::default();
        ledger.add(text);
        ledger
    }

    /// Adds what arrived on another connection of a peer's.
    #[track_caller]
    pub fn add(&mut self, text: &[u8]) {
        let text = std::str::from_utf8(text).expect("text");
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for line in text.split_inclusive('\n') {
            let (connection, number) = parse(line).unwrap_or_else(|| panic!("no line that was sent: {line:?}"));
            if let Some(before) = last.insert(connection, number) {
                assert!(before < number, "connection {connection}: {number} behind {before}");
            }
            *self.seen.entry(connection).or_default().entry(number).or_default() += 1;
        }
    }

    /// The numbers that arrived of a connection's lines.
    pub fn numbers(&self, connection: usize) -> Vec<usize> {
        self.seen.get(&connection).map(|seen| seen.keys().copied().collect()).unwrap_or_default()
    }

    /// Every line of these arrived.
    #[track_caller]
    pub fn assert_has(&self, connection: usize, numbers: Range<usize>) {
        let empty = BTreeMap::new();
        let seen = self.seen.get(&connection).unwrap_or(&empty);
        let missing: Vec<usize> = numbers.clone().filter(|number| !seen.contains_key(number)).collect();
        let first = &missing[..missing.len().min(10)];
        assert!(missing.is_empty(), "connection {connection}: {} of {numbers:?} are missing: {first:?}", missing.len());
    }

    /// These arrived, each once, and no others of this connection.
    #[track_caller]
    pub fn assert_is(&self, connection: usize, numbers: Range<usize>) {
        self.assert_has(connection, numbers.clone());
        let seen = &self.seen[&connection];
        assert_eq!(seen.len(), numbers.len(), "connection {connection}");
        let again: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).take(10).collect();
        assert!(again.is_empty(), "connection {connection}: more than once: {again:?}");
    }

    /// Lines that arrived more often than once, counted each time after the first.
    pub fn duplicates(&self) -> usize {
        self.seen.values().flat_map(BTreeMap::values).map(|times| times - 1).sum()
    }
}

/// The connection and number of a cleaned line, if it is whole and one that [`line`] makes.
fn parse(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_suffix('\n')?.strip_prefix("c=")?;
    let (connection, rest) = rest.split_once(" n=")?;
    let (number, rest) = rest.split_once(" token=ink1-github-pat-k1-")?;
    let (fingerprint, padding) = rest.split_once(' ')?;
    let (connection, number) = (connection.parse().ok()?, number.parse::<usize>().ok()?);
    let mark = fingerprint.len() == 24 && fingerprint.bytes().all(|b| b.is_ascii_alphanumeric());
    (mark && padding.len() == self::padding(number) && padding.bytes().all(|b| b == b'x'))
        .then_some((connection, number))
}

/// What the oracle is worth: it sees a canary, either half of one, a line that is torn and one out of order.
#[test]
fn the_oracle_sees_what_it_is_there_for() {
    let fails = |work: fn()| std::panic::catch_unwind(work).is_err();
    assert!(fails(|| assert_clean("a canary", canary(1).as_bytes())));
    assert!(fails(|| assert_clean("its beginning", &canary(1).as_bytes()[..20])));
    assert!(fails(|| assert_clean("its end", &canary(1).as_bytes()[20..])));
    let clean = |number: usize| {
        line(1, number).replace(&canary(1 << 32 | number), "ink1-github-pat-k1-q7xk2m9c4vw8z5tn1bhd7k2p")
    };
    assert_eq!(Ledger::of(format!("{}{}", clean(7), clean(8)).as_bytes()).numbers(1), [7, 8]);
    assert!(fails(|| drop(Ledger::of(&lines(1, 0..2)))));
    assert!(fails(|| drop(Ledger::of(b"c=1 n=7 token=ink1-github-pat-k1-q7xk2m9c4vw8z5tn1bhd7k2p xxx\n"))));
    let back = format!("{}{}", clean(8), clean(7));
    assert!(std::panic::catch_unwind(|| drop(Ledger::of(back.as_bytes()))).is_err());
}
