/// Certificates of the tests' own.
pub mod certificates;
/// Programs that others have made, as clients.
mod foreign;
/// Whoever may not connect is refused, with the reason, and could if it were otherwise.
mod refusals;
/// Files are read again while sessions go on, whole or not at all.
mod reload;
/// A server that reads lines, and clients.
pub mod server;
/// What a session passes on, and what it holds.
mod sessions;
