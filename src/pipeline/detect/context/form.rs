//! The keys of a rule: the phrases that they end in, what must stand before these, and what is looked for to find them.

use std::collections::BTreeSet;
use std::fmt;

use super::{ContextWords, WordList};
use crate::pipeline::detect::trigger::{self, Trigger};

/// Stands for all ends.
const ANY_END: [u8; 2] = [0; 2];

/// A key rule's own settings.
#[derive(Clone, Debug)]
pub struct KeyForm {
    /// For phrases that say little by themselves: what must stand before them.
    before: Option<Box<Before>>,
    /// Words of which a telling key's tail consists.
    phrases: Vec<Phrase>,
    /// The last two letters of each, by which nearly every other text is refused; [`ANY_END`] where its last word is shorter.
    ends: Vec<[u8; 2]>,
    /// Whether a bare number counts as a value.
    pub numbers: bool,
    /// Whether plain words count as a value: passwords are often words, tokens never.
    pub words: bool,
    /// Shorter values are none.
    pub min_length: usize,
}

/// The words of a key before its phrase.
#[derive(Clone, Debug)]
struct Before {
    /// Of these, one must be among them; any does where there are none.
    telling: WordList,
    any: bool,
    /// None of these may be the last of them.
    harmless: WordList,
    /// The letters that a phrase may follow directly.
    letters: BTreeSet<char>,
}

/// One telling phrase: `api key` stands for `apiKey`, `API_KEY`, `api-key`, `x-api-key`.
#[derive(Clone, Debug)]
struct Phrase {
    text: String,
    /// Its words, the last one first.
    words: Vec<Box<[u8]>>,
    /// Length of the last word, and the letter before it, by which most others are refused.
    last: usize,
    joint: Option<u8>,
}

impl KeyForm {
    /// The form for these phrases.
    pub fn new(phrases: Vec<String>, numbers: bool, words: bool, min_length: usize) -> Self {
        let phrases: Vec<Phrase> = phrases
            .into_iter()
            .map(|text| {
                let space = text.rfind(' ');
                let joint = space.map(|at| text.as_bytes()[at - 1]);
                let words = text.rsplit(' ').map(|word| word.as_bytes().into()).collect();
                Phrase { words, last: text.len() - space.map_or(0, |at| at + 1), joint, text }
            })
            .collect();
        let end = |phrase: &Phrase| phrase.text.as_bytes().last_chunk().copied().filter(|_| phrase.last > 1);
        let ends = phrases.iter().map(|phrase| end(phrase).unwrap_or(ANY_END)).collect();
        Self { before: None, phrases, ends, numbers, words, min_length }
    }

    /// The same form, for keys with one of the words of `telling` before the phrase, or any if there are none, and none of `harmless`
    /// directly before it.
    pub fn behind(mut self, telling: Vec<String>, harmless: Vec<String>) -> Self {
        let last = telling.iter().filter_map(|word| word.chars().last());
        let letters = if telling.is_empty() { LAST_LETTERS.chars().collect() } else { last.collect() };
        let any = telling.is_empty();
        self.before = Some(Box::new(Before { telling: telling.into(), any, harmless: harmless.into(), letters }));
        self
    }

    /// Whether `word` can be one before a phrase.
    pub fn is_word(word: &str) -> bool {
        (2..=40).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }

    /// Whether the key that begins at `start` of a line is one of this rule's, by what stands in it before the phrase, or by the word before it
    /// where the phrase is all of it: `line` ends where the phrase begins.
    pub fn fits_behind(&self, line: &[u8], start: usize) -> bool {
        let Some(Before { telling, any, harmless, .. }) = self.before.as_deref() else { return true };
        let before = match &line[start..] {
            [] => word_before(line),
            before => before,
        };
        let words = || key_words(before);
        words().last().is_some_and(|last| !harmless.contains(last))
            && (*any || words().any(|word| telling.contains(word)))
    }

    /// The shortest value, where a rule says nothing else.
    pub const MIN_LENGTH: usize = 6;

    /// Whether `phrase` can be looked for.
    pub fn is_phrase(phrase: &str) -> bool {
        phrase
            .split(' ')
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
            && (3..=40).contains(&phrase.len())
    }

