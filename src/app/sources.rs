//! Starts sources, and waits for those that can end.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::parts::{Input, SourcePart};
use super::sinks::Sink;
use crate::control::metrics::Metrics;
use crate::pipeline::meters::{FileMeters, HttpMeters, SourceMeters};
use crate::pipeline::outlet::Outlet;
use crate::pipeline::source::{self, Http, Lane, Rate, Shared, Source, Tls};
use crate::pipeline::tls::TlsMeters;

/// Sources that run.
pub(super) struct Sources {
    /// What each does beside its lanes' work; it ends when the source does.
    running: FuturesUnordered<LocalBoxFuture<'static, anyhow::Result<()>>>,
}

/// Starts every source; it must be within a runtime.
pub(super) fn start(
    parts: Vec<SourcePart>,
    sinks: &[Sink],
    metrics: &Metrics,
    lanes: Vec<Lane>,
    shared: Arc<Shared>,
) -> anyhow::Result<Sources> {
    let running = FuturesUnordered::new();
    for SourcePart { settings, input, rate, tls, sinks: to } in parts {
        let outlet = Outlet::new(to.iter().map(|sink| Arc::clone(&sinks[*sink].queue)));
        let meters = metrics.record(|| SourceMeters::new(&settings.name));
        let rate = rate.map(|limit| Rate::new(limit, Instant::now()));
        let name = settings.name.clone();
        let tls = tls.map(|acceptor| Tls { acceptor, meters: metrics.record(|| TlsMeters::new(&name)) });
        let source = Source::new(settings, outlet, meters, lanes.len()).limited(rate).secured(tls);
        let (lanes, shared, stop) = (lanes.clone(), Arc::clone(&shared), CancellationToken::new());
        let (input, http) = match input {
            Input::Http(listener, settings) => {
                let meters = |reasons: &[&'static str]| metrics.record(|| HttpMeters::new(&name, reasons));
                (Input::Listener(listener), Some(Http::new(settings, meters)))
            }
            input => (input, None),
        };
        let source = Arc::new(source.answering(http));
        match input {
            // What is answered on its connections is the source's own matter by now.
            Input::Listener(listener) | Input::Http(listener, _) => running.push(Box::pin(async move {
                let accepted = source::accept(listener, source, &lanes, &shared, &stop).await;
                accepted.with_context(|| format!("source {name}: cannot accept connections"))
            })
                as LocalBoxFuture<'static, _>),
            Input::Datagrams(datagrams) => {
                source::receive(datagrams, source, &lanes, stop).with_context(|| format!("source {name}"))?;
                running.push(Box::pin(async move {
                    shared.stop.cancelled().await;
                    Ok(())
                }));
            }
            Input::Files(files) => {
                let meters = metrics.record(|| FileMeters::new(&name));
                source::file::follow(files, source, meters, lanes, stop).with_context(|| format!("source {name}"))?;
                running.push(Box::pin(async move {
                    shared.stop.cancelled().await;
                    Ok(())
                }));
            }
            Input::Stdin => {
                let ended = source::stdin(source, &lanes, stop).with_context(|| format!("source {name}"))?;
                running.push(Box::pin(async move {
                    // Gone without a word is ended as well.
                    let _ = ended.await;
                    Ok(())
                }));
            }
        }
    }
    Ok(Sources { running })
}

impl Sources {
    /// Waits until every source has ended; an error is the first one's that failed.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        while let Some(outcome) = self.running.next().await {
            outcome?;
        }
        Ok(())
    }
}
