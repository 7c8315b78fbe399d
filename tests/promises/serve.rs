/// Clocks that jump and run fast.
mod clock;
/// Messages by length, by NUL and by line: none joined to another, none lost.
mod framing;
/// Killed at any moment, and ended as it should be.
mod killed;
/// Numbered lines with canaries, and what is to be said of those that arrive.
pub mod ledger;
/// Lines that are longer than what memory has room for.
mod memory;
/// Senders that are slow, silent, half gone or too many.
mod patience;
/// Peers that collect, stall, go away and come back.
pub mod peers;
/// Programs that others have made, sending and receiving.
mod programs;
/// Reloads: whole or not at all, without a connection dropped or a line uncleaned.
mod reload;
/// Keys that the service replaces itself.
mod rotation;
/// The service under test, on a home of its own.
pub mod service;
/// Sinks that stall, stay away, flap and vanish.
mod sinks;
/// Who is let in by TLS, and who is not.
mod tls;
/// What is told of it, and to whom.
mod told;
