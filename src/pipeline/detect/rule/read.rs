//! From the text of a rule file to checked rules. A fault does not hide the ones behind it: what is faulty is set aside and the
//! rest is read on.

use std::ops::Range;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{Encoding, Fault, Form, Kind, Near, Origin, Pack, PlacedFault, Rule, RuleSet, Severity};
use crate::model::RuleId;
use crate::pipeline::detect::action::{Action, ActionError};
use crate::pipeline::detect::context::{ContextWords, KeyForm};
use crate::pipeline::detect::pattern::Pattern;
use crate::pipeline::detect::validator::Validator;

/// What stands in a file before its rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHead {
    pack: Option<Pack>,
    context: Option<ContextWords>,
}

/// A rule as written; what must be there is asked for afterwards, so that its absence hides nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Option<String>,
    description: Option<String>,
    pattern: Option<String>,
    keys: Option<Vec<String>>,
    form: Option<RawForm>,
    severity: Option<Severity>,
    kind: Option<Kind>,
    #[serde(default)]
    validate: Vec<String>,
    #[serde(default)]
    require: Vec<String>,
    #[serde(default)]
    near: Vec<String>,
    within: Option<usize>,
    not_after: Option<String>,
    entropy: Option<f32>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    numbers: bool,
    #[serde(default)]
    words: bool,
    min_length: Option<usize>,
    #[serde(default)]
    behind: Vec<String>,
    #[serde(default)]
    not_behind: Vec<String>,
    #[serde(default)]
    bodies: Vec<String>,
    encoding: Option<Encoding>,
    action: Option<String>,
    #[serde(default)]
    keep_last: bool,
    #[serde(default)]
    untested: bool,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    counterexamples: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawForm {
    Authorization,
    UrlPassword,
    Armor,
}

fn yes() -> bool {
    true
}

/// Adds the rules of a file, and its word lists if it has some.
pub(super) fn add_file(set: &mut RuleSet, name: &str, text: &str, faults: &mut Vec<PlacedFault>) {
    let lines = Lines::new(name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let span = table.span();
    let mut head = table.into_inner();
    let rules = match head.remove("rule").map(Spanned::into_inner) {
        None => Vec::new(),
        Some(DeValue::Array(rules)) => rules.into_iter().collect(),
        Some(_) => {
            let fault = Fault::Toml("`rule` must be written as [[rule]]".to_owned());
            faults.push(PlacedFault { origin: lines.origin(span.start), rule: None, fault });
            Vec::new()
        }
    };
    let broken: Vec<usize> = errors.iter().filter_map(toml::de::Error::span).map(|span| span.start).collect();
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let within = rules.iter().rfind(|rule: &&Spanned<DeValue<'_>>| rule.span().start <= at);
        let fault = Fault::Toml(error.message().to_owned());
        faults.push(PlacedFault {
            origin: lines.origin(at),
            rule: within.and_then(|rule| id_of(rule.get_ref())),
            fault,
        });
    }
    let mut place = |at: usize, fault| faults.push(PlacedFault { origin: lines.origin(at), rule: None, fault });
    let Some((raw, dropped)) = deserialize::<RawHead>(head, span, &mut place) else { return };
    if raw.pack.is_none() && !dropped.iter().any(|key| key == "pack") && errors.is_empty() {
        place(0, Fault::Missing("pack"));
    }
    if let Some(words) = raw.context {
        set.words = words;
    }
    let starts: Vec<usize> = rules.iter().map(|rule| rule.span().start).collect();
    for (number, rule) in rules.into_iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(text.len());
        if broken.iter().any(|at| (starts[number]..=end).contains(at)) {
            // What the parser made of the rest of it would only raise faults that are none.
            continue;
        }
        add_rule(set, &lines, raw.pack.unwrap_or(Pack::Tokens), rule, faults);
    }
}

fn add_rule(
    set: &mut RuleSet,
    lines: &Lines<'_>,
    pack: Pack,
    rule: Spanned<DeValue<'_>>,
    faults: &mut Vec<PlacedFault>,
) {
    let span = rule.span();
    let origin = lines.origin(span.start);
    let id = id_of(rule.get_ref());
    let mut place = |at: usize, fault| faults.push(PlacedFault { origin: lines.origin(at), rule: id.clone(), fault });
    let DeValue::Table(table) = rule.into_inner() else {
        return place(span.start, Fault::Toml("a rule must be written as [[rule]]".to_owned()));
    };
    if let Some(other) = set.rules.iter().find(|rule| Some(rule.id.as_str()) == id.as_deref()) {
        place(span.start, Fault::Duplicate(other.origin.clone()));
    }
    if let Some((raw, dropped)) = deserialize(table, span.clone(), &mut place)
        && let Some(rule) = check(raw, &dropped, pack, origin, &mut |fault| place(span.start, fault))
    {
        set.rules.push(rule);
    }
}

