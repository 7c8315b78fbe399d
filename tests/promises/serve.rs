/// Messages by length, by NUL and by line: none joined to another, none lost.
mod framing;
/// Numbered lines with canaries, and what is to be said of those that arrive.
pub mod ledger;
/// Peers that collect, stall, go away and come back.
pub mod peers;
/// The service under test, on a home of its own.
pub mod service;
