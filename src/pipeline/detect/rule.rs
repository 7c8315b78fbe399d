//! Rules: what to look for, read from TOML data. Every fault of a file is told, not only the first.

pub(super) mod read;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::action::{Action, ActionError};
use super::context::{ContextWords, KeyForm, Written};
use super::pattern::{Pattern, PatternError};
use super::personal::Notation;
use super::validator::Validator;
use crate::model::RuleId;

include!(concat!(env!("OUT_DIR"), "/builtin_patterns.rs"));

/// How bad it is when what a rule finds is leaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Of use only together with something else.
    Low,
    /// Gives narrow or short-lived access.
    Medium,
    /// Gives access.
    High,
    /// Gives wide or lasting access.
    Critical,
}

/// What sort of thing a rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Whoever holds it has access.
    Secret,
    /// Names a credential without being one.
    Identifier,
    /// Says something of a person.
    Personal,
}

/// What a secret is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Rows of base64, as in PEM: the canonical secret is what they decode to.
    Armor,
    /// A number in groups: the canonical one is its letters and digits, in upper case.
    Compact,
    /// An address of mail: the canonical one has its domain in lower case.
    Email,
    /// A telephone number: the canonical one is its digits, with a plus before the country's code.
    Phone,
    /// An address of a host, in its shortest spelling.
    Ip,
    /// An address of a network card: twelve hex digits.
    Mac,
}

impl Encoding {
    /// What must be undone to get at the canonical secret.
    pub fn written(self) -> Written {
        match self {
            Self::Armor => Written::Armor,
            Self::Compact => Written::Personal(Notation::Compact),
            Self::Email => Written::Personal(Notation::Email),
            Self::Phone => Written::Personal(Notation::Phone),
            Self::Ip => Written::Personal(Notation::Ip),
            Self::Mac => Written::Personal(Notation::Mac),
        }
    }
}

/// The set a rule belongs to; sets are switched on and off together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pack {
    /// Personal data; off until asked for.
    Personal,
    /// Values of telling keys.
    Context,
    /// Structured tokens.
    Tokens,
}

impl Pack {
    /// Every pack there is.
    pub const ALL: [Self; 3] = [Self::Tokens, Self::Context, Self::Personal];

    /// The name in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Context => "context",
            Self::Personal => "personal",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Secret, Self::Identifier, Self::Personal];

    /// The name in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Identifier => "identifier",
            Self::Personal => "personal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Words of which one must stand shortly before a match.
#[derive(Clone, Debug)]
pub struct Near {
    /// The words, in lower case.
    pub words: Vec<String>,
    /// At most so many bytes lie between the word's end and the secret's start.
    pub within: usize,
}

impl Near {
    /// The longest word's length in bytes.
    pub fn longest(&self) -> usize {
        self.words.iter().map(String::len).max().unwrap_or(0)
    }

    /// How far behind the end of any part of a word the secret may begin.
    pub fn reach(&self) -> usize {
        self.within + self.longest()
    }
}

/// How a rule finds its secrets.
#[derive(Clone, Debug)]
pub enum Form {
    /// By a regular expression.
    Pattern(Pattern),
    /// By the key that stands before the value.
    Keys(KeyForm),
    /// The credentials of an `Authorization` header or of a scheme word.
    Authorization,
    /// The password in a URL's user-info.
    UrlPassword,
    /// A private key over several lines, from the line that begins it, or known by how its body begins.
    Armor {
        /// Beginnings of bodies, in base64.
        bodies: Vec<String>,
    },
}

/// One rule, checked.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stands in the mark.
    pub id: RuleId,
    /// What it finds, in a few words.
    pub description: String,
    /// The set it belongs to.
    pub pack: Pack,
    /// How bad a leak is.
    pub severity: Severity,
    /// What sort of thing it finds.
    pub kind: Kind,
    /// How it finds it.
    pub form: Form,
    /// Checks that raise confidence but let nothing through.
    pub validate: Vec<Validator>,
    /// Checks that all must pass.
    pub require: Vec<Validator>,
    /// Bytes of which none may stand directly before the match.
    pub not_after: Vec<u8>,
    /// Words that must stand before.
    pub near: Option<Near>,
    /// Least Shannon entropy in bits per character.
    pub entropy: Option<f32>,
    /// What the found text is written in, where its form does not tell.
    pub encoding: Option<Encoding>,
    /// What is done with what it finds.
    pub action: Action,
    /// Whether the last characters of what it finds may stay to be seen.
    pub keep_last: bool,
    /// Whether it says of itself that it has no examples.
    pub untested: bool,
    /// Whether it is on with its pack.
    pub enabled: bool,
    /// Where the format is described.
    pub references: Vec<String>,
    /// Texts in each of which the rule must find something.
    pub examples: Vec<String>,
    /// Texts in none of which it may.
    pub counterexamples: Vec<String>,
    /// Where it was read from: `file:line`.
    pub origin: Origin,
}

