use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers with this status and these lines of a head.
    Status(u16, &'static str),
    /// The same, and closes the connection without a word of it.
    StatusAndClose(u16),
    /// Takes requests of so many lines at most, and answers 413 to others.
    AtMost(usize),
    /// Takes requests of so many bytes at most, answers 413 to others as soon as it has their head, and closes.
    AtMostBytes(usize),
    /// Begins an answer and never ends it.
    HangInBody,
    /// Says nothing.
    Hang,
    /// Closes the connection.
    Close,
}

/// A request, and what it was answered.
#[derive(Clone, Debug)]
pub struct Request {
    pub at: Instant,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
    pub taken: bool,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A server that does with each request what stands in its script, and takes it when nothing does.
#[derive(Clone)]
pub struct Server {
    pub address: String,
    script: Arc<Mutex<VecDeque<Reply>>>,
    always: Arc<Mutex<Option<Reply>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"), script)
    }

    pub fn on(listener: TcpListener, script: impl IntoIterator<Item = Reply>) -> Self {
        let server = Self {
            address: listener.local_addr().expect("bound").to_string(),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            always: Arc::default(),
            requests: Arc::default(),
        };
        let shared = server.clone();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, server) = (socket.expect("a connection"), shared.clone());
                thread::spawn(move || server.serve(&socket));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}/in?x=1", self.address)
    }

    /// What is done with every request that the script says nothing of.
    pub fn always(&self, reply: Option<Reply>) {
        *self.always.lock().expect("no panic") = reply;
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// The bodies that were taken, one after the other.
    pub fn taken(&self) -> Vec<u8> {
        self.requests().into_iter().filter(|request| request.taken).flat_map(|request| request.body).collect()
    }

    fn serve(&self, socket: &TcpStream) {
        let mut reader = BufReader::new(socket);
        while let Some(head) = read_head(&mut reader) {
            let mut request = Request { at: Instant::now(), head, body: Vec::new(), taken: false };
            let reply =
                self.script.lock().expect("no panic").pop_front().or(self.always.lock().expect("no panic").clone());
            let length = request.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
            if matches!(reply, Some(Reply::AtMostBytes(most)) if length > most) {
                self.requests.lock().expect("no panic").push(request);
                let answer = b"HTTP/1.1 413 Said\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                let _ = (&mut &*socket).write_all(answer);
                return;
            }
            request.body.resize(length, 0);
            if reader.read_exact(&mut request.body).is_err() {
                return;
            }
            let lines = request.body.iter().filter(|byte| **byte == b'\n').count();
            let (status, more, close) = match reply {
                None | Some(Reply::AtMostBytes(_)) => (200, "", false),
                Some(Reply::Status(status, more)) => (status, more, false),
                Some(Reply::StatusAndClose(status)) => (status, "", true),
                Some(Reply::AtMost(most)) => (if lines > most { 413 } else { 200 }, "", false),
                Some(Reply::Close) => {
                    self.requests.lock().expect("no panic").push(request);
                    return;
                }
                Some(Reply::Hang | Reply::HangInBody) => {
                    self.requests.lock().expect("no panic").push(request);
                    if matches!(reply, Some(Reply::HangInBody)) {
                        let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun";
                        (&mut &*socket).write_all(begun).expect("sent");
                    }
                    // Until the client has had enough.
                    let _ = reader.read(&mut [0; 1]);
                    return;
                }
            };
            request.taken = (200..300).contains(&status);
            self.requests.lock().expect("no panic").push(request);
            let body = if status == 204 { "" } else { "Content-Length: 2\r\n\r\nok" };
            let end = if body.is_empty() { "\r\n" } else { "" };
            let answer = format!("HTTP/1.1 {status} Said\r\n{more}{end}{body}");
            if (&mut &*socket).write_all(answer.as_bytes()).is_err() || close {
                return;
            }
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head.to_lowercase().replace("\r\n", "\n"))
}
