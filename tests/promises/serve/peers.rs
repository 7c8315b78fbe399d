use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::super::tcp::service::{Collected, wait_for};
use super::ledger::{Ledger, assert_clean};

/// What a peer does with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Mood {
    /// Takes what comes.
    Reading,
    /// Accepts and takes nothing.
    Stalled,
    /// Takes no new connections, says on those that there are that it has had enough, and reads them to their ends.
    Leaving,
    /// Takes no new connections, and breaks off those that there are.
    Breaking,
}

/// A peer that lines are sent to, and which keeps what came on each connection by itself.
pub struct Peer {
    pub address: String,
    state: Arc<State>,
}

struct State {
    mood: AtomicU8,
    connections: Mutex<Vec<Collected>>,
    /// Threads that still accept or read.
    busy: Mutex<usize>,
}

/// How often a thread looks whether its peer's mood has changed.
const LOOK: Duration = Duration::from_millis(5);

impl Peer {
    /// A peer on a port of its own, which reads.
    pub fn new() -> Self {
        Self::on("127.0.0.1:0")
    }

    /// A peer at this address.
    pub fn on(address: &str) -> Self {
        let peer = Self::away(address);
        peer.listen(address)
    }

    /// A peer at this address that is not there yet.
    pub fn away(address: &str) -> Self {
        let state =
            State { mood: AtomicU8::new(Mood::Leaving as u8), connections: Mutex::default(), busy: Mutex::default() };
        Self { address: address.to_owned(), state: Arc::new(state) }
    }

    fn listen(mut self, address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        self.address = listener.local_addr().expect("bound").to_string();
        self.state.accept(listener);
        self
    }

    /// Listens once more, where it did before.
    pub fn come_back(&self) {
        let listener = wait_for("the port", || TcpListener::bind(&self.address).ok());
        self.state.accept(listener);
    }

    /// Takes nothing more, and stays.
    pub fn stall(&self) {
        self.state.set(Mood::Stalled);
    }

    /// Takes what comes again.
    pub fn read_on(&self) {
        self.state.set(Mood::Reading);
    }

    /// Ends: no connection is taken any longer, and those that there are are read to their ends.
    pub fn leave(&self) {
        self.end(Mood::Leaving);
    }

    /// Ends: those that there are are reset, and what is under way is lost.
    pub fn break_off(&self) {
        self.end(Mood::Breaking);
    }

    fn end(&self, mood: Mood) {
        self.state.set(mood);
        wait_for("the peer's end", || (*self.state.busy.lock().expect("no panic") == 0).then_some(()));
    }

    /// How many connections came.
    pub fn connections(&self) -> usize {
        self.state.connections.lock().expect("no panic").len()
    }

    /// What came on each connection, in the order in which they were opened.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.state.connections.lock().expect("no panic").iter().map(Collected::bytes).collect()
    }

    /// All of it together.
    pub fn bytes(&self) -> Vec<u8> {
        self.received().concat()
    }

    /// Newlines that came.
    pub fn lines(&self) -> usize {
        self.state.connections.lock().expect("no panic").iter().map(Collected::lines).sum()
    }

    /// The whole lines of each connection: one that was torn by the connection's end counts for nothing.
    #[track_caller]
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for received in self.received() {
            assert_clean("what the peer got", &received);
            let whole = memchr::memrchr(b'\n', &received).map_or(0, |at| at + 1);
            ledger.add(&received[..whole]);
        }
        ledger
    }

    #[track_caller]
    pub fn wait_for_lines(&self, lines: usize) {
        wait_for(&format!("{lines} lines"), || (self.lines() >= lines).then_some(()));
    }

    #[track_caller]
    pub fn wait_for_bytes(&self, bytes: usize) {
        wait_for(&format!("{bytes} bytes"), || (self.bytes().len() >= bytes).then_some(()));
    }

    #[track_caller]
    pub fn wait_for_connections(&self, connections: usize) {
        wait_for("a connection", || (self.connections() >= connections).then_some(()));
    }

    /// Waits until a connection's line arrived.
    #[track_caller]
    pub fn wait_for_line(&self, connection: usize, number: usize) {
        let begins = format!("c={connection} n={number} ");
        wait_for(&begins, || memchr::memmem::find(&self.bytes(), begins.as_bytes()).map(drop));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.state.set(Mood::Breaking);
    }
}

impl State {
    fn mood(&self) -> Mood {
        let moods = [Mood::Reading, Mood::Stalled, Mood::Leaving, Mood::Breaking];
        moods.into_iter().find(|mood| *mood as u8 == self.mood.load(Ordering::SeqCst)).expect("one of them")
    }

    fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    fn is_ending(&self) -> bool {
        matches!(self.mood(), Mood::Leaving | Mood::Breaking)
    }

    fn accept(self: &Arc<Self>, listener: TcpListener) {
        self.set(Mood::Reading);
        listener.set_nonblocking(true).expect("a socket");
        // So that little is on its way: connections inherit it.
        rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 128 << 10).expect("a socket");
        self.clone().busy(move |state| {
            loop {
                // Whoever has connected by the end may have sent something, and believes that it was taken.
                let ending = state.is_ending();
                match listener.accept() {
                    Ok((socket, _)) => {
                        let collected = Collected::default();
                        state.connections.lock().expect("no panic").push(collected.clone());
                        state.clone().busy(move |state| state.read(socket, &collected));
                    }
                    Err(_) if ending => return,
                    Err(_) => thread::sleep(LOOK),
                }
            }
        });
    }

    /// A thread that counts as busy until it ends.
    fn busy(self: Arc<Self>, work: impl FnOnce(&Arc<Self>) + Send + 'static) {
        *self.busy.lock().expect("no panic") += 1;
        thread::spawn(move || {
            work(&self);
            *self.busy.lock().expect("no panic") -= 1;
        });
    }

    fn read(&self, mut socket: TcpStream, into: &Collected) {
        socket.set_nonblocking(false).expect("a socket");
        socket.set_read_timeout(Some(LOOK)).expect("a socket");
        let (mut chunk, mut told) = (vec![0; 64 << 10], false);
        loop {
            match self.mood() {
                Mood::Stalled => {
                    thread::sleep(LOOK);
                    continue;
                }
                Mood::Breaking => {
                    let _ = rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
                    return;
                }
                Mood::Leaving if !told => {
                    told = true;
                    let _ = socket.shutdown(Shutdown::Write);
                }
                Mood::Leaving | Mood::Reading => {}
            }
            match socket.read(&mut chunk) {
                Ok(0) => return,
                Ok(read) => into.add(&chunk[..read]),
                Err(error) if is_early(&error) => {}
                Err(_) => return,
            }
        }
    }
}

fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Takes one connection after the other on a Unix socket, and keeps all that comes.
pub fn unix_peer(path: &Path) -> Collected {
    let listener = UnixListener::bind(path).expect("a free path");
    let collected = Collected::default();
    let into = collected.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let mut chunk = vec![0; 64 << 10];
            while let Ok(read @ 1..) = UnixStream::read(&mut socket, &mut chunk) {
                into.add(&chunk[..read]);
            }
        }
    });
    collected
}
