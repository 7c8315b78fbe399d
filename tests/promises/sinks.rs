/// A sink in this process, and what feeds it.
mod feeding;
/// Lines in a file: whole, synced, rotated.
mod file;
/// Lines posted to a server that says what servers say.
mod http;
/// The sinks of a service that runs.
mod serve;
/// A server that answers what it is told to.
mod server;