/// A place in a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file's name, or its name below `patterns/` for a built-in one.
    pub file: String,
    /// The line on which the rule begins, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What is wrong with one rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file does not parse as TOML or has fields that rules do not have.
    #[error("{0}")]
    Toml(String),
    /// A field that must be there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field that would do nothing.
    #[error("`{field}` is for rules with {with}")]
    Unused {
        /// The field.
        field: &'static str,
        /// What it works with.
        with: &'static str,
    },
    /// The id cannot stand in a mark.
    #[error(transparent)]
    Id(#[from] crate::model::IdError),
    /// Two rules of this id in one set of files.
    #[error("another rule with this id is at {0}")]
    Duplicate(Origin),
    /// The pattern cannot be used.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Not exactly one of the ways to find something.
    #[error("a rule has one of `pattern`, `keys` and `form`")]
    Form,
    /// A validator that does not exist.
    #[error("there is no validator {name:?}; there are {known}")]
    Validator {
        /// As written.
        name: String,
        /// All that exist.
        known: String,
    },
    /// A number out of its range.
    #[error("`{field}` must be {range}")]
    Range {
        /// The field.
        field: &'static str,
        /// What is allowed.
        range: &'static str,
    },
    /// A key phrase that cannot be looked for.
    #[error("key {0:?} must be words of a-z and 0-9, at least 3 characters in all")]
    Key(String),
    /// An action that does not exist, or that the rule does not allow.
    #[error("`action`: {0}")]
    Action(#[from] ActionError),
    /// No examples: nobody could tell whether the rule works.
    #[error("a rule needs at least one entry in `examples`, or `untested = true` to say that it has none")]
    NoExamples,
}

/// A fault with its place: file, line and rule.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {}{fault}", .rule.as_ref().map(|id| format!("rule {id:?}: ")).unwrap_or_default())]
pub struct PlacedFault {
    /// Where.
    pub origin: Origin,
    /// Which rule, where the id could be read.
    pub rule: Option<String>,
    /// What.
    #[source]
    pub fault: Fault,
}

/// Why rules could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// A file or folder could not be read.
    #[error("cannot read rules from {path}: {source}")]
    Read {
        /// What was asked for.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A folder without a rule file.
    #[error("{0} holds no *.toml file")]
    NoFiles(PathBuf),
    /// Everything that is wrong in the files.
    #[error("{} in the rules:\n{}", faults(.0.len()), .0.iter().map(|f| format!("  {f}")).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<PlacedFault>),
    /// `--only`, `--enable` or `--disable` names something that is not there.
    #[error("no rule or pack is called {0:?}; `inkprint rules list` shows them")]
    Unknown(String),
}

fn faults(count: usize) -> String {
    if count == 1 { "a fault".to_owned() } else { format!("{count} faults") }
}

/// All rules in force, and the word lists that key rules share.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// In order of loading.
    pub rules: Vec<Rule>,
    /// Words that tell values from look-alikes.
    pub words: ContextWords,
}

impl RuleSet {
    /// The rules that are built into the program, all packs.
    ///
    /// # Errors
    /// [`RuleError::Faults`]: a test keeps the built-in files free of them.
    pub fn builtin() -> Result<Self, RuleError> {
        let mut set = Self::default();
        let mut faults = Vec::new();
        for (name, text) in BUILTIN_PATTERNS {
            read::add_file(&mut set, &format!("patterns/{name}"), text, &mut faults);
        }
        set.finish(faults)
    }

