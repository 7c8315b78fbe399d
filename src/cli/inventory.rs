//! `inkprint inventory`: which tokens an organisation holds, whose they are, and which of them show up in logs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use super::custody::Custody;
use super::journal_args::JournalArgs;
use super::keyring_args::KeyringArgs;
use super::print::{print, tell};
use super::rule_args::RuleArgs;
use super::sightings::existing;
use super::{secrets, time};
use crate::control::inventory::{Held, Inventory, Standing, Token};
use crate::control::journal::entry::{Actor, Entry, Forgotten};
use crate::control::lookup::recognise::{Reader, Recogniser};
use crate::control::lookup::{Lookup, as_pasted};
use crate::control::sightings::Store;
use crate::control::trace::timeline::shown;
use crate::model::{KeyEpoch, Namespace};
use crate::pipeline::detect::Detector;

/// Keep the owners of tokens, by fingerprint, and review which of them show up in logs
///
/// A token is read from standard input and never stored: only its fingerprints are, one for each key epoch.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 2 an error.")]
pub struct InventoryArgs {
    /// The inventory, an SQLite file
    #[arg(long, value_name = "FILE", env = "INKPRINT_INVENTORY", global = true)]
    inventory: Option<PathBuf>,
    #[command(subcommand)]
    command: InventoryCommand,
}

#[derive(Debug, Subcommand)]
enum InventoryCommand {
    /// Add the token on standard input
    Add(AddArgs),
    /// Add many tokens: on standard input a JSON object a line, with id, owner and secret, and if known subject, purpose, scope,
    /// issuer and expires
    Import {
        #[command(flatten)]
        keys: PrintArgs,
    },
    /// Show the tokens
    List {
        /// Print a JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Remove a token
    Remove {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Show which tokens were seen in logs, never, lately, or though they are expired
    Report {
        /// The indexes of sightings
        #[arg(long, value_name = "INDEX", num_args = 1.., required = true, env = "INKPRINT_SIGHTINGS", hide_env_values = true)]
        sightings: Vec<OsString>,
        /// A token that was not seen for so long is listed apart
        #[arg(long, value_name = "AGE", default_value = "90d", value_parser = time::age)]
        unseen: SignedDuration,
        /// Print a JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Remove every token of a person, and what was seen of them, and overwrite both in the files
    Forget {
        /// The person, as given with --subject
        #[arg(long, value_name = "NAME")]
        subject: String,
        /// Delete the sightings of the tokens from these indexes too
        #[arg(long, value_name = "INDEX", num_args = 1..)]
        sightings: Vec<OsString>,
        #[command(flatten)]
        journal: JournalArgs,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// What the token is called in the inventory
    #[arg(long, value_name = "ID")]
    id: String,
    /// Who is asked about it
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// The person whom it stands for
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// What it may do
    #[arg(long, value_name = "TEXT")]
    scope: Option<String>,
    /// Who has made it out
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// When it ceases to be of use
    #[arg(long, value_name = "TIME", value_parser = time::time)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    keys: PrintArgs,
}

/// What prints are made with.
#[derive(Debug, Args)]
struct PrintArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
    /// The namespace in whose name fingerprints are made
    #[arg(long, value_name = "NAME", default_value = Namespace::DEFAULT, value_parser = Namespace::new)]
    namespace: Namespace,
    /// Replace what there is of the same id, as after a rotation of keys
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    rules: RuleArgs,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: InventoryArgs) -> anyhow::Result<ExitCode> {
    let path = args.inventory.context("no inventory; name one with --inventory FILE (or INKPRINT_INVENTORY)")?;
    match args.command {
        InventoryCommand::Add(add) => add_one(&path, add)?,
        InventoryCommand::Import { keys } => import(&path, &keys)?,
        InventoryCommand::List { json } => list(&Inventory::open(&path, false)?.all()?, json)?,
        InventoryCommand::Remove { id } => Inventory::open(&path, false)?.remove(&id)?,
        InventoryCommand::Report { sightings, unseen, json } => {
            report(&Inventory::open(&path, false)?.all()?, &sightings, unseen, json)?;
        }
        InventoryCommand::Forget { subject, sightings, journal } => forget(&path, &subject, &sightings, &journal)?,
    }
    Ok(ExitCode::SUCCESS)
}

type Holding = (Token, Vec<(KeyEpoch, String)>);

fn add_one(path: &Path, add: AddArgs) -> anyhow::Result<()> {
    let AddArgs { id, owner, subject, purpose, scope, issuer, expires, keys } = add;
    let token = Token { id, owner, subject, purpose, scope, issuer, expires };
    let live = keys.keyring.load()?.all_mark_keys(&keys.namespace)?;
    let recogniser = Recogniser::new(Arc::new(Detector::new(keys.rules.load()?)?));
    let mut reader = recogniser.reader()?;
    holds_no_secret(&token, &mut reader, "")?;
    let mut read = Vec::new();
    secrets::from_stdin(false, |secret| read.push(Zeroizing::new(secret.to_vec())))?;
    let [secret] = &read[..] else {
        bail!("{} tokens on standard input; give just the one, or many with `inventory import`", read.len())
    };
    let prints = prints(&mut Lookup::new(live), secret, &mut reader);
    let shown: Vec<String> = prints.iter().map(|(epoch, print)| format!("{print} (epoch {epoch})")).collect();
    Inventory::open(path, true)?.add(&[(token, prints)], &keys.namespace, Timestamp::now(), keys.replace)?;
    print(&format!("added, by its fingerprints {}\n", shown.join(", ")))
}

/// A token's line; of the secret only what becomes of it is kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    owner: String,
    #[serde(deserialize_with = "zeroizing")]
    secret: Zeroizing<String>,
    subject: Option<String>,
    purpose: Option<String>,
    scope: Option<String>,
    issuer: Option<String>,
    expires: Option<String>,
}

fn zeroizing<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

fn import(path: &Path, keys: &PrintArgs) -> anyhow::Result<()> {
    let live = keys.keyring.load()?.all_mark_keys(&keys.namespace)?;
    let recogniser = Recogniser::new(Arc::new(Detector::new(keys.rules.load()?)?));
    let mut reader = recogniser.reader()?;
    let mut entries: Vec<Holding> = Vec::new();
    let (mut fault, mut number) = (None, 0);
    secrets::from_stdin(false, |line| {
        number += 1;
        if fault.is_none() {
            match entry(line, number, &mut Lookup::new(live.clone()), &mut reader) {
                Ok(entry) => entries.push(entry),
                Err(error) => fault = Some(error),
            }
        }
    })?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    Inventory::open(path, true)?.add(&entries, &keys.namespace, Timestamp::now(), keys.replace)?;
    print(&format!("added {} tokens\n", entries.len()))
}

fn entry(line: &[u8], number: usize, lookup: &mut Lookup, reader: &mut Reader<'_>) -> anyhow::Result<Holding> {
    // The parser's own words may quote what it was given.
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        anyhow::anyhow!(
            "line {number}, column {}: not a JSON object with the texts id, owner and secret, and if known subject, purpose, \
             scope, issuer and expires",
            error.column()
        )
    })?;
    let expires = line.expires.map(|text| time::time(&text)).transpose();
    let Ok(expires) = expires else { bail!("line {number}: expires is not a time such as 2026-03-01T14:30:00Z") };
    let Line { id, owner, subject, purpose, scope, issuer, .. } = line;
    let token = Token { id, owner, subject, purpose, scope, issuer, expires };
    holds_no_secret(&token, reader, &format!("line {number}: "))?;
    if line.secret.is_empty() {
        bail!("line {number}: the secret is empty");
    }
    Ok((token, prints(lookup, line.secret.as_bytes(), reader)))
}

