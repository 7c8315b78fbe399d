//! Rules looked at as rules: do they work, what do they cost, and what do they make of a line.

pub mod check;
pub mod diff;
pub mod explain;
pub mod import;
pub mod lint;
