//! From the text of allow files to checked entries; every fault of every file is told.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Glob, Whole};
use crate::model::Fingerprint;
use crate::pipeline::detect::rule::read::{Lines, deserialize};
use crate::pipeline::detect::rule::{Origin, RuleSet};
use crate::pipeline::detect::who::{Who, WhoError};
use crate::pipeline::fingerprint::{Mark, Print};

/// A larger file is no list of exceptions.
const MAX_FILE: u64 = 16 << 20;

/// What is wrong with one entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AllowFault {
    /// The file does not parse as TOML or has fields that entries do not have.
    #[error("{0}")]
    Toml(String),
    /// A field that must be there.
    #[error("`{field}` is missing; {hint}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What to write.
        hint: &'static str,
    },
    /// It would allow everything.
    #[error(
        "an entry needs at least one of `rule`, `fingerprint`, `value` and `key`: no input and no line is let through whole"
    )]
    Nothing,
    /// No rule, pack or kind.
    #[error("`rule`: {0}")]
    Who(#[from] WhoError),
    /// No fingerprint. What stands there is not shown: it may be the secret itself.
    #[error(
        "`fingerprint` is {0} characters that are no print (20), fingerprint (24) or mark (ink1-…); `inkprint fingerprint` makes one of a secret"
    )]
    Fingerprint(usize),
    /// A regular expression that cannot be used.
    #[error("`{field}` is no expression for whole values: {error}")]
    Expression {
        /// The field.
        field: &'static str,
        /// What is wrong.
        error: String,
    },
    /// No day.
    #[error(
        "`expires` must be a date such as 2027-01-31, the last day on which the entry allows anything, or \"never\""
    )]
    Expires,
}

/// A fault with its place: file, line and, in the fault, the field.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {fault}")]
pub struct PlacedAllowFault {
    /// Where.
    pub origin: Origin,
    /// What.
    #[source]
    pub fault: AllowFault,
}

/// Why an allow list could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AllowError {
    /// A file could not be read.
    #[error("cannot read the allow list {path}")]
    Read {
        /// What was asked for.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is too large to be one.
    #[error("the allow list {0} is larger than {MAX_FILE} bytes")]
    TooLarge(PathBuf),
    /// Everything that is wrong in the files.
    #[error("{} in the allow list:\n{}", count(.0.len()), .0.iter().map(|f| format!("  {f}")).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<PlacedAllowFault>),
}

fn count(faults: usize) -> String {
    if faults == 1 { "a fault".to_owned() } else { format!("{faults} faults") }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHead {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    rule: Option<String>,
    fingerprint: Option<String>,
    value: Option<String>,
    key: Option<String>,
    source: Option<String>,
    reason: Option<String>,
    expires: Option<RawExpires>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawExpires {
    Text(String),
    Date(toml::value::Datetime),
}

/// Reads allow files; `rules` are all rules there are, on or off.
///
/// # Errors
/// [`AllowError`] with all faults of all files.
pub fn read_files(paths: &[PathBuf], rules: &RuleSet) -> Result<Vec<Entry>, AllowError> {
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.display().to_string();
        match String::from_utf8(read_file(path)?) {
            Ok(text) => entries.extend(read_text(&name, &text, rules, &mut faults)),
            Err(error) => faults.push(PlacedAllowFault {
                origin: Origin { file: name, line: 1 },
                fault: AllowFault::Toml(format!("not UTF-8 text: {}", error.utf8_error())),
            }),
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(AllowError::Faults(faults)) }
}

fn read_file(path: &Path) -> Result<Vec<u8>, AllowError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|source| AllowError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > MAX_FILE { Err(AllowError::TooLarge(path.to_owned())) } else { Ok(bytes) }
}

/// The entries of one file that are without fault.
pub(super) fn read_text(name: &str, text: &str, rules: &RuleSet, faults: &mut Vec<PlacedAllowFault>) -> Vec<Entry> {
    let lines = Lines::new(name, text);
    let mut place = |at: usize, fault| faults.push(PlacedAllowFault { origin: lines.origin(at), fault });
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        place(error.span().map_or(0, |span| span.start), AllowFault::Toml(error.message().to_owned()));
    }
    let span = table.span();
    let mut head = table.into_inner();
    let entries = match head.remove("allow").map(Spanned::into_inner) {
        Some(DeValue::Array(entries)) => entries.into_iter().collect(),
        Some(_) => {
            place(span.start, AllowFault::Toml("`allow` must be written as [[allow]]".to_owned()));
            Vec::new()
        }
        None => Vec::new(),
    };
    deserialize::<RawHead>(head, span, &mut |at, fault| place(at, AllowFault::Toml(fault.to_string())));
    let mut read = Vec::new();
    if !errors.is_empty() {
        // What the parser made of the rest would only raise faults that are none.
        return read;
    }
    for entry in entries {
        let span = entry.span();
        let DeValue::Table(table) = entry.into_inner() else {
            place(span.start, AllowFault::Toml("an entry must be written as [[allow]]".to_owned()));
            continue;
        };
        // A field's own fault is told where the field stands.
        let places: Vec<(String, usize)> =
            table.iter().map(|(key, _)| (key.get_ref().to_string(), key.span().start)).collect();
        let at = |field: &str| places.iter().find(|(key, _)| key == field).map_or(span.start, |(_, at)| *at);
        let raw = deserialize(table, span.clone(), &mut |at, fault| place(at, AllowFault::Toml(fault.to_string())));
        if let Some((raw, dropped)) = raw {
            let origin = lines.origin(span.start);
            read.extend(check(raw, &dropped, origin, rules, &mut |field, fault| place(at(field), fault)));
        }
    }
    read
}

