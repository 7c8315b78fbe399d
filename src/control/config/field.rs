//! What a configuration may hold, described once. Reading, the example, the JSON schema and the reference are all made of these
//! descriptions, so that none of them can name a field that another does not know.
//!
//! A part of the configuration is declared with [`settings!`]: each field has its meaning (its doc comment), its [`Shape`] and its
//! [`Spec`]; the macro makes the struct that is filled, the description and the reading of it.

use toml::de::DeValue;

use super::reader::{At, Section};

/// What one field is.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, as written.
    pub name: &'static str,
    /// What it means: lines of prose.
    pub doc: &'static [&'static str],
    /// What may stand there.
    pub kind: Kind,
    /// Whether it must be there, and within which bounds.
    pub spec: Spec,
}

/// The kinds of values.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text: what it must be, in words, and the pattern of the schema for it.
    Text(&'static str, Option<&'static str>),
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Flag,
    /// A number of bytes.
    Size,
    /// A length of time.
    Time,
    /// One of these words.
    Choice(&'static [Choice]),
    /// An array of such values.
    List(&'static Kind),
    /// A reference to a secret.
    Secret,
    /// Names of HTTP headers with texts or references to secrets.
    Headers,
    /// A table of these fields.
    Table(&'static [Field]),
    /// An array of tables of these fields.
    Tables(&'static [Field]),
    /// Tables by name, each of one of these types.
    Named(&'static Union),
}

/// One of the words that may stand somewhere.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The word.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static [&'static str],
}

/// Tables that differ by their `type`.
#[derive(Clone, Copy, Debug)]
pub struct Union {
    /// What each of them is: `source` or `sink`.
    pub what: &'static str,
    /// Fields of every type.
    pub shared: &'static [Field],
    /// The types.
    pub variants: &'static [Variant],
}

/// One type of a [`Union`].
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The word for it in `type`.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static [&'static str],
    /// Its own fields.
    pub fields: &'static [Field],
}

/// Whether a field must be there and what holds without it; texts as [`Kind::written`] takes them.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Whether it must be there.
    pub presence: Presence,
    /// A telling value.
    pub example: &'static str,
    /// The least and the most that a number, size or time may be.
    pub bounds: Option<(u64, u64)>,
}

/// What holds for a field that is not written.
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    /// It must be.
    Required,
    /// This value holds.
    Default(&'static str),
    /// What happens then, in words.
    Optional(&'static str),
}

/// A field that must be there.
pub const fn required(example: &'static str) -> Spec {
    Spec { presence: Presence::Required, example, bounds: None }
}

/// A field with a default.
pub const fn default(value: &'static str) -> Spec {
    Spec { presence: Presence::Default(value), example: value, bounds: None }
}

/// A field that may be left out, and what happens then.
pub const fn optional(example: &'static str, without: &'static str) -> Spec {
    Spec { presence: Presence::Optional(without), example, bounds: None }
}

impl Spec {
    /// With an example that says more than the default.
    pub const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// Within these bounds, both included: a number, bytes, or milliseconds.
    pub const fn between(self, least: u64, most: u64) -> Self {
        Self { bounds: Some((least, most)), ..self }
    }
}

impl Kind {
    /// A value of this kind as TOML, from the text of a [`Spec`]: what is written in quotes is told there without them.
    pub fn written(self, text: &str) -> String {
        match self {
            Self::Text(..) | Self::Size | Self::Time | Self::Choice(_) => format!("\"{text}\""),
            _ => text.to_owned(),
        }
    }
}

/// How the value of a field is read.
pub trait Shape {
    /// What it becomes.
    type Value;
    /// What it is.
    const KIND: Kind;

    /// Reads `value`; a fault is noted with `at`, and gives `None`.
    fn read(value: &DeValue<'_>, spec: &Spec, at: At<'_>) -> Option<Self::Value>;

    /// The value of an optional field that is not written.
    fn absent() -> Option<Self::Value> {
        None
    }

    /// What stands for a required field that is not written, once that was told.
    fn missing() -> Option<Self::Value> {
        None
    }
}

/// A part of a configuration as it is written: each field checked for itself. Made by [`settings!`].
pub trait Settings: Sized {
    /// Its fields, in the order of the example.
    const FIELDS: &'static [Field];

    /// Reads every field, for all their faults.
    fn read(section: &mut Section<'_, '_>) -> Option<Self>;
}

/// A part of a configuration as it is used: what is written, checked for how its fields fit together.
pub trait Part: Sized {
    /// As it is written.
    type Written: Settings;

    /// Checks the fields against each other.
    fn check(written: Self::Written, section: &mut Section<'_, '_>) -> Option<Self>;
}

impl<S: Settings> Part for S {
    type Written = S;

    fn check(written: S, _: &mut Section<'_, '_>) -> Option<S> {
        Some(written)
    }
}

/// Declares a part of the configuration: a struct with a public field for each one that may be written. Its value is what the
/// [`Shape`] makes of it. `check` may name a function that compares the fields.
macro_rules! settings {
    ($(#[doc = $doc:literal])+ pub struct $name:ident { $( $(#[doc = $field_doc:literal])+ $field:ident: $shape:ty = $spec:expr; )* } $(check = $check:path;)?) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $field_doc])+ pub $field: <$shape as $crate::control::config::field::Shape>::Value, )*
        }

        impl $crate::control::config::field::Settings for $name {
            const FIELDS: &'static [$crate::control::config::field::Field] = &[ $( $crate::control::config::field::Field {
                name: stringify!($field),
                doc: &[$($field_doc),+],
                kind: <$shape as $crate::control::config::field::Shape>::KIND,
                spec: $spec,
            }, )* ];

            fn read(section: &mut $crate::control::config::reader::Section<'_, '_>) -> Option<Self> {
                section.knows(Self::FIELDS);
                let [$($field),*] = Self::FIELDS else { return None };
                // All are read before the first that has a fault ends it.
                $( let $field = section.read::<$shape>($field); )*
                let part = Self { $( $field: $field?, )* };
                $( $check(&part, section)?; )?
                Some(part)
            }
        }
    };
}

