//! The sources of a configuration, bound.

use anyhow::Context;

use super::certificates::ServerCertificates;
use crate::app::listeners;
use crate::app::parts::{Input, SourcePart};
use crate::control::config::Config;
use crate::control::config::name::PartName;
use crate::control::config::source::file::StartAt;
use crate::control::config::source::{Source, SourceKind, StreamFraming};
use crate::control::config::tls::{Clients, ServerTls};
use crate::control::reload::{Reloads, tenant_of};
use crate::pipeline::framing::Framing;
use crate::pipeline::source::patience::Patience;
use crate::pipeline::source::{self, Datagrams, Listener, file, http};
use crate::pipeline::tls::{Acceptor, ClientAuth, ServerSettings};

/// A source that is no stream of connections counts for one.
const ALONE: usize = 1;

/// Connections and other inputs at once, of all sources.
pub(super) fn connections(config: &Config) -> usize {
    config.sources.values().map(|source| limit(&source.kind)).sum()
}

fn limit(kind: &SourceKind) -> usize {
    match kind {
        SourceKind::Tcp(tcp) => tcp.max_connections,
        SourceKind::Unix(unix) => unix.max_connections,
        SourceKind::Http(http) => http.max_connections,
        _ => ALONE,
    }
}

/// Binds what every source listens on.
pub(super) fn bind(config: &Config, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Vec<SourcePart>> {
    let bind = |(name, source): (&PartName, &Source)| {
        let place = format!("sources.{name}");
        let (settings, input) = one(config, name, source).with_context(|| place.clone())?;
        let tls = match &source.kind {
            SourceKind::Tcp(tcp) => tcp.tls.as_ref(),
            SourceKind::Http(http) => http.tls.as_ref(),
            _ => None,
        };
        let tls = tls.map(|tls| acceptor(&place, tls, reloads)).transpose().with_context(|| place.clone())?;
        let feeds = |(place, sink): (usize, &PartName)| config.sinks_of(name).any(|fed| fed == sink).then_some(place);
        let sinks = config.sinks.keys().enumerate().filter_map(feeds).collect();
        Ok(SourcePart { settings, input, rate: source.rate, tls, sinks })
    };
    config.sources.iter().map(bind).collect()
}

fn one(config: &Config, name: &PartName, source: &Source) -> anyhow::Result<(source::Settings, Input)> {
    let mut settings = source::Settings {
        name: name.to_string(),
        tenant: tenant_of(config, &source.namespace),
        label: source.label.clone(),
        framing: Framing::Lines,
        max_line: source.max_line,
        max_connections: limit(&source.kind),
        idle_timeout: None,
        header_timeout: std::time::Duration::MAX,
        output: Patience::OUTPUT,
        memory: Patience::MEMORY,
    };
    let listening = format!("the source {name} listens");
    let input = match &source.kind {
        SourceKind::Stdin(_) => Input::Stdin,
        SourceKind::Tcp(tcp) => {
            (settings.framing, settings.idle_timeout) = (framing(tcp.framing()), tcp.idle_timeout);
            settings.header_timeout = tcp.header_timeout;
            Input::Listener(Listener::Tcp(listeners::tcp(tcp.listen, &listening)?))
        }
        SourceKind::Unix(unix) => {
            (settings.framing, settings.idle_timeout) = (framing(unix.framing()), unix.idle_timeout);
            settings.header_timeout = unix.header_timeout;
            Input::Listener(Listener::Unix(listeners::unix(&unix.path, unix.mode, &listening)?))
        }
        SourceKind::UnixDatagram(unix) => {
            Input::Datagrams(Datagrams::Unix(listeners::unix_datagram(&unix.path, unix.mode, &listening)?))
        }
        SourceKind::Udp(udp) => Input::Datagrams(Datagrams::Udp(listeners::udp(udp.listen, &listening)?)),
        SourceKind::File(files) => Input::Files(file::Settings {
            paths: files.paths.clone(),
            exclude: files.exclude.clone(),
            start_at: match files.start_at {
                StartAt::Beginning => file::StartAt::Beginning,
                StartAt::End => file::StartAt::End,
            },
            checkpoint: files.checkpoint.clone(),
            poll: files.poll,
        }),
        SourceKind::Http(http) => {
            let listener = Listener::Tcp(listeners::tcp(http.listen, &listening)?);
            let token = http.token.as_ref().map(|token| token.resolve()).transpose().context("token")?;
            settings.header_timeout = http.header_timeout;
            settings.idle_timeout = Some(http.idle_timeout);
            let max_body = http.max_body as u64;
            Input::Http(listener, http::Settings { path: http.path.clone(), token, max_body })
        }
    };
    Ok((settings, input))
}

/// Loads what a listener needs for TLS, and has it loaded again on a reload.
pub(super) fn acceptor(place: &str, tls: &ServerTls, reloads: &mut Vec<Box<dyn Reloads>>) -> anyhow::Result<Acceptor> {
    let (client, certificates) = match &tls.clients {
        Clients::Anyone => (ClientAuth::None, None),
        Clients::Optional(certificates) => (ClientAuth::Optional, Some(certificates)),
        Clients::Required(certificates) => (ClientAuth::Required, Some(certificates)),
    };
    let names = certificates.map(|certificates| certificates.names.as_slice()).unwrap_or_default();
    let settings = ServerSettings {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        client_ca: certificates.map(|certificates| certificates.ca.clone()),
        client,
        names: names.iter().map(|name| name.parse()).collect::<Result<_, _>>().context("tls.names")?,
        crl: certificates.map(|certificates| certificates.crl.clone()).unwrap_or_default(),
    };
    let acceptor = Acceptor::new(settings.load().context("tls")?);
    reloads.push(Box::new(ServerCertificates::new(format!("{place}.tls"), settings, acceptor.clone())));
    Ok(acceptor)
}

fn framing(framing: StreamFraming) -> Framing {
    match framing {
        StreamFraming::Lf | StreamFraming::Crlf => Framing::Lines,
        StreamFraming::Nul => Framing::Nul,
        StreamFraming::OctetCounting => Framing::OctetCounting,
        StreamFraming::Auto => Framing::Auto,
    }
}
