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

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::TcpStream as StdTcpStream;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BufMut as _;
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

use super::lane::{Bench, Buffers};
use super::memory::Share;
use super::patience::Hold;
use super::place::Place;
use super::transport::Transport;
use super::{Source, Tls};
use crate::model::Piece;
use crate::pipeline::framing::{Decoder, Frame, Framing};
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

/// A connection that was accepted.
#[derive(Debug)]
pub(super) enum Incoming {
    /// By TCP, with the peer's address.
    Tcp(StdTcpStream, String),
    /// By a Unix socket.
    Unix(StdUnixStream),
    /// The reading end of a pipe.
    Pipe(File),
}

/// Serves a connection to its end.
pub(super) async fn serve(incoming: Incoming, source: Arc<Source>, bench: Rc<Bench>, stop: CancellationToken) {
    let meters = source.meters.clone();
    meters.connections.increment(1);
    let name = source.settings.name.clone();
    let (transport, peer) = match incoming {
        Incoming::Tcp(socket, address) => (over_tcp(socket, &source, &stop, &bench).await, address),
        Incoming::Unix(socket) => (local(socket), name.clone()),
        Incoming::Pipe(pipe) => (pipe::Receiver::from_file(pipe).map(Transport::Pipe), name.clone()),
    };
    let place = Place::new(bench, source, peer);
    let connection = place.id.0;
    tracing::debug!(connection, source = name, peer = place.peer(), "connection opened");
    let outcome = match transport {
        Ok(transport) => Connection::new(transport, place, stop).serve().await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => tracing::debug!(connection, "connection ended"),
        Err(error) => tracing::debug!(connection, source = name, %error, "connection broke off"),
    }
    meters.connections.decrement(1);
}

/// Prepares a TCP connection, and does the handshake where the source asks for TLS.
async fn over_tcp(
    socket: StdTcpStream,
    source: &Source,
    stop: &CancellationToken,
    bench: &Bench,
) -> io::Result<Transport> {
    let socket = prepare(socket)?;
    let Some(Tls { acceptor, meters }) = &source.tls else { return Ok(Transport::Tcp(socket)) };
    let accepted = tokio::select! {
        biased;
        accepted = acceptor.accept(socket, source.settings.header_timeout) => accepted,
        () = bench.shared.stop.cancelled() => return Err(ErrorKind::ConnectionAborted.into()),
        () = stop.cancelled() => return Err(ErrorKind::ConnectionAborted.into()),
    };
    accepted.map(|session| Transport::Tls(Box::new(session))).map_err(|failure| {
        meters.failed(failure);
        io::Error::new(ErrorKind::PermissionDenied, failure)
    })
}

pub(super) fn prepare(socket: StdTcpStream) -> io::Result<TcpStream> {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
    socket.set_nonblocking(true)?;
    set_socket_keepalive(&socket, true)?;
    set_tcp_keepidle(&socket, KEEPALIVE.0)?;
    set_tcp_keepintvl(&socket, KEEPALIVE.1)?;
    set_tcp_keepcnt(&socket, KEEPALIVE.2)?;
    TcpStream::from_std(socket)
}

fn local(socket: StdUnixStream) -> io::Result<Transport> {
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket).map(Transport::Unix)
}

struct Connection {
    transport: Transport,
    place: Place,
    /// The source is to be read no longer.
    stop: CancellationToken,
    stream: Stream,
    /// Where messages are no lines.
    decoder: Option<Decoder>,
    /// What was read is being taken apart: it is in this share, and not yet in the stream.
    taking: bool,
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
    /// Nothing has come for too long.
    Idle,
}

/// What a read has brought.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Bytes(usize),
    /// There was nothing yet.
    Nothing,
    End,
}

impl Connection {
    fn new(transport: Transport, place: Place, stop: CancellationToken) -> Self {
        let settings = &place.source.settings;
        let decoder =
            (settings.framing != Framing::Lines).then(|| Decoder::new(settings.framing, settings.max_line / 2));
        let share = Share::new(Arc::clone(&place.bench.shared.memory));
        let stream = Stream::new(settings.max_line);
        Self { transport, stop, stream, decoder, taking: false, share, open: false, hold: Hold::default(), place }
    }

    /// Serves the connection to its end. Whatever ends it, what was read is passed on.
    async fn serve(mut self) -> io::Result<()> {
        let outcome = self.read_all().await;
        self.take_frames(&[], true).await;
        self.clean(true).await;
        if self.open {
            self.push(b"\n".to_vec()).await;
        }
        outcome
    }

