//! Values of telling keys: `password=…`, `"client_secret":"…"`, `Authorization: Bearer …`, `--token …`, `scheme://user:pass@host`.
//!
//! Which keys are telling is data (`patterns/context.toml`); how a key, a separator and a value are written is here. Nothing
//! runs without a trigger: a key phrase, a scheme word or `://`. The first bytes behind a trigger refuse nearly all candidates.

mod argument;
mod authorization;
mod below;
mod key;
mod leading;
mod letters;
mod separator;
mod url;
mod value;
mod words;
mod wrapped;

use std::collections::BTreeSet;

use serde::Deserialize;

use super::personal::Notation;
use super::trigger::{self, Trigger};
use crate::model::Span;

pub use argument::whole_argument;
pub use authorization::{of_header, of_scheme};
pub use below::{element_text, entry_values, names_entry, opens_element};
pub use key::{Key, key_ending, may_be_assigned};
pub use url::{may_be_in_authority, may_hold_password, password};
pub use value::values;

/// How a value stands in the log, so what must be undone to get at the canonical secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// As the application holds it.
    Raw,
    /// Inside so many layers of JSON strings.
    Json(u8),
    /// Percent-encoded.
    Percent,
    /// With character references, as in XML.
    Entities,
    /// base64 of `user:password`.
    Basic,
    /// Personal data in one of its spellings.
    Personal(Notation),
    /// Rows of base64, parted by blanks or by escapes of any depth.
    Armor,
}

/// A value that must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Where it stands, without its quotes.
    pub span: Span,
    /// How it is written.
    pub written: Written,
    /// The number of backslashes before each quote that the replacement must bring: a JSON number becomes a string.
    pub add_quotes: Option<u8>,
}

/// Stands for all ends.
const ANY_END: [u8; 2] = [0; 2];

/// A key rule's own settings.
#[derive(Clone, Debug)]
pub struct KeyForm {
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
        Self { phrases, ends, numbers, words, min_length }
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
            match phrase.rsplit_once(' ') {
                Some((before, last)) => {
                    let letter = &before[before.len() - 1..];
                    let separated = ["_", "-", "."].iter().map(|separator| format!("{separator}{last}"));
                    let joined = ["", " "].iter().map(|between| format!("{letter}{between}{last}"));
                    all.extend(separated.chain(joined).map(|text| (Trigger::literal(&text, true), 0)));
                }
                None if trigger::COMMON_WORDS.contains(&phrase.as_str()) => {
                    let follows = BEHIND_A_COMMON_WORD.iter().map(|next| (*next).to_owned());
                    let neutral = words.neutral.starts().map(|word| format!("_{word}"));
                    let spoken =
                        [&words.types, &words.members, &words.copulas].into_iter().flat_map(|list| list.leads(' '));
                    let leading = spoken.chain(words.members.leads(','));
                    // What is said without a separator is looked at for passwords alone.
                    let spaced = [" '", " \"", " \\"].iter().filter(|_| self.words).map(|next| (*next).to_owned());
                    all.extend(follows.chain(neutral).chain(leading).chain(spaced).map(|next| {
                        // The end of it tells: the engine takes in eight bytes, and the phrase is looked for again at each hit.
                        let text = format!("{phrase}{next}");
                        (Trigger::literal(&text[text.len().saturating_sub(trigger::MAX_LITERAL)..], true), next.len())
                    }));
                    all.extend(
                        ["-", "_", "<", ":"].map(|before| (Trigger::literal(&format!("{before}{phrase} "), true), 1)),
                    );
                }
                None => all.push((Trigger::literal(phrase, true), 0)),
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
const BEHIND_A_COMMON_WORD: &[&str] = &[
    "=", ":", "\"", "'", "\\", "]", ">", "</", "%", "&", "-", "1=", "2=", "3=", "1:", "2:", "3:", "1\"", "2\"", "3\"",
    "\x1b", "\n", "val", " =", " ->", "：", "＝", " :", " .=", " +=", " ?=", " !=", "!=", "  ", "\t",
];

/// Word lists that all key rules share; data, so that a user's file can replace them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextWords {
    /// Words that may follow a telling one without changing what the key holds: `token_value`, `PASSWORD_PROD`.
    neutral: WordList,
    /// Whole values that are no secret whatever the key.
    not_values: WordList,
    /// Scheme words of `Authorization` headers, behind which the credentials stand.
    schemes: WordList,
    /// Types that may stand between a key and its `=`: `var token string = "x"`.
    #[serde(default)]
    types: WordList,
    /// What holds the value beside a name: `name="password" value="x"`.
    #[serde(default)]
    members: WordList,
    /// What holds a value that is printed with it: `Some("x")`, `{"stringValue":"x"}`.
    #[serde(default)]
    wrappers: WordList,
    /// Words by which a sentence tells what a password is: `is`, `set to`.
    #[serde(default)]
    copulas: WordList,
}

impl ContextWords {
    /// Whether `word` is a neutral one, or a number.
    fn is_neutral(&self, word: &[u8]) -> bool {
        self.neutral.contains(word) || word.iter().all(u8::is_ascii_digit)
    }

