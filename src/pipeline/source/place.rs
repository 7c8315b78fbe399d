//! An input's place at its lane's bench: it cleans with the worker of its namespace, under the policy in force, and hands on.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::Source;
use super::lane::{Bench, Buffers};
use crate::model::{Piece, PieceKind, SourceId};
use crate::pipeline::detect::allow::Scope;
use crate::pipeline::outlet::Receipt;
use crate::pipeline::queue::ProducerId;
use crate::pipeline::worker::{Outcome, Worker};

/// Numbers inputs over all lanes.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// One input (a connection, a file, a request) of a source.
pub(super) struct Place {
    pub(super) bench: Rc<Bench>,
    pub(super) source: Arc<Source>,
    pub(super) id: ProducerId,
    /// What the sources of an allow list are held against.
    peer: String,
    /// What the index calls it.
    seen_in: SourceId,
    /// What the allow list holds for it, and since which generation.
    scope: Option<(u64, Scope)>,
    receipt: Receipt,
}

impl Place {
    /// A place for the input that is called `peer`.
    pub(super) fn new(bench: Rc<Bench>, source: Arc<Source>, peer: String) -> Self {
        let seen_in = source.settings.label.clone().unwrap_or_else(|| SourceId::new(&peer));
        let id = ProducerId(NEXT.fetch_add(1, Ordering::Relaxed));
        Self { bench, source, id, peer, seen_in, scope: None, receipt: Receipt::default() }
    }

    /// Uses the worker, and hands over what it saw and counted, before another input has its turn with it.
    pub(super) fn work<R>(&mut self, work: impl FnOnce(&mut Worker<'_>, &mut Buffers) -> R) -> R {
        let tenant = self.source.settings.tenant;
        let tools = &mut *self.bench.tools.borrow_mut();
        let standing = Arc::clone(tools.current());
        if self.scope.as_ref().is_none_or(|(generation, _)| *generation != standing.generation) {
            self.scope = Some((standing.generation, standing.tenants[tenant].policy.scope(&self.peer)));
        }
        let scope = self.scope.as_ref().map(|(_, scope)| scope);
        let (source, seen_in) = (&self.source, &self.seen_in);
        let begun = Instant::now();
        let result = tools.with(tenant, |worker, buffers| {
            if let Some(scope) = scope {
                worker.enter(scope);
            }
            let result = work(worker, buffers);
            worker.hand_over(seen_in);
            let tally = worker.take_tally();
            standing.meters.publish(&tally);
            source.meters.publish(&tally);
            result
        });
        standing.meters.busy(begun.elapsed());
        result
    }

    /// Cleans one frame by itself. The result is a message or, where no newline is in it, a line.
    pub(super) fn clean_message(&mut self, message: &[u8]) -> Piece {
        self.work(|worker, buffers| {
            let mut bytes = Vec::with_capacity(message.len() + 1);
            if worker.redact(message, &mut buffers.out) == Outcome::Rewritten {
                bytes.extend_from_slice(&buffers.out);
            } else {
                bytes.extend_from_slice(message);
            }
            let kind = if memchr::memchr(b'\n', &bytes).is_some() { PieceKind::Message } else { PieceKind::Lines };
            bytes.push(b'\n');
            Piece { bytes, kind }
        })
    }

    /// Hands a cleaned piece on, and keeps the memory that comes back.
    pub(super) async fn push(&mut self, piece: Piece) {
        let memory = self.source.outlet.push(self.id, piece, &mut self.receipt).await;
        let buffers = &mut self.bench.tools.borrow_mut().buffers;
        if memory.capacity() > buffers.lent.capacity() {
            buffers.lent = memory;
        } else if memory.capacity() > buffers.out.capacity() {
            buffers.out = memory;
        }
    }

    /// What the peer is called.
    pub(super) fn peer(&self) -> &str {
        &self.peer
    }

    /// How far what was pushed reaches.
    pub(super) fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}
