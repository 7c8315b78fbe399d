//! `inkprint keys`: making a keyring, and the life of its epochs and namespaces.

mod audit;
mod listing;
mod wrap;

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::custody::{Announced, Custody};
use super::journal_args::{JournalArgs, reader};
use super::keyring_args::KeyringArgs;
use super::print::{print, tell};
use crate::control::bridge;
use crate::control::journal::entry::KeyAction;
use crate::control::keyring::source::KeyringSource;
use crate::control::keyring::{Keyring, KeyringError, automatic, store};
use crate::control::rotation::{Rotation, Schedule};
use crate::model::{KeyEpoch, Namespace};

/// Make a keyring, and manage its key epochs and namespaces
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 1 not confirmed, or a schedule that was not kept, 2 an error.")]
pub struct KeysArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a new keyring with a first epoch; an existing file is never overwritten
    Init,
    /// Show epochs and namespaces with their states and times; never a key
    List {
        /// Print one JSON object instead of tables
        #[arg(long)]
        json: bool,
    },
    /// Make a new current epoch; the ones before it go on answering lookups until they are retired
    Rotate {
        /// Do so only if the current epoch is so old, such as 90d or 12h: to be run from a timer as often as you like
        #[arg(long, value_name = "AGE", value_parser = super::journal_args::span)]
        if_older_than: Option<SignedDuration>,
    },
    Wrap(wrap::WrapArgs),
    /// Stop an epoch from answering lookups; its key is kept
    Retire {
        /// The number of the epoch, as it stands in marks behind the k
        #[arg(value_name = "EPOCH", value_parser = KeyEpoch::parse)]
        epoch: KeyEpoch,
    },
    /// Erase an epoch's key for good; its marks can be linked to nothing from then on
    Destroy {
        /// The number of the epoch, as it stands in marks behind the k
        #[arg(value_name = "EPOCH", value_parser = KeyEpoch::parse)]
        epoch: KeyEpoch,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    Audit(audit::AuditArgs),
    /// Manage namespaces: tenants whose fingerprints are apart, and can be forgotten alone
    #[command(subcommand)]
    Namespace(NamespaceCommand),
}

