//! All that a worker needs to decide, immutable while it is in force.

use std::sync::Arc;

use super::detect::Detector;
use super::detect::allow::{AllowList, Scope};
use super::fingerprint::MarkKeys;

/// The rules and keys in force. A new one takes its place whole; it is never changed.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What to look for.
    pub detector: Arc<Detector>,
    /// The keys of the current epoch, which make marks.
    pub keys: MarkKeys,
    /// The keys of every live epoch, which tell our own marks from foreign ones.
    pub live_keys: Vec<MarkKeys>,
    /// What may stay although a rule finds it.
    pub allow: Option<Arc<AllowList>>,
}

impl Policy {
    /// What the allow list holds for the input of this name: a file as it was named, `-`, or a peer's address.
    pub fn scope(&self, source: &str) -> Scope {
        self.allow.as_ref().map_or_else(Scope::default, |allow| allow.scope(source))
    }
}
