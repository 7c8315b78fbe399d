//! Rules of other tools -> rule files of ours, and an account of what could not be carried over.
//!
//! - What is carried over **loads**: each rule is written, read back and compiled before it is given out.
//! - Where a condition is left out, the rule finds **more** than it did, never less; what would make it find less is not guessed.
//! - Examples that came along are tried: one that the carried rule does not pass is left out and told.
//! - A file comes from anybody: sizes are bounded, and a rule that cannot be read does not hide the next one.

mod dialect;
mod foreign;
mod gitleaks;
mod write;
mod yaml;

use std::collections::BTreeSet;

use serde_json::Value;

pub use self::write::to_toml;

use self::foreign::Foreign;
use crate::model::RuleId;
use crate::pipeline::detect::rule::{Form, RuleError, RuleSet};
use crate::pipeline::detect::{CostClass, Detector, Finder, cost_class};

/// The largest file that is read.
pub const MAX_FILE: usize = 16 << 20;
/// The most rules in one file.
const MAX_RULES: usize = 10_000;
/// The longest pattern in bytes.
const MAX_PATTERN: usize = 32 << 10;
/// The most examples of one rule that are tried.
const MAX_EXAMPLES: usize = 64;

/// Why nothing of a file can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Neither form of text.
    #[error("it is no TOML ({toml}) and no YAML ({yaml})")]
    Syntax {
        /// What the one parser says.
        toml: String,
        /// What the other one says.
        yaml: String,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    Text,
    /// Too large.
    #[error("it is larger than {MAX_FILE} bytes")]
    TooLarge,
    /// Our own format.
    #[error("it is a rule file of inkprint already: use it with --patterns")]
    Own,
    /// Well formed, but without rules.
    #[error("it holds no `rules` with a `regex` (gitleaks) or a `pattern` (Nosey Parker, Kingfisher)")]
    NoRules,
    /// More than anybody has.
    #[error("it holds more than {MAX_RULES} rules")]
    TooMany,
}

/// What of a rule, or of its file, could not be carried over as it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Remark {
    /// The id had to be another one.
    #[error("its id is now {0:?}")]
    Id(String),
    /// A field that has no counterpart.
    #[error("`{field}` is left out: {why}")]
    Left {
        /// As the other tool calls it.
        field: String,
        /// What that means.
        why: &'static str,
    },
    /// Several groups, of which one was chosen.
    #[error("its pattern has {0} groups: the first is taken for the secret")]
    Groups(usize),
    /// A group that is not there.
    #[error("its pattern has no group {0}: the whole match goes")]
    NoGroup(u64),
    /// An entropy out of its range.
    #[error("its entropy is not from 0 to 8 bits a character, and left out")]
    Entropy,
    /// Examples that are not found, or counterexamples that are.
    #[error("{0} of its examples and counterexamples do not hold for what was carried over, and are left out")]
    Examples(usize),
    /// No trigger.
    #[error("it will be slow: its pattern has no telling part; {0}")]
    Slow(String),
}

/// Why a rule could not be carried over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is not a table with texts in it.
    #[error("it is not written as a rule")]
    Form,
    /// There is nothing to look for.
    #[error("it has no pattern: rules for paths alone have no use in a log")]
    NoPattern,
    /// The pattern is absurdly long.
    #[error("its pattern is longer than {MAX_PATTERN} bytes")]
    TooLong,
    /// Our engine does not take it.
    #[error("{0}")]
    Rule(String),
}

/// A rule that was carried over.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// What it is called now.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// What it finds.
    pub description: String,
    /// In our syntax.
    pub pattern: String,
    /// Least entropy.
    pub entropy: Option<f64>,
    /// Links.
    pub references: Vec<String>,
    /// Texts in which it finds something.
    pub examples: Vec<String>,
    /// Texts in which it finds nothing.
    pub counterexamples: Vec<String>,
    /// What is not as it was.
    pub remarks: Vec<Remark>,
}

