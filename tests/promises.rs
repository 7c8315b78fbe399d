//! What inkprint promises, seen from outside: each module runs the program itself.

mod promises {
    /// The same secret has the same fingerprint, another program can reproduce it, and it is found in cleaned logs.
    mod fingerprints;
    /// Modules import to one side only.
    mod imports;
    /// A keyring is private, whole at any time, and comes from where it is said to come from.
    mod keyring;
    /// Running the program, in an environment of the test's own.
    mod program;
    /// Every rule works as it says, every trigger is sure to occur, and a broken rule file is told whole.
    mod rules;
    /// Lines over TCP: none lost, none torn, none let through, in bounded memory.
    mod tcp;
}
