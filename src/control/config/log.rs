//! The program's own log on standard error.

use super::field::{choices, default, settings};

choices! {
    /// How much is logged.
    pub enum LogLevel: "level" {
        /// Nothing.
        Off = "off",
        /// What failed.
        Error = "error",
        /// And what is not as it should be.
        Warn = "warn",
        /// And what changes.
        Info = "info",
        /// And every connection.
        Debug = "debug",
        /// And everything.
        Trace = "trace",
    }
}

choices! {
    /// How the log is written.
    pub enum LogFormat: "format" {
        /// For people.
        Text = "text",
        /// A JSON object on each line.
        Json = "json",
    }
}

settings! {
    /// The program's own log, on standard error; never a line that passes through.
    pub struct Log {
        /// How much is logged.
        level: LogLevel = default("info");
        /// How it is written.
        format: LogFormat = default("text");
    }
}
