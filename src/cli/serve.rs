//! `inkprint serve`: the service that a configuration describes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tracing::level_filters::LevelFilter;

use super::log;
use super::print::tell;
use super::redact::signals;
use crate::app;
use crate::control::config::log::{LogFormat, LogLevel};
use crate::control::reload::{ReloadError, read};

/// Clean what many connections, files and requests bring, and pass it on, as a configuration says
///
/// It runs until SIGTERM or SIGINT, and then passes on what it has read; a second signal ends it at once. SIGHUP, or POST /reload on
/// the admin address, reads rules, keys and certificates again: they are checked as a whole and put in force, or refused while the
/// old stay. `inkprint config example` prints a configuration to begin with, and `inkprint check` tells what is wrong with one.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "/etc/inkprint/inkprint.toml", env = "INKPRINT_CONFIG")]
    config: PathBuf,
}

/// Runs the service.
///
/// # Errors
/// When the configuration has faults, an address cannot be bound, or a part fails.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let (config, configuration) = match read(&args.config) {
        Ok(read) => read,
        Err(ReloadError::Faults { faults, .. }) => {
            let file = args.config.display();
            for fault in &faults {
                let line = fault.line.map(|line| format!(":{line}")).unwrap_or_default();
                tell(&format!("inkprint: {file}{line}: {fault}\n"));
            }
            return Ok(ExitCode::from(2));
        }
        Err(error) => return Err(error.into()),
    };
    log::start(level(config.log.level), config.log.format == LogFormat::Json);
    let stop = signals::stop_on_termination().context("cannot handle signals")?;
    let left = app::serve(args.config, (config, configuration), signals::arrived(stop))?;
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
