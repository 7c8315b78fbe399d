//! Places in a file up to which lines were handed on, until the sinks hold them.

use std::collections::VecDeque;

use super::identity::Position;
use crate::pipeline::outlet::{Outlet, Receipt};

/// So many places are remembered; of more, the later ones stand for those before.
const MOST: usize = 64;

/// Places in ascending order, each with what must be held for it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    places: VecDeque<(Receipt, Position)>,
}

impl Progress {
    /// All before `position` was handed on, and `receipt` tells how far that reaches in the queues.
    pub(super) fn note(&mut self, receipt: &Receipt, position: Position) {
        let same = self.places.back().is_some_and(|(_, last)| last.offset == position.offset);
        if same || self.places.len() == MOST {
            self.places.pop_back();
        }
        self.places.push_back((receipt.clone(), position));
    }

    /// The furthest place that is held by now, if it was not given before.
    pub(super) fn held(&mut self, outlet: &Outlet) -> Option<Position> {
        let mut furthest = None;
        while self.places.front().is_some_and(|(receipt, _)| outlet.is_held(receipt)) {
            furthest = self.places.pop_front().map(|(_, position)| position);
        }
        furthest
    }

    /// Waits until the last place is held, and gives it.
    pub(super) async fn all_held(&mut self, outlet: &Outlet) -> Option<Position> {
        let (receipt, position) = self.places.pop_back()?;
        outlet.held(&receipt).await;
        self.places.clear();
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::model::Piece;
    use crate::pipeline::queue::{ProducerId, Queue};

    #[test]
    fn it_follows_what_is_held_and_never_leads_it() {
        let queue = Arc::new(Queue::new(1 << 20));
        let outlet = Outlet::new([Arc::clone(&queue)]);
        let (mut progress, mut receipt) = (Progress::default(), Receipt::default());
        let at = |offset| Position { offset, ..Position::default() };
        for line in 1..=200 {
            let piece = Piece { bytes: b"line\n".to_vec(), kind: crate::model::PieceKind::Message };
            outlet.push(ProducerId(1), piece, &mut receipt).now_or_never().expect("room");
            progress.note(&receipt, at(line * 5));
        }
        assert_eq!(progress.held(&outlet), None);
        for line in 1..=200u64 {
            let batch = queue.next().now_or_never().flatten().expect("a batch");
            queue.done(batch);
            let held = progress.held(&outlet);
            assert!(held.as_ref().is_none_or(|held| held.offset <= line * 5), "never ahead");
            assert_eq!(line < MOST as u64 || line == 200, held.is_some(), "line {line}");
        }
        assert_eq!(progress.held(&outlet), None, "told once");
    }
}
