//! Triggers -> one compiled database and its scanners; the only user of the engine's bindings.
//!
//! Facts that shape this file: without `SOM_LEFTMOST` every start is 0, so only ends are kept; each possible end is reported;
//! `clone` of a database is a deep copy, so it is shared by `Arc` above; the length of a scan is cut to 32 bits by the
//! bindings, so [`Scanner::scan`] refuses what is longer than [`MAX_SCAN`].

mod ballast;

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

/// A literal that occurred: its number and the offset behind its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Offset behind its last byte.
    pub end: u32,
    /// Position of the literal in the list that the database was made from.
    pub literal: u32,
}

/// These literals with all that the engine is given beside them: a bench shows what it makes of it.
pub fn looked_for(literals: &[Literal]) -> Vec<Literal> {
    [literals, &ballast::literals(literals), &ballast::paces()].concat()
}

/// A literal in the engine's syntax, and how its letters match.
fn pattern(literal: &Literal, number: usize) -> Pattern {
    // For every literal of every start: the formatter alone would be a hundredth of it.
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let escape = |byte: &u8| [b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
    let text: Vec<u8> = literal.bytes.iter().flat_map(escape).collect();
    let flags = if literal.caseless { Flag::DOTALL | Flag::CASELESS } else { Flag::DOTALL };
    Pattern::new(text, flags, Some(number as u32))
}

/// A compiled set of literals.
#[derive(Debug)]
pub struct Database {
    inner: BlockDatabase,
    /// How many were asked for.
    literals: u32,
}

impl Database {
    /// Compiles literals; each is known by its position.
    ///
    /// # Errors
    /// [`DatabaseError::Compile`] when the engine does not take one, as it does not take an empty one.
    pub fn compile(literals: &[Literal]) -> Result<Self, DatabaseError> {
        let ballast = ballast::literals(literals);
        let mut patterns: Vec<Pattern> =
            literals.iter().chain(&ballast).enumerate().map(|(at, literal)| pattern(literal, at)).collect();
        let pacer = ballast::PACER.as_bytes().to_vec();
        patterns.push(Pattern::new(pacer, Flag::DOTALL | Flag::SOM_LEFTMOST, Some(patterns.len() as u32)));
        let inner = BlockDatabase::new(patterns).map_err(|error| DatabaseError::Compile(error.to_string()))?;
        Ok(Self { inner, literals: literals.len() as u32 })
    }

    /// A scanner with working memory of its own: one per worker.
    ///
    /// # Errors
    /// [`DatabaseError::Scratch`] when there is no memory for it.
    pub fn scanner(&self) -> Result<Scanner<'_>, DatabaseError> {
        let inner = self.inner.create_scanner().map_err(|error| DatabaseError::Scratch(error.to_string()))?;
        Ok(Scanner { inner, literals: self.literals })
    }
}

/// Scans blocks; borrows its database, so it cannot outlive it.
#[derive(Debug)]
pub struct Scanner<'db> {
    inner: BlockScanner<'db>,
    literals: u32,
}

impl Scanner<'_> {
    /// Appends every literal that occurs in `block` to `hits`.
    ///
    /// # Errors
    /// [`DatabaseError`] when the block was not, or not wholly, scanned: it must then be withheld.
    pub fn scan(&mut self, block: &[u8], hits: &mut Vec<Hit>) -> Result<(), DatabaseError> {
        if block.len() > MAX_SCAN {
            return Err(DatabaseError::TooLong(block.len()));
        }
        // The callback only records: thought comes after the scan, outside foreign frames.
        let literals = self.literals;
        let outcome = self.inner.scan(block, |literal, _, end, _| {
            if literal < literals {
                hits.push(Hit { end: end as u32, literal });
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

    fn literal(text: &str, caseless: bool) -> Literal {
        Literal { bytes: text.into(), caseless }
    }

    #[test]
    fn every_end_is_recorded() {
        let database = Database::compile(&[literal("ab", false), literal("1!", false), literal("q.", true)]);
        let database = database.expect("compiles");
        let mut hits = Vec::new();
        database.scanner().expect("scanner").scan(b"ab 1! xab Q.\x01\x02", &mut hits).expect("scans");
        hits.sort();
        let hit = |end, literal| Hit { end, literal };
        assert_eq!(hits, [hit(2, 0), hit(5, 1), hit(9, 0), hit(12, 2)]);
    }

    #[test]
    fn a_faulty_literal_is_told() {
        assert!(matches!(Database::compile(&[literal("", false)]), Err(DatabaseError::Compile(_))));
    }
}
