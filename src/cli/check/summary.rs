//! A sound configuration in a few lines: what comes from where and goes where.

use std::fmt::Write as _;
use std::path::Path;

use crate::control::config::Config;
use crate::control::config::sink::{SinkKind, WhenFull};
use crate::control::config::source::SourceKind;
use crate::control::config::tls::Clients;

/// A line for each source, with the sinks that it feeds, and for each sink.
pub(super) fn summary(name: &Path, config: &Config) -> String {
    let mut text = format!("{} is sound\n", name.display());
    for (name, source) in &config.sources {
        let sinks: Vec<&str> = config.sinks_of(name).map(|sink| sink.as_str()).collect();
        // Into a string, writing cannot fail.
        let _ = writeln!(text, "source {name}: {} -> {}", from(&source.kind), sinks.join(", "));
    }
    for (name, sink) in &config.sinks {
        let _ = write!(text, "sink {name}: {}", to(&sink.kind));
        if let Some(spool) = &sink.spool {
            let _ = write!(text, ", spool {}", spool.directory.display());
        }
        if sink.when_full == WhenFull::DropNewest {
            text.push_str(", DROPS lines when it is full");
        }
        text.push('\n');
    }
    text
}

fn from(kind: &SourceKind) -> String {
    let tls = |tls: Option<&Clients>| match tls {
        None => "",
        Some(Clients::Anyone) => " with TLS",
        Some(Clients::Optional(_)) => " with TLS, client certificates optional",
        Some(Clients::Required(_)) => " with TLS and client certificates",
    };
    let place = match kind {
        SourceKind::Stdin(_) => return "stdin".to_owned(),
        SourceKind::Tcp(tcp) => {
            format!("{} {}{}", tcp.listen, tcp.framing().as_str(), tls(tcp.tls.as_ref().map(|tls| &tls.clients)))
        }
        SourceKind::Unix(unix) => format!("{} {}", unix.path.display(), unix.framing().as_str()),
        SourceKind::UnixDatagram(unix) => unix.path.display().to_string(),
        SourceKind::Udp(udp) => udp.listen.to_string(),
        SourceKind::File(file) => file.paths.join(" "),
        SourceKind::Http(http) => {
            format!("{}{}{}", http.listen, http.path, tls(http.tls.as_ref().map(|tls| &tls.clients)))
        }
    };
    format!("{} {place}", kind.type_name())
}

fn to(kind: &SinkKind) -> String {
    let place = match kind {
        SinkKind::Stdout(_) => return "stdout".to_owned(),
        SinkKind::File(file) => file.path.display().to_string(),
        SinkKind::Tcp(tcp) => {
            format!("{} {}{}", tcp.address, tcp.framing.as_str(), if tcp.tls.is_some() { " with TLS" } else { "" })
        }
        SinkKind::Unix(unix) => format!("{} {}", unix.path.display(), unix.framing.as_str()),
        SinkKind::Http(http) => http.url.to_string(),
    };
    format!("{} {place}", kind.type_name())
}
