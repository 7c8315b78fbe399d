//! Lookups, as the journal is told of them: with a reason, and before they are answered.
//!
//! [`InquiryArgs::begin`] before a secret is read; [`Inquiry::bridges`] for what the lookup shall follow; [`Inquiry::tell`] when the answer is
//! there and nobody has seen it yet.

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::journal_args::{JournalArgs, reader};
use super::print::tell;
use crate::control::bridge::Bridges;
use crate::control::journal::Journal;
use crate::control::journal::entry::{Actor, Entry, Lookup, MAX_TEXT};
use crate::control::lookup::recognise::Recogniser;
use crate::model::Namespace;

/// The options of every command that answers about secrets.
#[derive(Debug, clap::Args)]
pub struct InquiryArgs {
    /// Why this is asked: it goes into the journal with who asks and how much, before the answer is given
    #[arg(long, value_name = "TEXT", value_parser = parse)]
    reason: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
}

/// A lookup that the journal is to be told of, if one is kept.
#[derive(Debug)]
pub struct Inquiry {
    /// With the reason.
    kept: Option<(Journal, String)>,
    args: JournalArgs,
    now: Timestamp,
}

impl InquiryArgs {
    /// Opens the journal, if one is kept, with the reason that was given or is asked for now.
    ///
    /// # Errors
    /// That the journal cannot be written, that there is no reason where one is needed or no journal for one that was given, or that
    /// it holds what a rule of `recogniser`, which is only called for then, takes for a secret.
    pub fn begin<'r>(&self, recogniser: impl FnOnce() -> anyhow::Result<&'r Recogniser>) -> anyhow::Result<Inquiry> {
        let now = Timestamp::now();
        let reason = given(self.reason.clone(), self.journal.is_given(), recogniser)?;
        let kept = self.journal.open(now)?.zip(reason);
        Ok(Inquiry { kept, args: self.journal.clone(), now })
    }
}

impl Inquiry {
    /// The bridges that the journal tells of in a namespace; none where no journal is kept.
    ///
    /// # Errors
    /// That the journal cannot be read.
    pub fn bridges(&self, namespace: &Namespace) -> anyhow::Result<Option<Bridges>> {
        let read = |path: &Path| {
            Bridges::read(namespace.clone(), reader(path)?)
                .with_context(|| format!("the journal {} cannot be read", path.display()))
        };
        self.args.path().map(read).transpose()
    }

    /// Tells by which command how many secrets were asked about and how many were found, and the bridges that were made on the way. Unless
    /// this succeeds the answer must not be given.
    ///
    /// # Errors
    /// That the journal cannot be written.
    pub fn tell(
        &mut self,
        by: &str,
        namespace: &Namespace,
        asked: u64,
        found: Option<u64>,
        bridges: Option<&mut Bridges>,
    ) -> anyhow::Result<()> {
        let Some((journal, reason)) = &mut self.kept else { return Ok(()) };
        let mut entries = bridges.map(Bridges::take).unwrap_or_default();
        entries.push(Entry::Lookup(Lookup {
            actor: Actor::here(),
            reason: reason.clone(),
            by: by.to_owned(),
            namespace: namespace.as_str().to_owned(),
            asked,
            found,
        }));
        let told = journal.append(self.now, &entries).and_then(|_| journal.checkpoint(self.now));
        told.map(|_| ()).context("the lookup is not answered")
    }
}

/// Takes a reason as it was typed.
fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(format!("say why in 1 to {MAX_TEXT} bytes, such as a case number"));
    }
    Ok(text.to_owned())
}

/// The reason: given, or asked for on a terminal. Where no journal is kept there is none.
///
/// # Errors
/// That there is none where one is needed, or that it holds what a rule takes for a secret.
fn given<'r>(
    reason: Option<String>,
    is_kept: bool,
    recogniser: impl FnOnce() -> anyhow::Result<&'r Recogniser>,
) -> anyhow::Result<Option<String>> {
    let reason = match reason {
        Some(_) if !is_kept => bail!("there is no journal that the reason could go into; name one with --journal"),
        None if !is_kept => return Ok(None),
        Some(reason) => reason,
        None => asked()?,
    };
    // What is in the journal stays there.
    let found = recogniser()?
        .reader()
        .and_then(|mut reader| reader.secrets(reason.as_bytes()))
        .context("the reason cannot be scanned")?;
    if let Some(rule) = found.iter().find_map(|(rule, _)| rule.as_ref()) {
        bail!("the reason holds what looks like a secret ({rule}); say why without it");
    }
    Ok(Some(reason))
}

fn asked() -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        bail!("a journal is kept, and lookups need a reason there; give it with --reason");
    }
    tell("Why is this asked (goes into the journal)? ");
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).context("the reason cannot be read")?;
    parse(&typed).map_err(anyhow::Error::msg)
}
