//! Where cleaned lines go.

pub mod file;
pub mod http;
pub mod stdout;
pub mod tcp;
pub mod unix;

use std::path::PathBuf;

use self::file::File;
use self::http::Http;
use self::stdout::Stdout;
use self::tcp::Tcp;
use self::unix::Unix;
use super::field::{choices, default, optional, required, settings, variants};
use super::shape::measure::Size;
use super::shape::{Maybe, Table};

/// A sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// The queue on disk before it, if there is one.
    pub spool: Option<Spool>,
    /// What is done when its queue is full.
    pub when_full: WhenFull,
    /// What kind of sink it is.
    pub kind: SinkKind,
}

settings! {
    /// What every sink may have.
    pub struct RawSink {
        /// What is done when its queue, and its spool if it has one, is full.
        when_full: WhenFull = default("wait");
        /// A queue on disk before it, of cleaned bytes only, so that a sink that is away holds nobody up.
        spool: Maybe<Table<Spool>> = optional("{}", "lines wait in memory only");
    }
}

choices! {
    /// What is done when a sink's queue is full.
    pub enum WhenFull: "choice" {
        /// Its sources are made to wait; nothing is lost.
        Wait = "wait",
        /// What comes is dropped for this sink, and counted.
        DropNewest = "drop-newest",
    }
}

settings! {
    /// A queue on disk.
    pub struct Spool {
        /// Its directory, which no other sink shares.
        directory: PathBuf = required("/var/lib/inkprint/spool/shipper");
        /// Bytes on disk at most.
        max_size: Size = default("1G").between(1 << 20, 512 << 40);
    }
}

variants! {
    /// The kinds of sinks.
    pub enum SinkKind: "sink" {
        /// Standard output.
        Stdout(Stdout) = "stdout",
        /// A file that is rotated by size and time.
        File(File) = "file",
        /// A TCP peer, plain or with TLS.
        Tcp(Tcp) = "tcp",
        /// A Unix socket.
        Unix(Unix) = "unix",
        /// HTTP requests with many lines each.
        Http(Http) = "http",
    }
}

choices! {
    /// How lines are told apart in a stream.
    pub enum SinkFraming: "framing" {
        /// By a line feed behind each.
        Lf = "lf",
        /// By a NUL byte behind each; a message may hold line feeds.
        Nul = "nul",
        /// By the length before each (RFC 6587); a message may hold line feeds.
        OctetCounting = "octet-counting",
    }
}