/// What came of a file.
#[derive(Debug, Default)]
pub struct Imported {
    /// The rules, in their order.
    pub carried: Vec<Carried>,
    /// Those that could not be carried over, by their names.
    pub refused: Vec<(String, Refused)>,
    /// What concerns the file as a whole.
    pub remarks: Vec<Remark>,
}

/// Reads other tools' files; ids stay unique over all of them, and apart from those of the built-in rules.
#[derive(Debug)]
pub struct Importer {
    taken: BTreeSet<String>,
}

impl Importer {
    /// An importer beside these rules.
    pub fn beside(rules: &RuleSet) -> Self {
        Self { taken: rules.rules.iter().map(|rule| rule.id.to_string()).collect() }
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`ImportError`] when it is nothing that could hold rules; a fault of a rule is no error.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Imported, ImportError> {
        if bytes.len() > MAX_FILE {
            return Err(ImportError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ImportError::Text)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file = parse(text)?;
        let Some(rules) = file.get("rules").and_then(Value::as_array) else {
            return Err(if file.get("rule").is_some() { ImportError::Own } else { ImportError::NoRules });
        };
        if rules.len() > MAX_RULES {
            return Err(ImportError::TooMany);
        }
        let is_gitleaks = |rule: &Value| ["regex", "path", "secretGroup"].iter().any(|field| rule.get(field).is_some());
        let is_yaml = |rule: &Value| rule.get("pattern").is_some();
        let mut imported = Imported::default();
        let read = if rules.iter().any(is_yaml) {
            yaml::rule
        } else if rules.iter().any(is_gitleaks) {
            imported.remarks = gitleaks::remarks(&file);
            gitleaks::rule
        } else {
            return Err(ImportError::NoRules);
        };
        for (number, rule) in rules.iter().enumerate() {
            match read(rule).and_then(|foreign| self.carry(foreign)) {
                Ok(carried) => imported.carried.push(carried),
                Err(refused) => imported.refused.push((foreign::name(rule, number), refused)),
            }
        }
        Ok(imported)
    }

    fn carry(&mut self, foreign: Foreign) -> Result<Carried, Refused> {
        let mut remarks = foreign.remarks;
        let pattern = foreign.pattern.ok_or(Refused::NoPattern)?;
        if pattern.len() > MAX_PATTERN {
            return Err(Refused::TooLong);
        }
        let pattern = dialect::with_secret(&foreign.dialect.translated(&pattern), foreign.group, &mut remarks);
        let entropy = foreign.entropy.filter(|bits| *bits > 0.0);
        if entropy.is_some_and(|bits| bits > 8.0) {
            remarks.push(Remark::Entropy);
        }
        let id = self.free_id(&foreign.name, foreign.tool);
        if id != foreign.name {
            remarks.insert(0, Remark::Id(id.clone()));
        }
        let mut carried = Carried {
            id,
            description: foreign.description,
            name: foreign.name,
            pattern,
            entropy: entropy.filter(|bits| *bits <= 8.0),
            references: foreign.references,
            examples: foreign.examples,
            counterexamples: foreign.counterexamples,
            remarks,
        };
        try_out(&mut carried, &foreign.keywords)?;
        self.taken.insert(carried.id.clone());
        Ok(carried)
    }

    /// The name as an id that nobody has.
    fn free_id(&self, name: &str, tool: &str) -> String {
        let spelled = |text: &str| -> String {
            let lower = text.to_ascii_lowercase();
            let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            let mut id = words.collect::<Vec<_>>().join("-");
            id.truncate(RuleId::MAX);
            id.trim_end_matches('-').to_owned()
        };
        let free = |id: &String| RuleId::is_valid(id.as_bytes()) && !self.taken.contains(id);
        let plain = [spelled(name), spelled(&format!("{tool} {name}"))].into_iter().find(free);
        let numbered = || {
            let base: String = spelled(&format!("{tool} {name}")).chars().take(RuleId::MAX - 7).collect();
            let base = if RuleId::is_valid(base.trim_end_matches('-').as_bytes()) { base } else { tool.to_owned() };
            (2..).map(|number| spelled(&format!("{base} {number}"))).find(free)
        };
        plain.or_else(numbered).unwrap_or_else(|| tool.to_owned())
    }
}

/// Reads a rule back as a rule file's, and drops the examples that do not hold.
fn try_out(carried: &mut Carried, keywords: &[String]) -> Result<(), Refused> {
    let refused = |error: RuleError| match error {
        RuleError::Faults(faults) => {
            Refused::Rule(faults.iter().map(|placed| placed.fault.to_string()).collect::<Vec<_>>().join("; "))
        }
        other => Refused::Rule(other.to_string()),
    };
    let set = RuleSet::of_text("import", &to_toml(std::slice::from_ref(carried), "")).map_err(refused)?;
    if let Some(rule) = set.rules.iter().find(|rule| matches!(rule.form, Form::Pattern(_)))
        && cost_class(rule, &set.words) == CostClass::Slow
    {
        let hint = if keywords.is_empty() { "give it `near` words" } else { "its keywords may serve as `near` words" };
        carried.remarks.push(Remark::Slow(hint.to_owned()));
    }
    if carried.examples.is_empty() && carried.counterexamples.is_empty() {
        return Ok(());
    }
    let engine = |error| Refused::Rule(format!("the engine does not take it: {error}"));
    let detector = Detector::new(set).map_err(engine)?;
    let mut finder = Finder::new(&detector).map_err(engine)?;
    let mut finds = |text: &String| finder.find(text.as_bytes()).is_ok_and(|matches| !matches.all.is_empty());
    let before = carried.examples.len() + carried.counterexamples.len();
    carried.examples.retain(&mut finds);
    carried.counterexamples.retain(|text| !finds(text));
    let left_out = before - carried.examples.len() - carried.counterexamples.len();
    if left_out > 0 {
        carried.remarks.push(Remark::Examples(left_out));
    }
    Ok(())
}

/// TOML, or else YAML.
fn parse(text: &str) -> Result<Value, ImportError> {
    let one_line = |error: String| error.split_whitespace().take(30).collect::<Vec<_>>().join(" ");
    let toml = match toml::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => one_line(error.message().to_owned()),
    };
    yaml::parse(text).map_err(|error| ImportError::Syntax { toml, yaml: one_line(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Imported {
        Importer::beside(&RuleSet::default()).read(text.as_bytes()).expect("it holds rules")
    }

    #[test]
    fn a_gitleaks_rule_is_carried_over_with_its_group_and_entropy() {
        let imported = read(
            "[[rules]]\nid = 'acme-key'\ndescription = 'An ACME key.'\nregex = '''(?i)acme[=: ]{1,3}['\"]?([a-f0-9]{32})\\b'''\nentropy = 3.5\nkeywords = ['acme']\n",
        );
        let [rule] = &imported.carried[..] else { panic!("{imported:?}") };
        assert_eq!((rule.id.as_str(), rule.entropy, rule.remarks.len()), ("acme-key", Some(3.5), 0), "{rule:?}");
        assert_eq!(rule.pattern, "(?i)acme[=: ]{1,3}['\"]?(?<secret>[a-f0-9]{32})\\b");
    }

    #[test]
    fn what_cannot_be_carried_over_is_told_rule_by_rule() {
        let imported = read(
            "[extend]\nuseDefault = true\n[[rules]]\nid = 'a'\nregex = 'a(?=b)'\n[[rules]]\nid = 'b'\npath = 'x'\n\
             [[rules]]\nid = 'c'\nregex = 'x*'\n[[rules]]\nid = 'D.d'\nregex = 'zq_[0-9]{8}'\npath = 'x'\n\
             [[rules.allowlists]]\nregexes = ['y']\n[[rules]]\nregex = 7\n",
        );
        let refused: Vec<String> = imported.refused.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        assert_eq!(refused.len(), 4, "{refused:?}");
        assert!(refused[0].starts_with("a: ") && refused[0].contains("look-around"), "{refused:?}");
        assert!(refused[1].starts_with("b: it has no pattern"), "{refused:?}");
        assert!(refused[2].contains("empty string"), "{refused:?}");
        assert!(refused[3].starts_with("number 5: it is not"), "{refused:?}");
        let told: Vec<String> = imported.carried[0].remarks.iter().map(Remark::to_string).collect();
        assert!(
            told[0].contains("\"d-d\"") && told[1].contains("`path`") && told[2].contains("`allowlists`"),
            "{told:?}"
        );
        assert!(imported.remarks[0].to_string().contains("`extend`"));
    }

    #[test]
    fn a_yaml_rule_is_carried_over_with_the_examples_that_hold() {
        let imported = read(
            "rules:\n- name: ZQ Token\n  id: kingfisher.zq.1\n  pattern: |\n    (?xi)\n    \\b\n    (            # the token\n      zq_[0-9a-f]{16}\n    )\n    \\b\n  min_entropy: 3.0\n  confidence: high\n  examples:\n  - 'zq = zq_1f0e2d3c4b5a6978'\n  - 'nothing here'\n  negative_examples: ['zq_short']\n  references: ['https://example.org/zq']\n  validation: {type: Http}\n",
        );
        let [rule] = &imported.carried[..] else { panic!("{imported:?}") };
        assert_eq!((rule.id.as_str(), rule.description.as_str()), ("kingfisher-zq-1", "ZQ Token"));
        assert_eq!(
            (&rule.examples[..], &rule.counterexamples[..]),
            (&["zq = zq_1f0e2d3c4b5a6978".to_owned()][..], &["zq_short".to_owned()][..])
        );
        let told: Vec<String> = rule.remarks.iter().map(Remark::to_string).collect();
        assert!(told.iter().any(|told| told.contains("`validation`")), "{told:?}");
        assert!(told.iter().any(|told| told.starts_with("1 of its examples")), "{told:?}");
    }

    #[test]
    fn ids_are_made_valid_and_stay_unique() {
        let rule = |id: &str| format!("[[rules]]\nid = '{id}'\nregex = 'zq_[0-9]{{8}}'\n");
        let long = "x".repeat(60);
        let text = ["a", "A", "a!", "ink1", "withheld-x", "", &long, &long, "\u{e9}"].map(rule).concat();
        let imported = read(&text);
        let ids: BTreeSet<&str> = imported.carried.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!((imported.carried.len(), ids.len(), imported.refused.len()), (9, 9, 0), "{imported:?}");
        assert!(ids.iter().all(|id| RuleId::is_valid(id.as_bytes())), "{ids:?}");
        let taken = Importer::beside(&RuleSet::builtin().expect("they load")).read(rule("github-pat").as_bytes());
        assert_eq!(taken.expect("rules").carried[0].id, "gitleaks-github-pat");
    }

    #[test]
    fn no_file_makes_it_fail_otherwise_than_by_an_error() {
        let deep = "[".repeat(100_000);
        let nested = format!("rules:\n- pattern: '{}a{}'\n  name: x\n", "(".repeat(2000), ")".repeat(2000));
        let aliases = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                       d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                       g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nrules: [*g]\n";
        for text in ["", "\0", "rules: 7", "rules:\n- 7", "[[rule]]\nid='x'", "{", "- a", &deep, &nested, aliases] {
            let outcome = Importer::beside(&RuleSet::default()).read(text.as_bytes());
            assert!(outcome.is_err() || outcome.is_ok_and(|imported| imported.carried.is_empty()), "{text:.40}");
        }
        assert!(matches!(Importer::beside(&RuleSet::default()).read(b"\xff"), Err(ImportError::Text)));
    }
}
