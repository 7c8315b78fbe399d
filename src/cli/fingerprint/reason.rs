//! The reason for a lookup, which the journal keeps.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, bail};

use crate::cli::print::tell;
use crate::control::journal::entry::MAX_TEXT;
use crate::control::lookup::recognise::Recogniser;

/// Takes a reason as it was typed.
pub(super) fn parse(text: &str) -> Result<String, String> {
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
pub(super) fn given(reason: Option<String>, is_kept: bool, recogniser: &Recogniser) -> anyhow::Result<Option<String>> {
    let reason = match reason {
        Some(_) if !is_kept => bail!("there is no journal that the reason could go into; name one with --journal"),
        None if !is_kept => return Ok(None),
        Some(reason) => reason,
        None => asked()?,
    };
    // What is in the journal stays there.
    let found = recogniser.secrets(reason.as_bytes()).context("the reason cannot be scanned")?;
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
