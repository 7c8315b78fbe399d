//! One request's body -> lines, cleaned as it comes in.

use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use tokio::sync::SemaphorePermit;

use super::elements::Elements;
use super::refusal::Refusal;
use super::unpack::Unpacker;
use crate::pipeline::source::inlet::{Inlet, LINGER};

/// A body may take so long in all.
const WHOLE: Duration = Duration::from_secs(300);
/// While a body is silent, it is looked so often whether somebody waits for what it holds.
const LOOK: Duration = Duration::from_millis(500);

/// What a body is made of.
pub(super) enum Form {
    Lines { complete: u64, open: bool },
    Json(Box<Elements>),
}

impl Form {
    /// The one for a `Content-Type`; lines where none is given, `None` for one that is not known.
    pub(super) fn of(content_type: Option<&str>) -> Option<Self> {
        let kind = content_type.unwrap_or("text/plain");
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/json" => Some(Self::Json(Box::new(Elements::new()))),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/json-lines"
            | "text/plain" => Some(Self::Lines { complete: 0, open: false }),
            _ => None,
        }
    }

    fn lines(&self) -> u64 {
        match self {
            Self::Lines { complete, open } => complete + u64::from(*open),
            Self::Json(elements) => elements.complete(),
        }
    }
}

/// A body that is being read.
pub(super) struct Body<'s> {
    pub(super) inlet: Inlet,
    pub(super) form: Form,
    pub(super) unpacker: Unpacker,
    /// Bytes at most, as it comes and unpacked.
    pub(super) limit: u64,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    /// Held while it may be unpacked.
    pub(super) _permit: Option<SemaphorePermit<'s>>,
}

impl Body<'_> {
    /// Reads the body to its end and hands its lines on; how many those are. On a refusal, a line that has begun goes no further.
    pub(super) async fn read(&mut self, body: Incoming) -> Result<u64, Refusal> {
        let outcome = self.read_all(body).await;
        match &outcome {
            Ok(_) => self.inlet.end().await,
            Err(_) => self.inlet.abandon().await,
        }
        outcome
    }

    async fn read_all(&mut self, mut body: Incoming) -> Result<u64, Refusal> {
        let end = Instant::now() + WHOLE;
        while let Some(bytes) = self.next(&mut body, end).await? {
            self.packed += bytes.len() as u64;
            if self.packed > self.limit {
                return Err(Refusal::TooLarge(self.limit));
            }
            self.unpack(&bytes).await?;
            self.pay().await;
        }
        let mut out = Vec::new();
        self.unpacker.finish(&mut out).map_err(|_| Refusal::Packed)?;
        self.take(&out).await?;
        if let Form::Json(elements) = &mut self.form {
            let mut lines = Vec::new();
            elements.finish(&mut lines)?;
            self.push(&lines).await;
        }
        Ok(self.form.lines())
    }

    /// What comes next of the body; `None` at its end.
    async fn next(&mut self, body: &mut Incoming, end: Instant) -> Result<Option<Bytes>, Refusal> {
        let since = Instant::now();
        loop {
            let stop = &self.inlet.place.bench.shared.stop;
            tokio::select! {
                biased;
                frame = body.frame() => match frame {
                    None => return Ok(None),
                    Some(Err(_)) => return Err(Refusal::Broken),
                    Some(Ok(frame)) => {
                        // Trailers say nothing.
                        if let Ok(bytes) = frame.into_data() {
                            return Ok(Some(bytes));
                        }
                    }
                },
                () = stop.cancelled() => return Err(Refusal::Stopping),
                () = tokio::time::sleep(LOOK) => {
                    let (now, silent) = (Instant::now(), since.elapsed());
                    if self.inlet.is_out_of_patience(silent, now) {
                        self.inlet.withhold().await;
                    }
                    if self.inlet.waits() && silent >= LINGER {
                        self.inlet.pass_on_waiting().await;
                    }
                    if self.inlet.place.source.settings.idle_timeout.is_some_and(|most| silent >= most) || now >= end {
                        return Err(Refusal::Slow);
                    }
                }
            }
        }
    }

    async fn unpack(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let (mut rest, mut out) = (bytes, Vec::new());
        loop {
            rest = self.unpacker.step(rest, &mut out).map_err(|_| Refusal::Packed)?;
            if rest.is_empty() && out.is_empty() {
                return Ok(());
            }
            self.take(&out).await?;
        }
    }

    /// Takes what was unpacked.
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.unpacked += bytes.len() as u64;
        if self.unpacked > self.limit {
            return Err(Refusal::TooLarge(self.limit));
        }
        match &mut self.form {
            Form::Lines { complete, open } => {
                *complete += memchr::memchr_iter(b'\n', bytes).count() as u64;
                *open = bytes.last().map_or(*open, |last| *last != b'\n');
                self.push(bytes).await;
                Ok(())
            }
            Form::Json(elements) => {
                let mut lines = Vec::with_capacity(bytes.len() + 1);
                let taken = elements.take(bytes, &mut lines);
                self.push(&lines).await;
                Ok(taken?)
            }
        }
    }

    async fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.inlet.room().await;
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let source = std::sync::Arc::clone(&self.inlet.place.source);
            let turn =
                if self.inlet.is_open() { None } else { source.turn(&self.inlet.place.bench).acquire().await.ok() };
            self.inlet.take(now).await;
            drop(turn);
            if let Some(rate) = &source.rate {
                rate.spend(now.len(), Instant::now());
            }
            bytes = later;
        }
    }

    /// Waits until the source's rate allows more.
    async fn pay(&self) {
        let Some(rate) = &self.inlet.place.source.rate else { return };
        let wait = rate.wait(Instant::now());
        if !wait.is_zero() {
            tokio::select! {
                () = self.inlet.place.bench.shared.stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
