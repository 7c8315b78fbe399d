//! `inkprint --listen`: many TCP connections in, cleaned lines out.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;

use super::log;
use super::quarantine_args::Keeping;
use super::redact::{bytes, signals};
use super::sightings_args::Recording;
use crate::app::listeners;
use crate::app::{self, AdminPart, Budget, Input, Output, Service, SinkPart, SourcePart};
use crate::control::admin::Listen;
use crate::control::journal::entry::Gap;
use crate::control::metrics::Metrics;
use crate::model::SourceId;
use crate::pipeline::detention::Detaining;
use crate::pipeline::framing::Framing;
use crate::pipeline::meters::Meters;
use crate::pipeline::policy::Policy;
use crate::pipeline::queue::WhenFull;
use crate::pipeline::sink::encoding::Encoding;
use crate::pipeline::sink::peer::{self, Address};
use crate::pipeline::source::patience::Patience;
use crate::pipeline::source::{self, Listener};
use crate::pipeline::standing::{Standing, Tenant};
use crate::pipeline::witness::Witnessing;

/// The source's name in the metrics.
const NAME: &str = "listen";

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
    ((detaining, keeping), gaps): ((Option<Detaining>, Keeping), &mut Vec<Gap>),
) -> anyhow::Result<ExitCode> {
    log::start(level(args.log_level), args.log_format == LogFormat::Json);
    let budget =
        Budget::divide(args.max_memory, args.max_connections as usize, max_line).context("--max-memory is too low")?;
    let settings = source::Settings {
        name: NAME.to_owned(),
        tenant: 0,
        label: source,
        framing: Framing::Lines,
        max_line,
        max_connections: args.max_connections as usize,
        idle_timeout: None,
        header_timeout: Duration::MAX,
        output: Patience::OUTPUT,
        memory: Patience::MEMORY,
    };
    // Bound before anything else is started: an address in use is told at once.
    let admin =
        args.admin.map(|address| listeners::tcp(address, "serving /metrics, /livez and /readyz")).transpose()?;
    if let Some(address) =
        admin.as_ref().and_then(|admin| admin.local_addr().ok()).filter(|address| !address.ip().is_loopback())
    {
        tracing::warn!(%address, "the admin address is not a loopback one, and nobody there is asked for a password");
    }
    let listener = listeners::tcp(args.listen.context("no address to listen on")?, "listening")?;
    let (name, output) = match args.forward {
        Some(peer) => {
            ("forward", Output::Peer(peer::Settings { address: Address::Tcp(peer, None), encoding: Encoding::Lines }))
        }
        None => {
            let output = rustix::io::dup(rustix::stdio::stdout()).context("cannot use standard output")?;
            ("stdout", Output::File(output.into()))
        }
    };
    let metrics = Metrics::new();
    let policy = Arc::new(policy);
    let meters = metrics.record(|| Meters::new(&policy, Arc::default()));
    let standing = Standing {
        generation: 0,
        tenants: vec![Tenant { policy, witnessing, bridging: None, detaining }],
        meters,
        key_activated: None,
    };
    let (_in_force, standing) = watch::channel(Arc::new(standing));
    let service = Service {
        threads,
        budget,
        max_line,
        drain_timeout: args.drain_timeout,
        standing,
        metrics,
        sources: vec![SourcePart {
            settings,
            input: Input::Listener(Listener::Tcp(listener)),
            rate: None,
            tls: None,
            sinks: vec![0],
        }],
        sinks: vec![SinkPart { name: name.to_owned(), output, when_full: WhenFull::Wait, spool: None }],
        admin: admin.map(|listener| AdminPart {
            listen: Listen::Tcp(listener),
            token: None,
            reload: None,
            certificates: Vec::new(),
        }),
    };
    let stop = signals::stop_on_termination().context("cannot handle signals")?;
    let left = app::run(service, signals::arrived(stop));
    let (recorded, kept) = (recording.finish(gaps), keeping.finish());
    let left = left?;
    recorded?;
    kept?;
    Ok(log::stopped(left))
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
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
