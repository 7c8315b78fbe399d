//! Secrets and keys: mute in every `Debug`, without `Display`, wiped when dropped.

use std::borrow::Cow;
use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A canonical secret: the bytes that the application holds, behind whatever encoding the log shows.
///
/// Borrowed where the log shows it raw, owned (and wiped on drop) where it had to be decoded.
pub struct Secret<'a>(Cow<'a, [u8]>);

impl<'a> Secret<'a> {
    /// Takes the bytes as they stand.
    pub fn borrowed(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }

    /// Takes decoded bytes; they are wiped when the secret is dropped.
    pub fn owned(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }

    /// The bytes themselves. Only fingerprinting, validation and `explain --reveal` may call this.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(bytes) = &mut self.0 {
            bytes.zeroize();
        }
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// The 32 random bytes of one key epoch.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; Self::LEN]);

impl SecretKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Takes the bytes of a key.
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves. Only key derivation and the keyring's writer may call this.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A namespace's own random salt: without it, the namespace's prints can be linked to nothing.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NamespaceSalt([u8; Self::LEN]);

impl NamespaceSalt {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Takes the bytes of a salt.
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves. Only key derivation and the keyring's writer may call this.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for NamespaceSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamespaceSalt(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_byte() {
        let shown = format!(
            "{:?} {:?} {:?} {:?}",
            Secret::borrowed(b"hunter2"),
            Secret::owned(b"hunter2".to_vec()),
            SecretKey::new(*b"hunter2hunter2hunter2hunter2abcd"),
            NamespaceSalt::new(*b"hunter2hunter2hunter2hunter2abcd"),
        );
        assert!(!shown.contains("hunter") && !shown.contains("104"), "{shown}");
    }
}
