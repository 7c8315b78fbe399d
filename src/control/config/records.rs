//! What is kept about what was done and seen: journal, sightings, quarantine.

use std::ffi::OsStr;
use std::path::PathBuf;

use toml::de::DeValue;

use super::fault::Problem;
use super::field::{Kind, Shape, Spec, default, optional, required, settings};
use super::reader::At;
use super::shape::Maybe;
use super::shape::measure::Size;
use crate::control::sightings::Place;

settings! {
    /// The signed record of starts, stops, rules, keys and lookups.
    pub struct Journal {
        /// The file, which is begun if it is not there.
        path: PathBuf = required("/var/lib/inkprint/journal.jsonl");
        /// The key that signs its checkpoints, made on first use.
        key: Maybe<PathBuf> = optional("/var/lib/inkprint/journal.key", "the path of the journal with .key behind it");
    }
}

settings! {
    /// The index of which fingerprint was seen where and when.
    pub struct Sightings {
        /// The SQLite file, which is made if it is not there, or postgres://USER@HOST/DATABASE without a password, which comes from the
        /// environment or a file.
        index: Place = required("/var/lib/inkprint/sightings.db");
        /// Whether marks that come in, and whose seal is of this keyring, are sightings too.
        marks: bool = default("false");
    }
}

settings! {
    /// Lines that could not be scanned, encrypted so that only the holder of an age identity can read them.
    pub struct Quarantine {
        /// The directory that they are kept in.
        directory: PathBuf = required("/var/lib/inkprint/quarantine");
        /// The age recipient that they are encrypted to: the public key, never the identity.
        recipient: Recipient = required("age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm");
        /// Bytes on disk at most; when it is full, lines are withheld without being kept.
        max_size: Size = default("1G").between(1 << 20, 512 << 40);
    }
}

impl Shape for Place {
    type Value = Self;
    const KIND: Kind = Kind::Text("a path, or postgres://USER@HOST/DATABASE", Some(r"^[^\u0000-\u001f\u007f]+$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<Self> {
        let place = Self::parse(OsStr::new(at.text(value)?));
        place.map_or_else(|error| at.refuse(Problem::Index(error)), Some)
    }
}

/// An age recipient, as a [`Shape`].
#[derive(Clone, Copy, Debug)]
pub struct Recipient;

impl Shape for Recipient {
    type Value = String;
    const KIND: Kind = Kind::Text("an age recipient", Some("^age1[02-9ac-hj-np-z]{58,}$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<String> {
        let text = at.text(value)?;
        let alphabet = |b| matches!(b, b'0' | b'2'..=b'9' | b'a' | b'c'..=b'h' | b'j'..=b'n' | b'p'..=b'z');
        let sound = text.strip_prefix("age1").is_some_and(|rest| rest.len() >= 58 && rest.bytes().all(alphabet));
        if sound {
            return Some(text.to_owned());
        }
        at.refuse(Problem::Value(
            "an age recipient, which begins with age1; `age-keygen -y` prints that of an identity",
        ))
    }
}
