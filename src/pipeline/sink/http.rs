//! A server that lines are posted to. A batch counts as held once the server has answered that it has it, and not before.
//!
//! - **2xx**, with the whole answer read: held.
//! - **413**: the batch is halved until it is taken; a single line that is too large goes to the dead letters.
//! - **400, 422**: the server will never take it. It goes to the dead letters (`dead_letter`) and is counted. Without a file for
//!   them it is kept and sent again, and that is said loudly: it holds up what comes after it.
//! - **Anything else**, 401, 403, 404, 429, 5xx and redirects included, no answer in time, and no connection: kept, and sent again after
//!   a random time that grows, or what `Retry-After` asks for; for ever. Nothing is lost; what was not answered may arrive twice.
//! - Requests go one after the other, so that lines arrive in their order. What has come by then goes with the next, up to `batch_size`.
//! - Redirects are not followed and no proxy is used: lines and token go to the server named and to nobody else.

mod client;
mod compression;
mod dead_letter;
mod endpoint;
mod lines;
mod retry;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use tokio::sync::watch;

pub use self::compression::Compression;
pub use self::endpoint::{Endpoint, EndpointError, Headers};
pub use self::lines::Format;
pub use self::retry::Retry;

use self::client::{Answer, Body, Client};
use self::dead_letter::DeadLetter;
use self::lines::{Frame, frames, is_open};
use self::retry::Backoff;
use crate::model::Piece;
use crate::pipeline::feed::Feed;
use crate::pipeline::meters::SinkMeters;
use crate::pipeline::tls::{ClientSettings, Connector, TlsError};

/// Where to, and how.
#[derive(Clone)]
pub struct Settings {
    /// The URL.
    pub endpoint: Endpoint,
    /// Headers of every request, with the token.
    pub headers: Headers,
    /// For an endpoint by TLS; without one, the authorities built in are trusted.
    pub tls: Option<Connector>,
    /// How lines stand in a request.
    pub format: Format,
    /// How a request is compressed.
    pub compression: Compression,
    /// The most bytes of lines in a request, unless one line is longer.
    pub batch_size: usize,
    /// After a small request, how long the next waits for more lines to come.
    pub batch_wait: Duration,
    /// How long a request may take, with its connection and the whole answer.
    pub timeout: Duration,
    /// How long to wait before a request is sent once more.
    pub retry: Retry,
    /// The file for lines that the server refuses for good.
    pub dead_letter: Option<PathBuf>,
}

/// Why the sink cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpSinkError {
    /// The file for dead letters.
    #[error("cannot open the file for dead letters {}: {error}", path.display())]
    DeadLetter {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The authorities that are built in.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What an answer means for the lines of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Held,
    TooLarge,
    Refused,
    Later,
}

impl From<StatusCode> for Verdict {
    fn from(status: StatusCode) -> Self {
        match status {
            status if status.is_success() => Self::Held,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Self::Refused,
            _ => Self::Later,
        }
    }
}

/// Posts every batch; `up` tells whether the server takes them.
///
/// # Errors
/// [`HttpSinkError`].
pub async fn run(
    feed: &Feed,
    settings: &Settings,
    up: &watch::Sender<bool>,
    meters: &SinkMeters,
) -> Result<(), HttpSinkError> {
    let dead_letter = match &settings.dead_letter {
        Some(path) => {
            Some(DeadLetter::open(path).map_err(|error| HttpSinkError::DeadLetter { path: path.clone(), error })?)
        }
        None => None,
    };
    let tls = match (&settings.tls, settings.endpoint.tls()) {
        (_, false) => None,
        (Some(connector), true) => Some(connector.clone()),
        (None, true) => Some(Connector::new(&ClientSettings::default())?),
    };
    let client = Client::new(settings, tls, meters);
    let mut courier =
        Courier { settings, client, dead_letter, backoff: Backoff::new(settings.retry), up, meters, open: false };
    courier.begin().await;
    while let Some(batch) = feed.next_up_to(settings.batch_size).await {
        courier.deliver(feed, &batch).await;
        meters.bytes.increment(batch.bytes.len() as u64);
        meters.batches.increment(1);
        let small = batch.bytes.len() < settings.batch_size / 2;
        feed.done(batch);
        if small && !settings.batch_wait.is_zero() {
            tokio::time::sleep(settings.batch_wait).await;
        }
    }
    Ok(())
}

/// Sees to it that lines arrive.
struct Courier<'a> {
    settings: &'a Settings,
    client: Client<'a>,
    dead_letter: Option<DeadLetter>,
    backoff: Backoff,
    up: &'a watch::Sender<bool>,
    meters: &'a SinkMeters,
    /// The last line sent goes on with the next batch.
    open: bool,
}