fn id_of(rule: &DeValue<'_>) -> Option<String> {
    rule.as_table()?.get("id")?.get_ref().as_str().map(str::to_owned)
}

/// Reads a table field by field: one that cannot be read is told, dropped, and named in the second part of the answer.
pub(in crate::pipeline::detect) fn deserialize<T: DeserializeOwned>(
    mut table: DeTable<'_>,
    span: Range<usize>,
    place: &mut impl FnMut(usize, Fault),
) -> Option<(T, Vec<String>)> {
    let mut dropped = Vec::new();
    loop {
        let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
        let error = match T::deserialize(ValueDeserializer::from(value)) {
            Ok(raw) => return Some((raw, dropped)),
            Err(error) => error,
        };
        let at = error.span().map_or(span.start, |span| span.start);
        let holds = |span: Range<usize>| span.start <= at && at <= span.end;
        let faulty = table.iter().find(|(key, value)| holds(key.span()) || holds(value.span()));
        let Some(key) = faulty.map(|(key, _)| key.get_ref().to_string()) else {
            place(at, Fault::Toml(error.message().to_owned()));
            return None;
        };
        let names_it = error.message().contains(&format!("`{key}`"));
        let message = if names_it { error.message().to_owned() } else { format!("`{key}`: {}", error.message()) };
        place(at, Fault::Toml(message));
        table.remove(key.as_str());
        dropped.push(key);
    }
}

/// Offsets of a file as places.
pub(in crate::pipeline::detect) struct Lines<'t> {
    name: &'t str,
    newlines: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(in crate::pipeline::detect) fn new(name: &'t str, text: &str) -> Self {
        Self { name, newlines: memchr::memchr_iter(b'\n', text.as_bytes()).collect() }
    }

    pub(in crate::pipeline::detect) fn origin(&self, offset: usize) -> Origin {
        Origin { file: self.name.to_owned(), line: 1 + self.newlines.partition_point(|&newline| newline < offset) }
    }
}