    /// What to look for, and how many bytes behind the key's tail it ends.
    ///
    /// Of a phrase of several words only the last is looked for, with whatever joins it to the one before; a short word comes
    /// with what may stand behind it. This keeps the engine's literals long and its hits few, on which its speed depends.
    pub fn triggers(&self, words: &ContextWords) -> Vec<(Trigger, usize)> {
        let mut all = Vec::new();
        for Phrase { text: phrase, .. } in &self.phrases {
            match (phrase.rsplit_once(' '), self.before.as_deref()) {
                (None, Some(Before { letters, .. })) => {
                    let separated = ["_", "-", "."].iter().map(|separator| format!("{separator}{phrase}"));
                    let joined =
                        letters.iter().flat_map(|letter| ["", " "].map(|between| format!("{letter}{between}{phrase}")));
                    all.extend(separated.chain(joined).map(|text| (Trigger::literal(&text, true), 0)));
                }
                (Some((before, last)), _) => {
                    let letter = &before[before.len() - 1..];
                    let separated = ["_", "-", "."].iter().map(|separator| format!("{separator}{last}"));
                    let joined = ["", " "].iter().map(|between| format!("{letter}{between}{last}"));
                    all.extend(separated.chain(joined).map(|text| (Trigger::literal(&text, true), 0)));
                }
                (None, None) if trigger::COMMON_WORDS.contains(&phrase.as_str()) => {
                    // More ways are worth a literal for passwords, which people write down themselves.
                    let of_people: &[&str] = if self.words { BEHIND_A_PASSWORD } else { &[] };
                    let follows = BEHIND_A_COMMON_WORD.iter().chain(of_people).map(|next| (*next).to_owned());
                    let neutral = words.neutral.starts().map(|word| format!("_{word}"));
                    let spoken =
                        [&words.types, &words.members, &words.copulas].into_iter().flat_map(|list| list.leads(' '));
                    let leading = spoken.chain(words.members.leads(','));
                    let spaced = [" '", " \"", " \\"].iter().map(|next| (*next).to_owned());
                    all.extend(follows.chain(neutral).chain(leading).chain(spaced).map(|next| {
                        // The end of it tells: the engine takes in eight bytes, and the phrase is looked for again at each hit.
                        let text = format!("{phrase}{next}");
                        (Trigger::literal(&text[text.len().saturating_sub(trigger::MAX_LITERAL)..], true), next.len())
                    }));
                    // In prose a word stands before it, and what it is may stand beside it.
                    // Where the blanks around it do not fit into what the engine takes in, the letter before the first one is there in the other's
                    // place: `: password must` is in every other line of some logs.
                    let told: Vec<String> = match phrase.len() + 2 {
                        ..=trigger::MAX_LITERAL => vec![format!(" {phrase} ")],
                        _ => LAST_LETTERS.chars().map(|letter| format!("{letter} {phrase} ")).collect(),
                    };
                    all.extend(told.into_iter().map(|text| (Trigger::literal(&text, true), 1)));
                    all.extend(
                        ["-", "_", "<", ":"].map(|before| (Trigger::literal(&format!("{before}{phrase} "), true), 1)),
                    );
                }
                (None, None) => all.push((Trigger::literal(phrase, true), 0)),
            }
        }
        all.sort();
        all.dedup();
        all
    }

    /// Where a phrase of this rule that ends at `end` begins: the longest, where several do.
    pub fn phrase_before(&self, line: &[u8], end: usize) -> Option<usize> {
        let text = &line[..end];
        let last = text.last_chunk::<2>()?.map(|byte| byte.to_ascii_lowercase());
        let may_end = |end: &[u8; 2]| *end == last || *end == ANY_END;
        let phrases = self.ends.iter().zip(&self.phrases).filter(|(end, _)| may_end(end));
        phrases.filter_map(|(_, phrase)| phrase.start_in(text)).min()
    }
}

/// As a rule file says it, for a comparison of two.
impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phrases: Vec<&str> = self.phrases.iter().map(|phrase| &phrase.text[..]).collect();
        write!(f, "{phrases:?}, min_length = {}", self.min_length)?;
        for (name, is_set) in [("numbers", self.numbers), ("words", self.words)] {
            if is_set {
                write!(f, ", {name}")?;
            }
        }
        let Some(Before { telling, harmless, .. }) = self.before.as_deref() else { return Ok(()) };
        for (name, list) in [("behind", telling), ("not_behind", harmless)] {
            let words: Vec<_> = list.iter().map(String::from_utf8_lossy).collect();
            write!(f, ", {name} = {words:?}")?;
        }
        Ok(())
    }
}

