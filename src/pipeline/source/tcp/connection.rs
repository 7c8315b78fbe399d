//! One connection: wait for input, take the lane's turn, read, clean, push; to its end, or to the word to stop.
//!
//! What is waited for, in this order, so that no two wait for each other:
//! 1. input from the sender, holding only what is held of a line that has begun;
//! 2. memory, when that line needs more ([`super::memory`]);
//! 3. the lane's turn, unless this connection's line is open in the output;
//! 4. the queue: the end of another's open line, and room.
//!
//! The sink waits for none of them. A line that keeps others waiting at 2 or 4 for its sender's sake is bounded by
//! [`super::patience`].

use std::io::{self, ErrorKind};
use std::net::TcpStream as StdStream;
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use tokio::net::TcpStream;

use super::Shared;
use super::lane::{Bench, Tools};
use super::memory::Share;
use super::patience::Hold;
use crate::model::SourceId;
use crate::pipeline::detect::allow::Scope;
use crate::pipeline::queue::ProducerId;
use crate::pipeline::stream::{Stream, Taken};

/// The largest read. Blocks of this size stay in a core's second cache while they are scanned and written.
const CHUNK: usize = 256 << 10;
/// Memory to read into: a chunk, and the line before it that has begun.
const LENT: usize = CHUNK + (32 << 10);
/// Memory for a line grows by at least so much.
const GROWTH: usize = 64 << 10;
/// After the word to stop, a sender is read on for so long, unless it is quiet for so long before.
const READ_ON: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_millis(100);
/// And then a line that has begun is waited for so long.
const LAST_LINE: Duration = Duration::from_secs(1);
/// Lines that belong together with what follows wait for it no longer than this.
const LINGER: Duration = Duration::from_secs(2);
/// A sender that is gone without a word is noticed after idle + probes.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(10), 4);

pub(super) struct Connection<'a, 'p> {
    socket: TcpStream,
    id: ProducerId,
    bench: &'a Bench<'p>,
    shared: &'a Shared,
    stream: Stream,
    /// What the allow list holds for this peer.
    scope: Scope,
    /// What the index calls it.
    source: SourceId,
    share: Share,
    /// The line that was pushed last has not ended yet.
    open: bool,
    hold: Hold,
}

/// Why waiting for input ended.
#[derive(Debug, PartialEq, Eq)]
enum Wake {
    Input,
    Stop,
    /// Others wait for what this line holds.
    OutOfPatience,
    /// What whole lines wait for has not come.
    Lingered,
}

/// What a read has brought.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Bytes(usize),
    /// There was nothing yet.
    Nothing,
    End,
}

impl<'a, 'p> Connection<'a, 'p> {
    pub(super) fn new(
        socket: StdStream,
        id: ProducerId,
        bench: &'a Bench<'p>,
        shared: &'a Shared,
        (scope, source): (Scope, SourceId),
    ) -> io::Result<Self> {
        use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
        socket.set_nonblocking(true)?;
        set_socket_keepalive(&socket, true)?;
        set_tcp_keepidle(&socket, KEEPALIVE.0)?;
        set_tcp_keepintvl(&socket, KEEPALIVE.1)?;
        set_tcp_keepcnt(&socket, KEEPALIVE.2)?;
        let (stream, share) = (Stream::new(shared.settings.max_line), Share::new(shared.memory.clone()));
        Ok(Self {
            socket: TcpStream::from_std(socket)?,
            id,
            bench,
            shared,
            stream,
            scope,
            source,
            share,
            open: false,
            hold: Hold::default(),
        })
    }

    /// Serves the connection to its end. Whatever ends it, what was read is passed on.
    pub(super) async fn serve(mut self) -> io::Result<()> {
        let outcome = self.read_all().await;
        self.clean(true).await;
        if self.open {
            self.push(b"\n".to_vec()).await;
        }
        outcome
    }

