/// Metrics and health.
mod admin;
/// Memory, time and connections have limits, and what is beyond them waits.
mod bounds;
/// What goes in comes out: every line once, whole, in its connection's order.
mod delivery;
/// The peer that lines are sent to comes and goes.
mod peer;
/// What is seen is recorded, connection by connection.
mod seen;
/// Programs that others run send to it.
mod senders;
/// The service under test, and what stands before and behind it.
pub mod service;
