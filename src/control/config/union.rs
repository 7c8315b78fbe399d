//! Sources and sinks: tables by name, each of a type that says which fields it has.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::fault::Problem;
use super::field::{Field, Kind, Settings, Shape, Spec, Union, Variant};
use super::name::PartName;
use super::reader::{At, Section};

/// The field that says of which type a table is.
pub const TYPE: &str = "type";

/// The types of which a table may be; made by [`variants!`](super::field::variants).
pub trait Variants: Sized {
    /// What each of them is: `source` or `sink`.
    const WHAT: &'static str;
    /// The types.
    const VARIANTS: &'static [Variant];

    /// Reads the fields of the type `name`.
    fn read(name: &str, section: &mut Section<'_, '_>) -> Option<Self>;
}

/// The tables that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts<S, V> {
    /// The names of all, also of those with faults: they can be referred to.
    pub names: Vec<PartName>,
    /// Those without.
    pub sound: BTreeMap<PartName, (S, V)>,
}

/// Tables by name, as a [`Shape`]: fields that every type has, and those of its type.
#[derive(Clone, Copy, Debug)]
pub struct Named<S, V>(std::marker::PhantomData<(S, V)>);

impl<S: Settings + 'static, V: Variants + 'static> Named<S, V> {
    const UNION: Union = Union { what: V::WHAT, shared: S::FIELDS, variants: V::VARIANTS };
}

impl<S: Settings + 'static, V: Variants + 'static> Shape for Named<S, V> {
    type Value = Parts<S, V>;
    const KIND: Kind = Kind::Named(&Self::UNION);

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self::Value> {
        let mut parts = Parts { names: Vec::new(), sound: BTreeMap::new() };
        for (key, value) in at.table(value)? {
            let offset = key.span().start;
            let Some(name) = PartName::new(key.get_ref()) else {
                at.field("?", offset).refuse::<()>(Problem::Name);
                continue;
            };
            parts.names.push(name.clone());
            let mut at = at.field(name.as_str(), offset);
            let part = at.table(value.get_ref()).and_then(|table| part(table, at));
            parts.sound.extend(part.map(|part| (name, part)));
        }
        Some(parts)
    }
}

/// Reads one table: its type, then what that type has. Of an unknown type only what all have can be checked.
fn part<S: Settings, V: Variants>(table: &DeTable<'_>, mut at: At<'_>) -> Option<(S, V)> {
    let Some((key, value)) = table.get_key_value(TYPE) else {
        let example = V::VARIANTS.iter().map(|variant| variant.name).collect::<Vec<_>>();
        return at.missing(TYPE).refuse(Problem::Missing(format!("type = \"{}\"", example.join("\" or \""))));
    };
    let mut at_type = at.field(TYPE, key.span().start);
    let text = at_type.text(value.get_ref())?;
    let Some(variant) = V::VARIANTS.iter().find(|variant| variant.name == text) else {
        let known: Vec<_> = V::VARIANTS.iter().map(|variant| variant.name).collect();
        return at_type.unknown_word("type", text, &known);
    };
    let known: Vec<&'static str> = names(&[S::FIELDS, variant.fields]).collect();
    let mut section = Section::new(table, at, &known);
    let (shared, own) = (S::read(&mut section), V::read(variant.name, &mut section));
    Some((shared?, own?))
}

fn names<'f>(fields: &'f [&'static [Field]]) -> impl Iterator<Item = &'static str> + use<'f> {
    std::iter::once(TYPE).chain(fields.iter().flat_map(|fields| fields.iter().map(|field| field.name)))
}
