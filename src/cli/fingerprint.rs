//! `inkprint fingerprint`: from leaked secrets to their fingerprints, and to where these stand in cleaned logs.

mod report;

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use super::inquiry::InquiryArgs;
use super::keyring_args::KeyringArgs;
use super::print::print;
use super::progress::search_all;
use super::rule_args::RuleArgs;
use super::secrets;
use crate::control::lookup::recognise::Recogniser;
use crate::control::lookup::search::Search;
use crate::control::lookup::{Lookup, as_pasted};
use crate::model::{Namespace, RuleId};
use crate::pipeline::detect::Detector;

/// Show the fingerprints of secrets under every key epoch, or find them in cleaned logs
///
/// Secrets are read from standard input, one a line, and are hidden when typed; they are never taken from the command
/// line. A text in which a rule finds a secret (a URL, a header, a JSON string) stands for that secret as well as for itself.
/// Empty lines are passed over, and so is a carriage return at the end of a line.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 shown or found, 1 nothing found in the logs, 2 an error, also if a log could not \
                        be read to its end."
)]
pub struct FingerprintArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
    /// The namespace whose fingerprints are meant
    #[arg(long, value_name = "NAME", default_value = Namespace::DEFAULT, value_parser = Namespace::new)]
    namespace: Namespace,
    /// Show the whole mark that this rule would write
    #[arg(long, value_name = "ID", value_parser = RuleId::new)]
    rule: Option<RuleId>,
    /// Secrets end with a NUL byte instead of a line ending, and every other byte is part of them
    #[arg(short = '0', long)]
    null: bool,
    /// Read the secrets from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Search these cleaned logs, plain, gzip or zstd, for the secrets' marks; - is standard input
    #[arg(long = "in", value_name = "FILE", num_args = 1..)]
    logs: Vec<PathBuf>,
    /// Print one JSON object for each secret, and with --in another with the totals
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    inquiry: InquiryArgs,
    #[command(flatten)]
    rules: RuleArgs,
    // Taken so that it can be refused without being shown, as the parser of the command line would do.
    #[arg(hide = true, value_name = "SECRET")]
    refused: Vec<OsString>,
}

impl fmt::Debug for FingerprintArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what may be secrets typed in the wrong place.
        f.debug_struct("FingerprintArgs").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: FingerprintArgs) -> anyhow::Result<ExitCode> {
    if !args.refused.is_empty() {
        bail!(
            "secrets are not taken from the command line, where others can see them and the shell keeps them; give them on \
             standard input, one a line"
        );
    }
    let is_stdin = |path: &Path| path == Path::new("-");
    let from_stdin = args.from.as_deref().is_none_or(is_stdin);
    match args.logs.iter().filter(|path| is_stdin(path)).count() {
        0 => {}
        1 if !from_stdin => {}
        1 => bail!("standard input cannot give both the secrets and a log; give the secrets with --from FILE"),
        _ => bail!("standard input can be searched once only; give - once"),
    }
    // The keys first: nobody should type secrets only to be told that there is no keyring.
    let keys = args.keyring.load()?.all_mark_keys(&args.namespace)?;
    let recogniser = Recogniser::new(Arc::new(Detector::new(args.rules.load()?)?));
    let mut inquiry = args.inquiry.begin(|| Ok(&recogniser))?;
    let mut lookup = Lookup::new(keys);
    if let Some(bridges) = inquiry.bridges(&args.namespace)? {
        lookup = lookup.bridging(bridges);
    }
    // What cannot be scanned is still looked for as it was pasted.
    let reader = RefCell::new(recogniser.reader()?);
    let canonical = |pasted: &[u8]| reader.borrow_mut().secrets(pasted).unwrap_or_else(|_| as_pasted(pasted));
    let ask = |secret: &[u8]| lookup.ask(secret, args.rule.as_ref(), &canonical);
    match args.from.as_deref().filter(|_| !from_stdin) {
        Some(path) => secrets::from_file(path, args.null, ask)?,
        None => secrets::from_stdin(args.null, ask)?,
    }
    if lookup.secrets().is_empty() {
        bail!("there is no secret to look for; give one a line on standard input");
    }
    let (answer, found, code) = if args.logs.is_empty() {
        let json = args.json.then(|| report::prints_json(&lookup, &args.namespace)).transpose()?;
        (json.unwrap_or_else(|| report::prints_table(&lookup)), None, ExitCode::SUCCESS)
    } else {
        let (answer, found, code) = search(&args, &lookup)?;
        (answer, Some(found), code)
    };
    let asked = lookup.secrets().len() as u64;
    inquiry.tell("fingerprint", &args.namespace, asked, found, lookup.bridges())?;
    print(&answer)?;
    Ok(code)
}

/// Searches the logs; the answer, how many of the secrets were found, and the exit code.
fn search(args: &FingerprintArgs, lookup: &Lookup) -> anyhow::Result<(String, u64, ExitCode)> {
    let mut search = Search::new(lookup);
    let failed = search_all(&mut search, &args.logs);
    let report = report::Report::new(lookup, &search, &failed);
    let code = match (failed.is_empty(), report.secrets_found() > 0) {
        (false, _) => ExitCode::from(super::FAILURE),
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::FAILURE,
    };
    let answer = if args.json { report.json(&args.namespace)? } else { report.text() };
    Ok((answer, report.secrets_found(), code))
}
