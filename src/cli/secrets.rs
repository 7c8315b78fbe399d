//! Reading secrets: from a terminal without showing them, or from a file or pipe. Every buffer is wiped.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use crate::control::wiped::{self, WipedError};

/// The most bytes of secrets that one call takes: hundreds of thousands of tokens.
const MAX_BYTES: usize = 64 << 20;

/// Reads secrets from standard input, and asks for them one by one if that is a terminal.
///
/// # Errors
/// That it cannot be read, or holds more than may be.
pub(super) fn from_stdin(null: bool, ask: impl FnMut(&[u8])) -> anyhow::Result<()> {
    if io::stdin().is_terminal() {
        return typed(ask);
    }
    // Around the standard library's own buffer, which nothing wipes.
    let stdin = io::stdin().as_fd().try_clone_to_owned().context("standard input cannot be read")?;
    all("standard input", File::from(stdin), null, ask)
}

/// Reads secrets from a file.
///
/// # Errors
/// That it cannot be read, or holds more than may be.
pub(super) fn from_file(path: &Path, null: bool, ask: impl FnMut(&[u8])) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
    all(&name, file, null, ask)
}

fn all(name: &str, reader: impl Read, null: bool, ask: impl FnMut(&[u8])) -> anyhow::Result<()> {
    match wiped::read_to_end(reader, MAX_BYTES) {
        Ok(text) => split(&text, null).for_each(ask),
        Err(WipedError::TooLong(limit)) => bail!("{name} holds more than {limit} bytes of secrets; give them in parts"),
        Err(WipedError::Io(error)) => return Err(error).with_context(|| format!("{name} cannot be read")),
    }
    Ok(())
}

/// The secrets in `text`: lines without their endings, LF or CRLF, or with `null` what stands between NUL bytes, as it
/// is. Empty ones are none.
fn split(text: &[u8], null: bool) -> impl Iterator<Item = &[u8]> {
    let separator = if null { 0 } else { b'\n' };
    text.split(move |&b| b == separator)
        .map(move |piece| if null { piece } else { piece.strip_suffix(b"\r").unwrap_or(piece) })
        .filter(|piece| !piece.is_empty())
}

fn typed(mut ask: impl FnMut(&[u8])) -> anyhow::Result<()> {
    for number in 1u32.. {
        let typed = rpassword::prompt_password(format!("secret {number} (hidden; just Enter ends): "))
            .context("the terminal cannot be read")?;
        let typed = Zeroizing::new(typed);
        if typed.is_empty() {
            break;
        }
        ask(typed.as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_endings_and_nothing_else() {
        let lines: Vec<_> = split(b"a \r\n\n\tb\r\r\nc\0d\ne", false).collect();
        assert_eq!(lines, [&b"a "[..], b"\tb\r", b"c\0d", b"e"]);
    }

    #[test]
    fn between_nul_bytes_everything_is_kept() {
        let pieces: Vec<_> = split(b"a\r\n\0\0-----BEGIN\nx\n\0", true).collect();
        assert_eq!(pieces, [&b"a\r\n"[..], b"-----BEGIN\nx\n"]);
    }
}
