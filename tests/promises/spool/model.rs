//! Random actions on a spool and on a model of it, which is a list.

use std::sync::Arc;

use inkprint::pipeline::spool::Spool;
use proptest::prelude::*;

use super::disk::Disk;
use super::{drain, number_of, numbered, on, wait};

/// Small, so that segments come and go.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Clone, Debug)]
enum Action {
    Append(usize),
    /// Several at the same time.
    Burst(usize, usize),
    Next,
    Done,
    Again,
    Reopen,
    /// The process is killed, and another one opens the spool.
    Kill,
    /// The power is cut; the number decides what was written of what was not synced.
    PowerCut(u64),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        6 => (10usize..40_000).prop_map(Action::Append),
        2 => (2usize..20, 10usize..2_000).prop_map(|(records, length)| Action::Burst(records, length)),
        8 => Just(Action::Next),
        8 => Just(Action::Done),
        1 => Just(Action::Again),
        1 => Just(Action::Reopen),
        1 => Just(Action::Kill),
        1 => any::<u64>().prop_map(Action::PowerCut),
    ];
    prop::collection::vec(action, 0..120)
}

/// What the spool should hold.
#[derive(Default)]
struct Model {
    /// Numbers of what was taken in.
    appended: usize,
    /// How many of the first of them are done.
    done: usize,
    handed: usize,
    /// Bytes that are not done, about.
    bytes: Vec<usize>,
}

impl Model {
    fn waiting(&self) -> usize {
        self.bytes[self.done..].iter().sum()
    }
}

struct Run {
    disk: Disk,
    spool: Arc<Spool>,
    model: Model,
}

impl Run {
    fn append(&mut self, lengths: Vec<usize>) {
        // What is full is another test's matter.
        if self.model.waiting() + lengths.iter().sum::<usize>() > MAX_BYTES as usize / 2 {
            return;
        }
        let first = self.model.appended;
        wait(futures_util::future::join_all(
            lengths.iter().enumerate().map(|(at, length)| self.spool.append(numbered(first + at, *length))),
        ))
        .into_iter()
        .for_each(|outcome| outcome.expect("there is room"));
        self.model.appended += lengths.len();
        self.model.bytes.extend(lengths);
    }

    fn next(&mut self) {
        if self.model.handed < self.model.appended {
            assert_eq!(number_of(&wait(self.spool.next()).expect("more is there")), self.model.handed);
            self.model.handed += 1;
        }
    }

    fn done(&mut self) {
        if self.model.done < self.model.handed {
            self.spool.done();
            self.model.done += 1;
        }
    }

    /// Goes on with what is left on `disk`: nothing that was not done may be missing, and what comes twice is what was done last.
    fn go_on(&mut self, disk: Disk, again: bool) {
        self.disk = disk;
        self.spool = on(&self.disk, MAX_BYTES);
        let records = self.spool.stats().records as usize;
        let first = self.model.appended - records;
        if again {
            assert!(first <= self.model.done, "{first} and not {}", self.model.done);
        } else {
            assert_eq!(first, self.model.done, "what was done does not come again");
        }
        (self.model.done, self.model.handed) = (first, first);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_spool_does_as_a_list_does(actions in actions()) {
        let disk = Disk::default();
        let mut run = Run { spool: on(&disk, MAX_BYTES), disk, model: Model::default() };
        for action in actions {
            match action {
                Action::Append(length) => run.append(vec![length]),
                Action::Burst(records, length) => run.append(vec![length; records]),
                Action::Next => run.next(),
                Action::Done => run.done(),
                Action::Again => {
                    run.spool.again();
                    run.model.handed = run.model.done;
                }
                Action::Reopen => {
                    let disk = run.disk.clone();
                    run.spool = on(&Disk::default(), MAX_BYTES);
                    run.go_on(disk, false);
                }
                Action::Kill => run.go_on(run.disk.copy(), true),
                Action::PowerCut(seed) => {
                    let mut state = seed;
                    let left = run.disk.after_power_cut(|| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        state >> 63 == 1
                    });
                    run.go_on(left, true);
                }
            }
        }
        prop_assert_eq!(run.spool.stats().damaged, 0);
        run.spool.again();
        let left = drain(&run.spool);
        prop_assert_eq!(left, Vec::from_iter(run.model.done..run.model.appended));
        prop_assert_eq!(run.spool.stats().damaged, 0);
    }
}
