//! HTTP requests whose bodies are lines, or JSON texts that become lines.
//!
//! - 200 says that every sink, or its synced spool, holds all lines of the body. Any other answer says that some of them may have been
//!   passed on, so that sending them again may bring them twice.
//! - A body is cleaned as it comes in. It is never held whole, packed or unpacked, and its size is limited both ways.
//! - An answer never holds anything of what was sent.
//! - A peer that sends its headers or its body too slowly is answered or cut off, and holds up nobody else.

mod body;
mod elements;
mod refusal;
mod unpack;

use std::convert::Infallible;
use std::io;
use std::net::TcpStream as StdTcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming as IncomingBody};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use self::body::{Body, Form};
use self::refusal::{Refusal, accepted};
use self::unpack::Unpacker;
use super::connection::{Incoming, prepare};
use super::inlet::Inlet;
use super::lane::Bench;
use super::place::Place;
use super::{Source, Tls};
use crate::pipeline::meters::HttpMeters;

/// What is read ahead of a connection at most, headers included.
const AHEAD: usize = 64 << 10;
/// The sinks have so long to hold what was sent.
const HOLD: Duration = Duration::from_secs(30);
/// So many bodies in zstd at once: each may take 8 MiB to look back to. More wait for a moment.
const ZSTD_BODIES: usize = 8;
const ZSTD_WAIT: Duration = Duration::from_secs(5);

/// How requests are answered.
pub struct Http {
    settings: Settings,
    meters: HttpMeters,
    zstd: Semaphore,
}

/// What is asked of requests.
pub struct Settings {
    /// The path that is posted to.
    pub path: String,
    /// The bearer token that is asked for.
    pub token: Option<Zeroizing<String>>,
    /// Bytes of a body at most, as it comes and unpacked.
    pub max_body: u64,
}

