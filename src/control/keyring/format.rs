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

mod fault;
mod reader;

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use toml::de::DeTable;
use zeroize::Zeroizing;

pub use self::fault::{Fault, Faults, Problem};
use self::reader::Reader;
use super::{Keyring, Material};

/// The version of the layout that is read and written.
pub const VERSION: u32 = 1;

const HEADER: &str = "# inkprint keyring. Whoever holds it can link marks to secrets: keep it at mode 0600.\n";

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
        let mut reader = Reader::new(text);
        for error in errors {
            reader.fault(error.span().map_or(0, |span| span.start), String::new(), Problem::NotToml);
        }
        reader.finish(root.get_ref())
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::{Epoch, NamespaceEntry};
    use super::*;
    use crate::model::{KeyEpoch, Namespace, NamespaceSalt, SecretKey};

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
