//! The sinks of a configuration.

use std::sync::Arc;

use anyhow::Context;

use super::certificates::ClientCertificates;
use crate::app::parts::{Output, SinkPart};
use crate::control::config::Config;
use crate::control::config::sink::{SinkFraming, SinkKind, Spool as SpoolWritten, WhenFull as WhenFullWritten};
use crate::control::config::tls::ClientTls;
use crate::control::reload::Reloads;
use crate::pipeline::queue::WhenFull;
use crate::pipeline::sink::encoding::Encoding;
use crate::pipeline::sink::peer::{self, Address};
use crate::pipeline::spool::{self, Spool};
use crate::pipeline::tls::{ClientSettings, Connector};

/// Prepares every sink.
pub(super) fn prepare(config: &Config, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Vec<SinkPart>> {
    config
        .sinks
        .iter()
        .map(|(name, sink)| {
            let place = format!("sinks.{name}");
            let output = output(&place, &sink.kind, reloads).with_context(|| place.clone())?;
            let spool = sink.spool.as_ref().map(|spool| open(spool, name.as_str())).transpose();
            let spool = spool.with_context(|| format!("{place}.spool"))?;
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
        SinkKind::File(_) | SinkKind::Http(_) => anyhow::bail!("not there yet"),
    })
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

fn open(written: &SpoolWritten, sink: &str) -> anyhow::Result<Arc<Spool>> {
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
