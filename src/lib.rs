//! inkprint finds the secrets in a log stream and puts a keyed fingerprint in each one's place.
//!
//! ```text
//! source --chunks--> framing --blocks of whole lines--> detect --matches--> rewrite --> sink
//!                                                          |                   ^
//!                                                          +---- fingerprint --+
//! ```
//!
//! The data path is [`pipeline`]; what sets it up and runs beside it is [`control`]; the words they share are in
//! [`model`]. Imports go one way only: `main > cli > control > pipeline > model`; a test holds this.

pub mod model;
pub mod pipeline;

pub mod control;

pub mod cli;
