//! Where lines come from.

pub mod file;
pub mod http;
pub mod stdin;
pub mod tcp;
pub mod udp;
pub mod unix;
pub mod unix_datagram;

use self::file::File;
use self::http::Http;
use self::stdin::Stdin;
use self::tcp::Tcp;
use self::udp::Udp;
use self::unix::Unix;
use self::unix_datagram::UnixDatagram;
use super::field::{choices, optional, settings, variants};
use super::limits::{LEAST_LINE, MOST_LINE};
use super::shape::Maybe;
use super::shape::measure::{Memory, Size};
use crate::model::{Namespace, SourceId};

/// A source, with what it has from the configuration as a whole where it says nothing itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The namespace in whose name its fingerprints are made.
    pub namespace: Namespace,
    /// What sightings call it; by default the peer's address, the file's path, or else the source's name.
    pub label: Option<SourceId>,
    /// Bytes a second that are read at most.
    pub rate: Option<u64>,
    /// The longest line that is handled whole, in bytes.
    pub max_line: usize,
    /// What kind of source it is.
    pub kind: SourceKind,
}

settings! {
    /// What every source may have.
    pub struct RawSource {
        /// The namespace (tenant) in whose name its fingerprints are made.
        namespace: Maybe<Namespace> = optional("payments", "that of the configuration");
        /// What sightings call it.
        source: Maybe<SourceId> = optional("web-frontend", "the peer's address, the file's path, or else the name of the source");
        /// Bytes a second that are read at most; senders are made to wait, where the wire can.
        rate: Maybe<Size> = optional("10M", "no bound").between(1 << 10, 1 << 40);
        /// Lines over this are cleaned in overlapping windows instead of whole.
        max_line: Maybe<Memory> = optional("256K", "that of `limits`").between(LEAST_LINE, MOST_LINE);
    }
}

variants! {
    /// The kinds of sources.
    pub enum SourceKind: "source" {
        /// Standard input.
        Stdin(Stdin) = "stdin",
        /// TCP connections, plain or with TLS.
        Tcp(Tcp) = "tcp",
        /// Connections to a Unix socket.
        Unix(Unix) = "unix",
        /// Datagrams to a Unix socket, such as /dev/log.
        UnixDatagram(UnixDatagram) = "unix-datagram",
        /// UDP datagrams, such as those of syslog; what the network drops is lost.
        Udp(Udp) = "udp",
        /// Files, followed as they grow and are rotated.
        File(File) = "file",
        /// HTTP requests with NDJSON, a JSON array or plain lines; answered with 200 when what they brought is safe.
        Http(Http) = "http",
    }
}

choices! {
    /// How a stream is divided into lines.
    pub enum StreamFraming: "framing" {
        /// At line feeds.
        Lf = "lf",
        /// At carriage return and line feed.
        Crlf = "crlf",
        /// At NUL bytes; a message may hold line feeds.
        Nul = "nul",
        /// By the length before each message (RFC 6587); a message may hold line feeds.
        OctetCounting = "octet-counting",
        /// Message by message: by a length where it begins with a digit, else at a line feed.
        Auto = "auto",
    }
}

/// The framing in force, given what was written.
fn framing(written: Option<StreamFraming>, syslog: bool) -> StreamFraming {
    written.unwrap_or(if syslog { StreamFraming::Auto } else { StreamFraming::Lf })
}