/// What is stored is shown to others: a token pasted into the wrong field must not be.
fn holds_no_secret(token: &Token, reader: &mut Reader<'_>, place: &str) -> anyhow::Result<()> {
    let Token { id, owner, subject, purpose, scope, issuer, .. } = token;
    let texts =
        [("id", Some(id)), ("owner", Some(owner)), ("subject", subject.as_ref()), ("purpose", purpose.as_ref())];
    for (name, text) in texts.into_iter().chain([("scope", scope.as_ref()), ("issuer", issuer.as_ref())]) {
        let Some(text) = text else { continue };
        if reader.finds(text.as_bytes())? {
            bail!("{place}the {name} holds what a rule takes for a secret; it would be stored and shown as it is");
        }
    }
    Ok(())
}

fn prints(lookup: &mut Lookup, secret: &[u8], reader: &mut Reader<'_>) -> Vec<(KeyEpoch, String)> {
    let canonical = reader.secrets(secret);
    let forms: Vec<Vec<u8>> = match canonical {
        Ok(forms) => forms.into_iter().map(|(_, form)| form.expose().to_vec()).collect(),
        Err(_) => vec![secret.to_vec()],
    };
    forms.into_iter().map(Zeroizing::new).for_each(|form| lookup.ask(&form, None, &as_pasted));
    let traces = lookup.secrets().iter().flatten();
    traces.map(|trace| (trace.epoch, trace.print_text().to_owned())).collect()
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    token: &'a Token,
    namespace: &'a str,
    added: Timestamp,
    epochs: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl<'a> Row<'a> {
    fn new(held: &'a Held) -> Self {
        let mut epochs: Vec<u32> = held.prints.iter().map(|(epoch, _)| epoch.get()).collect();
        epochs.dedup();
        let Held { token, namespace, added, .. } = held;
        Self { token, namespace, added: *added, epochs, standing: None, last_seen: None, count: None }
    }
}

fn list(all: &[Held], json: bool) -> anyhow::Result<()> {
    let mut out = String::new();
    for held in all {
        let row = Row::new(held);
        if json {
            out += &(serde_json::to_string(&row)? + "\n");
            continue;
        }
        let expires = held.token.expires.map_or_else(|| "no end".to_owned(), |at| format!("expires {}", shown(at)));
        let epochs: Vec<String> = row.epochs.iter().map(|epoch| format!("k{epoch}")).collect();
        let (id, owner) = (&held.token.id, &held.token.owner);
        let _ = writeln!(out, "{id:<24} {owner:<24} {expires}; fingerprints of {}", epochs.join(", "));
    }
    print(&out)
}

fn report(all: &[Held], sightings: &[OsString], unseen: SignedDuration, json: bool) -> anyhow::Result<()> {
    let stores = sightings.iter().map(|index| existing(index)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut readers = stores.iter().map(Store::reader).collect::<Result<Vec<_>, _>>()?;
    for reader in &mut readers {
        reader.expect(all.iter().flat_map(|held| &held.prints).map(|(_, print)| print.as_str()))?;
    }
    let now = Timestamp::now();
    let newest = all.iter().flat_map(|held| &held.prints).map(|(epoch, _)| *epoch).max();
    let mut review: BTreeMap<Standing, Vec<Row<'_>>> = BTreeMap::new();
    let mut behind = 0;
    for held in all {
        let (mut count, mut last) = (0, None);
        for (_, print) in &held.prints {
            for reader in &readers {
                for sighting in reader.sightings(print)? {
                    count += sighting.count;
                    last = last.max(Timestamp::from_second(sighting.last).ok());
                }
            }
        }
        behind += usize::from(held.prints.iter().all(|(epoch, _)| Some(*epoch) != newest));
        let standing = Standing::of(held.token.expires, last, now, unseen.as_secs());
        let row = Row { standing: Some(standing), last_seen: last, count: Some(count), ..Row::new(held) };
        review.entry(standing).or_default().push(row);
    }
    let mut out = String::new();
    for (standing, rows) in &review {
        if !json {
            let _ = writeln!(out, "{}: {}", standing.as_str(), rows.len());
        }
        for row in rows {
            if json {
                out += &(serde_json::to_string(row)? + "\n");
                continue;
            }
            let _ = write!(out, "  {:<24} {:<24}", row.token.id, row.token.owner);
            if let (Some(last), Some(count)) = (row.last_seen, row.count) {
                let days = now.duration_since(last).as_hours() / 24;
                let _ = write!(out, " {count} times, last {} ({days} days ago)", shown(last));
            }
            if let Some(expires) = row.token.expires {
                let _ = write!(out, ", expires {}", shown(expires));
            }
            out.push('\n');
        }
    }
    print(&out)?;
    if behind > 0 {
        tell(&format!(
            "inkprint: {behind} tokens have no fingerprint of the newest epoch in the inventory, and are not seen under it; add them \
             again with --replace\n"
        ));
    }
    Ok(())
}

/// Erases what there is of a person; the journal is told how much, never of whom.
fn forget(path: &Path, subject: &str, sightings: &[OsString], journal: &JournalArgs) -> anyhow::Result<()> {
    let mut custody = Custody::open(journal, Timestamp::now())?;
    // Opened before anything is removed: with the prints gone, their sightings could not be found any longer.
    let mut stores = sightings.iter().map(|index| existing(index)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut inventory = Inventory::open(path, false)?;
    let all = inventory.all()?;
    let of_subject = all.iter().filter(|held| held.token.subject.as_deref() == Some(subject));
    let prints: Vec<String> = of_subject.flat_map(|held| &held.prints).map(|(_, print)| print.clone()).collect();
    let mut rows = 0;
    for store in &mut stores {
        rows += store.forget(&prints)?;
    }
    let gone = inventory.forget(subject)?;
    if let Some(journal) = custody.journal() {
        let erased = [("tokens of the inventory", gone.len() as u64), ("rows of sightings", rows)];
        let entries = erased.map(|(what, records)| {
            Entry::Forgotten(Forgotten { what: what.to_owned(), records, actor: Actor::here() })
        });
        let told = journal.append(Timestamp::now(), &entries).and_then(|_| journal.checkpoint(Timestamp::now()));
        told.map(|_| ()).context("it is erased, and the journal could not be told")?;
    }
    print(&format!("forgotten: {} tokens with {} fingerprints, {rows} rows of sightings\n", gone.len(), prints.len()))
}
