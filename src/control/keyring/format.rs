//! The keyring file, version 1: TOML with keys and salts in base64.
//!
//! ```toml
//! version = 1
//! current = 2
//!
//! [[epochs]]
//! number = 1
//! created = 2026-01-02T03:04:05Z
//! activated = 2026-01-02T03:04:05Z
//! retired = 2026-02-02T03:04:05Z      # optional
//! destroyed = 2026-03-02T03:04:05Z    # either this
//! key = "…"                           # or this: 32 bytes in base64
//!
//! [[namespaces]]
//! name = "default"
//! created = 2026-01-02T03:04:05Z
//! forgotten = …                       # either this
//! salt = "…"                          # or this: 32 bytes in base64
//! ```
//!
//! Every fault of a file is told at once, with its line and field and never with what stands there: any text of a
//! broken keyring may be a key in the wrong place.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{Epoch, Keyring, Material, NamespaceEntry};
use crate::model::{KeyEpoch, Namespace, NamespaceSalt, SecretKey};

/// The version of the layout that is read and written.
pub const VERSION: u32 = 1;

const HEADER: &str = "# inkprint keyring. Whoever holds it can link marks to secrets: keep it at mode 0600.\n";

/// What is wrong at one place of a keyring file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are no text.
    #[error("not UTF-8 text")]
    NotText,
    /// The text is no TOML.
    #[error("not valid TOML")]
    NotToml,
    /// There is a field that the layout does not have.
    #[error("unknown field; those known here are {0}")]
    UnknownField(&'static str),
    /// A field is not there.
    #[error("missing")]
    Missing,
    /// A field holds a value of another type.
    #[error("must be {0}")]
    Type(&'static str),
    /// The layout is of another version.
    #[error("must be {VERSION}, the version that this program reads")]
    Version,
    /// A number is out of range.
    #[error("must be a whole number from 1 to 4294967295")]
    Number,
    /// A key or salt is not what it should be.
    #[error("must be 32 bytes in base64, with padding")]
    Bytes,
    /// A namespace's name is not what it should be.
    #[error("must be 1 to 64 of a-z, 0-9, hyphens, dots and underscores")]
    Name,
    /// A number or name stands there twice.
    #[error("the same as in an entry before it")]
    Repeated,
    /// A key or salt stands there twice.
    #[error("the same bytes as in an entry before it")]
    SharedBytes,
    /// Both or neither of two fields of which one must be there.
    #[error("must have either {0}")]
    OneOf(&'static str),
    /// The current epoch cannot make marks.
    #[error("must be the number of an epoch that is neither retired nor destroyed")]
    NotUsable,
    /// The default namespace is missing or forgotten.
    #[error("must hold the namespace {:?} with its salt", Namespace::DEFAULT)]
    NoDefault,
}

/// One fault: where it stands and what it is, never what was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1.
    pub line: usize,
    /// Path of the field, such as `epochs[0].key`; empty for the file as a whole.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        self.problem.fmt(f)
    }
}

/// Every fault of a keyring file, in the order of its lines; there is at least one.
#[derive(Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n  " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Keyring {
    /// Reads a keyring from the bytes of its file.
    ///
    /// # Errors
    /// Every [`Fault`] of it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Faults> {
        let whole = |line, problem| Faults(vec![Fault { line, field: String::new(), problem }]);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            whole(1 + bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count(), Problem::NotText)
        })?;
        // The plain parser would put a copy of the text into its error, where nothing wipes it; its messages may quote.
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader { text, faults: Vec::new() };
        for error in errors {
            reader.fault(error.span().map_or(0, |span| span.start), String::new(), Problem::NotToml);
        }
        if !reader.faults.is_empty() {
            return Err(reader.into_faults());
        }
        let keyring = reader.keyring(root.get_ref());
        match keyring {
            Some(keyring) if reader.faults.is_empty() => Ok(keyring),
            _ => Err(reader.into_faults()),
        }
    }

    /// The bytes of the keyring's file; they hold the keys, and are wiped when dropped.
    pub fn to_toml(&self) -> Zeroizing<String> {
        // Room for everything from the start: a string that grows leaves its old bytes, keys among them, unwiped.
        let entries = self.epochs.len() + self.namespaces.len();
        let mut out = Zeroizing::new(String::with_capacity(HEADER.len() + 64 + 320 * entries));
        self.write_toml(&mut out).expect("writing into a string cannot fail");
        out
    }

    fn write_toml(&self, out: &mut String) -> fmt::Result {
        write!(out, "{HEADER}version = {VERSION}\ncurrent = {}\n", self.current)?;
        for epoch in &self.epochs {
            write!(out, "\n[[epochs]]\nnumber = {}\n", epoch.number)?;
            write!(out, "created = {}\nactivated = {}\n", epoch.created, epoch.activated)?;
            if let Some(at) = epoch.retired {
                writeln!(out, "retired = {at}")?;
            }
            match &epoch.key {
                Material::Erased(at) => writeln!(out, "destroyed = {at}")?,
                Material::Kept(key) => write_bytes(out, "key", key.expose())?,
            }
        }
        for namespace in &self.namespaces {
            write!(out, "\n[[namespaces]]\nname = \"{}\"\ncreated = {}\n", namespace.name, namespace.created)?;
            match &namespace.salt {
                Material::Erased(at) => writeln!(out, "forgotten = {at}")?,
                Material::Kept(salt) => write_bytes(out, "salt", salt.expose())?,
            }
        }
        Ok(())
    }
}

