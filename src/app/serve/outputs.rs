//! The sinks of a configuration.

use anyhow::Context;

use crate::app::parts::{Output, SinkPart};
use crate::control::config::Config;
use crate::control::config::sink::{SinkFraming, SinkKind, WhenFull as Written};
use crate::control::reload::Reloads;
use crate::pipeline::queue::WhenFull;
use crate::pipeline::sink::encoding::Encoding;
use crate::pipeline::sink::peer::{self, Address};

/// Prepares every sink.
pub(super) fn prepare(config: &Config, _reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Vec<SinkPart>> {
    config
        .sinks
        .iter()
        .map(|(name, sink)| {
            let output = output(&sink.kind).with_context(|| format!("sinks.{name}"))?;
            let when_full = match sink.when_full {
                Written::Wait => WhenFull::Wait,
                Written::DropNewest => WhenFull::DropNewest,
            };
            Ok(SinkPart { name: name.to_string(), output, when_full })
        })
        .collect()
}

fn output(kind: &SinkKind) -> anyhow::Result<Output> {
    Ok(match kind {
        SinkKind::Stdout(_) => {
            let output = rustix::io::dup(rustix::stdio::stdout()).context("cannot use standard output")?;
            Output::File(output.into())
        }
        SinkKind::Tcp(tcp) => Output::Peer(peer::Settings {
            address: Address::Tcp(tcp.address.to_string()),
            encoding: encoding(tcp.framing),
        }),
        SinkKind::Unix(unix) => {
            Output::Peer(peer::Settings { address: Address::Unix(unix.path.clone()), encoding: encoding(unix.framing) })
        }
        SinkKind::File(_) | SinkKind::Http(_) => anyhow::bail!("not there yet"),
    })
}

fn encoding(framing: SinkFraming) -> Encoding {
    match framing {
        SinkFraming::Lf => Encoding::Lines,
        SinkFraming::Nul => Encoding::Nul,
        SinkFraming::OctetCounting => Encoding::OctetCounting,
    }
}
