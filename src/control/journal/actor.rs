//! Who acts: what the kernel knows, and what the environment claims.

use std::env;

use super::entry::Actor;

/// The most bytes of a name.
const MAX_NAME: usize = 128;

impl Actor {
    /// Whoever runs this process. Their names are claims of the environment; the number is the kernel's word.
    pub fn here() -> Self {
        let claimed = ["SUDO_USER", "LOGNAME", "USER"].into_iter().find_map(|name| env::var(name).ok());
        // Asked of the kernel, as /proc/sys need not be there for a service.
        let system = rustix::system::uname();
        Self {
            uid: rustix::process::getuid().as_raw(),
            name: claimed.map(|name| shortened(&name)),
            host: shortened(&system.nodename().to_string_lossy()),
            pid: std::process::id(),
        }
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}
