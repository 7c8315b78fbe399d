//! The disk spool of a sink beside what it could have been built on: SQLite, redb, fjall and mrecordlog.
//!
//! `cargo run --release -- speed STORE DIRECTORY` fills and drains a store and prints figures; `damage STORE DIRECTORY ROUNDS` flips one
//! byte at a time and prints what that costs. What came out is in docs/spool.md. The spool is compiled from its own source, without
//! the rest of the program.

mod store;

/// The part of the program that is measured.
#[path = "../../../src/pipeline"]
#[expect(dead_code, reason = "not all of it is used here")]
mod pipeline {
    pub mod spool;
}

/// What that part needs.
#[path = "../../../src/model"]
#[expect(dead_code, reason = "not all of it is used here")]
mod model {
    mod piece;
    pub use piece::{Piece, PieceKind};
}

mod damage;
mod speed;

use std::path::Path;
use std::process::ExitCode;

use store::{Fjall, Mrecordlog, Redb, Spool, Sqlite, Store};

/// Everything that can go wrong here ends the program.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [what, "spool", directory, ref rest @ ..] => run::<Spool>(what, directory, rest),
        [what, "sqlite", directory, ref rest @ ..] => run::<Sqlite>(what, directory, rest),
        [what, "redb", directory, ref rest @ ..] => run::<Redb>(what, directory, rest),
        [what, "fjall", directory, ref rest @ ..] => run::<Fjall>(what, directory, rest),
        [what, "mrecordlog", directory, ref rest @ ..] => run::<Mrecordlog>(what, directory, rest),
        _ => Err("usage: stores speed|fill-large|recovery|damage|damage-killed|fill|read STORE DIRECTORY [NUMBER]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run<S: Store>(what: &str, directory: &str, rest: &[&str]) -> Outcome<()> {
    let directory = Path::new(directory);
    let number = || rest.first().map_or(Ok(0), |number| number.parse());
    match what {
        "speed" => speed::run::<S>(directory),
        "fill-large" => speed::fill_large::<S>(directory, number()?),
        "recovery" => speed::recovery::<S>(directory),
        "damage" => damage::run::<S>(directory, number()?, "fill"),
        "damage-killed" => damage::run::<S>(directory, number()?, "fill-killed"),
        "fill" => damage::fill::<S>(directory).map(drop),
        // As a kill ends it: nothing is closed.
        "fill-killed" => damage::fill::<S>(directory).map(|_| std::process::exit(0)),
        "read" => damage::read::<S>(directory),
        _ => Err(format!("there is no {what}").into()),
    }
}
