//! Triggers -> one compiled database and its scanners; the only user of the engine's bindings.
//!
//! Facts that shape this file: without `SOM_LEFTMOST` every start is 0, so only ends are kept; each possible end is reported;
//! `clone` of a database is a deep copy, so it is shared by `Arc` above; the length of a scan is cut to 32 bits by the
//! bindings, so [`Scanner::scan`] refuses what is longer than [`MAX_SCAN`].

use vectorscan_rs::{BlockDatabase, BlockScanner, Flag, Pattern, Scan};

use super::trigger::Literal;

/// The longest input of one scan in bytes.
pub const MAX_SCAN: usize = 1 << 30;

/// What the engine could not do. Its messages name patterns by number and never hold input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The triggers do not compile.
    #[error("the triggers do not compile: {0}")]
    Compile(String),
    /// No memory for a scanner.
    #[error("cannot make a scanner: {0}")]
    Scratch(String),
    /// A scan failed: what it covered must be withheld.
    #[error("a scan failed: {0}")]
    Scan(String),
    /// The input is longer than one scan may be.
    #[error("an input of {0} bytes is longer than one scan may be")]
    TooLong(usize),
}

/// An expression that occurred: its number and the offset behind its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Offset behind its last byte.
    pub end: u32,
    /// Position of the expression in the list that the database was made from.
    pub expression: u32,
}

/// An expression in Vectorscan's syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The text.
    pub text: String,
    /// Whether letters match in any case.
    pub caseless: bool,
}

impl From<&Literal> for Expression {
    fn from(literal: &Literal) -> Self {
        let text = literal.bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        Self { text, caseless: literal.caseless }
    }
}

/// An expression that no log holds, beside those that are asked for. It changes in two ways what the engine makes of them.
///
/// - Its literal matcher takes its stride from the shortest literal, and for some hundreds of literals a stride above one is slower by
///   a third, as its tables then say less (measured on the mixed log: 950 literals without one of two bytes at 1.4 GB/s, with one at
///   2.3). Two bytes keep the pace for every choice of rules.
/// - For inputs of less than 70 bytes it builds an automaton of all literals, which takes two thirds of the time to compile and is never
///   worth it here. It gives that up where an expression that is no plain literal asks for starts of matches.
const PACER: &str = r"\x01[\x02\x03]";

/// A compiled set of expressions.
#[derive(Debug)]
pub struct Database {
    inner: BlockDatabase,
    /// How many were asked for.
    expressions: u32,
}

impl Database {
    /// Compiles expressions; each is known by its position.
    ///
    /// # Errors
    /// [`DatabaseError::Compile`] when the engine does not take one.
    pub fn compile(expressions: &[Expression]) -> Result<Self, DatabaseError> {
        let flags = |caseless| if caseless { Flag::DOTALL | Flag::CASELESS } else { Flag::DOTALL };
        let asked_for = expressions.iter().map(|expression| (&expression.text[..], flags(expression.caseless)));
        let pacer = (PACER, Flag::DOTALL | Flag::SOM_LEFTMOST);
        let patterns = asked_for
            .chain([pacer])
            .enumerate()
            .map(|(at, (text, flags))| Pattern::new(text.as_bytes().to_vec(), flags, Some(at as u32)))
            .collect();
        let inner = BlockDatabase::new(patterns).map_err(|error| DatabaseError::Compile(error.to_string()))?;
        Ok(Self { inner, expressions: expressions.len() as u32 })
    }

    /// A scanner with working memory of its own: one per worker.
    ///
    /// # Errors
    /// [`DatabaseError::Scratch`] when there is no memory for it.
    pub fn scanner(&self) -> Result<Scanner<'_>, DatabaseError> {
        let inner = self.inner.create_scanner().map_err(|error| DatabaseError::Scratch(error.to_string()))?;
        Ok(Scanner { inner, expressions: self.expressions })
    }
}

/// Scans blocks; borrows its database, so it cannot outlive it.
#[derive(Debug)]
pub struct Scanner<'db> {
    inner: BlockScanner<'db>,
    expressions: u32,
}

impl Scanner<'_> {
    /// Appends every expression that occurs in `block` to `hits`.
    ///
    /// # Errors
    /// [`DatabaseError`] when the block was not, or not wholly, scanned: it must then be withheld.
    pub fn scan(&mut self, block: &[u8], hits: &mut Vec<Hit>) -> Result<(), DatabaseError> {
        if block.len() > MAX_SCAN {
            return Err(DatabaseError::TooLong(block.len()));
        }
        // The callback only records: thought comes after the scan, outside foreign frames.
        let expressions = self.expressions;
        let outcome = self.inner.scan(block, |expression, _, end, _| {
            if expression < expressions {
                hits.push(Hit { end: end as u32, expression });
            }
            Scan::Continue
        });
        match outcome {
            Ok(Scan::Continue) => Ok(()),
            Ok(Scan::Terminate) => Err(DatabaseError::Scan("it was terminated".to_owned())),
            Err(error) => Err(DatabaseError::Scan(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expressions(texts: &[&str]) -> Vec<Expression> {
        texts.iter().map(|text| Expression { text: (*text).to_owned(), caseless: false }).collect()
    }

    #[test]
    fn every_end_is_recorded() {
        let mut all = expressions(&["ab", "[0-9]\\x21"]);
        all.push(Expression::from(&Literal { bytes: b"q.".to_vec(), caseless: true }));
        let database = Database::compile(&all).expect("compiles");
        let mut hits = Vec::new();
        database.scanner().expect("scanner").scan(b"ab 1! xab Q.\x01\x02", &mut hits).expect("scans");
        hits.sort();
        let hit = |end, expression| Hit { end, expression };
        assert_eq!(hits, [hit(2, 0), hit(5, 1), hit(9, 0), hit(12, 2)]);
    }

    #[test]
    fn a_faulty_expression_is_told() {
        assert!(matches!(Database::compile(&expressions(&["a("])), Err(DatabaseError::Compile(_))));
    }
}
