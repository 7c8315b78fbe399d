//! What inkprint promises: modules named for a promise, most of which run the program itself, and their helpers.

mod promises {
    /// What takes a secret's place: a mark, a fixed text, or nothing of the whole line.
    mod actions;
    /// What is known and allowed stays, and nothing beside it.
    mod allow;
    /// A private key over several lines goes whole, whatever its lines begin with, and nothing else waits for it.
    mod armor;
    /// A keyring that AWS KMS unwraps: where it does not, nothing passes.
    mod awskms;
    /// Bad input and bad surroundings: told by name, nothing uncleaned passed on.
    mod badinput;
    /// A value in the line below its key goes as it would on the key's own line.
    mod below;
    /// Bytes outside marks come out as they went in; JSON stays JSON.
    mod bytes;
    /// A configuration is told every fault at once, and its example, schema and reference are of one piece.
    mod config;
    /// The service in its sandbox.
    mod confined;
    /// What is shipped to deploy it is sound: units, alerts, dashboard, chart, shippers' configurations.
    mod deploy;
    /// A secret is found inside of other encodings, and what is only written in one stays.
    mod encodings;
    /// The data path in this process, with keys of the tests' own.
    mod engine;
    /// Made variants of secrets: the declared classes go, and what is not covered is named.
    mod evasions;
    /// The same secret has the same fingerprint, another program can reproduce it, and it is found in cleaned logs.
    mod fingerprints;
    /// A fleet's index in a real PostgreSQL: what many nodes write adds up, once, and while it is away the logs go on.
    mod fleet;
    /// The fuzz targets over their kept inputs, and over mutations of them.
    mod fuzz;
    /// Logs to look in: tokens whole, cut and glued, keys, escapes, marks, and what is no text at all.
    mod hay;
    /// Lines made to be slow cost little more than others.
    mod hostile;
    /// Modules import to one side only.
    mod imports;
    /// Lines from files and from HTTP requests.
    mod inputs;
    /// The journal: what is synced stays, what is changed is found, and every lookup and key action is in it.
    mod journal;
    /// A keyring is private, whole at any time, and comes from where it is said to come from.
    mod keyring;
    /// No secret anywhere but where it was: not in output, errors, files or dumps.
    mod leaks;
    /// Lines over all limits are scanned whole in bounded memory, or withheld.
    mod longlines;
    /// A mark is never matched again, and the same secret has the same one however it is written.
    mod marks;
    /// Rules and logs that are odd on purpose.
    mod odd;
    /// A naive redactor to compare with.
    mod oracle;
    /// Messages that a container runtime has cut into lines are searched as one.
    mod partials;
    /// Personal data: off until asked for, found as people write it.
    mod personal;
    /// Lines that are made to slow a redactor down.
    mod pieces;
    /// A good part in a pipe: at once, in order, quiet, and with numbers that add up.
    mod piped;
    /// Running the program, in an environment of the test's own.
    mod program;
    /// What is withheld is kept for whoever holds the identity, and is nowhere in clear.
    mod quarantine;
    /// Secrets go, all of them, and nothing else.
    mod redaction;
    /// Every rule works as it says, every trigger is sure to occur, and a broken rule file is told whole.
    mod rules;
    /// `inkprint serve`: faults and bad input on every side, and what comes of them.
    mod serve;
    /// What was seen is counted, over restarts, many writers and merges.
    mod sightings;
    /// Sinks: nothing counts as held before it is, and what cannot be handed on now is kept.
    mod sinks;
    /// What comes out does not depend on how the input comes, or on threads.
    mod splits;
    /// What a spool took in comes out whole and in order, whatever becomes of the process, the disk or its bytes.
    mod spool;
    /// What is fuzzed.
    #[path = "../fuzz/targets.rs"]
    mod targets;
    /// Lines over TCP: none lost, none torn, none let through, in bounded memory.
    mod tcp;
    /// TLS: who may not connect is refused by name, and certificates change while sessions go on.
    mod tls;
    /// A running service on a terminal, and nothing there that could act on it.
    mod top;
    /// From a leaked token to when, where, how often and whose.
    mod trace;
    /// A keyring in Vault or OpenBao: from a real server, or nothing passes.
    mod vault;
}
