//! What may stand in a field, for the values that many parts have: texts, numbers, lists, tables.

pub mod measure;

use std::marker::PhantomData;
use std::path::PathBuf;

use toml::de::DeValue;

use super::fault::Problem;
use super::field::{Kind, Part, Settings, Shape, Spec};
use super::reader::{At, Section};
use crate::model::{Namespace, SourceId};

/// `true` or `false`.
impl Shape for bool {
    type Value = Self;
    const KIND: Kind = Kind::Flag;

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        match value {
            DeValue::Boolean(flag) => Some(*flag),
            other => at.wrong_type("true or false", other),
        }
    }
}

/// Text on one line, not empty.
impl Shape for String {
    type Value = Self;
    const KIND: Kind = Kind::Text("text on one line", Some(r"^[^\u0000-\u001f\u007f]+$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let text = at.text(value)?;
        let plain = !text.is_empty() && !text.chars().any(|c| c.is_ascii_control());
        if plain { Some(text.to_owned()) } else { at.refuse(Problem::Value("text on one line, and not empty")) }
    }
}

/// The path of a file or directory.
impl Shape for PathBuf {
    type Value = Self;
    const KIND: Kind = Kind::Text("a path", Some(r"^[^\u0000-\u001f\u007f]+$"));

    fn read(value: &DeValue<'_>, spec: &Spec, at: At<'_>) -> Option<Self> {
        String::read(value, spec, at).map(Self::from)
    }
}

/// The name of a namespace (tenant).
impl Shape for Namespace {
    type Value = Self;
    const KIND: Kind = Kind::Text("the name of a namespace", Some("^[a-z0-9._-]{1,64}$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let namespace = Self::new(at.text(value)?).ok();
        namespace.or_else(|| at.refuse(Problem::Value("1 to 64 of a-z, 0-9, hyphens, dots and underscores")))
    }
}

/// What sightings call a place that lines come from.
impl Shape for SourceId {
    type Value = Self;
    const KIND: Kind = String::KIND;

    fn read(value: &DeValue<'_>, spec: &Spec, at: At<'_>) -> Option<Self> {
        String::read(value, spec, at).map(|text| Self::new(&text))
    }
}

/// A field that may be left out.
#[derive(Clone, Copy, Debug)]
pub struct Maybe<S>(PhantomData<S>);

impl<S: Shape> Shape for Maybe<S> {
    type Value = Option<S::Value>;
    const KIND: Kind = S::KIND;

    fn read(value: &DeValue<'_>, spec: &Spec, at: At<'_>) -> Option<Self::Value> {
        S::read(value, spec, at).map(Some)
    }

    fn absent() -> Option<Self::Value> {
        Some(None)
    }
}

/// A field whose faults are told without ending the reading of those beside it: `None` stands for it then.
#[derive(Clone, Copy, Debug)]
pub struct Told<S>(PhantomData<S>);

impl<S: Shape> Shape for Told<S> {
    type Value = Option<S::Value>;
    const KIND: Kind = S::KIND;

    fn read(value: &DeValue<'_>, spec: &Spec, at: At<'_>) -> Option<Self::Value> {
        Some(S::read(value, spec, at))
    }

    fn absent() -> Option<Self::Value> {
        Some(S::absent())
    }

    fn missing() -> Option<Self::Value> {
        Some(None)
    }
}

/// An array of values.
impl<S: Shape> Shape for Vec<S> {
    type Value = Vec<S::Value>;
    const KIND: Kind = Kind::List(&S::KIND);

    fn read(value: &DeValue<'_>, spec: &Spec, mut at: At<'_>) -> Option<Self::Value> {
        let DeValue::Array(array) = value else { return at.wrong_type("an array, such as [\"…\"]", value) };
        let (mut values, mut sound) = (Vec::with_capacity(array.len()), true);
        for (index, value) in array.iter().enumerate() {
            let read = S::read(value.get_ref(), spec, at.element(index, value.span().start));
            sound &= read.is_some();
            values.extend(read);
        }
        sound.then_some(values)
    }
}

/// A table with fields of its own.
#[derive(Clone, Copy, Debug)]
pub struct Table<P>(PhantomData<P>);

impl<P: Part> Shape for Table<P> {
    type Value = P;
    const KIND: Kind = Kind::Table(P::Written::FIELDS);

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<P> {
        let known: Vec<_> = P::Written::FIELDS.iter().map(|field| field.name).collect();
        let table = at.table(value)?;
        Section::new(table, at, &known).part()
    }
}

/// An array of tables, each with the same fields.
#[derive(Clone, Copy, Debug)]
pub struct Tables<P>(PhantomData<P>);

impl<P: Part> Shape for Tables<P> {
    type Value = Vec<P>;
    const KIND: Kind = Kind::Tables(P::Written::FIELDS);

    fn read(value: &DeValue<'_>, spec: &Spec, at: At<'_>) -> Option<Vec<P>> {
        Vec::<Table<P>>::read(value, spec, at)
    }
}