impl Courier<'_> {
    /// Whether the server can be reached is told before there are lines.
    async fn begin(&mut self) {
        while let Err(error) = self.client.connect().await {
            self.wait(&error, None, 0).await;
        }
        self.is_up(true);
    }

    async fn deliver(&mut self, feed: &Feed, batch: &Piece) {
        let frames = frames(batch, self.open);
        self.open = is_open(batch);
        let mut rest = frames.as_slice();
        let mut delivered = 0;
        while !rest.is_empty() {
            let count = self.post(&rest[..fitting(rest, self.settings.batch_size)]).await;
            delivered += rest[..count].iter().map(|frame| frame.bytes.len() + 1).sum::<usize>();
            feed.wrote(delivered.min(batch.bytes.len()));
            rest = &rest[count..];
        }
    }

    /// Delivers some of `frames`, from the first on, and tells how many.
    async fn post(&mut self, mut frames: &[Frame<'_>]) -> usize {
        let mut body = self.body(frames);
        loop {
            match self.client.post(&body).await {
                Ok(answer) => match Verdict::from(answer.status) {
                    Verdict::Held => {
                        self.took();
                        return frames.len();
                    }
                    Verdict::TooLarge if frames.len() > 1 => {
                        frames = &frames[..frames.len() / 2];
                        body = self.body(frames);
                        continue;
                    }
                    Verdict::TooLarge | Verdict::Refused if self.bury(frames, answer.status) => {
                        self.took();
                        return frames.len();
                    }
                    _ => self.put_off(answer, frames.len()).await,
                },
                Err(error) => self.wait(&error, None, frames.len()).await,
            }
            self.meters.retries.increment(1);
        }
    }

    fn body(&self, frames: &[Frame<'_>]) -> Body {
        let format = self.settings.format;
        let (bytes, coding) = self.settings.compression.compress(format.write(frames));
        Body { bytes: bytes.into(), content_type: format.content_type(), coding }
    }

    fn took(&mut self) {
        self.backoff.reset();
        self.is_up(true);
    }

    /// Whether the lines are in the file for dead letters.
    fn bury(&self, frames: &[Frame<'_>], status: StatusCode) -> bool {
        let (server, lines, status) = (&self.settings.endpoint, frames.len(), status.as_u16());
        let Some(dead_letter) = &self.dead_letter else {
            tracing::error!(%server, status, lines, "the server refuses these lines for good, and they hold up all that follow: \
                see what it expects, or set dead_letter to put them aside");
            return false;
        };
        match dead_letter.add(frames, status, Timestamp::now()) {
            Ok(()) => {
                tracing::warn!(%server, status, lines, "the server refuses these lines for good: they are with the dead letters");
                self.meters.dead_letters.increment(lines as u64);
                true
            }
            Err(error) => {
                tracing::error!(%server, status, lines, %error, "cannot write the dead letters: the lines are kept");
                false
            }
        }
    }

    async fn put_off(&mut self, answer: Answer, lines: usize) {
        let status = answer.status;
        let told = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!("it answered {status}: see to the token"),
            StatusCode::NOT_FOUND => format!("it answered {status}: see to the URL"),
            status if status.is_redirection() => format!("it answered {status}: redirects are not followed"),
            status => format!("it answered {status}"),
        };
        self.wait(&told, answer.retry_after, lines).await;
    }

    async fn wait(&mut self, error: &dyn std::fmt::Display, asked: Option<Duration>, lines: usize) {
        self.is_up(false);
        let delay = self.backoff.delay(asked);
        let (server, delay_ms) = (&self.settings.endpoint, delay.as_millis() as u64);
        tracing::warn!(%server, %error, lines, delay_ms, "the server does not take lines: they are kept and sent again");
        tokio::time::sleep(delay).await;
    }

    fn is_up(&self, is: bool) {
        self.meters.up.set(f64::from(u8::from(is)));
        self.up.send_if_modified(|up| std::mem::replace(up, is) != is);
    }
}

/// How many frames from the first on are `size` bytes together; one at least.
fn fitting(frames: &[Frame<'_>], size: usize) -> usize {
    let mut sum = 0;
    let fits = frames.iter().take_while(|frame| {
        sum += frame.bytes.len() + 1;
        sum <= size
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_cut_at_frames() {
        let frame = |bytes| Frame { bytes, continued: false, continues: false };
        let frames = [frame(&b"12345"[..]), frame(b"12345"), frame(b"1234567890")];
        assert_eq!([0, 6, 11, 12, 100].map(|size| fitting(&frames, size)), [1, 1, 1, 2, 3]);
        assert_eq!(fitting(&frames[2..], 3), 1, "a longer one goes alone");
    }

    #[test]
    fn only_what_the_server_has_is_held() {
        let verdict = |status| Verdict::from(StatusCode::from_u16(status).expect("a status"));
        for (status, expected) in [
            (200, Verdict::Held),
            (202, Verdict::Held),
            (204, Verdict::Held),
            (302, Verdict::Later),
            (400, Verdict::Refused),
            (401, Verdict::Later),
            (403, Verdict::Later),
            (404, Verdict::Later),
            (408, Verdict::Later),
            (413, Verdict::TooLarge),
            (422, Verdict::Refused),
            (429, Verdict::Later),
            (500, Verdict::Later),
            (503, Verdict::Later),
        ] {
            assert_eq!(verdict(status), expected, "{status}");
        }
    }
}
