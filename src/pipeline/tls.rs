//! TLS by rustls, on either side: who may connect, what is refused and why, and certificates that change while sessions go on.
//!
//! - TLS 1.2 is the oldest version spoken. Nothing passes before the handshake is done, and a handshake has a time limit.
//! - A client certificate, where one is asked for, must come from an authority of `client_ca`, be in date, not be revoked, and hold a
//!   name that a pattern allows, if there are patterns. With revocation lists, each authority must have one and it must be in date:
//!   a list that is missing or too old refuses everybody, since nobody can be told from the revoked.
//! - Files are read when they are loaded and when they are loaded again, never in between. A load is checked whole and then put in force
//!   at once, or refused with the file's name, and the old stays ([`Acceptor::reload`], [`Connector::reload`]). Sessions under way keep
//!   what they began with.
//! - Sessions are never resumed: each client's certificate is looked at in each handshake, so that a revoked one is out at once.
//! - Why a handshake failed is told by a word of [`HandshakeFailure`], never by what was sent.
//! - A session under way has the shape of the socket below it ([`Session`], [`Outgoing`]); where a stream is wanted, for HTTP, there is
//!   [`Acceptor::accept_stream`] and [`Connector::connect_stream`].
//! - An input that ends without the sender's word that it ends was cut, by whoever: [`Session::try_read_buf`] says so.

mod client;
mod expiry;
mod failure;
mod files;
mod names;
mod outgoing;
mod server;
mod session;
mod verifier;
mod wire;

pub use self::client::{ClientSettings, ConnectError, Connector};
pub use self::expiry::{Expiry, Part};
pub use self::failure::{HandshakeFailure, TlsMeters};
pub use self::files::TlsError;
pub use self::names::{NamePattern, NamePatternError};
pub use self::outgoing::Outgoing;
pub use self::server::{Acceptor, ClientAuth, ServerConfiguration, ServerSettings};
pub use self::session::Session;