fn write_bytes(out: &mut String, field: &str, bytes: &[u8; 32]) -> fmt::Result {
    let mut text = Zeroizing::new([0u8; 44]);
    let len = STANDARD.encode_slice(bytes, text.as_mut_slice()).map_err(|_| fmt::Error)?;
    writeln!(out, "{field} = \"{}\"", std::str::from_utf8(&text[..len]).map_err(|_| fmt::Error)?)
}

/// Walks the parsed file and gathers its faults; a part that has one is `None`.
struct Reader<'t> {
    text: &'t str,
    faults: Vec<Fault>,
}

/// A table of the file, with where it stands.
#[derive(Clone, Copy)]
struct Place<'a, 'i> {
    table: &'a DeTable<'i>,
    path: &'a str,
    offset: usize,
}

impl Place<'_, '_> {
    fn field(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl Reader<'_> {
    fn keyring(&mut self, root: &DeTable<'_>) -> Option<Keyring> {
        let root = Place { table: root, path: "", offset: 0 };
        // Another version may have any fields: telling more of them than the version would mislead.
        if self.integer(root, "version")? != Some(i64::from(VERSION)) {
            self.fault(offset_of(root, "version"), "version".to_owned(), Problem::Version);
            return None;
        }
        self.known_only(root, &["version", "current", "epochs", "namespaces"], "version, current, epochs, namespaces");
        let current = self.epoch_number(root, "current");
        let epochs = self.entries(root, "epochs", Self::epoch);
        let namespaces = self.entries(root, "namespaces", Self::namespace);
        let (current, mut epochs, mut namespaces) = (current?, epochs?, namespaces?);

        let usable = |epoch: &Epoch| epoch.number == current && epoch.live_key().is_ok();
        if !epochs.iter().any(usable) {
            self.fault(offset_of(root, "current"), "current".to_owned(), Problem::NotUsable);
        }
        let default = |entry: &NamespaceEntry| entry.name == Namespace::default() && entry.forgotten().is_none();
        if !namespaces.iter().any(default) {
            self.fault(offset_of(root, "namespaces"), "namespaces".to_owned(), Problem::NoDefault);
        }
        epochs.sort_by_key(|epoch| epoch.number);
        namespaces.sort_by(|a, b| a.name.cmp(&b.name));
        Some(Keyring { current, epochs, namespaces })
    }

    fn epoch(&mut self, place: Place<'_, '_>, before: &[Epoch]) -> Option<Epoch> {
        const FIELDS: &str = "number, created, activated, retired, destroyed, key";
        self.known_only(place, &["number", "created", "activated", "retired", "destroyed", "key"], FIELDS);
        let number = self.epoch_number(place, "number");
        if number.is_some_and(|number| before.iter().any(|epoch| epoch.number == number)) {
            self.fault(offset_of(place, "number"), place.field("number"), Problem::Repeated);
        }
        let created = self.required_time(place, "created");
        let activated = self.required_time(place, "activated");
        let retired = self.time(place, "retired");
        let key = self.material(place, "key", "destroyed", "key or destroyed").map(|key| key.map(SecretKey::new));
        if let Some(Material::Kept(key)) = &key {
            let same = |other: &Epoch| matches!(&other.key, Material::Kept(other) if other.expose() == key.expose());
            if before.iter().any(same) {
                self.fault(offset_of(place, "key"), place.field("key"), Problem::SharedBytes);
            }
        }
        Some(Epoch { number: number?, created: created?, activated: activated?, retired: retired?, key: key? })
    }

    fn namespace(&mut self, place: Place<'_, '_>, before: &[NamespaceEntry]) -> Option<NamespaceEntry> {
        self.known_only(place, &["name", "created", "forgotten", "salt"], "name, created, forgotten, salt");
        let name = self.name(place);
        if name.as_ref().is_some_and(|name| before.iter().any(|entry| entry.name == *name)) {
            self.fault(offset_of(place, "name"), place.field("name"), Problem::Repeated);
        }
        let created = self.required_time(place, "created");
        let salt =
            self.material(place, "salt", "forgotten", "salt or forgotten").map(|salt| salt.map(NamespaceSalt::new));
        if let Some(Material::Kept(salt)) = &salt {
            let same = |other: &NamespaceEntry| matches!(&other.salt, Material::Kept(other) if other.expose() == salt.expose());
            if before.iter().any(same) {
                self.fault(offset_of(place, "salt"), place.field("salt"), Problem::SharedBytes);
            }
        }
        Some(NamespaceEntry { name: name?, created: created?, salt: salt? })
    }

    /// Reads an array of tables; `read` gets each with those before it. All of them are read, for their faults.
    fn entries<T>(
        &mut self,
        root: Place<'_, '_>,
        name: &str,
        mut read: impl FnMut(&mut Self, Place<'_, '_>, &[T]) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.required(root, name)?;
        let Some(array) = value.get_ref().as_array() else {
            return self.wrong_type(value, name.to_owned(), "an array of tables");
        };
        let mut entries = Vec::new();
        let mut sound = true;
        for (i, value) in array.iter().enumerate() {
            let path = format!("{name}[{i}]");
            let entry = match value.get_ref().as_table() {
                Some(table) => read(self, Place { table, path: &path, offset: value.span().start }, &entries),
                None => self.wrong_type(value, path, "a table"),
            };
            sound &= entry.is_some();
            entries.extend(entry);
        }
        sound.then_some(entries)
    }

    /// Reads the field `kept`, or in its place the time at which it was erased.
    fn material(
        &mut self,
        place: Place<'_, '_>,
        kept: &str,
        erased: &str,
        either: &'static str,
    ) -> Option<Material<[u8; 32]>> {
        let at = self.time(place, erased)?;
        let bytes = match place.table.get(kept) {
            Some(value) => Some(self.bytes(value, place.field(kept))?),
            None => None,
        };
        match (bytes, at) {
            (Some(bytes), None) => Some(Material::Kept(*bytes)),
            (None, Some(at)) => Some(Material::Erased(at)),
            _ => {
                self.fault(place.offset, place.path.to_owned(), Problem::OneOf(either));
                None
            }
        }
    }

    fn bytes(&mut self, value: &Spanned<DeValue<'_>>, field: String) -> Option<Zeroizing<[u8; 32]>> {
        let Some(text) = value.get_ref().as_str() else {
            return self.wrong_type(value, field, "a string");
        };
        // The decoder asks for room by the length of the text; what needs more than this is no 32 bytes.
        let mut decoded = Zeroizing::new([0u8; 48]);
        match STANDARD.decode_slice(text, decoded.as_mut_slice()) {
            Ok(SecretKey::LEN) => {
                let mut bytes = Zeroizing::new([0; 32]);
                bytes.copy_from_slice(&decoded[..SecretKey::LEN]);
                Some(bytes)
            }
            _ => {
                self.fault(value.span().start, field, Problem::Bytes);
                None
            }
        }
    }

    fn name(&mut self, place: Place<'_, '_>) -> Option<Namespace> {
        let value = self.required(place, "name")?;
        let Some(text) = value.get_ref().as_str() else {
            return self.wrong_type(value, place.field("name"), "a string");
        };
        let name = Namespace::new(text).ok();
        if name.is_none() {
            self.fault(value.span().start, place.field("name"), Problem::Name);
        }
        name
    }

    fn epoch_number(&mut self, place: Place<'_, '_>, name: &str) -> Option<KeyEpoch> {
        let number = self.integer(place, name)?;
        let epoch = number.and_then(|number| u32::try_from(number).ok()).and_then(KeyEpoch::new);
        if epoch.is_none() {
            self.fault(offset_of(place, name), place.field(name), Problem::Number);
        }
        epoch
    }

    /// A required whole number; the inner `None` stands for one beyond 64 bits.
    fn integer(&mut self, place: Place<'_, '_>, name: &str) -> Option<Option<i64>> {
        let value = self.required(place, name)?;
        match value.get_ref().as_integer() {
            Some(number) => Some(i64::from_str_radix(number.as_str(), number.radix()).ok()),
            None => self.wrong_type(value, place.field(name), "a whole number"),
        }
    }

    fn required_time(&mut self, place: Place<'_, '_>, name: &str) -> Option<Timestamp> {
        self.required(place, name)?;
        self.time(place, name)?
    }

    /// An optional time; the outer `None` stands for a fault.
    fn time(&mut self, place: Place<'_, '_>, name: &str) -> Option<Option<Timestamp>> {
        let Some(value) = place.table.get(name) else { return Some(None) };
        let time = value.get_ref().as_datetime().and_then(|time| time.to_string().parse().ok());
        match time {
            Some(time) => Some(Some(super::whole_seconds(time))),
            None => self.wrong_type(
                value,
                place.field(name),
                "a date and time with its offset, such as 2026-01-02T03:04:05Z",
            ),
        }
    }

    fn required<'a, 'i>(&mut self, place: Place<'a, 'i>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        let value = place.table.get(name);
        if value.is_none() {
            self.fault(place.offset, place.field(name), Problem::Missing);
        }
        value
    }

    fn known_only(&mut self, place: Place<'_, '_>, known: &[&str], listed: &'static str) {
        for key in place.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            self.fault(key.span().start, place.path.to_owned(), Problem::UnknownField(listed));
        }
    }