#[derive(Debug, Subcommand)]
enum NamespaceCommand {
    /// Add a namespace
    Add {
        /// 1 to 64 of a-z, 0-9, hyphens, dots and underscores
        #[arg(value_name = "NAME", value_parser = Namespace::new)]
        name: Namespace,
    },
    /// Show the namespaces
    List {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Erase a namespace's salt for good; its marks can be linked to nothing from then on, in any epoch
    Forget {
        /// The namespace
        #[arg(value_name = "NAME", value_parser = Namespace::new)]
        name: Namespace,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(args: KeysArgs) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let keyring = &Keeper { keyring: &args.keyring, journal: &args.journal, now };
    match args.command {
        KeysCommand::Init => init(keyring)?,
        KeysCommand::List { json } => {
            let (source, loaded) = (args.keyring.source()?, args.keyring.load()?);
            print(&if json { listing::json(&source, &loaded)? } else { listing::tables(&source, &loaded) })?;
        }
        KeysCommand::Rotate { if_older_than: Some(every) } => rotate_if_due(keyring, every)?,
        KeysCommand::Wrap(args) => wrap::run(&keyring.keyring.load()?, args)?,
        KeysCommand::Rotate { if_older_than: None } => {
            let told = |epoch: &KeyEpoch| of_epoch(KeyAction::Rotate, *epoch);
            let epoch = keyring.change(|keyring| keyring.rotate(now), told)?;
            print(&format!("epoch {epoch} is the current one; those before it answer lookups until retired\n"))?;
        }
        KeysCommand::Retire { epoch } => {
            keyring.change(|keyring| keyring.retire(epoch, now), |()| of_epoch(KeyAction::Retire, epoch))?;
            print(&format!("epoch {epoch} is retired: its marks answer no lookups; its key is kept\n"))?;
        }
        KeysCommand::Destroy { epoch, yes } => {
            // Tried on a copy first, so that nobody is asked to confirm what will then be refused.
            keyring.try_out(|keyring| keyring.destroy(epoch, now))?;
            let bridged = bridged(&args.journal, epoch)?;
            let lost = format!(
                "This erases the key of epoch {epoch} for good. Its marks stay in the logs, and nobody can link them to \
                 a secret from then on, in any namespace. Copies of this keyring elsewhere are not erased.{}",
                bridged
            );
            if !yes && !confirmed(&lost, &epoch.to_string())? {
                return Ok(not_confirmed());
            }
            keyring.change(|keyring| keyring.destroy(epoch, now), |()| of_epoch(KeyAction::Destroy, epoch))?;
            print(&format!("epoch {epoch} is destroyed: its marks can be linked to no secret.{bridged}\n"))?;
        }
        KeysCommand::Audit(audit) => return audit::run(&args.keyring, &args.journal, &audit),
        KeysCommand::Namespace(command) => return namespace(keyring, command),
    }
    Ok(ExitCode::SUCCESS)
}

fn namespace(keyring: &Keeper<'_>, command: NamespaceCommand) -> anyhow::Result<ExitCode> {
    let now = keyring.now;
    match command {
        NamespaceCommand::Add { name } => {
            let told = |(): &()| of_namespace(KeyAction::AddNamespace, &name);
            keyring.change(|keyring| keyring.add_namespace(&name, now), told)?;
            print(&format!("namespace {name} is added; use it with --namespace {name}\n"))?;
        }
        NamespaceCommand::List { json } => {
            let (source, loaded) = (keyring.keyring.source()?, keyring.keyring.load()?);
            print(&if json { listing::json(&source, &loaded)? } else { listing::namespace_table(&loaded) })?;
        }
        NamespaceCommand::Forget { name, yes } => {
            keyring.try_out(|keyring| keyring.forget_namespace(&name, now))?;
            let lost = format!(
                "This erases the salt of namespace {name} for good. Its marks stay in the logs, and nobody can link them \
                 to a secret from then on, in any epoch. Copies of this keyring elsewhere are not erased."
            );
            if !yes && !confirmed(&lost, name.as_str())? {
                return Ok(not_confirmed());
            }
            let told = |(): &()| of_namespace(KeyAction::ForgetNamespace, &name);
            keyring.change(|keyring| keyring.forget_namespace(&name, now), told)?;
            print(&format!("namespace {name} is forgotten: its marks can be linked to nothing\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rotate_if_due(keyring: &Keeper<'_>, every: SignedDuration) -> anyhow::Result<()> {
    let schedule = Schedule { keyring: keyring.keyring.file()?, every };
    let mut custody = Custody::open(keyring.journal, keyring.now)?;
    print(&match schedule.rotate_if_due(custody.journal(), keyring.now)? {
        Rotation::Done(epoch) => {
            format!("epoch {epoch} is the current one; those before it answer lookups until retired\n")
        }
        Rotation::NotDue { epoch, since, due } => {
            format!("epoch {epoch} is the current one since {since}; nothing is due before {due}\n")
        }
    })
}

fn init(keyring: &Keeper<'_>) -> anyhow::Result<()> {
    let path = keyring.keyring.file()?;
    if keyring.keyring.is_automatic() {
        automatic::make_directory(path.parent().unwrap_or(Path::new(".")))?;
    }
    let made = Keyring::generate(keyring.now)?;
    let mut custody = Custody::open(keyring.journal, keyring.now)?;
    custody.announce(&KeyringSource::File(path.clone()), of_epoch(KeyAction::Init, KeyEpoch::FIRST))?;
    let outcome = store::create(&path, &made);
    custody.conclude(outcome.is_ok())?;
    outcome?;
    print(&format!(
        "made the keyring {}, with epoch 1; whoever holds it can link marks to secrets, and without it nobody can: keep \
         a copy as you would of a private key\n",
        path.display()
    ))
}

/// The keyring, and the journal that tells what is done to it.
struct Keeper<'a> {
    keyring: &'a KeyringArgs,
    journal: &'a JournalArgs,
    now: Timestamp,
}

impl Keeper<'_> {
    /// Changes the keyring; `told` goes into the journal first, and how it went goes there afterwards.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Keyring) -> Result<T, KeyringError>,
        told: impl FnOnce(&T) -> Announced,
    ) -> anyhow::Result<T> {
        let path = self.keyring.file()?;
        let mut custody = Custody::open(self.journal, self.now)?;
        let source = KeyringSource::File(path.clone());
        let outcome = store::update_told(&path, change, |answer| custody.announce(&source, told(answer)));
        custody.conclude(outcome.is_ok())?;
        outcome
    }

    fn try_out<T>(&self, change: impl FnOnce(&mut Keyring) -> Result<T, KeyringError>) -> anyhow::Result<T> {
        self.keyring.file()?;
        Ok(change(&mut self.keyring.load()?)?)
    }
}

fn of_epoch(action: KeyAction, epoch: KeyEpoch) -> Announced {
    Announced { action, epoch: Some(epoch), namespace: None }
}

fn of_namespace(action: KeyAction, name: &Namespace) -> Announced {
    Announced { action, epoch: None, namespace: Some(name.clone()) }
}

/// Asks on the terminal to have `answer` typed.
fn confirmed(lost: &str, answer: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("{lost} Confirm with --yes");
    }
    tell(&format!("{lost}\nType {answer} to go on: "));
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).context("the answer cannot be read")?;
    Ok(typed.trim() == answer)
}

/// What a journal keeps that links marks of `epoch` to those of another.
fn bridged(journal: &JournalArgs, epoch: KeyEpoch) -> anyhow::Result<String> {
    let Some(path) = journal.path().filter(|path| path.exists()) else { return Ok(String::new()) };
    let pairs = bridge::touching(reader(path)?, epoch).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(match pairs {
        0 => String::new(),
        pairs => format!(" The journal's bridges go on linking {pairs} of its fingerprints to those of other epochs."),
    })
}

fn not_confirmed() -> ExitCode {
    tell("inkprint: not confirmed; nothing was changed\n");
    ExitCode::FAILURE
}
