//! `inkprint keys`: making a keyring, and the life of its epochs and namespaces.

mod listing;

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::keyring_args::KeyringArgs;
use super::print::{print, tell};
use crate::control::keyring::{Keyring, KeyringError, automatic, store};
use crate::model::{KeyEpoch, Namespace};

/// Make a keyring, and manage its key epochs and namespaces
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 1 not confirmed, 2 an error.")]
pub struct KeysArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
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
    Rotate,
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
    let keyring = &args.keyring;
    match args.command {
        KeysCommand::Init => init(keyring, now)?,
        KeysCommand::List { json } => {
            let (source, loaded) = (keyring.source()?, keyring.load()?);
            print(&if json { listing::json(&source, &loaded)? } else { listing::tables(&source, &loaded) })?;
        }
        KeysCommand::Rotate => {
            let epoch = change(keyring, |keyring| keyring.rotate(now))?;
            print(&format!("epoch {epoch} is the current one; those before it answer lookups until retired\n"))?;
        }
        KeysCommand::Retire { epoch } => {
            change(keyring, |keyring| keyring.retire(epoch, now))?;
            print(&format!("epoch {epoch} is retired: its marks answer no lookups; its key is kept\n"))?;
        }
        KeysCommand::Destroy { epoch, yes } => {
            // Tried on a copy first, so that nobody is asked to confirm what will then be refused.
            try_out(keyring, |keyring| keyring.destroy(epoch, now))?;
            let lost = format!(
                "This erases the key of epoch {epoch} for good. Its marks stay in the logs, and nobody can link them to \
                 a secret from then on, in any namespace. Copies of this keyring elsewhere are not erased."
            );
            if !yes && !confirmed(&lost, &epoch.to_string())? {
                return Ok(not_confirmed());
            }
            change(keyring, |keyring| keyring.destroy(epoch, now))?;
            print(&format!("epoch {epoch} is destroyed: its marks can be linked to nothing\n"))?;
        }
        KeysCommand::Namespace(command) => return namespace(keyring, command, now),
    }
    Ok(ExitCode::SUCCESS)
}

fn namespace(keyring: &KeyringArgs, command: NamespaceCommand, now: Timestamp) -> anyhow::Result<ExitCode> {
    match command {
        NamespaceCommand::Add { name } => {
            change(keyring, |keyring| keyring.add_namespace(&name, now))?;
            print(&format!("namespace {name} is added; use it with --namespace {name}\n"))?;
        }
        NamespaceCommand::List { json } => {
            let (source, loaded) = (keyring.source()?, keyring.load()?);
            print(&if json { listing::json(&source, &loaded)? } else { listing::namespace_table(&loaded) })?;
        }
        NamespaceCommand::Forget { name, yes } => {
            try_out(keyring, |keyring| keyring.forget_namespace(&name, now))?;
            let lost = format!(
                "This erases the salt of namespace {name} for good. Its marks stay in the logs, and nobody can link them \
                 to a secret from then on, in any epoch. Copies of this keyring elsewhere are not erased."
            );
            if !yes && !confirmed(&lost, name.as_str())? {
                return Ok(not_confirmed());
            }
            change(keyring, |keyring| keyring.forget_namespace(&name, now))?;
            print(&format!("namespace {name} is forgotten: its marks can be linked to nothing\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn init(args: &KeyringArgs, now: Timestamp) -> anyhow::Result<()> {
    let path = args.file()?;
    if args.is_automatic() {
        automatic::make_directory(path.parent().unwrap_or(Path::new(".")))?;
    }
    store::create(&path, &Keyring::generate(now)?)?;
    print(&format!(
        "made the keyring {}, with epoch 1; whoever holds it can link marks to secrets, and without it nobody can: keep \
         a copy as you would of a private key\n",
        path.display()
    ))
}

fn change<T>(args: &KeyringArgs, change: impl FnOnce(&mut Keyring) -> Result<T, KeyringError>) -> anyhow::Result<T> {
    Ok(store::update(&args.file()?, change)?)
}

fn try_out<T>(args: &KeyringArgs, change: impl FnOnce(&mut Keyring) -> Result<T, KeyringError>) -> anyhow::Result<T> {
    args.file()?;
    Ok(change(&mut args.load()?)?)
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

fn not_confirmed() -> ExitCode {
    tell("inkprint: not confirmed; nothing was changed\n");
    ExitCode::FAILURE
}
