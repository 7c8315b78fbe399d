//! Walks the parsed file and gathers its faults.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::VERSION;
use super::fault::{Fault, Faults, Problem};
use crate::control::keyring::{Epoch, Keyring, Material, NamespaceEntry, whole_seconds};
use crate::model::{KeyEpoch, Namespace, NamespaceSalt, SecretKey};

/// Walks the parsed file and gathers its faults; a part that has one is `None`.
pub(super) struct Reader<'t> {
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

impl<'t> Reader<'t> {
    /// A reader of `text`, without faults so far.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, faults: Vec::new() }
    }

    /// Reads the keyring in `root`, unless there are faults already.
    pub(super) fn finish(mut self, root: &DeTable<'_>) -> Result<Keyring, Faults> {
        let keyring = if self.faults.is_empty() { self.keyring(root) } else { None };
        match keyring {
            Some(keyring) if self.faults.is_empty() => Ok(keyring),
            _ => Err(self.into_faults()),
        }
    }

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
            Some(time) => Some(Some(whole_seconds(time))),
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

    /// Notes a fault at an offset of the text.
    pub(super) fn fault(&mut self, offset: usize, field: String, problem: Problem) {
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
