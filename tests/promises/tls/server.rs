use std::io::{self, ErrorKind};
use std::net::TcpListener as StdListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::BufMut as _;
use inkprint::pipeline::tls::{
    Acceptor, ClientSettings, ConnectError, Connector, HandshakeFailure, ServerSettings, Session,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server has seen of one connection: whether it was let in, and if so, all that it has sent and how it ended.
#[derive(Debug)]
pub struct Served {
    pub names: Vec<String>,
    pub bytes: Vec<u8>,
    pub end: Result<(), ErrorKind>,
}

/// A server that reads lines from sessions to their end.
pub struct Server {
    pub address: String,
    pub acceptor: Acceptor,
    served: mpsc::Receiver<Result<Served, HandshakeFailure>>,
}

impl Server {
    pub fn start(settings: &ServerSettings) -> Self {
        Self::with_limit(settings, PATIENCE)
    }

    /// The same, whose handshakes must be done in so much time.
    pub fn with_limit(settings: &ServerSettings, limit: Duration) -> Self {
        let acceptor = Acceptor::new(settings.load().expect("good settings"));
        let listener = StdListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let (tell, served) = mpsc::channel();
        let shared = acceptor.clone();
        thread::spawn(move || {
            runtime().block_on(async {
                listener.set_nonblocking(true).expect("a socket");
                let listener = TcpListener::from_std(listener).expect("a socket");
                while let Ok((socket, _)) = listener.accept().await {
                    let (acceptor, tell) = (shared.clone(), tell.clone());
                    tokio::spawn(async move {
                        let outcome = match acceptor.accept(socket, limit).await {
                            Ok(session) => Ok(serve(session).await),
                            Err(failure) => Err(failure),
                        };
                        // The test may be over.
                        let _ = tell.send(outcome);
                    });
                }
            });
        });
        Self { address, acceptor, served }
    }

    /// How the next connection to end was served.
    #[track_caller]
    pub fn served(&self) -> Result<Served, HandshakeFailure> {
        self.served.recv_timeout(PATIENCE).expect("a connection ends")
    }

    /// The same, of one that must have been let in.
    #[track_caller]
    pub fn let_in(&self) -> Served {
        self.served().unwrap_or_else(|failure| panic!("refused: {failure}"))
    }

    /// The same, of one that must not have been.
    #[track_caller]
    pub fn refused(&self) -> HandshakeFailure {
        match self.served() {
            Ok(served) => panic!("let in: {served:?}"),
            Err(failure) => failure,
        }
    }
}

async fn serve(mut session: Session) -> Served {
    let names = session.peer_names().to_vec();
    let mut bytes = Vec::new();
    let end = loop {
        if let Err(error) = session.readable().await {
            break Err(error.kind());
        }
        // Limits of all sizes.
        let limit = 1 + bytes.len() % 70_000;
        match session.try_read_buf(&mut (&mut bytes).limit(limit)) {
            Ok(0) => break Ok(()),
            Ok(read) => assert!(read <= limit),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => break Err(error.kind()),
        }
    };
    Served { names, bytes, end }
}

pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Connects, sends and closes; what the client is told by then.
pub fn send(address: &str, settings: &ClientSettings, bytes: &[u8]) -> io::Result<()> {
    let connector = Connector::new(settings).expect("good settings");
    runtime().block_on(async {
        let socket = TcpStream::connect(address).await?;
        let mut stream =
            connector.connect_stream(socket, "localhost", PATIENCE).await.map_err(|error| match error {
                ConnectError::Io(error) => error,
                other => io::Error::other(other),
            })?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        // To the server's own end: a refusal that came late is seen here.
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    })
}
