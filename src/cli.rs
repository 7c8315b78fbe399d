//! The command line: what may be typed, and one file per command.
