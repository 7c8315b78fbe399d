//! `inkprint` itself: standard input or files in, the cleaned log out.

mod dry_run;
pub(super) mod inputs;
mod output;
pub(super) mod progress;
pub(super) mod signals;
mod stats;
mod told;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Command, ValueEnum};
use jiff::Timestamp;

use self::inputs::Named;
use self::progress::Progress;
use self::stats::{StatsFormat, Summary};
use self::told::Run;
use super::custody::Custody;
use super::handling_args::HandlingArgs;
use super::journal_args::{JournalArgs, reader};
use super::keyring_args::KeyringArgs;
use super::listen::{self, ListenArgs};
use super::print::tell;
use super::quarantine_args::QuarantineArgs;
use super::rule_args::RuleArgs;
use super::sightings_args::SightingsArgs;
use crate::control::bridge::Bridges;
use crate::control::bridge::keeper::Keeper;
use crate::control::gaps;
use crate::control::journal::entry::{Actor, Gap};
use crate::model::{Namespace, SourceId};
use crate::pipeline::bridger::Bridging;
use crate::pipeline::detect::Detector;
use crate::pipeline::framing::{MAX_LINE, MIN_MAX_LINE};
use crate::pipeline::pipe::{self, Settings};
use crate::pipeline::policy::Policy;
use crate::pipeline::rewrite::Style;
use crate::pipeline::tally::Tally;

/// When something that suits a terminal is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl When {
    /// Whether it is done, given whether there is a terminal.
    pub(super) fn applies(self, terminal: bool) -> bool {
        match self {
            Self::Auto => terminal,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Options of the pipe.
#[derive(Debug, clap::Args)]
pub struct RedactArgs {
    /// Files to clean, in this order; `-` or none is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the cleaned log to this file, which is made anew, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only report what would go, a line for each match, and write no log
    #[arg(long, conflicts_with = "output")]
    dry_run: bool,
    /// Exit with 1 when anything was found
    #[arg(long)]
    fail_on_match: bool,
    /// Print a summary to standard error at the end
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "text", require_equals = true)]
    stats: Option<StatsFormat>,
    /// Colour the marks
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: When,
    /// Show a progress bar while files are read
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    progress: When,
    /// Say nothing on standard error but errors
    #[arg(short, long)]
    quiet: bool,
    /// Threads that clean; by default one more than there are processors, at most nine
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Lines over this many bytes are cleaned in overlapping windows instead of whole; K, M and G may follow the number
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = parse_size)]
    max_line: usize,
    /// While several key epochs are live, tell the journal which fingerprints of theirs are the same secret's
    ///
    /// A later lookup follows these bridges from the marks of before a rotation to those after it, also without the secret and once the
    /// older epoch is retired or destroyed. They outlive its key: docs/journal.md says what that means.
    #[arg(long, conflicts_with_all = ["dry_run", "listen"])]
    bridge: bool,
    #[command(flatten)]
    tcp: ListenArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    handling: HandlingArgs,
    #[command(flatten)]
    sightings: SightingsArgs,
    #[command(flatten)]
    quarantine: QuarantineArgs,
}

/// Which keys make the marks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Keys")]
struct KeyArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
    /// The namespace (tenant) in whose name fingerprints are made
    #[arg(long, value_name = "NAME", default_value = Namespace::DEFAULT, value_parser = |text: &str| Namespace::new(text))]
    namespace: Namespace,
}

