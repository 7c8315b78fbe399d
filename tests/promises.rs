//! What inkprint promises, seen from outside: each module runs the program itself.

mod promises {
    /// The same secret has the same fingerprint, another program can reproduce it, and it is found in cleaned logs.
    mod fingerprints;
    /// A keyring is private, whole at any time, and comes from where it is said to come from.
    mod keyring;
    /// Running the program, in an environment of the test's own.
    mod program;
    /// Lines over TCP: none lost, none torn, none let through, in bounded memory.
    mod tcp;
}
