//! What the journal tells: a kind, and typed details. No secret, no line of a log and no key is ever part of one.
//!
//! An unknown kind or detail of a later version is no fault of a journal: its hash is checked like any other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Hash;
use crate::model::{KeyEpoch, Namespace};
use crate::pipeline::detect::Detector;
use crate::pipeline::detect::rule::{Origin, Rule};

/// The most bytes of a text that a person gives, such as a reason.
pub const MAX_TEXT: usize = 1024;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "details", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Entry {
    /// The first record.
    Begin(Begin),
    /// A program starts that cleans logs.
    Start(Start),
    /// It has stopped.
    Stop(Stop),
    /// The settings in force.
    Configuration(Configuration),
    /// The rules in force.
    Rules(Rules),
    /// Another configuration was to take the place of the one in force.
    Reload(Reload),
    /// Something is about to be done to a keyring.
    Key(Key),
    /// Whether what an earlier record announced was done.
    Outcome(Outcome),
    /// Somebody asked about secrets, and is about to be answered.
    Lookup(Lookup),
    /// Marks came in whose seal is not ours.
    ForgedMarks(ForgedMarks),
    /// Lines could not be scanned and were withheld.
    Withheld(Withheld),
    /// A span of which nothing is known.
    Gap(Gap),
    /// Data about somebody was erased on request.
    Forgotten(Forgotten),
    /// The same secrets' fingerprints under two epochs.
    Bridge(Bridge),
    /// Everything before is signed.
    Checkpoint(Checkpoint),
    /// A crash left half a record, which was cut off.
    Recovered(Recovered),
}

/// See [`Entry::Begin`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Of the format of records.
    pub version: u32,
    /// The public key of its checkpoints, for information: what is verified with comes from elsewhere.
    pub key: String,
}

/// Who does something, as far as the operating system and the environment tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The real user id, from the kernel.
    pub uid: u32,
    /// The name that the environment claims: `SUDO_USER`, `LOGNAME` or `USER`.
    pub name: Option<String>,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
}

/// See [`Entry::Start`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Who.
    pub actor: Actor,
    /// Of the program.
    pub version: String,
    /// Which of its commands.
    pub command: String,
    /// The epoch that makes marks.
    pub epoch: u32,
    /// The namespace that they are made in.
    pub namespace: String,
}

/// See [`Entry::Stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The number of the record that told of the start.
    pub start: u64,
    /// Whether it ended as it should.
    pub ok: bool,
    /// What it did; none where that is not known at the end.
    pub counts: Option<Counts>,
}

/// What a program did with the lines that went through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Secrets replaced.
    pub matches: u64,
    /// Marks of our own that came in.
    pub marks: u64,
}

/// See [`Entry::Configuration`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Where it comes from.
    pub source: String,
    /// The SHA-256 of it.
    pub sha256: String,
}

/// See [`Entry::Rules`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How many are in force.
    pub rules: u64,
    /// The SHA-256 of them and their actions, as this version of the program writes them.
    pub sha256: String,
}

impl Rules {
    /// The rules in force, by what they find and what is done with it: not by where they were read from, nor by their examples.
    pub fn of(detector: &Detector) -> Self {
        let mut text = String::new();
        for rule in detector.rules() {
            let origin = Origin { file: String::new(), line: 0 };
            let (references, examples, counterexamples) = (Vec::new(), Vec::new(), Vec::new());
            let bare =
                Rule { origin, references, examples, counterexamples, description: String::new(), ..rule.clone() };
            text += &format!("{bare:?}\n");
        }
        Self { rules: detector.rules().len() as u64, sha256: Hash::of(text.as_bytes()).to_string() }
    }
}

/// See [`Entry::Reload`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Whether it did.
    pub applied: bool,
    /// The number of the one in force since.
    pub generation: u64,
    /// Why it did not.
    pub reason: Option<String>,
}

/// What is done to a keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAction {
    /// A keyring is made.
    Init,
    /// A new epoch becomes the current one.
    Rotate,
    /// An epoch stops to answer lookups.
    Retire,
    /// An epoch's key is erased.
    Destroy,
    /// A namespace is added.
    AddNamespace,
    /// A namespace's salt is erased.
    ForgetNamespace,
}

/// See [`Entry::Key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// What.
    pub action: KeyAction,
    /// Which keyring, by its place.
    pub keyring: String,
    /// Which epoch.
    pub epoch: Option<u32>,
    /// Which namespace.
    pub namespace: Option<String>,
    /// Who.
    pub actor: Actor,
}

/// See [`Entry::Outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The number of the record that announced it.
    pub of: u64,
    /// Whether it was done.
    pub done: bool,
}

/// See [`Entry::Lookup`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Who.
    pub actor: Actor,
    /// Why, in their own words.
    pub reason: String,
    /// By which command or way.
    pub by: String,
    /// In which namespace.
    pub namespace: String,
    /// How many secrets or fingerprints were asked about.
    pub asked: u64,
    /// How many of them were found; none where only their fingerprints were computed.
    pub found: Option<u64>,
}

/// See [`Entry::ForgedMarks`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgedMarks {
    /// How many, since the record of the start or the last one like this.
    pub marks: u64,
    /// Where they came in.
    pub source: Option<String>,
}

/// See [`Entry::Withheld`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Why.
    pub reason: String,
    /// How many, since the record of the start or the last one like this.
    pub lines: u64,
    /// Where they came in.
    pub source: Option<String>,
}

/// See [`Entry::Gap`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What is not covered.
    pub what: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// See [`Entry::Forgotten`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// What kind of data: never whose.
    pub what: String,
    /// How many pieces of it.
    pub records: u64,
    /// Who erased it.
    pub actor: Actor,
}

/// See [`Entry::Bridge`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// In which namespace.
    pub namespace: String,
    /// The older epoch.
    pub from: u32,
    /// The newer epoch.
    pub to: u32,
    /// For each secret the first 20 characters of its fingerprint under the older and under the newer one.
    pub prints: Vec<(String, String)>,
}

/// See [`Entry::Checkpoint`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The signed note.
    pub note: String,
}

/// See [`Entry::Recovered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// How many were cut off.
    pub bytes: u64,
}

impl Key {
    /// What `actor` is about to do to the keyring at this place.
    pub fn new(
        action: KeyAction,
        keyring: String,
        epoch: Option<KeyEpoch>,
        namespace: Option<&Namespace>,
        actor: Actor,
    ) -> Self {
        let namespace = namespace.map(|name| name.as_str().to_owned());
        Self { action, keyring, epoch: epoch.map(KeyEpoch::get), namespace, actor }
    }
}

impl Configuration {
    /// A configuration by where it comes from and its bytes.
    pub fn of(source: String, bytes: &[u8]) -> Self {
        Self { source, sha256: Hash::of(bytes).to_string() }
    }
}

/// The kinds, as they are written and asked for.
pub const KINDS: &[&str] = &[
    "begin",
    "start",
    "stop",
    "configuration",
    "rules",
    "reload",
    "key",
    "outcome",
    "lookup",
    "forged-marks",
    "withheld",
    "gap",
    "forgotten",
    "bridge",
    "checkpoint",
    "recovered",
];
