//! What the process gives up after its start.

use super::field::{default, optional, settings};
use super::shape::Maybe;

settings! {
    /// What the process gives up after its start.
    pub struct Sandbox {
        /// Whether it confines itself: no new privileges, Landlock for files and seccomp for system calls, where the kernel has them.
        enabled: bool = default("true");
        /// Whether it refuses to start where the kernel cannot confine it in one of these ways.
        required: bool = default("false");
        /// The user, by name or number, that it becomes when it is started as root.
        user: Maybe<String> = optional("inkprint", "it stays who it is");
        /// The group, by name or number.
        group: Maybe<String> = optional("inkprint", "that of the user");
        /// Whether it keeps the capability to read all files, for logs that only their owners may read. It must be given it, as root or by the
        /// service manager; which files it opens is Landlock's to say all the same.
        read_all_files: bool = default("false");
    }
}