/// Makes a rule of what was written, or tells everything that is wrong with it.
fn check(raw: RawRule, dropped: &[String], pack: Pack, origin: Origin, place: &mut impl FnMut(Fault)) -> Option<Rule> {
    let is_dropped = |field: &str| dropped.iter().any(|key| key == field);
    let mut good = dropped.is_empty();
    let mut fail = |fault: Fault| {
        good = false;
        place(fault);
    };
    for (field, is_there) in [
        ("id", raw.id.is_some()),
        ("description", raw.description.is_some()),
        ("severity", raw.severity.is_some()),
        ("kind", raw.kind.is_some()),
    ] {
        if !is_there && !is_dropped(field) {
            fail(Fault::Missing(field));
        }
    }
    let id = raw.id.and_then(|id| RuleId::new(&id).map_err(|error| fail(error.into())).ok());
    let by_pattern = raw.pattern.is_some() || is_dropped("pattern");
    let by_keys = raw.keys.is_some() || is_dropped("keys");
    let is_set = [
        ("near", !raw.near.is_empty(), by_pattern, "`pattern`"),
        ("within", raw.within.is_some(), by_pattern, "`pattern`"),
        ("entropy", raw.entropy.is_some(), by_pattern || by_keys, "`pattern` or `keys`"),
        ("not_after", raw.not_after.is_some(), by_pattern, "`pattern`"),
        ("require", !raw.require.is_empty(), by_pattern || by_keys, "`pattern` or `keys`"),
        ("encoding", raw.encoding.is_some(), by_pattern, "`pattern`"),
        ("numbers", raw.numbers, by_keys, "`keys`"),
        ("words", raw.words, by_keys, "`keys`"),
        ("min_length", raw.min_length.is_some(), by_keys, "`keys`"),
        ("behind", !raw.behind.is_empty(), by_keys, "`keys`"),
        ("not_behind", !raw.not_behind.is_empty(), by_keys, "`keys`"),
        ("bodies", !raw.bodies.is_empty(), matches!(raw.form, Some(RawForm::Armor)), "`form = \"armor\"`"),
    ];
    for (field, _, _, with) in is_set.into_iter().filter(|(_, is_set, fits, _)| *is_set && !fits) {
        fail(Fault::Unused { field, with });
    }
    if raw.behind.iter().chain(&raw.not_behind).any(|word| !KeyForm::is_word(word)) {
        fail(Fault::Range { field: "behind` and `not_behind", range: "words of 2 to 40 characters of a-z and 0-9" });
    }
    let form = match (raw.pattern, raw.keys, raw.form) {
        (Some(pattern), None, None) => {
            Pattern::parse(&pattern).map(Form::Pattern).map_err(|error| fail(error.into())).ok()
        }
        (None, Some(keys), None) => {
            keys.iter().filter(|key| !KeyForm::is_phrase(key)).for_each(|key| fail(Fault::Key(key.clone())));
            let min_length = raw.min_length.unwrap_or(KeyForm::MIN_LENGTH);
            let form = KeyForm::new(keys, raw.numbers, raw.words, min_length);
            let goes_by_words = !raw.behind.is_empty() || !raw.not_behind.is_empty();
            Some(Form::Keys(if goes_by_words { form.behind(raw.behind, raw.not_behind) } else { form }))
        }
        (None, None, Some(RawForm::Authorization)) => Some(Form::Authorization),
        (None, None, Some(RawForm::UrlPassword)) => Some(Form::UrlPassword),
        (None, None, Some(RawForm::Armor)) => Some(Form::Armor { bodies: raw.bodies }),
        // The one there was could not be read, which has been said.
        (None, None, None) if ["pattern", "keys", "form"].into_iter().any(is_dropped) => None,
        _ => {
            fail(Fault::Form);
            None
        }
    };
    let mut validators = |names: &[String]| -> Vec<Validator> {
        names
            .iter()
            .filter_map(|name| {
                let found = Validator::from_name(name);
                if found.is_none() {
                    fail(Fault::Validator { name: name.clone(), known: Validator::names() });
                }
                found
            })
            .collect()
    };
    let validate = validators(&raw.validate);
    let require = validators(&raw.require);
    if let Some(Form::Armor { bodies }) = &form
        && bodies.iter().any(|body| !(8..=64).contains(&body.len()) || !body.bytes().all(|b| b.is_ascii_alphanumeric()))
    {
        fail(Fault::Range { field: "bodies", range: "beginnings of 8 to 64 letters and digits" });
    }
    if raw.within.is_some_and(|within| !(1..=1024).contains(&within)) {
        fail(Fault::Range { field: "within", range: "from 1 to 1024 bytes" });
    }
    if raw.entropy.is_some_and(|entropy| !(0.0..=8.0).contains(&entropy)) {
        fail(Fault::Range { field: "entropy", range: "from 0 to 8 bits per character" });
    }
    if raw.near.iter().any(|word| !(3..=40).contains(&word.len()) || !word.is_ascii()) {
        fail(Fault::Range { field: "near", range: "words of 3 to 40 ASCII characters" });
    }
    let action = raw.action.as_deref().map_or(Ok(Action::default()), Action::parse);
    let action = match action {
        Ok(Action::KeepLast(_)) if !raw.keep_last && !is_dropped("keep_last") => {
            fail(ActionError::KeepLast(id.as_ref().map(RuleId::to_string).unwrap_or_default()).into());
            None
        }
        Ok(action) => Some(action),
        Err(error) => {
            fail(error.into());
            None
        }
    };
    if raw.untested && !raw.examples.is_empty() {
        fail(Fault::Unused { field: "untested", with: "no `examples`" });
    }
    if raw.examples.is_empty() && !raw.untested && !is_dropped("examples") && !is_dropped("untested") {
        fail(Fault::NoExamples);
    }
    if !good {
        return None;
    }
    let near = (!raw.near.is_empty()).then(|| Near {
        words: raw.near.iter().map(|word| word.to_ascii_lowercase()).collect(),
        within: raw.within.unwrap_or(64),
    });
    Some(Rule {
        id: id?,
        description: raw.description?,
        pack,
        severity: raw.severity?,
        kind: raw.kind?,
        form: form?,
        validate,
        require,
        not_after: raw.not_after.map(String::into_bytes).unwrap_or_default(),
        near,
        entropy: raw.entropy,
        encoding: raw.encoding,
        action: action?,
        keep_last: raw.keep_last,
        untested: raw.untested,
        enabled: raw.enabled,
        references: raw.references,
        examples: raw.examples,
        counterexamples: raw.counterexamples,
        origin,
    })
}
