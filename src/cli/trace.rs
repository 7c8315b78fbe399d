//! `inkprint trace`: from leaked secrets to when, where and how often they were logged, and whose they are.

mod excerpts;
mod known;
mod text;

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use self::excerpts::Excerpts;
use self::known::{Known, Rules};
use super::inquiry::InquiryArgs;
use super::keyring_args::KeyringArgs;
use super::print::print;
use super::progress::search_all;
use super::rule_args::RuleArgs;
use super::sightings::existing;
use super::{secrets, time};
use crate::control::inventory::Inventory;
use crate::control::keyring::Keyring;
use crate::control::lookup::foreign::Form;
use crate::control::lookup::recognise::Reader;
use crate::control::lookup::search::Search;
use crate::control::lookup::{Lookup, as_pasted};
use crate::control::trace::document::{Format, document};
use crate::control::trace::interop::Interop;
use crate::control::trace::timeline::Step;
use crate::control::trace::{Case, Evidence};
use crate::control::wiped;
use crate::model::{Fingerprint, Namespace};
use crate::pipeline::fingerprint::{Mark, Print};

/// The most bytes of a salt.
const MAX_SALT: usize = 4096;

/// Show when, where and how often leaked secrets were logged, and whose they are
///
/// Reads secrets from standard input, one a line (thousands, if need be), hidden when typed; never from the command line. Marks and
/// fingerprints may stand among them. Asks the indexes of sightings, the cleaned logs, or both, under every key epoch that answers.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 something was found, 1 nothing was found, 2 an error, also if a log could not be \
                        read to its end."
)]
pub struct TraceArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
    /// The namespace whose fingerprints are meant
    #[arg(long, value_name = "NAME", default_value = Namespace::DEFAULT, value_parser = Namespace::new)]
    namespace: Namespace,
    /// Secrets end with a NUL byte instead of a line ending, and every other byte is part of them
    #[arg(short = '0', long)]
    null: bool,
    /// Read the secrets from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Ask these indexes of sightings: SQLite files, or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "INDEX", num_args = 1.., env = "INKPRINT_SIGHTINGS", hide_env_values = true)]
    sightings: Vec<OsString>,
    /// Name the owners of what is found, by this inventory
    #[arg(long, value_name = "FILE", env = "INKPRINT_INVENTORY")]
    inventory: Option<PathBuf>,
    /// Search these cleaned logs, plain, gzip or zstd; - is standard input
    #[arg(long = "in", value_name = "FILE", num_args = 1..)]
    logs: Vec<PathBuf>,
    /// Show so many lines before and behind each of the first marks in a log, cleaned once more
    #[arg(long, value_name = "N", requires = "logs", value_parser = clap::value_parser!(u16).range(0..=100))]
    context: Option<u16>,
    /// Draw the timeline by hour or by day
    #[arg(long, value_name = "STEP", default_value = "auto")]
    by: By,
    /// Print one JSON object
    #[arg(long, conflicts_with = "report")]
    json: bool,
    /// Write a case file for a breach notification, which holds no secret and no line
    #[arg(long, value_name = "FORMAT")]
    report: Option<ReportFormat>,
    /// Write the case file here instead of to standard output
    #[arg(short, long, value_name = "FILE", requires = "report")]
    output: Option<PathBuf>,
    /// When the breach was detected: the case file says until when 72 hours are left
    #[arg(long, value_name = "TIME", value_parser = time::time)]
    detected: Option<Timestamp>,
    /// Show what other products write in a secret's place, and find it in the logs of --in: github (hashed_token), sha256 (in
    /// hexadecimal digits), aws (the account of a key id, which is not looked for)
    ///
    /// The first two are hashes without a key: of a weak secret they are as good as the secret.
    #[arg(long, value_name = "PRODUCT", value_delimiter = ',')]
    interop: Vec<Product>,
    /// Show what the audit log of Vault or OpenBao has in a secret's place, given its salt in this file, and find it in the logs of --in
    #[arg(long, value_name = "FILE")]
    vault_salt: Option<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    inquiry: InquiryArgs,
    // Taken so that it can be refused without being shown, as the parser of the command line would do.
    #[arg(hide = true, value_name = "SECRET")]
    refused: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// By hour over a few days, else by day
    Auto,
    /// A sign an hour
    Hour,
    /// A sign a day
    Day,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// One page with its picture in it
    Html,
    /// Markdown, its picture in characters
    Md,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Product {
    /// GitHub's audit log
    Github,
    /// AWS access key ids
    Aws,
    /// SHA-256 in hexadecimal digits
    Sha256,
}

