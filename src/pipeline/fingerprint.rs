//! Canonical secret to fingerprint, and the mark that carries it: `ink1-<rule>-k<epoch>-<fingerprint>`.
//!
//! - Within an epoch and a namespace the same secret has the same print, whichever rule found it.
//! - The seal binds rule, epoch and print together under a key that no namespace has a part in, so that a mark can be
//!   told for ours without knowing whose it is.
//! - Nothing here allocates for a mark, beyond what the output needs: this is the hot path of a log full of secrets.
//!
//! The format is specified for other programs in `docs/fingerprint.md`; a changed byte is a new version of it.

mod base32;
mod keyed;
mod mark;
mod masked;
mod withheld;

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use self::keyed::Keyed;
pub use self::mark::{MAX_MARK_LEN, Mark, PREFIX, Written, find_marks, find_written, written_at};
pub use self::masked::write_masked;
pub use self::withheld::{Reason, Withheld, write_withheld};
use crate::model::{Fingerprint, KeyEpoch, NamespaceSalt, RuleId, Secret, SecretKey};

/// The HKDF label of the key that makes prints.
const PRINT_LABEL: &[u8] = b"inkprint print v1";
/// The HKDF label of the key that makes seals.
const SEAL_LABEL: &[u8] = b"inkprint seal v1";

/// The 20 characters of a fingerprint that depend on secret, epoch and namespace alone.
pub type Print = [u8; Fingerprint::PRINT_LEN];

const SEAL_LEN: usize = Fingerprint::LEN - Fingerprint::PRINT_LEN;

/// The keys that make and check the marks of one epoch in one namespace.
///
/// Both HMACs are held keyed, their two key blocks already compressed, so that a short secret costs four compressions
/// a mark. The states are wiped when dropped; `Debug` shows the epoch only.
#[derive(Clone)]
pub struct MarkKeys {
    epoch: KeyEpoch,
    infix: Infix,
    print: Keyed,
    seal: Keyed,
}

impl MarkKeys {
    /// Derives both keys from the epoch's key, and the print's also from the namespace's salt.
    pub fn derive(epoch: KeyEpoch, key: &SecretKey, salt: &NamespaceSalt) -> Self {
        Self {
            epoch,
            infix: Infix::new(epoch),
            print: keyed(Some(salt.expose()), key, PRINT_LABEL),
            seal: keyed(None, key, SEAL_LABEL),
        }
    }

    /// The epoch that these keys belong to.
    pub fn epoch(&self) -> KeyEpoch {
        self.epoch
    }

    /// The print of `secret`: the same whichever rule found it.
    pub fn print(&self, secret: &Secret<'_>) -> Print {
        base32::leading(&self.print.tag(&[secret.expose()]))
    }

    /// The fingerprint that a mark of `rule` over `secret` carries.
    pub fn fingerprint(&self, rule: &RuleId, secret: &Secret<'_>) -> Fingerprint {
        let print = self.print(secret);
        self.sealed(print, self.seal_of(rule.as_str(), &print))
    }

    /// Appends the mark of `rule` over `secret` to `out`, and returns the fingerprint in it.
    pub fn write_mark(&self, rule: &RuleId, secret: &Secret<'_>, out: &mut Vec<u8>) -> Fingerprint {
        let print = self.print(secret);
        let start = out.len();
        out.extend_from_slice(PREFIX);
        out.extend_from_slice(rule.as_str().as_bytes());
        out.extend_from_slice(self.infix.as_bytes());
        out.extend_from_slice(&print);
        let seal = base32::leading(&self.seal.tag(&[&out[start..]]));
        out.extend_from_slice(&seal);
        self.sealed(print, seal)
    }

    /// Whether `mark` is of this epoch and its seal is ours, in time that does not depend on how much of it is right.
    ///
    /// The namespace has no part in it: a mark of any namespace of the keyring verifies.
    pub fn verify(&self, mark: &Mark<'_>) -> bool {
        let seal = self.seal_of(mark.rule, mark.fingerprint.print().as_bytes());
        mark.epoch == self.epoch && bool::from(seal.ct_eq(mark.fingerprint.seal().as_bytes()))
    }

    fn seal_of(&self, rule: &str, print: &[u8]) -> [u8; SEAL_LEN] {
        base32::leading(&self.seal.tag(&[PREFIX, rule.as_bytes(), self.infix.as_bytes(), print]))
    }

    fn sealed(&self, print: Print, seal: [u8; SEAL_LEN]) -> Fingerprint {
        let mut text = [0; Fingerprint::LEN];
        text[..print.len()].copy_from_slice(&print);
        text[print.len()..].copy_from_slice(&seal);
        Fingerprint::from_bytes(&text).expect("print and seal are made of the alphabet")
    }
}

impl fmt::Debug for MarkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MarkKeys(k{})", self.epoch)
    }
}

/// `-k<epoch>-`, written once.
#[derive(Clone, Copy)]
struct Infix {
    text: [u8; Self::MAX],
    len: usize,
}

impl Infix {
    /// `-k`, the ten digits of the highest epoch, and `-`.
    const MAX: usize = 13;

