//! What becomes of keys while the service runs.

use std::time::Duration;

use super::field::{default, optional, settings};
use super::shape::Maybe;

settings! {
    /// What becomes of keys while the service runs.
    pub struct Keys {
        /// How old a key epoch gets: then a new one makes the marks, and those before it answer lookups until they are retired. The keyring
        /// must be a file that the service may write. Of the services that share it one is enough; the others take up what they find there.
        rotate_every: Maybe<Duration> = optional("90d", "keys are rotated by hand, or by a timer").between(60_000, 366 * 86_400_000);
        /// Whether the prints that a secret has under all epochs that are not retired are linked in the journal, without the secret. A later
        /// lookup follows these bridges from the marks of before a rotation to those after it, also once the old key is destroyed.
        bridge: bool = default("false");
    }
}