impl fmt::Debug for TraceArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what may be secrets typed in the wrong place.
        f.debug_struct("TraceArgs").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: TraceArgs) -> anyhow::Result<ExitCode> {
    check(&args)?;
    // All that can be missing is opened first: nobody should type secrets only to be told so.
    let keyring = args.keyring.load()?;
    let keys = keyring.all_mark_keys(&args.namespace)?;
    let indexes = args.sightings.iter().map(|index| existing(index)).collect::<anyhow::Result<Vec<_>>>()?;
    let inventory = args.inventory.as_deref().map(|path| Inventory::open(path, false)).transpose()?;
    let interop = interop(&args)?;
    let rules = Rules::new(&args.rules);
    let mut inquiry = args.inquiry.begin(|| rules.recogniser())?;
    let known = Known::new(&keys, &indexes)?;
    let mut lookup = Lookup::new(keys.clone());
    if let Some(bridges) = inquiry.bridges(&args.namespace)? {
        lookup = lookup.bridging(bridges);
    }
    let (mut lookup, forms) = ask(&args, lookup, (&rules, known), &interop)?;

    let mut search = Search::new(&lookup).with_forms(foreign(&forms));
    let failed = search_all(&mut search, &args.logs);
    let incomplete = !failed.is_empty();
    let evidence = Evidence {
        lookup: &lookup,
        indexes: &indexes,
        inventory: inventory.as_ref(),
        search: Some((&search, failed)).filter(|_| !args.logs.is_empty()),
        keyring: &keyring,
        namespace: &args.namespace,
    };
    let mut case = Case::new(evidence, Timestamp::now(), args.detected)?;
    for (subject, forms) in case.subjects.iter_mut().zip(forms) {
        subject.interop.extend(forms);
    }
    // Nobody is answered whom the journal does not know of.
    let (asked, found) = (case.subjects.len() as u64, case.found as u64);
    inquiry.tell("trace", &args.namespace, asked, Some(found), lookup.bridges())?;
    show(&args, &case, &keyring, &rules)?;
    Ok(match (incomplete, case.found > 0) {
        (true, _) => ExitCode::from(super::FAILURE),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

fn check(args: &TraceArgs) -> anyhow::Result<()> {
    if !args.refused.is_empty() {
        bail!(
            "secrets are not taken from the command line, where others can see them and the shell keeps them; give them on \
             standard input, one a line"
        );
    }
    if args.sightings.is_empty() && args.logs.is_empty() {
        bail!(
            "nothing to look in; name an index with --sightings INDEX (or INKPRINT_SIGHTINGS), or cleaned logs with --in FILE"
        );
    }
    let is_stdin = |path: &Path| path == Path::new("-");
    let logs = args.logs.iter().filter(|path| is_stdin(path)).count();
    if logs > 1 || (logs == 1 && args.from.as_deref().is_none_or(is_stdin)) {
        bail!("standard input gives either the secrets or one log; give the secrets with --from FILE, and - once");
    }
    Ok(())
}

fn interop(args: &TraceArgs) -> anyhow::Result<Interop> {
    let salt = |path: &PathBuf| -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        let mut salt = wiped::read_to_end(file, MAX_SALT).with_context(|| format!("{name} cannot be read"))?;
        let end = salt.len() - salt.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
        salt.truncate(end);
        Ok(salt)
    };
    Ok(Interop {
        github: args.interop.contains(&Product::Github),
        aws: args.interop.contains(&Product::Aws),
        sha256: args.interop.contains(&Product::Sha256),
        vault_salt: args.vault_salt.as_ref().map(salt).transpose()?,
    })
}

type Forms = Vec<(&'static str, String)>;

/// Reads what is asked for; with each, what other products write in its place.
fn ask(
    args: &TraceArgs,
    mut lookup: Lookup,
    (rules, mut known): (&Rules<'_>, Known<'_>),
    interop: &Interop,
) -> anyhow::Result<(Lookup, Vec<Forms>)> {
    let reader = RefCell::new(None::<Reader<'_>>);
    let fault = RefCell::new(None);
    let read = |pasted: &[u8]| -> anyhow::Result<_> {
        let mut reader = reader.borrow_mut();
        if reader.is_none() {
            *reader = Some(rules.recogniser()?.reader()?);
        }
        // What cannot be scanned is still looked for as it was pasted.
        Ok(reader.as_mut().and_then(|reader| reader.secrets(pasted).ok()).unwrap_or_else(|| as_pasted(pasted)))
    };
    let known = RefCell::new(&mut known);
    let canonical = |pasted: &[u8]| {
        if known.borrow_mut().has(pasted) {
            return as_pasted(pasted);
        }
        read(pasted).unwrap_or_else(|error| {
            fault.borrow_mut().get_or_insert(error);
            as_pasted(pasted)
        })
    };
    let mut forms = Vec::new();
    let asked = |pasted: &[u8]| {
        if let Some(mark) = Mark::parse(pasted) {
            lookup.ask_unknown();
            if let Ok(print) = Print::try_from(mark.fingerprint.print().as_bytes()) {
                lookup.ask_print(print, Some(mark.epoch), Some(&mark));
            }
            forms.push(Forms::new());
            return;
        }
        lookup.ask(pasted, None, &canonical);
        // What looks like a fingerprint may be one, or a secret that looks so: both are asked for.
        let of_print = |text: &[u8]| text.iter().all(|byte| Fingerprint::in_alphabet(*byte));
        if matches!(pasted.len(), Fingerprint::PRINT_LEN | Fingerprint::LEN)
            && of_print(pasted)
            && let Some(print) = pasted.first_chunk::<{ Fingerprint::PRINT_LEN }>()
        {
            lookup.ask_print(*print, None, None);
        }
        forms.push(interop.forms(pasted));
    };
    match args.from.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => secrets::from_file(path, args.null, asked)?,
        None => secrets::from_stdin(args.null, asked)?,
    }
    if let Some(error) = fault.take() {
        return Err(error);
    }
    if lookup.secrets().is_empty() {
        bail!("there is no secret to look for; give one a line on standard input");
    }
    Ok((lookup, forms))
}

/// What other products write, as far as it tells of one secret.
fn foreign(forms: &[Forms]) -> Vec<Form> {
    let of = |(secret, forms): (usize, &Forms)| {
        let forms = forms.iter().filter(|(product, _)| Interop::is_of_one(product));
        forms.map(|(product, text)| Form { secret, product, text: text.clone() }).collect::<Vec<_>>()
    };
    forms.iter().enumerate().flat_map(of).collect()
}

fn show(args: &TraceArgs, case: &Case, keyring: &Keyring, rules: &Rules<'_>) -> anyhow::Result<()> {
    if let Some(format) = args.report {
        let page = document(case, if format == ReportFormat::Html { Format::Html } else { Format::Markdown });
        let Some(path) = &args.output else { return print(&page) };
        let name = path.display();
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        return file
            .and_then(|mut file| file.write_all(page.as_bytes()))
            .with_context(|| format!("cannot write {name}"));
    }
    let excerpts = match args.context {
        Some(lines) => Excerpts::new(case, lines.into(), keyring, &args.namespace, rules.detector()?)?,
        None => Excerpts::default(),
    };
    if args.json {
        #[derive(Serialize)]
        struct Answer<'a> {
            #[serde(flatten)]
            case: &'a Case,
            #[serde(skip_serializing_if = "Excerpts::is_empty")]
            excerpts: &'a Excerpts,
        }
        return print(&(serde_json::to_string(&Answer { case, excerpts: &excerpts })? + "\n"));
    }
    let step = match args.by {
        By::Auto => None,
        By::Hour => Some(Step::Hour),
        By::Day => Some(Step::Day),
    };
    print(&text::text(case, &excerpts, step))
}
