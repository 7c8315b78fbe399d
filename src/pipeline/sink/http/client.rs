//! One connection to the server, kept while it is good, and one request at a time on it.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::Settings;
use super::retry::retry_after;
use crate::pipeline::meters::SinkMeters;
use crate::pipeline::tls::{ConnectError, Connector};

/// An answer's body is of no interest, but read to its end, for the connection's next request; a longer one costs the connection.
const ANSWER: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("no answer in time")]
    Timeout,
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("cannot connect by TLS: {0}")]
    Tls(#[from] ConnectError),
    #[error("the connection failed: {}", causes(.0))]
    Http(#[from] hyper::Error),
}

/// The library's own words are few: the last cause says most.
fn causes(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What the server said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long it asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// What is sent.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) content_type: &'static str,
    pub(super) coding: Option<&'static str>,
}

pub(super) struct Client<'a> {
    settings: &'a Settings,
    /// For an endpoint by TLS.
    tls: Option<Connector>,
    meters: &'a SinkMeters,
    connection: Option<Connection>,
    /// There was one before.
    before: bool,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
    /// A request was answered on it.
    used: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(settings: &'a Settings, tls: Option<Connector>, meters: &'a SinkMeters) -> Self {
        Self { settings, tls, meters, connection: None, before: false }
    }

    /// Sees to it that there is a connection.
    pub(super) async fn connect(&mut self) -> Result<(), PostError> {
        tokio::time::timeout(self.settings.timeout, self.connection()).await.map_err(|_| PostError::Timeout)?.map(drop)
    }

    /// Sends a request and waits for the whole answer. What was not answered may have arrived all the same.
    pub(super) async fn post(&mut self, body: &Body) -> Result<Answer, PostError> {
        let answered = tokio::time::timeout(self.settings.timeout, self.exchange(body)).await;
        let outcome = answered.unwrap_or(Err(PostError::Timeout));
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    async fn exchange(&mut self, body: &Body) -> Result<Answer, PostError> {
        loop {
            let request = self.request(body);
            let connection = self.connection().await?;
            let kept = connection.used;
            let answer = match connection.sender.send_request(request).await {
                Ok(answer) => answer,
                Err(error) => {
                    self.connection = None;
                    // A server closes what is idle for long, perhaps just now: that is no failure.
                    if kept && !error.is_timeout() {
                        continue;
                    }
                    return Err(error.into());
                }
            };
            connection.used = true;
            let answer = self.read(answer).await?;
            return Ok(answer);
        }
    }

    async fn read(&mut self, answer: Response<Incoming>) -> Result<Answer, PostError> {
        let asked = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = asked.and_then(|value| retry_after(value, Timestamp::now()));
        let status = answer.status();
        let (mut body, mut read) = (answer.into_body(), 0);
        while let Some(frame) = body.frame().await {
            read += frame?.data_ref().map_or(0, Bytes::len);
            if read > ANSWER {
                self.connection = None;
                break;
            }
        }
        Ok(Answer { status, retry_after })
    }

    fn request(&self, body: &Body) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body.bytes.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.settings.endpoint.path.clone();
        let all = request.headers_mut();
        all.insert(header::USER_AGENT, HeaderValue::from_static(concat!("inkprint/", env!("CARGO_PKG_VERSION"))));
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static(body.content_type));
        if let Some(coding) = body.coding {
            all.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        // Of the user's: one of a name replaces ours, several of a name all go.
        let own = self.settings.headers.map();
        for name in own.keys() {
            all.remove(name);
        }
        all.extend(own);
        all.insert(header::HOST, self.settings.endpoint.authority.clone());
        request
    }

    async fn connection(&mut self) -> Result<&mut Connection, PostError> {
        if self.connection.as_ref().is_some_and(|connection| connection.sender.is_closed()) {
            self.connection = None;
        }
        let connection = match self.connection.take() {
            Some(mut connection) => match connection.sender.ready().await {
                Ok(()) => connection,
                Err(_) => self.open().await?,
            },
            None => self.open().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn open(&mut self) -> Result<Connection, PostError> {
        let (host, port) = self.settings.endpoint.address();
        let socket = TcpStream::connect((host, port)).await?;
        socket.set_nodelay(true)?;
        let connection = match &self.tls {
            Some(tls) => speak(tls.connect_stream(socket, host, self.settings.timeout).await?).await?,
            None => speak(socket).await?,
        };
        if self.before {
            self.meters.reconnects.increment(1);
        }
        self.before = true;
        Ok(connection)
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Connection, PostError> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    let task = tokio::spawn(async move {
        // Whoever waits for an answer is told of the error.
        let _ = connection.await;
    });
    Ok(Connection { sender, task, used: false })
}
