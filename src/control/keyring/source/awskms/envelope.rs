//! The file of a wrapped keyring, version 1: TOML.
//!
//! ```toml
//! version = 1
//! key = "arn:aws:kms:…"           # the key of KMS
//! data_key = "…"                  # 32 bytes, encrypted by that key in this context: base64 of what KMS gives
//! nonce = "…"                     # 12 bytes in base64
//! keyring = "…"                   # AES-256-GCM of the keyring under the data key, its tag behind it, in base64
//!
//! [context]
//! inkprint = "keyring"
//! ```
//!
//! Authenticated with it is `inkprint awskms v1`, then the key and each name and value of the context in order, each with its length in
//! bytes before it, as eight bytes, most significant first.

use std::collections::BTreeMap;

use aes_gcm::aead::{AeadInOut as _, Nonce};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The version of the layout that is read and written.
const VERSION: u32 = 1;

/// Bytes of a nonce.
pub(super) const NONCE: usize = 12;

/// Bytes of a tag.
const TAG: usize = 16;

const LABEL: &str = "inkprint awskms v1";

const HEADER: &str =
    "# An inkprint keyring, wrapped by AWS KMS: without leave to decrypt by this key it says nothing.\n";

/// A wrapped keyring; none of it is secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    /// The key of KMS.
    pub(super) key: String,
    /// The encryption context.
    pub(super) context: BTreeMap<String, String>,
    /// The data key as KMS has encrypted it.
    pub(super) data_key: Vec<u8>,
    nonce: [u8; NONCE],
    keyring: Vec<u8>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u32,
    key: String,
    data_key: String,
    nonce: String,
    keyring: String,
    context: BTreeMap<String, String>,
}

impl Envelope {
    /// Encrypts a keyring under a plain data key, which is what `data_key` holds encrypted. Nothing where the key is none.
    pub(super) fn seal(
        key: String,
        context: BTreeMap<String, String>,
        data_key: Vec<u8>,
        nonce: [u8; NONCE],
        plain_key: &[u8],
        keyring: &[u8],
    ) -> Option<Self> {
        // Room for the tag from the start: what grows leaves its old bytes behind.
        let mut text = Zeroizing::new(Vec::with_capacity(keyring.len() + TAG));
        text.extend_from_slice(keyring);
        let envelope = Self { key, context, data_key, nonce, keyring: Vec::new() };
        let cipher = Aes256Gcm::new_from_slice(plain_key).ok()?;
        cipher.encrypt_in_place(&Nonce::<Aes256Gcm>::from(nonce), &envelope.associated(), &mut *text).ok()?;
        Some(Self { keyring: text.to_vec(), ..envelope })
    }

    /// Decrypts the keyring; nothing where it or anything that goes with it was changed.
    pub(super) fn open(&self, plain_key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let cipher = Aes256Gcm::new_from_slice(plain_key).ok()?;
        let mut text = Zeroizing::new(self.keyring.clone());
        cipher.decrypt_in_place(&Nonce::<Aes256Gcm>::from(self.nonce), &self.associated(), &mut *text).ok()?;
        Some(text)
    }

    fn associated(&self) -> Vec<u8> {
        let mut all = LABEL.as_bytes().to_vec();
        let names = self.context.iter().flat_map(|(name, value)| [name, value]);
        for part in std::iter::once(&self.key).chain(names) {
            all.extend((part.len() as u64).to_be_bytes());
            all.extend(part.as_bytes());
        }
        all
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
        let raw: Raw = toml::from_str(text)
            .map_err(|_| "its fields are not version, key, data_key, nonce, keyring and context")?;
        if raw.version != VERSION {
            return Err("it is of a later version; use a newer inkprint");
        }
        let decoded = |text: &str| STANDARD.decode(text);
        if raw.key.is_empty() || raw.key.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err("its key is none");
        }
        Ok(Self {
            key: raw.key,
            context: raw.context,
            data_key: decoded(&raw.data_key).map_err(|_| "its data_key is not base64")?,
            nonce: decoded(&raw.nonce)
                .ok()
                .and_then(|nonce| nonce.try_into().ok())
                .ok_or("its nonce is not 12 bytes in base64")?,
            keyring: decoded(&raw.keyring).map_err(|_| "its keyring is not base64")?,
        })
    }

    /// The file's text.
    pub(super) fn to_toml(&self) -> String {
        let raw = Raw {
            version: VERSION,
            key: self.key.clone(),
            data_key: STANDARD.encode(&self.data_key),
            nonce: STANDARD.encode(self.nonce),
            keyring: STANDARD.encode(&self.keyring),
            context: self.context.clone(),
        };
        HEADER.to_owned() + &toml::to_string(&raw).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        let context = [("inkprint".to_owned(), "keyring".to_owned())].into();
        Envelope::seal("arn:k".to_owned(), context, vec![7; 40], [5; NONCE], &[9; 32], b"version = 1").expect("a key")
    }

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        let sealed = envelope();
        assert_eq!(sealed.open(&[9; 32]).as_deref().map(Vec::as_slice), Some(&b"version = 1"[..]));
        assert_eq!(Envelope::parse(sealed.to_toml().as_bytes()).as_ref(), Ok(&sealed));
        assert!(sealed.open(&[8; 32]).is_none() && sealed.open(&[9; 31]).is_none());
        let other_key = Envelope { key: "arn:l".to_owned(), ..envelope() };
        let other_context = Envelope { context: [("inkprint".to_owned(), "other".to_owned())].into(), ..envelope() };
        let mut other_text = envelope();
        other_text.keyring[0] ^= 1;
        let mut cut = envelope();
        cut.keyring.truncate(TAG - 1);
        for changed in [other_key, other_context, Envelope { nonce: [6; NONCE], ..envelope() }, other_text, cut] {
            assert!(changed.open(&[9; 32]).is_none());
        }
    }

    #[test]
    fn the_form_is_pinned() {
        // From Python: AESGCM(bytes([9]*32)).encrypt(bytes([5]*12), b"version = 1", associated)
        let pinned = "# An inkprint keyring, wrapped by AWS KMS: without leave to decrypt by this key it says nothing.\n\
                      version = 1\nkey = \"arn:k\"\ndata_key = \"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==\"\n\
                      nonce = \"BQUFBQUFBQUFBQUF\"\nkeyring = \"uRLEJWK3cm1/BGQ2yUOlGKs71efVcmGC3kS0\"\n\n\
                      [context]\ninkprint = \"keyring\"\n";
        assert_eq!(envelope().to_toml(), pinned);
        assert!(Envelope::parse(pinned.replace("version = 1", "version = 2").as_bytes()).is_err());
        assert!(Envelope::parse(pinned.replace("nonce = \"B", "nonce = \"").as_bytes()).is_err());
    }
}
