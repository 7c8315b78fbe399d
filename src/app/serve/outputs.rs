//! The sinks of a configuration.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;

use super::certificates::ClientCertificates;
use crate::app::parts::{Output, SinkPart};
use crate::control::config::Config;
use crate::control::config::name::PartName;
use crate::control::config::secret::HeaderValue;
use crate::control::config::sink::file::FileCompression;
use crate::control::config::sink::http::{BodyCompression, BodyFormat, Http};
use crate::control::config::sink::{Sink, SinkFraming, SinkKind, Spool as SpoolWritten, WhenFull as WhenFullWritten};
use crate::control::config::tls::ClientTls;
use crate::control::reload::Reloads;
use crate::pipeline::queue::WhenFull;
use crate::pipeline::sink::encoding::Encoding;
use crate::pipeline::sink::file;
use crate::pipeline::sink::http::{self, Compression, Endpoint, Format, Headers, Retry};
use crate::pipeline::sink::peer::{self, Address};
use crate::pipeline::spool::{self, Spool};
use crate::pipeline::tls::{ClientSettings, Connector};

/// Loads what every sink needs that may be closed to the sandbox.
pub(super) fn prepare(config: &Config, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Vec<Output>> {
    let prepare = |(name, sink): (&PartName, &Sink)| {
        let place = format!("sinks.{name}");
        output(&place, &sink.kind, reloads).context(place)
    };
    config.sinks.iter().map(prepare).collect()
}

/// Opens the spools of the sinks that were prepared.
pub(super) fn open(config: &Config, outputs: Vec<Output>) -> anyhow::Result<Vec<SinkPart>> {
    config
        .sinks
        .iter()
        .zip(outputs)
        .map(|((name, sink), output)| {
            let spool = sink.spool.as_ref().map(|spool| open_spool(spool, name.as_str())).transpose();
            let spool = spool.with_context(|| format!("sinks.{name}.spool"))?;
            let when_full = match sink.when_full {
                WhenFullWritten::Wait => WhenFull::Wait,
                WhenFullWritten::DropNewest => WhenFull::DropNewest,
            };
            Ok(SinkPart { name: name.to_string(), output, when_full, spool })
        })
        .collect()
}

fn output(place: &str, kind: &SinkKind, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Output> {
    Ok(match kind {
        SinkKind::Stdout(_) => {
            let output = rustix::io::dup(rustix::stdio::stdout()).context("cannot use standard output")?;
            Output::File(output.into())
        }
        SinkKind::Tcp(tcp) => {
            let connector = tcp.tls.as_ref().map(|tls| connector(place, tls, reloads)).transpose()?;
            let address = Address::Tcp(tcp.address.to_string(), connector);
            Output::Peer(peer::Settings { address, encoding: encoding(tcp.framing) })
        }
        SinkKind::Unix(unix) => {
            let address = Address::Unix(unix.path.clone());
            Output::Peer(peer::Settings { address, encoding: encoding(unix.framing) })
        }
        SinkKind::File(written) => {
            let settings = file::Settings {
                path: written.path.clone(),
                mode: written.mode,
                rotate_size: written.rotate_size,
                rotate_every: written.rotate_every,
                keep: written.keep,
                compress: written.compress == FileCompression::Zstd,
            };
            let (reopen, asked) = watch::channel(0);
            reloads.push(Box::new(Reopened { part: place.to_owned(), reopen }));
            Output::Rotated(settings, asked)
        }
        SinkKind::Http(written) => Output::Http(Box::new(http(place, written, reloads)?)),
    })
}

fn http(place: &str, written: &Http, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<http::Settings> {
    let url = &written.url;
    let scheme = if url.https { "https" } else { "http" };
    let endpoint = Endpoint::parse(&format!("{scheme}://{}{}", url.address(), url.path)).context("url")?;
    let tokens =
        Tokens { part: place.to_owned(), written: written.clone(), headers: headers(written)?, prepared: None };
    let settings = http::Settings {
        endpoint,
        headers: tokens.headers.clone(),
        tls: written.tls.as_ref().map(|tls| connector(place, tls, reloads)).transpose()?,
        format: match written.format {
            BodyFormat::Ndjson => Format::Ndjson,
            BodyFormat::Text => Format::Text,
        },
        compression: match written.compression {
            BodyCompression::None => Compression::None,
            BodyCompression::Gzip => Compression::Gzip,
            BodyCompression::Zstd => Compression::Zstd,
        },
        batch_size: written.batch_size,
        batch_wait: written.batch_wait,
        timeout: written.timeout,
        retry: Retry::default(),
        dead_letter: written.dead_letter.clone(),
    };
    reloads.push(Box::new(tokens));
    Ok(settings)
}

/// The headers of a sink's requests, with what its references to secrets lead to now.
fn headers(written: &Http) -> anyhow::Result<Headers> {
    let mut headers = Headers::default();
    if let Some(token) = &written.token {
        headers.bearer(token.resolve().context("token")?.as_bytes()).context("token")?;
    }
    for (name, value) in &written.headers {
        let name = name.as_str();
        let place = || format!("headers.{name}");
        match value {
            HeaderValue::Text(text) => headers.add(name, text.as_bytes()),
            HeaderValue::Secret(secret) => headers.add(name, secret.resolve().with_context(place)?.as_bytes()),
        }
        .with_context(place)?;
    }
    Ok(headers)
}

/// A sink's tokens, which are read again on a reload.
struct Tokens {
    part: String,
    written: Http,
    headers: Headers,
    prepared: Option<Headers>,
}

impl Reloads for Tokens {
    fn part(&self) -> &str {
        &self.part
    }

    fn prepare(&mut self) -> Result<(), String> {
        self.prepared = Some(headers(&self.written).map_err(|error| format!("{error:#}"))?);
        Ok(())
    }

    fn apply(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.headers.install(&prepared);
        }
    }
}

/// A sink's file, which is opened again on a reload: another program may have moved it away.
struct Reopened {
    part: String,
    reopen: watch::Sender<u64>,
}

impl Reloads for Reopened {
    fn part(&self) -> &str {
        &self.part
    }

    fn prepare(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn apply(&mut self) {
        self.reopen.send_modify(|times| *times += 1);
    }
}

/// Loads what the connections of a sink need for TLS, and has it loaded again on a reload.
fn connector(place: &str, tls: &ClientTls, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Connector> {
    let settings = ClientSettings {
        ca: tls.ca.clone(),
        certificate: tls.identity.as_ref().map(|identity| identity.certificate.clone()),
        key: tls.identity.as_ref().map(|identity| identity.key.clone()),
        server_name: tls.server_name.clone(),
    };
    let connector = Connector::new(&settings).context("tls")?;
    reloads.push(Box::new(ClientCertificates::new(format!("{place}.tls"), settings, connector.clone())));
    Ok(connector)
}

fn open_spool(written: &SpoolWritten, sink: &str) -> anyhow::Result<Arc<Spool>> {
    let settings = spool::Settings { directory: written.directory.clone(), max_bytes: written.max_size };
    let (spool, found) = Spool::open(&settings)?;
    if found.records > 0 {
        let (records, bytes) = (found.records, found.bytes);
        tracing::info!(sink, records, bytes, "the spool holds what was not delivered: it goes first");
    }
    Ok(spool)
}

fn encoding(framing: SinkFraming) -> Encoding {
    match framing {
        SinkFraming::Lf => Encoding::Lines,
        SinkFraming::Nul => Encoding::Nul,
        SinkFraming::OctetCounting => Encoding::OctetCounting,
    }
}
