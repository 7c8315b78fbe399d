//! What can be answered without the rules: to read and compile them takes most of the time in which one token is answered.
//!
//! A token that an index knows just as it was given was a whole secret where it was logged. Rules are needed for all else: for what was
//! pasted with something around it, or in another writing, and for what no index knows as it stands.

use std::cell::OnceCell;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::cli::rule_args::RuleArgs;
use crate::control::lookup::recognise::Recogniser;
use crate::control::sightings::query::Reader;
use crate::control::sightings::{SightingsError, Store};
use crate::model::{Fingerprint, Secret};
use crate::pipeline::detect::Detector;
use crate::pipeline::fingerprint::{MarkKeys, Print};

/// With more secrets than these, the rules pay.
const FEW: usize = 16;

/// Bytes of a token: shorter ones may stand for anything.
const TOKEN: std::ops::RangeInclusive<usize> = 12..=512;

/// The rules, read and compiled when they are first needed.
pub(super) struct Rules<'a> {
    args: &'a RuleArgs,
    built: OnceCell<(Arc<Detector>, Recogniser)>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(args: &'a RuleArgs) -> Self {
        Self { args, built: OnceCell::new() }
    }

    fn built(&self) -> anyhow::Result<&(Arc<Detector>, Recogniser)> {
        if let Some(built) = self.built.get() {
            return Ok(built);
        }
        let detector = Arc::new(Detector::new(self.args.load()?)?);
        let recogniser = Recogniser::new(Arc::clone(&detector));
        Ok(self.built.get_or_init(|| (detector, recogniser)))
    }

    pub(super) fn recogniser(&self) -> anyhow::Result<&Recogniser> {
        Ok(&self.built()?.1)
    }

    pub(super) fn detector(&self) -> anyhow::Result<&Arc<Detector>> {
        Ok(&self.built()?.0)
    }
}

/// The indexes, asked whether they know a token as it stands.
pub(super) struct Known<'a> {
    keys: &'a [MarkKeys],
    readers: Vec<Reader<'a>>,
    asked: usize,
}

impl<'a> Known<'a> {
    /// # Errors
    /// When an index cannot be read.
    pub(super) fn new(keys: &'a [MarkKeys], indexes: &'a [Store]) -> Result<Self, SightingsError> {
        Ok(Self { keys, readers: indexes.iter().map(Store::reader).collect::<Result<_, _>>()?, asked: 0 })
    }

    /// Whether an index knows this token, or the fingerprint that it is. What cannot be asked is not known: the answer itself will fail.
    pub(super) fn has(&mut self, pasted: &[u8]) -> bool {
        self.asked += 1;
        if self.asked > FEW || !is_token(pasted) {
            return false;
        }
        let secret = Secret::borrowed(pasted);
        let is_print = matches!(pasted.len(), Fingerprint::PRINT_LEN | Fingerprint::LEN)
            && pasted.iter().all(|byte| Fingerprint::in_alphabet(*byte));
        let as_print = pasted.first_chunk().copied().filter(|_| is_print);
        self.keys.iter().map(|keys| keys.print(&secret)).chain(as_print).any(|print: Print| {
            let print = std::str::from_utf8(&print).unwrap_or_default();
            self.readers.iter().any(|reader| reader.sightings(print).is_ok_and(|seen| !seen.is_empty()))
        })
    }
}

/// Whether it looks like one token, in no writing but its own: a text in base64 stands for what it says.
fn is_token(text: &[u8]) -> bool {
    let bare = text.trim_ascii_end();
    let bare = &bare[..bare.len() - bare.iter().rev().take_while(|byte| **byte == b'=').count().min(2)];
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/".contains(byte);
    if !TOKEN.contains(&text.len()) || bare.len() + 2 < text.len() || !bare.iter().all(of_token) {
        return false;
    }
    let reads = |bytes: Vec<u8>| bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    !STANDARD_NO_PAD.decode(bare).is_ok_and(reads) && !URL_SAFE_NO_PAD.decode(bare).is_ok_and(reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_what_is_pasted_around_them() {
        for token in [
            "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",
            "glpat-AbCdEfGhIjKlMnOpQrSt",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzEXAMPLEKEY",
            "q7xk2m9c4vw8z5tn1bhd",
        ] {
            assert!(is_token(token.as_bytes()), "{token}");
        }
        for other in [
            "short",
            "https://hooks.example/services/T000/B000/xyz",
            "password=Vq7-molten-Harbor",
            "Bearer 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",
            "user:Vq7-molten-Harbor",
            // 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 in base64
            "Z2hwX05kS1phRGlGSHk2VHhWT0czVlRFOGZQSmxUOHk3UDJwQUxkcQ==",
            "a%2Fb%2Fc%2Fd%2Fe%2Ff",
        ] {
            assert!(!is_token(other.as_bytes()), "{other}");
        }
    }
}
