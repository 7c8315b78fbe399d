//! `inkprint completions` and `inkprint man`: made from the same definitions as the help.

use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::print::print;

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Print the manual page
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The command whose page it is, such as keys or rules; without one, the program's own
    command: Option<String>,
}

/// Runs `completions`.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(args: CompletionsArgs, mut command: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "inkprint", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `man`.
///
/// # Errors
/// When there is no such command, or standard output cannot be written.
pub fn man(args: ManArgs, mut command: Command) -> anyhow::Result<ExitCode> {
    command.build();
    let command = match &args.command {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| anyhow::anyhow!("there is no command {name:?}; `inkprint --help` lists them"))?
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&String::from_utf8(page)?)?;
    Ok(ExitCode::SUCCESS)
}