    /// Whether `value` is a word that is no secret whatever stands before it.
    pub fn is_no_value(&self, value: &[u8]) -> bool {
        self.not_values.contains(value)
    }

    fn is_scheme(&self, word: &[u8]) -> bool {
        self.schemes.contains(word)
    }
}

/// Words looked up for every other hit, in any case, so without a hash: by first letter, then one by one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Vec<String>")]
struct WordList {
    by_letter: [Vec<Box<[u8]>>; 26],
    others: Vec<Box<[u8]>>,
    /// Length of the longest: most of what is looked up is longer.
    longest: usize,
}

impl From<Vec<String>> for WordList {
    fn from(words: Vec<String>) -> Self {
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        let mut all = Self { longest, ..Self::default() };
        for word in words.into_iter().map(|word| word.to_ascii_lowercase().into_bytes()) {
            let letter = word.first().filter(|first| first.is_ascii_lowercase()).map(|first| usize::from(first - b'a'));
            letter.map_or(&mut all.others, |letter| &mut all.by_letter[letter]).push(word.into());
        }
        all
    }
}

/// `token_valu` is seldom, `token_v` is not.
const STARTING_LETTERS: usize = 4;
/// A blank, and `is ` or the first three letters of `string`.
const LEADING_LETTERS: usize = 4;

impl WordList {
    /// The first letters of each, as many as tell it from most other words, and of numbers.
    fn starts(&self) -> impl Iterator<Item = String> {
        let starts = self.by_letter.iter().flatten().map(|word| &word[..word.len().min(STARTING_LETTERS)]);
        let digits = (b'1'..=b'3').map(|digit| vec![digit]);
        let all: BTreeSet<Vec<u8>> = starts.map(<[u8]>::to_vec).chain(digits).collect();
        all.into_iter().map(|start| String::from_utf8_lossy(&start).into_owned())
    }

    /// How each begins behind `before`: as much of it as leaves most of the phrase before it in a literal.
    fn leads(&self, before: char) -> impl Iterator<Item = String> + use<'_> {
        let starts = self.by_letter.iter().flatten().map(move |word| {
            let text = format!("{before}{} ", String::from_utf8_lossy(word));
            text.chars().take(LEADING_LETTERS).collect()
        });
        let all: BTreeSet<String> = starts.collect();
        all.into_iter()
    }

    /// Whether `word`, in any case, is one of them.
    fn contains(&self, word: &[u8]) -> bool {
        if word.len() > self.longest {
            return false;
        }
        let letter = word.first().map(u8::to_ascii_lowercase).filter(u8::is_ascii_lowercase);
        let list = letter.map_or(&self.others, |letter| &self.by_letter[usize::from(letter - b'a')]);
        list.iter().any(|known| known.eq_ignore_ascii_case(word))
    }
}