    /// Adds the rules of a file, or of every `*.toml` in a folder; a rule of the same id as one already there takes its place.
    ///
    /// # Errors
    /// [`RuleError`] naming every fault; `self` is then given up.
    pub fn extended(mut self, path: &Path) -> Result<Self, RuleError> {
        let read = |source| RuleError::Read { path: path.to_owned(), source };
        let mut files = Vec::new();
        if std::fs::metadata(path).map_err(read)?.is_dir() {
            for entry in std::fs::read_dir(path).map_err(read)? {
                let file = entry.map_err(read)?.path();
                if file.extension().is_some_and(|extension| extension == "toml") {
                    files.push(file);
                }
            }
            files.sort();
            if files.is_empty() {
                return Err(RuleError::NoFiles(path.to_owned()));
            }
        } else {
            files.push(path.to_owned());
        }
        let mut added = Self { rules: Vec::new(), words: self.words.clone() };
        let mut faults = Vec::new();
        for file in files {
            let bytes = std::fs::read(&file).map_err(|source| RuleError::Read { path: file.clone(), source })?;
            let name = file.display().to_string();
            match String::from_utf8(bytes) {
                Ok(text) => read::add_file(&mut added, &name, &text, &mut faults),
                Err(error) => faults.push(PlacedFault {
                    origin: Origin { file: name, line: 1 },
                    rule: None,
                    fault: Fault::Toml(format!("not UTF-8 text: {error}")),
                }),
            }
        }
        let added = added.compiled(faults)?;
        self.rules.retain(|rule| added.rules.iter().all(|new| new.id != rule.id));
        self.rules.extend(added.rules);
        self.words = added.words;
        Ok(self)
    }

    /// Keeps what is asked for: with `only`, just those rules and packs (also such as are off by themselves); otherwise what is
    /// on by default; in either case without `disable`.
    ///
    /// # Errors
    /// [`RuleError::Unknown`] for a name that fits no rule and no pack.
    pub fn selected(self, only: &[String], disable: &[String]) -> Result<Self, RuleError> {
        self.chosen(only, &[], disable)
    }

    /// As [`selected`](Self::selected), and with what `enable` names beside it: rules and packs that are off by themselves.
    ///
    /// # Errors
    /// As [`selected`](Self::selected).
    pub fn chosen(mut self, only: &[String], enable: &[String], disable: &[String]) -> Result<Self, RuleError> {
        let names = |rule: &Rule, name: &str| rule.id.as_str() == name || rule.pack.as_str() == name;
        for name in only.iter().chain(enable).chain(disable) {
            let is_pack = Pack::ALL.iter().any(|pack| pack.as_str() == name);
            if !is_pack && !self.rules.iter().any(|rule| names(rule, name)) {
                return Err(RuleError::Unknown(name.clone()));
            }
        }
        self.rules.retain(|rule| {
            let by_default = rule.enabled && rule.pack != Pack::Personal;
            let named = |list: &[String]| {
                let by_pack = rule.enabled && list.iter().any(|name| rule.pack.as_str() == name);
                by_pack || list.iter().any(|name| rule.id.as_str() == name)
            };
            let wanted = named(enable) || if only.is_empty() { by_default } else { named(only) };
            wanted && !disable.iter().any(|name| names(rule, name))
        });
        Ok(self)
    }

    /// The rules in the text of one file, and no others.
    ///
    /// # Errors
    /// [`RuleError::Faults`] with every fault.
    pub fn of_text(name: &str, text: &str) -> Result<Self, RuleError> {
        let (mut set, mut faults) = (Self::default(), Vec::new());
        read::add_file(&mut set, name, text, &mut faults);
        set.compiled(faults)
    }

    /// Compiles every pattern once: some are too large, which is better told now than at the first secret.
    fn compiled(self, mut faults: Vec<PlacedFault>) -> Result<Self, RuleError> {
        for rule in &self.rules {
            if let Form::Pattern(pattern) = &rule.form
                && let Err(error) = pattern.compile()
            {
                let (origin, id) = (rule.origin.clone(), rule.id.to_string());
                faults.push(PlacedFault { origin, rule: Some(id), fault: error.into() });
            }
        }
        self.finish(faults)
    }

    fn finish(self, mut faults: Vec<PlacedFault>) -> Result<Self, RuleError> {
        faults.sort_by(|a, b| (&a.origin.file, a.origin.line).cmp(&(&b.origin.file, b.origin.line)));
        if faults.is_empty() { Ok(self) } else { Err(RuleError::Faults(faults)) }
    }
}
