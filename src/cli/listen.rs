//! `inkprint --listen`: many TCP connections in, cleaned lines out.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use tokio::io::AsyncReadExt as _;
use tracing::level_filters::LevelFilter;

use super::redact::{bytes, signals};
use super::sightings_args::Recording;
use crate::app::{self, Budget, Output, Settings};
use crate::control::journal::entry::Gap;
use crate::model::SourceId;
use crate::pipeline::policy::Policy;
use crate::pipeline::source::tcp;
use crate::pipeline::source::tcp::patience::Patience;
use crate::pipeline::witness::Witnessing;

/// Connections that wait to be accepted; the system has its own limit below.
const BACKLOG: i32 = 4096;

/// Options of the TCP service.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TCP")]
pub struct ListenArgs {
    /// Take lines from TCP connections to this address, such as 127.0.0.1:6514, instead of standard input
    #[arg(long, value_name = "ADDR", value_parser = address, conflicts_with_all = ["files", "output", "dry_run", "fail_on_match", "stats"])]
    listen: Option<String>,
    /// Send the cleaned lines to this TCP peer instead of standard output; while it is away, senders are made to wait
    #[arg(long, value_name = "ADDR", value_parser = address, requires = "listen")]
    forward: Option<String>,
    /// Serve /metrics, /livez and /readyz over HTTP on this address
    #[arg(long, value_name = "ADDR", value_parser = address, requires = "listen")]
    admin: Option<String>,
    /// So many connections at once; more wait to be accepted
    #[arg(long, value_name = "N", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "listen")]
    max_connections: u32,
    /// Hold at most so much log in memory; senders are made to wait for the rest
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size, requires = "listen")]
    max_memory: usize,
    /// After SIGTERM, take at most so many seconds to pass on what was read
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, requires = "listen")]
    drain_timeout: Duration,
    /// Log what is at least so important on standard error
    #[arg(long, value_name = "LEVEL", default_value = "info", requires = "listen")]
    log_level: LogLevel,
    /// How the log on standard error is written
    #[arg(long, value_name = "FORMAT", default_value = "text", requires = "listen")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogLevel {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// And what is not as it should be
    Warn,
    /// And what changes
    Info,
    /// And every connection
    Debug,
    /// And everything
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// A JSON object on each line
    Json,
}

impl ListenArgs {
    /// Whether the service is asked for.
    pub fn listens(&self) -> bool {
        self.listen.is_some()
    }
}

/// Runs the service until SIGTERM or SIGINT. The journal is to be told of what goes into `gaps`.
///
/// # Errors
/// When an address cannot be bound, or a part fails.
pub fn run(
    args: ListenArgs,
    policy: Policy,
    threads: usize,
    max_line: usize,
    (witnessing, source, recording): (Option<Witnessing>, Option<SourceId>, Recording),
    gaps: &mut Vec<Gap>,
) -> anyhow::Result<ExitCode> {
    log(args.log_level, args.log_format);
    let settings = Settings {
        threads,
        budget: Budget::divide(args.max_memory, args.max_connections as usize, max_line)
            .context("--max-memory is too low")?,
        source: tcp::Settings {
            max_line,
            max_connections: args.max_connections as usize,
            output: Patience::OUTPUT,
            memory: Patience::MEMORY,
        },
        drain_timeout: args.drain_timeout,
        witnessing,
        id: source,
    };
    // Bound before anything else is started: an address in use is told at once.
    let admin = args.admin.map(|address| bind(&address, "serving /metrics, /livez and /readyz")).transpose()?;
    if let Some(address) =
        admin.as_ref().and_then(|admin| admin.local_addr().ok()).filter(|address| !address.ip().is_loopback())
    {
        tracing::warn!(%address, "the admin address is not a loopback one, and nobody there is asked for a password");
    }
    let listener = bind(&args.listen.context("no address to listen on")?, "listening")?;
    let output = match args.forward {
        Some(peer) => Output::Tcp(peer),
        None => Output::File(rustix::io::dup(rustix::stdio::stdout()).context("cannot use standard output")?.into()),
    };
    let stop = signals::stop_on_termination().context("cannot handle signals")?;
    let shutdown = async {
        let stop = std::os::unix::net::UnixStream::from(stop);
        let stop = stop.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(stop));
        match stop {
            Ok(mut stop) => drop(stop.read_u8().await),
            Err(error) => {
                tracing::error!(%error, "cannot wait for signals");
                std::future::pending().await
            }
        }
    };
    let left = app::run(settings, Arc::new(policy), listener, admin, output, shutdown);
    let recorded = recording.finish(gaps);
    let left = left?;
    if left.bytes > 0 {
        tracing::error!(lines = left.lines, bytes = left.bytes, "not passed on within the time to drain: lost");
        return Ok(ExitCode::from(2));
    }
    recorded?;
    tracing::info!("stopped: all that was read was passed on");
    Ok(ExitCode::SUCCESS)
}

fn bind(address: &str, what: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    // The library's backlog is short: with a thousand connections at once, some would only be heard a second later.
    rustix::net::listen(&listener, BACKLOG).with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(address = %listener.local_addr()?, "{what}");
    Ok(listener)
}

/// The program's own log; never a line that passes through.
fn log(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    // There is none before: the program has just begun.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// A host and a port. Whether the host is known is seen when it is used.
fn address(text: &str) -> Result<String, String> {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    port.map(|_| text.to_owned()).ok_or_else(|| "a host and a port, such as 127.0.0.1:6514 or [::1]:6514".to_owned())
}

fn size(text: &str) -> Result<usize, String> {
    bytes(text).filter(|size| *size > 0).ok_or_else(|| "a size such as 64M".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds, at most a day".to_owned())
}