    fn new(epoch: KeyEpoch) -> Self {
        let written = format!("-k{epoch}-");
        let mut text = [0; Self::MAX];
        text[..written.len()].copy_from_slice(written.as_bytes());
        Self { text, len: written.len() }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

/// HKDF-SHA256 of an epoch's key for one labelled use, as an HMAC's key.
fn keyed(salt: Option<&[u8; NamespaceSalt::LEN]>, key: &SecretKey, label: &[u8]) -> Keyed {
    let mut derived = Zeroizing::new([0u8; 32]);
    Hkdf::<Sha256>::new(salt.map(|salt| &salt[..]), key.expose())
        .expand(label, derived.as_mut_slice())
        .expect("32 bytes are far below the most that HKDF gives");
    Keyed::new(&derived)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(epoch: u32) -> MarkKeys {
        let epoch = KeyEpoch::new(epoch).expect("not zero");
        MarkKeys::derive(epoch, &SecretKey::new([7; 32]), &NamespaceSalt::new([9; 32]))
    }

    fn rule(id: &str) -> RuleId {
        RuleId::new(id).expect("a rule id")
    }

    fn mark(keys: &MarkKeys, id: &str, secret: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        keys.write_mark(&rule(id), &Secret::borrowed(secret), &mut out);
        out
    }

    #[test]
    fn the_print_depends_on_secret_epoch_and_namespace_but_not_on_the_rule() {
        let (a, b) = (rule("a"), rule("b"));
        let secret = Secret::borrowed(b"hunter2");
        let base = keys(1).fingerprint(&a, &secret);
        assert_eq!(base.print(), keys(1).fingerprint(&b, &secret).print());
        assert_ne!(base.seal(), keys(1).fingerprint(&b, &secret).seal());
        assert_ne!(base.print(), keys(1).fingerprint(&a, &Secret::borrowed(b"hunter3")).print());
        let other_salt = MarkKeys::derive(KeyEpoch::FIRST, &SecretKey::new([7; 32]), &NamespaceSalt::new([8; 32]));
        assert_ne!(base.print(), other_salt.fingerprint(&a, &secret).print());
        let other_key = MarkKeys::derive(KeyEpoch::FIRST, &SecretKey::new([6; 32]), &NamespaceSalt::new([9; 32]));
        assert_ne!(base.print(), other_key.fingerprint(&a, &secret).print());
    }

    #[test]
    fn a_seal_verifies_in_any_namespace_of_the_same_key() {
        let text = mark(&keys(1), "a", b"hunter2");
        let mark = Mark::parse(&text).expect("a mark");
        let elsewhere = MarkKeys::derive(KeyEpoch::FIRST, &SecretKey::new([7; 32]), &NamespaceSalt::new([8; 32]));
        assert!(elsewhere.verify(&mark));
        assert!(!keys(2).verify(&mark), "another epoch's number");
        let foreign = MarkKeys::derive(KeyEpoch::FIRST, &SecretKey::new([6; 32]), &NamespaceSalt::new([9; 32]));
        assert!(!foreign.verify(&mark));
    }

    #[test]
    fn known_answers() {
        let (key, salt): ([u8; 32], [u8; 32]) =
            (std::array::from_fn(|i| i as u8), std::array::from_fn(|i| i as u8 + 32));
        let token = b"ghp_000000000000000000000000000000000000";
        for (key, salt, epoch, id, secret, expected) in [
            (key, salt, 1, "github-pat", &token[..], "ink1-github-pat-k1-j0rsygyc7vcqksbhm88pac2z"),
            (key, salt, 1, "password-field", token, "ink1-password-field-k1-j0rsygyc7vcqksbhm88p56v2"),
            (key, [0; 32], 1, "github-pat", token, "ink1-github-pat-k1-nwhwt8tfa7n38bb0tzgg90yy"),
            (key, salt, 12, "a-k3-b", b"\x00\xff\n\r", "ink1-a-k3-b-k12-f7fnescj0rv8a0003mytppqm"),
            (key, salt, 3, "long-secret", &[b'x'; 1000], "ink1-long-secret-k3-nyfc3tpqdnzwt0ccezch2gqv"),
            ([255; 32], [0; 32], u32::MAX, "a", b"", "ink1-a-k4294967295-t5341byrrwav0mvhdcxbp52a"),
        ] {
            let epoch = KeyEpoch::new(epoch).expect("not zero");
            let keys = MarkKeys::derive(epoch, &SecretKey::new(key), &NamespaceSalt::new(salt));
            assert_eq!(String::from_utf8_lossy(&mark(&keys, id, secret)), expected);
        }
    }

    #[test]
    fn debug_shows_the_epoch_only() {
        assert_eq!(format!("{:?}", keys(4_294_967_295)), "MarkKeys(k4294967295)");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_verifies(id in "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", epoch in 1u32..,
                                                     secret in any::<Vec<u8>>(), before in any::<Vec<u8>>()) {
            prop_assume!(RuleId::is_valid(id.as_bytes()));
            let (keys, rule, secret) = (keys(epoch), rule(&id), Secret::owned(secret));
            let mut out = before.clone();
            let fingerprint = keys.write_mark(&rule, &secret, &mut out);
            prop_assert_eq!(fingerprint, keys.fingerprint(&rule, &secret));
            prop_assert_eq!(fingerprint.print().as_bytes(), &keys.print(&secret)[..]);
            let read = Mark::parse(&out[before.len()..]).expect("a mark");
            prop_assert_eq!((read.rule, read.epoch.get(), read.fingerprint), (&id[..], epoch, fingerprint));
            prop_assert!(keys.verify(&read));
        }

        #[test]
        fn any_other_character_breaks_the_seal(at in 0usize..64, with in "[0-9a-z-]") {
            let good = mark(&keys(3), "github-pat", b"hunter2");
            let mut text = good.clone();
            let at = at % text.len();
            text[at] = with.as_bytes()[0];
            prop_assume!(text != good);
            prop_assert!(Mark::parse(&text).is_none_or(|mark| !keys(3).verify(&mark)));
        }
    }
}