    fn wrong_type<T>(&mut self, value: &Spanned<DeValue<'_>>, field: String, expected: &'static str) -> Option<T> {
        self.fault(value.span().start, field, Problem::Type(expected));
        None
    }

    fn fault(&mut self, offset: usize, field: String, problem: Problem) {
        let before = self.text.as_bytes().iter().take(offset);
        self.faults.push(Fault { line: 1 + before.filter(|&&b| b == b'\n').count(), field, problem });
    }

    fn into_faults(mut self) -> Faults {
        self.faults.sort_by_key(|fault| fault.line);
        Faults(self.faults)
    }
}

impl Material<[u8; 32]> {
    fn map<T>(self, make: impl FnOnce([u8; 32]) -> T) -> Material<T> {
        match self {
            Self::Kept(bytes) => Material::Kept(make(bytes)),
            Self::Erased(at) => Material::Erased(at),
        }
    }
}

/// Where the value of a field stands; the table's own place if it is not there.
fn offset_of(place: Place<'_, '_>, name: &str) -> usize {
    place.table.get(name).map_or(place.offset, |value| value.span().start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOLDEN: &str = "\
# inkprint keyring. Whoever holds it can link marks to secrets: keep it at mode 0600.
version = 1
current = 3

[[epochs]]
number = 1
created = 2026-01-02T03:04:05Z
activated = 2026-01-02T03:04:05Z
retired = 2026-02-02T00:00:00Z
destroyed = 2026-03-02T00:00:00Z

[[epochs]]
number = 2
created = 2026-01-03T00:00:00Z
activated = 2026-01-03T00:00:00Z
retired = 2026-02-03T00:00:00Z
key = \"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\"

[[epochs]]
number = 3
created = 2026-01-04T00:00:00Z
activated = 2026-01-04T00:00:00Z
key = \"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\"

[[namespaces]]
name = \"blue\"
created = 2026-01-02T03:04:05Z
forgotten = 2026-04-02T00:00:00Z

[[namespaces]]
name = \"default\"
created = 2026-01-02T03:04:05Z
salt = \"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\"
";

    fn golden() -> Keyring {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let epoch = |number, day: &str, retired: Option<&str>, key| Epoch {
            number: KeyEpoch::new(number).expect("not zero"),
            created: time(day),
            activated: time(day),
            retired: retired.map(time),
            key,
        };
        let first = "2026-01-02T03:04:05Z";
        let name = |name| Namespace::new(name).expect("a name");
        Keyring {
            current: KeyEpoch::new(3).expect("not zero"),
            epochs: vec![
                epoch(1, first, Some("2026-02-02T00:00:00Z"), Material::Erased(time("2026-03-02T00:00:00Z"))),
                epoch(2, "2026-01-03T00:00:00Z", Some("2026-02-03T00:00:00Z"), Material::Kept(SecretKey::new([2; 32]))),
                epoch(3, "2026-01-04T00:00:00Z", None, Material::Kept(SecretKey::new([3; 32]))),
            ],
            namespaces: vec![
                NamespaceEntry {
                    name: name("blue"),
                    created: time(first),
                    salt: Material::Erased(time("2026-04-02T00:00:00Z")),
                },
                NamespaceEntry {
                    name: name("default"),
                    created: time(first),
                    salt: Material::Kept(NamespaceSalt::new([9; 32])),
                },
            ],
        }
    }

    fn faults(text: &str) -> Vec<String> {
        let Err(Faults(faults)) = Keyring::parse(text.as_bytes()) else { panic!("taken:\n{text}") };
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_bytes_are_fixed() {
        assert_eq!(*golden().to_toml(), GOLDEN);
        assert_eq!(*Keyring::parse(GOLDEN.as_bytes()).expect("sound").to_toml(), GOLDEN);
    }

    #[test]
    fn the_room_foreseen_is_enough_whatever_the_entries() {
        let mut keyring = golden();
        let far = "9999-12-30T00:00:00Z".parse().expect("a time");
        for i in 0..200 {
            let name = Namespace::new(&format!("{i:0>64}")).expect("a name");
            keyring.add_namespace(&name, far).expect("new");
        }
        for epoch in &mut keyring.epochs {
            (epoch.number, epoch.retired) = (KeyEpoch::new(u32::MAX).expect("not zero"), Some(far));
        }
        let text = keyring.to_toml();
        assert!(text.len() < HEADER.len() + 64 + 320 * 205, "it would have grown");
    }

    #[test]
    fn every_fault_is_told_with_line_and_field_and_without_content() {
        let broken = GOLDEN
            .replace("current = 3", "current = 0")
            .replace("number = 2", "number = \"hunter2\"")
            .replace("key = \"Awm", "key = \"A")
            .replace("AwMDAwMDAwM=", "hunter2hunter2=")
            .replace("created = 2026-01-04T00:00:00Z", "created = 2026-01-04")
            .replace("name = \"blue\"", "name = \"hunter2!\"\nhunter2 = 1");
        let told = faults(&broken);
        assert!(told.iter().all(|fault| !fault.contains("hunter2")), "{told:?}");
        assert_eq!(
            told,
            [
                "line 3: current: must be a whole number from 1 to 4294967295",
                "line 13: epochs[1].number: must be a whole number",
                "line 21: epochs[2].created: must be a date and time with its offset, such as 2026-01-02T03:04:05Z",
                "line 23: epochs[2].key: must be 32 bytes in base64, with padding",
                "line 26: namespaces[0].name: must be 1 to 64 of a-z, 0-9, hyphens, dots and underscores",
                "line 27: namespaces[0]: unknown field; those known here are name, created, forgotten, salt",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        for (from, to, expected) in [
            ("version = 1", "version = 2", "line 2: version: must be 1, the version that this program reads"),
            ("version = 1\n", "", "line 1: version: missing"),
            ("current = 3", "current = 2", "line 3: current: must be the number of an epoch that is neither retired"),
            ("number = 2", "number = 1", "line 13: epochs[1].number: the same as in an entry before it"),
            ("AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI", "line 23"),
            ("destroyed = 2026-03-02T00:00:00Z\n", "", "line 5: epochs[0]: must have either key or destroyed"),
            ("forgotten", "salt = \"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\"\nforgotten", "line 25"),
            ("name = \"default\"", "name = \"green\"", "line 25: namespaces: must hold the namespace \"default\""),
            ("[[epochs]]", "[[epoch]]", "line 5: unknown field"),
            ("current = 3", "current = = 3", "line 3: not valid TOML"),
        ] {
            let told = faults(&GOLDEN.replacen(from, to, if from == "[[epochs]]" { 9 } else { 1 }));
            assert!(told.iter().any(|fault| fault.starts_with(expected)), "{from} -> {to}: {told:?}");
        }
        assert_eq!(Keyring::parse(b"a\n\xff").map(|_| ()).expect_err("no text").to_string(), "line 2: not UTF-8 text");
        assert_eq!(faults(""), ["line 1: version: missing"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_fail(at in 0..GOLDEN.len(), len in 0usize..30, with in any::<Vec<u8>>()) {
            let mut bytes = GOLDEN.as_bytes().to_vec();
            let end = (at + len).min(bytes.len());
            bytes.splice(at..end, with);
            let _ = Keyring::parse(&bytes);
        }
    }
}