impl Http {
    /// Answers by these settings; `meters` makes the handles to the metrics, given all reasons for refusals.
    pub fn new(settings: Settings, meters: impl FnOnce(&[&'static str]) -> HttpMeters) -> Self {
        Self { settings, meters: meters(&Refusal::REASONS), zstd: Semaphore::new(ZSTD_BODIES) }
    }
}

/// Answers the requests of a connection, to its end.
pub(super) async fn serve(
    incoming: Incoming,
    source: Arc<Source>,
    http: Arc<Http>,
    bench: Rc<Bench>,
    stop: CancellationToken,
) {
    let meters = source.meters.clone();
    meters.connections.increment(1);
    let name = source.settings.name.clone();
    let requests = Requests { source, http, bench, stop, peer: name.clone() };
    let outcome = match incoming {
        Incoming::Tcp(socket, address) => over_tcp(socket, Requests { peer: address, ..requests }).await,
        Incoming::Unix(socket) => match socket.set_nonblocking(true).and_then(|()| UnixStream::from_std(socket)) {
            Ok(socket) => requests.answer_all(socket).await,
            Err(error) => Err(error),
        },
        Incoming::Pipe(_) => Err(io::ErrorKind::Unsupported.into()),
    };
    if let Err(error) = outcome {
        tracing::debug!(source = name, %error, "connection broke off");
    }
    meters.connections.decrement(1);
}

async fn over_tcp(socket: StdTcpStream, requests: Requests) -> io::Result<()> {
    let socket = prepare(socket)?;
    let source = Arc::clone(&requests.source);
    let Some(Tls { acceptor, meters }) = &source.tls else { return requests.answer_all(socket).await };
    let accepted = tokio::select! {
        biased;
        accepted = acceptor.accept_stream(socket, source.settings.header_timeout) => accepted,
        () = requests.stopped() => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    match accepted {
        Ok(session) => requests.answer_all(session).await,
        Err(failure) => {
            meters.failed(failure);
            Err(io::Error::new(io::ErrorKind::PermissionDenied, failure))
        }
    }
}

/// A connection's requests.
struct Requests {
    source: Arc<Source>,
    http: Arc<Http>,
    bench: Rc<Bench>,
    stop: CancellationToken,
    peer: String,
}

impl Requests {
    async fn stopped(&self) {
        tokio::select! {
            () = self.bench.shared.stop.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    fn is_stopped(&self) -> bool {
        self.bench.shared.stop.is_cancelled() || self.stop.is_cancelled()
    }

    async fn answer_all(&self, io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let service = service_fn(|request| async move { Ok::<_, Infallible>(self.answer(request).await) });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.source.settings.header_timeout).max_buf_size(AHEAD);
        let connection = builder.serve_connection(TokioIo::new(io), service);
        tokio::pin!(connection);
        let served = tokio::select! {
            biased;
            served = &mut connection => served,
            () = self.stopped() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        served.map_err(io::Error::other)
    }

    async fn answer(&self, request: Request<IncomingBody>) -> Response<Full<Bytes>> {
        match self.take(request).await {
            Ok(lines) => accepted(lines),
            Err(refusal) => {
                self.http.meters.refused(refusal.reason());
                tracing::debug!(source = self.source.settings.name, peer = self.peer, %refusal, "request refused");
                refusal.answer()
            }
        }
    }

    /// Takes what a request brings; how many lines that are, all of them held.
    async fn take(&self, request: Request<IncomingBody>) -> Result<u64, Refusal> {
        let (form, unpacker) = self.look(&request)?;
        let permit = match &unpacker {
            Unpacker::Zstd { .. } => {
                let permit = tokio::time::timeout(ZSTD_WAIT, self.http.zstd.acquire()).await;
                // It is never closed.
                Some(permit.ok().and_then(Result::ok).ok_or(Refusal::Busy)?)
            }
            _ => None,
        };
        let place = Place::new(Rc::clone(&self.bench), Arc::clone(&self.source), self.peer.clone());
        let limit = self.http.settings.max_body;
        let mut body =
            Body { inlet: Inlet::new(place), form, unpacker, limit, packed: 0, unpacked: 0, _permit: permit };
        let lines = body.read(request.into_body()).await?;
        let receipt = body.inlet.place.receipt().clone();
        drop(body);
        match tokio::time::timeout(HOLD, self.source.outlet.held(&receipt)).await {
            Ok(()) => Ok(lines),
            Err(_) => Err(Refusal::NotHeld),
        }
    }

    /// What can be said of a request before its body is read.
    fn look(&self, request: &Request<IncomingBody>) -> Result<(Form, Unpacker), Refusal> {
        let settings = &self.http.settings;
        if let Some(token) = &settings.token {
            let shown = request.headers().get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
            if !shown.is_some_and(|shown| shown.ct_eq(token.as_bytes()).into()) {
                return Err(Refusal::Unauthorized);
            }
        }
        if request.uri().path() != settings.path {
            return Err(Refusal::NotFound);
        }
        if request.method() != Method::POST {
            return Err(Refusal::MethodNotAllowed);
        }
        if self.is_stopped() {
            return Err(Refusal::Stopping);
        }
        let form = Form::of(text(request, &CONTENT_TYPE)?).ok_or(Refusal::ContentType)?;
        let unpacker = Unpacker::of(text(request, &CONTENT_ENCODING)?).ok().flatten();
        let unpacker = unpacker.ok_or(Refusal::ContentEncoding)?;
        if request.body().size_hint().lower() > settings.max_body {
            return Err(Refusal::TooLarge(settings.max_body));
        }
        let wait = self.source.rate.as_ref().map(|rate| rate.wait(Instant::now()));
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(Refusal::Rate(wait)),
            None => Ok((form, unpacker)),
        }
    }
}

/// A header's text; one that stands there more than once, or is none, is no content type and no encoding that is known.
fn text<'r>(request: &'r Request<IncomingBody>, name: &HeaderName) -> Result<Option<&'r str>, Refusal> {
    let mut values = request.headers().get_all(name).iter();
    let unknown = || if *name == CONTENT_TYPE { Refusal::ContentType } else { Refusal::ContentEncoding };
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| unknown()),
        (Some(_), Some(_)) => Err(unknown()),
    }
}

/// The token behind `Bearer`, whose case does not matter.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stands_behind_its_scheme() {
        assert_eq!(bearer(b"Bearer sesame"), Some(&b"sesame"[..]));
        assert_eq!(bearer(b"bearer  sesame "), Some(&b"sesame"[..]));
        assert_eq!((bearer(b"Basic c2VzYW1l"), bearer(b"Bearer"), bearer(b"")), (None, None, None));
    }
}