/// Makes an entry of what was written, or tells everything that is wrong with it.
fn check(
    raw: RawEntry,
    dropped: &[String],
    origin: Origin,
    rules: &RuleSet,
    place: &mut impl FnMut(&str, AllowFault),
) -> Option<Entry> {
    let is_there = |field: &str, given: bool| given || dropped.iter().any(|key| key == field);
    let mut good = dropped.is_empty();
    let mut fail = |field: &str, fault| {
        good = false;
        place(field, fault);
    };
    let reason = raw.reason.filter(|reason| !reason.trim().is_empty());
    if !is_there("reason", reason.is_some()) {
        fail("reason", AllowFault::Missing { field: "reason", hint: "say why this may stand in the log" });
    }
    if !is_there("expires", raw.expires.is_some()) {
        fail("expires", AllowFault::Missing { field: "expires", hint: "give a date such as 2027-01-31, or \"never\"" });
    }
    let narrowed = [
        ("rule", raw.rule.is_some()),
        ("fingerprint", raw.fingerprint.is_some()),
        ("value", raw.value.is_some()),
        ("key", raw.key.is_some()),
    ];
    if !narrowed.into_iter().any(|(field, given)| is_there(field, given)) {
        fail("", AllowFault::Nothing);
    }
    let who =
        raw.rule.and_then(|text| Who::parse(&text, &rules.rules).map_err(|error| fail("rule", error.into())).ok());
    let print = raw.fingerprint.and_then(|text| {
        let print = print_of(&text);
        if print.is_none() {
            fail("fingerprint", AllowFault::Fingerprint(text.chars().count()));
        }
        print
    });
    let mut whole = |field: &'static str, text: Option<String>| {
        text.and_then(|text| {
            Whole::parse(&text).map_err(|error| fail(field, AllowFault::Expression { field, error })).ok()
        })
    };
    let (value, key) = (whole("value", raw.value), whole("key", raw.key));
    let last_day = raw.expires.map(|expires| last_day(&expires));
    if last_day == Some(Err(())) {
        fail("expires", AllowFault::Expires);
    }
    if !good {
        return None;
    }
    let source = raw.source.map(Glob::new);
    Some(Entry { origin, reason: reason?, last_day: last_day?.ok()?, who, print, value, key, source })
}

/// The print in a print, a fingerprint or a mark.
fn print_of(text: &str) -> Option<Print> {
    let text = text.trim().as_bytes();
    let fingerprint = match text.len() {
        // The seal has no part in it: any one will do.
        Fingerprint::PRINT_LEN => Fingerprint::from_bytes(&[text, b"0000"].concat()),
        Fingerprint::LEN => Fingerprint::from_bytes(text),
        _ => Mark::parse(text).map(|mark| mark.fingerprint),
    };
    fingerprint?.print().as_bytes().try_into().ok()
}

fn last_day(expires: &RawExpires) -> Result<Option<Date>, ()> {
    let text = match expires {
        RawExpires::Text(text) if text == "never" => return Ok(None),
        RawExpires::Text(text) => text.clone(),
        RawExpires::Date(datetime) if datetime.time.is_none() => datetime.to_string(),
        RawExpires::Date(_) => return Err(()),
    };
    // Such a day is written in one way.
    let spelled = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse().map(Some).ok().filter(|_| spelled).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let set = RuleSet::builtin().expect("the built-in rules load");
        let mut faults = Vec::new();
        read_text("a.toml", text, &set, &mut faults);
        faults.iter().map(PlacedAllowFault::to_string).collect()
    }

    #[test]
    fn every_fault_is_told_with_line_and_field() {
        let told = faults(
            "title = 'x'\n[[allow]]\nreason = ' '\nexpires = 'soon'\n[[allow]]\nrule = 'no-such'\nvalue = '('\nkey = 'x*'\n\
             fingerprint = 'ghp_x'\nreasn = 'x'\nexpires = 2026-01-01T00:00:00Z\n[[allow]]\nrule = 7\n",
        );
        let starts = [
            "a.toml:1: unknown field `title`",
            "a.toml:3: `reason` is missing",
            "a.toml:2: an entry needs",
            "a.toml:4: `expires` must be",
            "a.toml:10: unknown field `reasn`",
            "a.toml:5: `reason` is missing",
            "a.toml:6: `rule`: no rule, pack or kind is called \"no-such\"",
            "a.toml:9: `fingerprint` is 5 characters",
            "a.toml:7: `value` is no expression",
            "a.toml:8: `key` is no expression",
            "a.toml:11: `expires` must be",
            "a.toml:13: `rule`: invalid type",
            "a.toml:12: `reason` is missing",
            "a.toml:12: `expires` is missing",
        ];
        assert_eq!(told.len(), starts.len(), "{told:#?}");
        for start in starts {
            assert!(told.iter().any(|fault| fault.starts_with(start)), "{start} in {told:#?}");
        }
        assert!(!told.concat().contains("ghp_"), "what was pasted is not shown");
    }

    #[test]
    fn a_print_is_read_in_each_of_its_forms() {
        let print = "q7xk2m9c4vw8z5tn1bhd";
        for text in [print, "q7xk2m9c4vw8z5tn1bhd7k2p", "ink1-github-pat-k3-q7xk2m9c4vw8z5tn1bhd7k2p"] {
            assert_eq!(print_of(text), print.as_bytes().try_into().ok());
        }
        for bad in ["", "q7xk2m9c4vw8z5tn1bhu", "ink1-a-q7xk2m9c4vw8z5tn1bhd7k2p", "q7xk2m9c4vw8z5tn1bhd7k"] {
            assert_eq!(print_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn broken_toml_is_told_once() {
        assert_eq!(faults("[[allow]]\nrule = \n").len(), 1);
        assert_eq!(faults("allow = 1\n").len(), 1);
        assert_eq!(faults("").len(), 0);
    }
}
