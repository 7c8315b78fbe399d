//! What inkprint promises, seen from outside: each module runs the program itself.

mod promises {
    /// Bytes outside marks come out as they went in; JSON stays JSON.
    mod bytes;
    /// The data path in this process, with keys of the tests' own.
    mod engine;
    /// The same secret has the same fingerprint, another program can reproduce it, and it is found in cleaned logs.
    mod fingerprints;
    /// Logs to look in: tokens whole, cut and glued, keys, escapes, marks, and what is no text at all.
    mod hay;
    /// A keyring is private, whole at any time, and comes from where it is said to come from.
    mod keyring;
    /// A mark is never matched again, and the same secret has the same one however it is written.
    mod marks;
    /// A naive redactor to compare with.
    mod oracle;
    /// Running the program, in an environment of the test's own.
    mod program;
    /// Secrets go, all of them, and nothing else.
    mod redaction;
}