    async fn read_all(&mut self) -> io::Result<()> {
        loop {
            match self.wait().await? {
                Wake::Stop => return self.read_arrived().await,
                Wake::OutOfPatience => self.withhold().await,
                Wake::Lingered => self.clean_waiting().await,
                Wake::Input => {
                    if self.read(CHUNK).await? == Read::End {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits for input.
    async fn wait(&mut self) -> io::Result<Wake> {
        let Self { socket, shared, share, open, hold, stream, .. } = self;
        let patience = if *open { shared.settings.output } else { shared.settings.memory };
        let wanted = || if *open { shared.queue.owner_keeps_others_waiting() } else { shared.memory.is_short() };
        let held = *open || share.is_large();
        loop {
            tokio::select! {
                biased;
                () = shared.stop.cancelled() => return Ok(Wake::Stop),
                ready = socket.readable() => {
                    ready?;
                    let late = held && hold.lasted(Instant::now()) > patience.total;
                    return Ok(if late && wanted() { Wake::OutOfPatience } else { Wake::Input });
                }
                () = tokio::time::sleep(LINGER), if stream.waits() => return Ok(Wake::Lingered),
                () = tokio::time::sleep(patience.silence), if held => {
                    if wanted() {
                        return Ok(Wake::OutOfPatience);
                    }
                }
            }
        }
    }

    /// Reads at most `limit` bytes, cleans what is whole and pushes it.
    async fn read(&mut self, limit: usize) -> io::Result<Read> {
        if self.share.allowed() <= self.stream.held() {
            let waited = Instant::now();
            self.share.grow(self.stream.held() + GROWTH.max(self.stream.held())).await;
            self.hold.excuse(waited.elapsed());
        }
        let bench = self.bench;
        let turn = if self.open { None } else { bench.turn.acquire().await.ok() };
        let read = self.read_now(limit)?;
        if matches!(read, Read::Bytes(_)) {
            self.clean(false).await;
        }
        drop(turn);
        self.hold.set(self.open || self.share.is_large(), Instant::now());
        Ok(read)
    }

    fn read_now(&mut self, limit: usize) -> io::Result<Read> {
        let held = self.stream.held();
        self.share.try_grow(held + limit);
        let limit = limit.min(self.share.allowed().saturating_sub(held));
        let tools = &mut *self.bench.tools.borrow_mut();
        if tools.lent.capacity() < LENT {
            tools.lent = Vec::with_capacity(LENT);
        }
        let read = self.stream.fill(limit, &mut tools.lent, |into| self.socket.try_read_buf(into));
        let read = match read {
            Ok(0) => Ok(Read::End),
            Ok(read) => return Ok(Read::Bytes(read)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(Read::Nothing),
            Err(error) => Err(error),
        };
        settle(&mut self.stream, &mut self.share, self.open, tools);
        read
    }

    /// Cleans and pushes all that is whole; with `ended`, all.
    async fn clean(&mut self, ended: bool) {
        loop {
            let piece = {
                let tools = &mut *self.bench.tools.borrow_mut();
                tools.worker.enter(&self.scope);
                let taken = self.stream.take_cleaned(ended, &mut tools.worker, &mut tools.block, &mut tools.out);
                // Before another connection has its turn with the worker.
                tools.worker.hand_over(&self.source);
                let nothing = taken == Taken::Nothing;
                self.open = tools.out.last().filter(|_| !nothing).map_or(self.open, |last| *last != b'\n');
                settle(&mut self.stream, &mut self.share, self.open, tools);
                if nothing {
                    break;
                }
                std::mem::take(&mut tools.out)
            };
            if !piece.is_empty() {
                self.push(piece).await;
            }
        }
        let tally = self.bench.tools.borrow_mut().worker.take_tally();
        self.shared.meters.publish(&tally);
    }

    /// Cleans and pushes lines that waited for what follows.
    async fn clean_waiting(&mut self) {
        let piece = {
            let tools = &mut *self.bench.tools.borrow_mut();
            self.stream.clean_waiting(&mut tools.worker, &mut tools.out);
            tools.worker.hand_over(&self.source);
            std::mem::take(&mut tools.out)
        };
        self.push(piece).await;
        let tally = self.bench.tools.borrow_mut().worker.take_tally();
        self.shared.meters.publish(&tally);
    }

    /// Hands a cleaned piece over.
    async fn push(&mut self, piece: Vec<u8>) {
        let waited = Instant::now();
        let memory = self.shared.queue.push(self.id, piece).await;
        self.hold.excuse(waited.elapsed());
        let tools = &mut *self.bench.tools.borrow_mut();
        if memory.capacity() > tools.lent.capacity() {
            tools.lent = memory;
        } else if memory.capacity() > tools.out.capacity() {
            tools.out = memory;
        }
    }

    /// Gives the present line up, and with it what others wait for.
    async fn withhold(&mut self) {
        tracing::warn!(connection = self.id.0, "a line keeps others waiting: the rest of it is withheld");
        let piece = {
            let tools = &mut *self.bench.tools.borrow_mut();
            self.stream.withhold(self.open, &mut tools.worker, &mut tools.out);
            tools.worker.hand_over(&self.source);
            std::mem::take(&mut tools.out)
        };
        self.share.shrink(0);
        self.open = false;
        self.push(piece).await;
        self.hold.set(self.open, Instant::now());
    }

    /// Reads on for a moment, where there was something to read or a line had begun when the word to stop came: the sender's system
    /// has been told that we have what has arrived, and may hold more that the sender is done with. Ends at a line's end, if that
    /// comes soon.
    async fn read_arrived(&mut self) -> io::Result<()> {
        if rustix::io::ioctl_fionread(&self.socket)? == 0 && !self.in_line() {
            return Ok(());
        }
        let end = Instant::now() + READ_ON;
        while Instant::now() < end && readable_within(QUIET, &self.socket).await? {
            if self.read(CHUNK).await? == Read::End {
                return Ok(());
            }
        }
        let end = end + LAST_LINE;
        while self.in_line() && readable_within(end.saturating_duration_since(Instant::now()), &self.socket).await? {
            let limit = up_to_newline(&self.socket)?;
            if self.read(limit.max(1)).await? == Read::End {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether a line has begun and not ended.
    fn in_line(&self) -> bool {
        self.open || !self.stream.is_empty()
    }
}

async fn readable_within(time: Duration, socket: &TcpStream) -> io::Result<bool> {
    match tokio::time::timeout(time, socket.readable()).await {
        Ok(ready) => ready.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Gives memory back that the line in hand does not need. In the midst of a long line the share stays as it is: whoever holds the
/// output must never wait for memory.
fn settle(stream: &mut Stream, share: &mut Share, open: bool, tools: &mut Tools<'_>) {
    stream.settle(&mut tools.lent);
    if open {
        share.note(stream.capacity());
    } else {
        share.shrink(stream.capacity().max(stream.held()));
    }
}

/// The number of bytes up to the next newline, as far as it has arrived.
fn up_to_newline(socket: &TcpStream) -> io::Result<usize> {
    let mut ahead = [0; 4096];
    match rustix::net::recv(socket, &mut ahead[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, read)) => Ok(memchr::memchr(b'\n', &ahead[..read]).map_or(read, |at| at + 1)),
        Err(rustix::io::Errno::AGAIN) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
