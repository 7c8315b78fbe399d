//! Checkpoints in the signed-note form of C2SP (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), with Ed25519.
//!
//! ```text
//! inkprint/journal/5f0c6b1e9a7d4823
//! 63
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — inkprint/journal/5f0c6b1e9a7d4823 Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```
//!
//! The text is the journal's origin, which is also the name of its key, the number of records that are signed for, and the hash of
//! the last of them. That hash is the head of a chain and not the root of a Merkle tree; everything else is as those pages say, so
//! that a checkpoint can be posted, witnessed and checked by tools that know signed notes.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::record::Hash;

/// The type of an Ed25519 key in a signed note.
const ED25519: u8 = 1;
/// What begins a private key in the text form of the reference implementation.
const PRIVATE: &str = "PRIVATE+KEY+";
/// What begins a signature line: an em dash and a space.
const SIGNATURE: &str = "\u{2014} ";
/// The most bytes of a note that is read: room for many witnesses' signatures.
const MAX_NOTE: usize = 64 << 10;

/// Why a text is no checkpoint or no key that can be used. None of these shows the text, which may be a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The text is no signed note with a checkpoint in it.
    #[error("it is no checkpoint in the signed-note form")]
    NotACheckpoint,
    /// The note bears no signature of the key.
    #[error("it bears no signature of this key")]
    NotSigned,
    /// There is a signature of the key's, and it does not fit the text.
    #[error("its signature is not valid")]
    BadSignature,
    /// The text is no public key.
    #[error("it is no public key; one reads NAME+ID+KEY, in one line")]
    PublicKey,
    /// The text is no private key.
    #[error("it is no private key; one reads PRIVATE+KEY+NAME+ID+KEY, in one line")]
    PrivateKey,
}

/// What a checkpoint says: so many records of this journal, the last of which has this hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The journal's name for itself.
    pub origin: String,
    /// How many records are signed for, from the first.
    pub records: u64,
    /// The hash of the last of them.
    pub head: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.records, STANDARD.encode(self.head.as_bytes()))
    }

    /// Reads the text of a note; lines behind the third are passed over.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, records, head) = (lines.next()?, lines.next()?, lines.next()?);
        let number = records.parse().ok().filter(|number: &u64| number.to_string() == records)?;
        let head = STANDARD.decode(head).ok()?.try_into().ok()?;
        (!origin.is_empty() && lines.all(|line| !line.is_empty())).then(|| Self {
            origin: origin.to_owned(),
            records: number,
            head: Hash::new(head),
        })
    }
}

/// A key that checks checkpoints. Its text form, `NAME+ID+KEY`, is that of the reference implementation.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl PublicKey {
    /// The name, which is the origin of the journal.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The checkpoint in a signed note, once a signature of this key has been checked; signatures of others are passed over.
    ///
    /// # Errors
    /// [`NoteError`]: what it says is then not to be believed.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let is_control = |c: char| c.is_ascii_control() && c != '\n';
        if note.len() > MAX_NOTE || note.contains(is_control) {
            return Err(NoteError::NotACheckpoint);
        }
        let at = note.rfind("\n\n").ok_or(NoteError::NotACheckpoint)?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let checkpoint = Checkpoint::parse(text).ok_or(NoteError::NotACheckpoint)?;
        let mut signed = false;
        for line in signatures.strip_suffix('\n').ok_or(NoteError::NotACheckpoint)?.split('\n') {
            let line = line.strip_prefix(SIGNATURE).ok_or(NoteError::NotACheckpoint)?;
            let (name, signature) = line.split_once(' ').ok_or(NoteError::NotACheckpoint)?;
            let bytes = STANDARD.decode(signature).map_err(|_| NoteError::NotACheckpoint)?;
            let Some((id, signature)) = bytes.split_first_chunk() else { return Err(NoteError::NotACheckpoint) };
            if name != self.name || *id != self.id() {
                continue;
            }
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::BadSignature)?;
            self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::BadSignature)?;
            signed = true;
        }
        if signed { Ok(checkpoint) } else { Err(NoteError::NotSigned) }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519][..], self.key.as_bytes()].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), STANDARD.encode(key))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let Parts { name, id, key } = Parts::of(text.trim_end_matches(['\r', '\n'])).ok_or(NoteError::PublicKey)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| NoteError::PublicKey)?;
        let public = Self { name: name.to_owned(), key };
        // A weak key would let signatures be made without the private one.
        if public.key.is_weak() || public.id() != id { Err(NoteError::PublicKey) } else { Ok(public) }
    }
}

/// `NAME+ID+KEY`, taken apart.
struct Parts<'a> {
    name: &'a str,
    id: [u8; 4],
    /// What stands behind the type.
    key: Zeroizing<[u8; 32]>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let id = u32::from_str_radix(id, 16).ok().filter(|_| id.len() == 8)?.to_be_bytes();
        let mut bytes = Zeroizing::new([0u8; 48]);
        let len = STANDARD.decode_slice(key, bytes.as_mut_slice()).ok()?;
        let named = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        let key = Zeroizing::new(<[u8; 32]>::try_from(bytes.get(1..len)?).ok()?);
        (named && bytes[0] == ED25519).then_some(Self { name, id, key })
    }
}

/// A key that signs checkpoints; wiped when dropped, and mute.
#[derive(Clone)]
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key with a name of its own, from 40 random bytes.
    pub fn new(random: &[u8; 40]) -> Self {
        let name = random[32..].iter().fold("inkprint/journal/".to_owned(), |name, byte| name + &format!("{byte:02x}"));
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&random[..32]);
        Self::named(name, &seed)
    }

    fn named(name: String, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey { name, key: key.verifying_key() };
        Self { key, public }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`NoteError::PrivateKey`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.trim_end_matches(['\r', '\n']).strip_prefix(PRIVATE).ok_or(NoteError::PrivateKey)?;
        let Parts { name, id, key: seed } = Parts::of(text).ok_or(NoteError::PrivateKey)?;
        let key = Self::named(name.to_owned(), &seed);
        if key.public.id() == id { Ok(key) } else { Err(NoteError::PrivateKey) }
    }

    /// The text form, which is the key itself.
    pub fn to_text(&self) -> Zeroizing<String> {
        let (name, id) = (&self.public.name, u32::from_be_bytes(self.public.id()));
        let mut typed = Zeroizing::new([ED25519; 33]);
        typed[1..].copy_from_slice(self.key.as_bytes());
        let mut key = Zeroizing::new([0u8; 44]);
        let len = STANDARD.encode_slice(*typed, key.as_mut_slice()).unwrap_or(0);
        // Room for all of it from the start: a string that grows leaves its old bytes unwiped.
        let mut text = Zeroizing::new(String::with_capacity(PRIVATE.len() + name.len() + key.len() + 16));
        text.push_str(PRIVATE);
        text.push_str(name);
        text.push_str(&format!("+{id:08x}+"));
        text.push_str(std::str::from_utf8(&key[..len]).unwrap_or_default());
        text.push('\n');
        text
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signed note of a checkpoint over so many records.
    pub fn sign(&self, records: u64, head: Hash) -> String {
        let text = Checkpoint { origin: self.public.name.clone(), records, head }.text();
        let signature = [&self.public.id()[..], &self.key.sign(text.as_bytes()).to_bytes()].concat();
        format!("{text}\n{SIGNATURE}{} {}\n", self.public.name, STANDARD.encode(signature))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key and the note of the signed-note page, which another program has made.
    #[test]
    fn a_note_of_another_program_is_read() {
        let key: PublicKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().expect("a key");
        assert_eq!(key.to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        // Its text is no checkpoint; that its signature is good is seen by its key alone.
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let bytes = STANDARD.decode(signature).expect("base64");
        assert_eq!(bytes[..4], key.id());
        let signature = Signature::from_slice(&bytes[4..]).expect("64 bytes");
        assert!(key.key.verify_strict(text.as_bytes(), &signature).is_ok());
    }

    fn key() -> PrivateKey {
        let mut random = [0; 40];
        random.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
        PrivateKey::new(&random)
    }

    const GOLDEN: &str = "\
inkprint/journal/2021222324252627
63
BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=

\u{2014} inkprint/journal/2021222324252627 L5nxrzJfwStlpaWrin7K3OlM2aAOOexPdm0WWGt4NHzimTev3n53ilx2qN5Xeq7L7ID88QX/d4s3A2FgFywmQscx3w0=
";

    #[test]
    fn a_checkpoint_has_these_bytes_and_is_read_back() {
        let note = key().sign(63, Hash::new([7; 32]));
        assert_eq!(note, GOLDEN);
        let public: PublicKey = key().public().to_string().parse().expect("its own text");
        let checkpoint = public.open(&note).expect("signed");
        assert_eq!((checkpoint.origin.as_str(), checkpoint.records), ("inkprint/journal/2021222324252627", 63));
        assert_eq!(checkpoint.head, Hash::new([7; 32]));
        // A witness's signature stands beside it, and is none of ours.
        let witnessed = format!("{note}\u{2014} witness.example/w1 AAAAAAAA\n");
        assert!(public.open(&witnessed).is_ok());
    }

    #[test]
    fn no_byte_of_a_note_can_be_changed() {
        let (note, public) = (key().sign(63, Hash::new([7; 32])), key().public().clone());
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(public.open(&changed).is_err(), "{changed}");
            }
            assert!(!note.is_char_boundary(at) || public.open(&note[..at]).is_err());
        }
        let other = PrivateKey::new(&[9; 40]);
        assert_eq!(other.public().open(&note), Err(NoteError::NotSigned));
    }

    #[test]
    fn keys_survive_their_text_and_are_mute() {
        let text = key().to_text();
        assert!(text.starts_with("PRIVATE+KEY+inkprint/journal/2021222324252627+"));
        let read = PrivateKey::parse(&text).expect("its own text");
        assert_eq!(read.public(), key().public());
        assert!(!format!("{read:?}").contains("AAEC"));
        for bad in ["", "PRIVATE+KEY+", "a+b+c", &text[..text.len() - 3], &text[12..]] {
            assert!(PrivateKey::parse(bad).is_err());
        }
        for bad in ["", "a+b", "a+00000000+AA==", &text] {
            assert!(bad.parse::<PublicKey>().is_err());
        }
    }
}