/// Runs the pipe.
///
/// # Errors
/// When rules or keys cannot be loaded, or an input or the output fails.
pub fn run(args: RedactArgs, mut command: Command) -> anyhow::Result<ExitCode> {
    let listens = args.tcp.listens();
    if !listens && args.files.is_empty() && std::io::stdin().is_terminal() {
        command.print_help()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut custody = Custody::open(&args.journal, Timestamp::now())?;
    let policy = policy(&args, &mut custody)?;
    let names = if listens { Vec::new() } else { inputs::check(&args.files, args.output.as_deref())? };
    let command = if listens {
        "listen"
    } else if args.dry_run {
        "dry-run"
    } else {
        "pipe"
    };
    let gaps = left(&args.journal)?;
    let mut run = Run::start(custody, command, &policy, &args.keys.namespace, args.handling.allow(), gaps)?;
    if listens {
        let source = args.sightings.source();
        let (witnessing, recording) =
            args.sightings.start(&args.keys.namespace, source.clone().into_iter().collect())?;
        let quarantine = args.quarantine.start(args.max_line)?;
        let threads = args.threads.map_or_else(default_threads, usize::from);
        let kept = (quarantine, run.gaps());
        let outcome = listen::run(args.tcp, policy, threads, args.max_line, (witnessing, source, recording), kept);
        run.stop(outcome.is_ok(), None)?;
        return outcome;
    }
    if args.dry_run {
        let outcome = dry_run::run(&policy, &names, args.max_line);
        run.stop(outcome.is_ok(), None)?;
        return Ok(code(&args, outcome?));
    }
    let outcome = clean(&args, &policy, names, run.gaps());
    run.stop(outcome.is_ok(), outcome.as_ref().ok())?;
    let tally = outcome?;
    // The process ends: to take the automata down piece by piece would only make the caller wait. The keys are wiped.
    std::mem::forget(Arc::clone(&policy.detector));
    Ok(code(&args, tally.matches_total()))
}

/// Cleans the inputs, and gives what was done.
fn clean(args: &RedactArgs, policy: &Policy, names: Vec<Named>, gaps: &mut Vec<Gap>) -> anyhow::Result<Tally> {
    let stop = signals::stop_on_termination().context("cannot handle signals")?;
    let progress = Progress::over(&names, !args.quiet && args.progress.applies(std::io::stderr().is_terminal()));
    let mut output = output::open(args.output.as_deref())?;
    let terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let ids: Vec<SourceId> = names.iter().map(|input| args.sightings.source().unwrap_or_else(|| input.id())).collect();
    let (witnessing, recording) = args.sightings.start(&args.keys.namespace, ids.clone())?;
    let (bridging, bridges) = bridges(args)?.unzip();
    let (detaining, keeping) = args.quarantine.start(args.max_line)?;
    let settings = Settings {
        threads: args.threads.map_or_else(default_threads, usize::from),
        max_line: args.max_line,
        counts_lines: args.stats.is_some(),
        style: if args.color.applies(terminal) { Style::Coloured } else { Style::Plain },
        witnessing,
        bridging,
        detaining,
    };
    let started = Instant::now();
    let inputs = inputs::open(names, ids, stop);
    let cleaned =
        pipe::run(policy, settings, inputs, (&output.name, &mut output.file), &|bytes| progress.advance(bytes));
    // What was seen or withheld is written down also where the log could not be written to its end.
    let (recorded, kept) = (recording.finish(gaps), keeping.finish());
    let bridged = bridges.map(Keeper::finish).transpose();
    let tally = cleaned?;
    output.finish()?;
    progress.finish();
    if let Some(format) = args.stats {
        Summary::new(&tally, policy, started.elapsed()).print(format);
    }
    recorded?;
    if let Some(bridged) =
        bridged.context("bridges could not be told to the journal; the log was cleaned all the same")?
        && bridged.lost > 0
        && !args.quiet
    {
        tell(&format!(
            "inkprint: there was no room for the bridges of {} secrets; they are made when these are seen again\n",
            bridged.lost
        ));
    }
    kept?;
    Ok(tally)
}

/// Starts to keep bridges in the journal, where that was asked for.
fn bridges(args: &RedactArgs) -> anyhow::Result<Option<(Bridging, Keeper)>> {
    if !args.bridge {
        return Ok(None);
    }
    let Some((path, journal)) = args.journal.path().zip(args.journal.open(Timestamp::now())?) else {
        bail!("--bridge needs a journal that the bridges go into; name one with --journal")
    };
    let known = Bridges::read(args.keys.namespace.clone(), reader(path)?).context("the journal cannot be read")?;
    let on_error = |error: &_| tell(&format!("inkprint: bridges: {error}; tried again, and the log goes on\n"));
    Ok(Some(Keeper::start(journal, known, Timestamp::now, on_error).context("no thread for bridges")?))
}

/// The gaps that runs before this one left.
fn left(journal: &JournalArgs) -> anyhow::Result<Vec<Gap>> {
    let Some(path) = journal.path().filter(|path| path.exists()) else { return Ok(Vec::new()) };
    gaps::unfinished(reader(path)?, &Actor::here().host, gaps::runs, Timestamp::now())
        .with_context(|| format!("the journal {} cannot be read", path.display()))
}

fn code(args: &RedactArgs, matches: u64) -> ExitCode {
    ExitCode::from(u8::from(args.fail_on_match && matches > 0))
}

fn policy(args: &RedactArgs, custody: &mut Custody) -> anyhow::Result<Policy> {
    let detector = Detector::new(args.handling.load(&args.rules)?)?;
    let opened = args.keys.keyring.load_or_make(Timestamp::now(), custody)?;
    if let Some(path) = opened.made.as_ref().filter(|_| !args.quiet) {
        let path = path.display();
        tell(&format!("inkprint: made a keyring at {path}; keep it, as fingerprints can be looked up with it alone\n"));
    }
    let keyring = opened.keyring;
    let live_keys = keyring.all_mark_keys(&args.keys.namespace)?;
    Ok(Policy {
        allow: args.handling.allow_list(&args.rules, &detector, live_keys.clone(), args.quiet)?,
        detector: Arc::new(detector),
        keys: keyring.current_mark_keys(&args.keys.namespace)?,
        live_keys,
    })
}

/// Processors beyond these are left to others.
const MOST_THREADS: usize = 8;

/// One more than there are processors: one thread mostly waits for input, or for its turn to write.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS) + 1
}

fn parse_size(text: &str) -> Result<usize, String> {
    let range = MIN_MAX_LINE..=1 << 30;
    bytes(text)
        .filter(|size| range.contains(size))
        .ok_or_else(|| format!("a size from {}K to 1G, such as {}M", MIN_MAX_LINE >> 10, MAX_LINE >> 20))
}

/// Reads `65536`, `256K`, `1M`, `2G`.
pub(super) fn bytes(text: &str) -> Option<usize> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<usize>().ok()?.checked_mul(unit)
}
