//! Values of telling keys: `password=…`, `"client_secret":"…"`, `Authorization: Bearer …`, `--token …`, `scheme://user:pass@host`.
//!
//! Which keys are telling is data (`patterns/context.toml`); how a key, a separator and a value are written is here. Nothing
//! runs without a trigger: a key phrase, a scheme word or `://`. The first bytes behind a trigger refuse nearly all candidates.

mod alone;
mod argument;
mod authorization;
mod below;
mod columns;
mod form;
mod key;
mod leading;
mod markup;
mod names;
mod separator;
mod spoken;
mod url;
mod value;
mod words;
mod wrapped;

use std::collections::BTreeSet;

use serde::Deserialize;

use super::personal::Notation;
use crate::model::Span;

pub use alone::{Below, MAX_BETWEEN, MAX_ITEMS, below, ends_line, text_start};
pub use argument::whole_argument;
pub use authorization::{of_header, of_scheme};
pub use below::{element_text, entry_values, names_entry, opens_element};
pub use form::KeyForm;
pub use key::{Key, key_ending, may_be_assigned};
pub use url::{may_be_in_authority, may_hold_password, password};
pub use value::values;
pub use words::looks_composed;

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
    /// Words that stand between a password and what it is, with the name of whoever it is for behind them: `for the user`.
    #[serde(default)]
    clauses: WordList,
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
    /// All of them: those that begin with a letter first, by that letter.
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.by_letter.iter().flatten().chain(&self.others).map(|word| &word[..])
    }

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
