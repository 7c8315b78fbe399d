//! Who acts: what the kernel knows, and what the environment claims.

use std::env;
use std::fs;

use super::entry::Actor;

/// The most bytes of a name.
const MAX_NAME: usize = 128;

impl Actor {
    /// Whoever runs this process. Their names are claims of the environment; the number is the kernel's word.
    pub fn here() -> Self {
        let claimed = ["SUDO_USER", "LOGNAME", "USER"].into_iter().find_map(|name| env::var(name).ok());
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            uid: rustix::process::getuid().as_raw(),
            name: claimed.map(|name| shortened(&name)),
            host: shortened(host.trim_end()),
            pid: std::process::id(),
        }
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}
