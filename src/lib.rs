//! inkprint finds the secrets in a log stream and puts a keyed fingerprint in each one's place.
//!
//! ```text
//! source --chunks--> framing --blocks of whole lines--> detect --matches--> rewrite --> sink
//!                                                          |                   ^
//!                                                          +---- fingerprint --+
//! ```
//!
//! The data path is [`pipeline`]; what answers for it and runs beside it is [`control`]; the words they share are in [`model`].
//! [`app`] puts both together into a service. Imports go one way only: `main > cli > app > control > pipeline > model`; a test holds this.

pub mod model;
pub mod pipeline;

pub mod control;

pub mod app;

pub mod cli;