    async fn read_all(&mut self) -> io::Result<()> {
        loop {
            self.pay().await;
            match self.wait().await? {
                Wake::Stop => return self.read_arrived().await,
                Wake::OutOfPatience => self.withhold().await,
                Wake::Lingered => self.clean_waiting().await,
                Wake::Idle => return Err(ErrorKind::TimedOut.into()),
                Wake::Input => {
                    if self.read(CHUNK).await? == Read::End {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits until the source's rate allows another read.
    async fn pay(&self) {
        if let Some(rate) = &self.place.source.rate {
            let wait = rate.wait(Instant::now());
            if !wait.is_zero() {
                tokio::select! {
                    () = self.place.bench.shared.stop.cancelled() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }

    /// Waits for input.
    async fn wait(&mut self) -> io::Result<Wake> {
        let Self { transport, place, stop, share, open, hold, stream, decoder, .. } = self;
        let (source, shared) = (&place.source, &place.bench.shared);
        let patience = if *open { source.settings.output } else { source.settings.memory };
        let wanted = || if *open { source.outlet.owner_keeps_others_waiting() } else { shared.memory.is_short() };
        let held = *open || share.is_large();
        let in_header = decoder.as_ref().is_some_and(Decoder::in_header);
        let silence = if in_header { Some(source.settings.header_timeout) } else { source.settings.idle_timeout };
        loop {
            tokio::select! {
                biased;
                () = shared.stop.cancelled() => return Ok(Wake::Stop),
                () = stop.cancelled() => return Ok(Wake::Stop),
                ready = transport.readable() => {
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
                () = tokio::time::sleep(silence.unwrap_or_default()), if silence.is_some() => return Ok(Wake::Idle),
            }
        }
    }

    /// Reads at most `limit` bytes, cleans what is whole and pushes it.
    async fn read(&mut self, limit: usize) -> io::Result<Read> {
        if self.share.allowed() <= self.held() && self.stream.waits() {
            // What waits for more is only kept together as long as that costs nobody his line.
            self.clean_waiting().await;
        }
        if self.share.allowed() <= self.held() {
            let waited = Instant::now();
            self.share.grow(self.held() + GROWTH.max(self.held())).await;
            self.hold.excuse(waited.elapsed());
        }
        let source = Arc::clone(&self.place.source);
        let turn = if self.open { None } else { source.turn(&self.place.bench).acquire().await.ok() };
        let read = if self.decoder.is_some() { self.read_frames(limit).await? } else { self.read_lines(limit).await? };
        drop(turn);
        if let (Read::Bytes(bytes), Some(rate)) = (&read, &source.rate) {
            rate.spend(*bytes, Instant::now());
        }
        self.hold.set(self.open || self.share.is_large(), Instant::now());
        Ok(read)
    }

    async fn read_lines(&mut self, limit: usize) -> io::Result<Read> {
        let read = self.read_now(limit)?;
        if matches!(read, Read::Bytes(_)) {
            self.clean(false).await;
        }
        Ok(read)
    }

    fn read_now(&mut self, limit: usize) -> io::Result<Read> {
        let held = self.stream.held();
        self.share.try_grow(held + limit);
        // Nothing read would be taken for the end.
        let limit = limit.min(self.share.allowed().saturating_sub(held)).max(1);
        let buffers = &mut self.place.bench.tools.borrow_mut().buffers;
        if buffers.lent.capacity() < LENT {
            buffers.lent = Vec::with_capacity(LENT);
        }
        let read = outcome(self.stream.fill(limit, &mut buffers.lent, |into| self.transport.try_read_buf(into)));
        if !matches!(read, Ok(Read::Bytes(_))) {
            settle(&mut self.stream, self.decoder.as_ref(), &mut self.share, self.open, buffers);
        }
        read
    }

    /// Reads messages that are no lines, in memory that is this connection's while they are handed on.
    async fn read_frames(&mut self, limit: usize) -> io::Result<Read> {
        let held = self.held();
        self.share.try_grow(held + limit);
        // Nothing read would be taken for the end.
        let limit = limit.min(self.share.allowed().saturating_sub(held)).max(1);
        let mut raw = std::mem::take(&mut self.place.bench.tools.borrow_mut().buffers.raw);
        raw.clear();
        raw.reserve(CHUNK);
        let read = outcome(self.transport.try_read_buf(&mut (&mut raw).limit(limit)));
        if matches!(read, Ok(Read::Bytes(_))) {
            self.take_frames(&raw, false).await;
            self.clean(false).await;
        }
        self.place.bench.tools.borrow_mut().buffers.raw = raw;
        read
    }

    /// Takes the frames of `raw`; with `ended`, also what is left of one.
    async fn take_frames(&mut self, raw: &[u8], ended: bool) {
        let Some(mut decoder) = self.decoder.take() else { return };
        self.taking = true;
        let mut input = raw;
        while let Some(frame) = decoder.next(&mut input) {
            self.take_frame(frame).await;
        }
        if ended && let Some(frame) = decoder.finish() {
            self.take_frame(frame).await;
        }
        self.place.source.meters.frame_faults.increment(decoder.take_faults());
        self.decoder = Some(decoder);
        self.taking = false;
    }

    async fn take_frame(&mut self, frame: Frame<'_>) {
        match frame {
            Frame::Line(line) => self.put(line, true).await,
            Frame::Part { bytes, last } => self.put(bytes, last).await,
            Frame::Message(message) => {
                self.clean(false).await;
                if self.stream.waits() {
                    self.clean_waiting().await;
                }
                let piece = self.place.clean_message(message);
                self.place.push(piece).await;
            }
        }
    }

    /// Puts a line, or a part of one, behind what was not cleaned yet.
    async fn put(&mut self, mut bytes: &[u8], ends: bool) {
        let mut newline: &[u8] = if ends { b"\n" } else { b"" };
        while !bytes.is_empty() || !newline.is_empty() {
            if self.stream.held() + bytes.len() + newline.len() > CHUNK {
                self.clean(false).await;
            }
            let buffers = &mut self.place.bench.tools.borrow_mut().buffers;
            if buffers.lent.capacity() < LENT {
                buffers.lent = Vec::with_capacity(LENT);
            }
            self.stream.fill(bytes.len() + newline.len(), &mut buffers.lent, |into| {
                for rest in [&mut bytes, &mut newline] {
                    let (now, later) = rest.split_at(rest.len().min(into.remaining_mut()));
                    into.put_slice(now);
                    *rest = later;
                }
            });
        }
    }

    /// Cleans and pushes all that is whole; with `ended`, all.
    async fn clean(&mut self, ended: bool) {
        loop {
            let Self { stream, decoder, taking, share, open, place, .. } = self;
            let piece = place.work(|worker, buffers| {
                let taken = stream.take_cleaned(ended, worker, &mut buffers.block, &mut buffers.out);
                let nothing = taken == Taken::Nothing;
                *open = buffers.out.last().filter(|_| !nothing).map_or(*open, |last| *last != b'\n');
                settle(stream, decoder.as_ref(), share, *open || *taking, buffers);
                (!nothing).then(|| std::mem::take(&mut buffers.out))
            });
            match piece {
                None => return,
                Some(piece) => self.push(piece).await,
            }
        }
    }

    /// Cleans and pushes lines that waited for what follows.
    async fn clean_waiting(&mut self) {
        let Self { stream, place, .. } = self;
        let piece = place.work(|worker, buffers| {
            stream.clean_waiting(worker, &mut buffers.out);
            std::mem::take(&mut buffers.out)
        });
        self.push(piece).await;
    }

    /// Hands cleaned lines over.
    async fn push(&mut self, lines: Vec<u8>) {
        let waited = Instant::now();
        self.place.push(Piece::lines(lines)).await;
        self.hold.excuse(waited.elapsed());
    }

    /// Bytes held of what has begun.
    fn held(&self) -> usize {
        self.stream.held() + self.decoder.as_ref().map_or(0, Decoder::held)
    }

    /// Gives the present line up, and with it what others wait for.
    async fn withhold(&mut self) {
        tracing::warn!(connection = self.place.id.0, "a line keeps others waiting: the rest of it is withheld");
        let Self { stream, open, place, .. } = self;
        let piece = place.work(|worker, buffers| {
            stream.withhold(*open, worker, &mut buffers.out);
            std::mem::take(&mut buffers.out)
        });
        self.share.shrink(self.decoder.as_ref().map_or(0, Decoder::held));
        self.open = false;
        self.push(piece).await;
        self.hold.set(self.open, Instant::now());
    }

    /// Reads on for a moment, where there was something to read or a line had begun when the word to stop came: the sender's system
    /// has been told that we have what has arrived, and may hold more that the sender is done with. Ends at a line's end, if that
    /// comes soon.
    async fn read_arrived(&mut self) -> io::Result<()> {
        if !self.transport.has_arrived()? && !self.in_line() {
            return Ok(());
        }
        let end = Instant::now() + READ_ON;
        while Instant::now() < end && readable_within(QUIET, &mut self.transport).await? {
            if self.read(CHUNK).await? == Read::End {
                return Ok(());
            }
        }
        let end = end + LAST_LINE;
        while self.in_line()
            && readable_within(end.saturating_duration_since(Instant::now()), &mut self.transport).await?
        {
            let limit = if self.decoder.is_some() { 1 } else { self.transport.up_to_newline()? };
            if self.read(limit.max(1)).await? == Read::End {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether a line has begun and not ended.
    fn in_line(&self) -> bool {
        self.open || !self.stream.is_empty() || self.decoder.as_ref().is_some_and(Decoder::in_frame)
    }
}

async fn readable_within(time: Duration, transport: &mut Transport) -> io::Result<bool> {
    match tokio::time::timeout(time, transport.readable()).await {
        Ok(ready) => ready.map(|()| true),
        Err(_) => Ok(false),
    }
}

fn outcome(read: io::Result<usize>) -> io::Result<Read> {
    match read {
        Ok(0) => Ok(Read::End),
        Ok(read) => Ok(Read::Bytes(read)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(Read::Nothing),
        Err(error) => Err(error),
    }
}

/// Gives memory back that the line in hand does not need. In the midst of a long line the share stays as it is: whoever holds the
/// output must never wait for memory. It also stays while what was read is taken apart, or a long message would come to hold the
/// output with less than it needs.
fn settle(stream: &mut Stream, decoder: Option<&Decoder>, share: &mut Share, stays: bool, buffers: &mut Buffers) {
    stream.settle(&mut buffers.lent);
    let decoding = decoder.map_or(0, Decoder::capacity);
    if stays {
        share.note(stream.capacity() + decoding);
    } else {
        share.shrink(stream.capacity().max(stream.held()) + decoding);
    }
}