/// Declares an enum of which each variant is a word in the configuration.
macro_rules! choices {
    ($(#[doc = $doc:literal])+ pub enum $name:ident: $what:literal { $( $(#[doc = $word_doc:literal])+ $word:ident = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[doc = $word_doc])+ $word, )+
        }

        impl $name {
            /// The word for it in a configuration.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$word => $text, )+ }
            }
        }

        impl $crate::control::config::field::Shape for $name {
            type Value = Self;
            const KIND: $crate::control::config::field::Kind = $crate::control::config::field::Kind::Choice(
                &[ $( $crate::control::config::field::Choice { name: $text, doc: &[$($word_doc),+] }, )+ ],
            );

            fn read(
                value: &toml::de::DeValue<'_>,
                _: &$crate::control::config::field::Spec,
                mut at: $crate::control::config::reader::At<'_>,
            ) -> Option<Self> {
                match at.text(value)? {
                    $( $text => Some(Self::$word), )+
                    other => at.unknown_word($what, other, &[$($text),+]),
                }
            }
        }
    };
}

/// Declares an enum of parts that differ by their `type`.
macro_rules! variants {
    ($(#[doc = $doc:literal])+ pub enum $name:ident: $what:literal { $( $(#[doc = $variant_doc:literal])+ $variant:ident($part:ty) = $text:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[doc = $variant_doc])+ $variant($part), )+
        }

        impl $name {
            /// The word for it in `type`.
            pub fn type_name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $text, )+ }
            }
        }

        impl $crate::control::config::union::Variants for $name {
            const WHAT: &'static str = $what;
            const VARIANTS: &'static [$crate::control::config::field::Variant] = &[ $( $crate::control::config::field::Variant {
                name: $text,
                doc: &[$($variant_doc),+],
                fields: <<$part as $crate::control::config::field::Part>::Written
                    as $crate::control::config::field::Settings>::FIELDS,
            }, )+ ];

            fn read(name: &str, section: &mut $crate::control::config::reader::Section<'_, '_>) -> Option<Self> {
                match name {
                    $( $text => section.part().map(Self::$variant), )+
                    _ => None,
                }
            }
        }
    };
}

pub(super) use {choices, settings, variants};