impl Phrase {
    /// The offset at which `text` ends in this phrase, in any case, its words joined by nothing or by one separator.
    fn start_in(&self, text: &[u8]) -> Option<usize> {
        if let Some(joint) = self.joint {
            let before = text[..text.len().checked_sub(self.last)?].split_last_chunk::<2>()?.1;
            let letter = if is_joint(before[1]) { before[0] } else { before[1] };
            if letter.to_ascii_lowercase() != joint {
                return None;
            }
        }
        let mut at = text.len();
        for (number, word) in self.words.iter().enumerate() {
            if number > 0 && text[..at].last().copied().is_some_and(is_joint) {
                at -= 1;
            }
            let start = at.checked_sub(word.len())?;
            if !text[start..at].eq_ignore_ascii_case(word) {
                return None;
            }
            at = start;
        }
        Some(at)
    }
}

/// What may stand between the words of a phrase.
fn is_joint(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.' | b' ')
}

/// What may stand behind a key's last word, or go on with a neutral one. The bare word `token` or `password` stands in every other
/// line, and a hit costs the engine as much as a hundred bytes of scanning: so it is looked for together with these.
/// Of `for` only the first letter: `broken for` is in some logs all over.
const BEHIND_A_COMMON_WORD: &[&str] = &[
    "=", ":", "\"", "'", "\\", "]", ">", "</", "%", "&", "-", "1=", "2=", "3=", "1:", "2:", "3:", "1\"", "2\"", "3\"",
    "\x1b", "\n", "\r", "val", " =", " ->", " |", " f", ",", ")", "(\"", "('", "：", "＝", " :", " .=", " +=", " ?=",
    " !=", "!=", "  ", "\t",
];

/// The same behind `password` alone.
const BEHIND_A_PASSWORD: &[&str] = &[" <-", " (", " [", " as ", "...", "[", "→", " →"];

/// The word that ends one blank before the end of `text`.
fn word_before(text: &[u8]) -> &[u8] {
    let Some(text) = text.strip_suffix(b" ") else { return &[] };
    let is_of = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    &text[text.len() - text.iter().rev().take(MAX_WORD).take_while(is_of).count()..]
}

/// The letters that most words end in. A literal for each of the others would cost every log more than it finds.
const LAST_LETTERS: &str = "adeghilmnoprstwy";

/// No word before a phrase is longer.
const MAX_WORD: usize = 40;

/// The words of a key: `openWeatherMap_2` has four.
fn key_words(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_hump = |first: &u8, next: &u8| first.is_ascii_lowercase() && next.is_ascii_uppercase();
    key.split(|byte| !byte.is_ascii_alphanumeric())
        .flat_map(move |part| part.chunk_by(move |first, next| !is_hump(first, next)))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(telling: &[&str], harmless: &[&str]) -> KeyForm {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        KeyForm::new(vec!["key".to_owned()], false, false, 8).behind(owned(telling), owned(harmless))
    }

    #[test]
    fn a_word_before_the_phrase_tells() {
        let vendors = form(&["acme", "zeta2"], &["cache"]);
        for (before, expected) in [
            ("ACME_", true),
            ("x-acme-", true),
            ("acme", true),
            ("myAcmeAdmin", true),
            ("spring.zeta2.", true),
            ("acme_cache_", false),
            ("acmes_", false),
            ("", false),
            ("the acme ", true),
            ("acme the ", false),
        ] {
            let start = if before.ends_with(' ') { before.len() } else { 0 };
            assert_eq!(vendors.fits_behind(before.as_bytes(), start), expected, "{before}");
        }
        let any = form(&[], &["cache", "primary"]);
        for (before, expected) in
            [("other_", true), ("primary_", false), ("userCache", false), ("", false), ("_", false)]
        {
            assert_eq!(any.fits_behind(before.as_bytes(), 0), expected, "{before}");
        }
    }
}
