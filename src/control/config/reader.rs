//! Walks a parsed configuration and gathers its faults, each with its path and its place in the text.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{ConfigError, Problem};
use super::field::{Field, Kind, Part, Presence, Settings, Shape};

/// A fault whose line is not yet known.
struct Noted {
    path: String,
    offset: usize,
    problem: Problem,
}

/// Faults so far.
#[derive(Default)]
pub struct Faults(Vec<Noted>);

impl Faults {
    /// Notes a fault at an offset of the text.
    pub fn note(&mut self, path: String, offset: usize, problem: Problem) {
        self.0.push(Noted { path, offset, problem });
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of the text.
    pub fn into_errors(mut self, text: &str) -> Vec<ConfigError> {
        self.0.sort_by_key(|fault| fault.offset);
        let (mut line, mut counted) = (1, 0);
        let mut errors = Vec::with_capacity(self.0.len());
        for Noted { path, offset, problem } in self.0 {
            let between = text.as_bytes().get(counted..offset).unwrap_or_default();
            line += between.iter().filter(|&&byte| byte == b'\n').count();
            counted = counted.max(offset);
            // What is missing at the top stands nowhere.
            let nowhere = matches!(problem, Problem::Missing(_) | Problem::None { .. }) && !path.contains('.');
            errors.push(ConfigError { path, line: (!nowhere).then_some(line), problem });
        }
        errors
    }
}

/// One place of the document: its path, and where it stands in the text.
pub struct At<'r> {
    faults: &'r mut Faults,
    path: String,
    offset: usize,
}

impl<'r> At<'r> {
    /// The whole document.
    pub fn root(faults: &'r mut Faults) -> Self {
        Self { faults, path: String::new(), offset: 0 }
    }

    /// The same place, lent.
    pub fn lent(&mut self) -> At<'_> {
        At { faults: self.faults, path: self.path.clone(), offset: self.offset }
    }

    /// The field `name` of the table that stands here.
    pub fn field(&mut self, name: &str, offset: usize) -> At<'_> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        At { faults: self.faults, path, offset }
    }

    /// The field `name`, which is not in the table that stands here.
    pub fn missing(&mut self, name: &str) -> At<'_> {
        self.field(name, self.offset)
    }

    /// The element `index` of the array that stands here.
    pub fn element(&mut self, index: usize, offset: usize) -> At<'_> {
        At { path: format!("{}[{index}]", self.path), faults: self.faults, offset }
    }

    /// Notes a fault here.
    pub fn refuse<T>(&mut self, problem: Problem) -> Option<T> {
        self.faults.note(self.path.clone(), self.offset, problem);
        None
    }

    /// Notes that `found` is of the wrong type.
    pub fn wrong_type<T>(&mut self, expected: &'static str, found: &DeValue<'_>) -> Option<T> {
        self.refuse(Problem::Type { expected, found: type_name(found) })
    }

    /// The text that stands here.
    pub fn text<'v>(&mut self, value: &'v DeValue<'_>) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() { self.wrong_type("text in quotes", value) } else { text }
    }

    /// The table that stands here.
    pub fn table<'v, 'i>(&mut self, value: &'v DeValue<'i>) -> Option<&'v DeTable<'i>> {
        let table = value.as_table();
        if table.is_none() { self.wrong_type("a table", value) } else { table }
    }

    /// Notes a word that is not one of those that are known.
    pub fn unknown_word<T>(&mut self, what: &'static str, word: &str, known: &[&'static str]) -> Option<T> {
        let nearest = nearest(word, known.iter().copied()).map(str::to_owned);
        self.refuse(Problem::UnknownWord { what, nearest, known: known.to_vec() })
    }
}

/// A table of the document, of which the known fields are read.
pub struct Section<'r, 'd> {
    table: &'d DeTable<'d>,
    at: At<'r>,
    known: Vec<&'static str>,
    /// Known fields that are taken to be meant by unknown ones: told as that, not also as missing.
    misspelt: Vec<&'static str>,
}

impl<'r, 'd> Section<'r, 'd> {
    /// Begins to read a table; fields other than those `known` are noted.
    pub fn new(table: &'d DeTable<'d>, at: At<'r>, known: &[&'static str]) -> Self {
        let mut section = Self { table, at, known: known.to_vec(), misspelt: Vec::new() };
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let free = known.iter().copied().filter(|name| !table.contains_key(*name));
            let nearest = nearest(key.get_ref(), free);
            section.misspelt.extend(nearest);
            let problem = Problem::UnknownField { nearest: nearest.map(str::to_owned), known: known.to_vec() };
            let mut at = section.at.field(&shown(key.get_ref()), key.span().start);
            at.refuse::<()>(problem);
        }
        section
    }

    /// Fields are about to be read: all of them must have been known from the beginning.
    pub fn knows(&self, fields: &[Field]) {
        debug_assert!(fields.iter().all(|field| self.known.contains(&field.name)), "read, but refused as unknown");
    }

    /// The value of a field as it stands there.
    pub fn value(&self, name: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table.get(name)
    }

    /// The place of a field; the table's own where it is not there.
    pub fn at(&mut self, name: &str) -> At<'_> {
        let offset = self.table.get_key_value(name).map_or(self.at.offset, |(key, _)| key.span().start);
        self.at.field(name, offset)
    }

    /// Notes a fault of a field.
    pub fn refuse<T>(&mut self, name: &str, problem: Problem) -> Option<T> {
        self.at(name).refuse(problem)
    }

    /// Reads one field, or its default.
    pub fn read<S: Shape>(&mut self, field: &Field) -> Option<S::Value> {
        match (self.table.get(field.name), field.spec.presence) {
            (Some(value), _) => S::read(value.get_ref(), &field.spec, self.at(field.name)),
            (None, Presence::Optional(_)) => S::absent(),
            (None, Presence::Default(text)) => {
                let text = format!("v = {}", field.kind.written(text));
                let parsed = DeTable::parse(&text).ok()?;
                let value = parsed.get_ref().get("v")?;
                S::read(value.get_ref(), &field.spec, self.at(field.name))
            }
            (None, Presence::Required) => {
                if !self.misspelt.contains(&field.name) {
                    self.refuse::<()>(field.name, missing(field));
                }
                S::missing()
            }
        }
    }

    /// Reads the fields of a part, and checks how they fit together where each for itself is sound.
    pub fn part<P: Part>(&mut self) -> Option<P> {
        let written = P::Written::read(self)?;
        P::check(written, self)
    }
}

/// What is to be written for a field that must be there.
fn missing(field: &Field) -> Problem {
    match field.kind {
        Kind::Named(union) => Problem::None { what: union.what },
        kind => Problem::Missing(format!("{} = {}", field.name, kind.written(field.spec.example))),
    }
}

/// What a type is called.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// An unknown name as it may be shown: what could be a secret, pasted in the wrong place, is not.
pub fn shown(name: &str) -> Cow<'_, str> {
    let plain =
        (1..=24).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'));
    if plain { Cow::Borrowed(name) } else { Cow::Borrowed("?") }
}

/// The one of `known` that `name` is most likely a misspelling of.
pub fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // A longer name is surely none, and the comparison takes time by the product of both lengths.
    let name = name.get(..name.len().min(64))?.replace('-', "_").to_lowercase();
    let distance = |other: &str| strsim::damerau_levenshtein(&name, &other.replace('-', "_"));
    let (best, distance) = known.map(|other| (other, distance(other))).min_by_key(|(_, distance)| *distance)?;
    (distance <= 1 + best.len() / 4).then_some(best)
}
