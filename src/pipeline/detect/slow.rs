//! Rules without a usable trigger: a second database of their whole expressions, built only when one of them is on.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::database::{Database, DatabaseError, Expression};
use super::rule::{Form, Rule};

/// Counted repetitions beyond this are opened: the engine's own limits on them are low, and the rule itself confirms.
const MAX_COUNT: u32 = 32;

/// The second database, and which rule each of its expressions stands for.
#[derive(Debug)]
pub struct SlowRules {
    /// One expression for each rule.
    pub database: Database,
    /// Rule indexes by expression.
    pub rules: Vec<usize>,
}

impl SlowRules {
    /// Compiles the patterns of the rules at `at`.
    ///
    /// # Errors
    /// [`DatabaseError::Compile`] when the engine does not take one.
    pub fn compile(rules: &[Rule], at: Vec<usize>) -> Result<Self, DatabaseError> {
        let expressions: Vec<Expression> = at
            .iter()
            .map(|&index| match &rules[index].form {
                Form::Pattern(pattern) => expression(pattern.hir()),
                _ => String::new(),
            })
            .map(|text| Expression { text, caseless: false })
            .collect();
        Ok(Self { database: Database::compile(&expressions)?, rules: at })
    }
}

/// An expression in the engine's syntax that matches wherever `hir` does, and may match where it does not: look-around is left
/// out and long counts are opened.
fn expression(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => literal.0.iter().map(|byte| format!("\\x{byte:02x}")).collect(),
        HirKind::Class(Class::Bytes(class)) => {
            let ranges: String = class.ranges().iter().map(|r| format!("\\x{:02x}-\\x{:02x}", r.start(), r.end())).collect();
            format!("[{ranges}]")
        }
        HirKind::Class(Class::Unicode(class)) => {
            // ASCII throughout: patterns are parsed without Unicode.
            let ranges: String =
                class.ranges().iter().map(|r| format!("\\x{:02x}-\\x{:02x}", r.start() as u32, r.end() as u32)).collect();
            format!("[{ranges}]")
        }
        HirKind::Capture(group) => expression(&group.sub),
        HirKind::Concat(parts) => parts.iter().map(expression).collect(),
        HirKind::Alternation(parts) => format!("(?:{})", parts.iter().map(expression).collect::<Vec<_>>().join("|")),
        HirKind::Repetition(repetition) => {
            let sub = expression(&repetition.sub);
            if sub.is_empty() {
                return sub;
            }
            let min = repetition.min.min(MAX_COUNT);
            match repetition.max.filter(|&max| max <= MAX_COUNT) {
                Some(max) => format!("(?:{sub}){{{min},{max}}}"),
                None => format!("(?:{sub}){{{min},}}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::database::Hit;
    use crate::pipeline::detect::pattern::Pattern;

    #[test]
    fn the_expression_matches_wherever_the_pattern_does() {
        let pattern = Pattern::parse(r"\b[\w.]{1,64}@(?:[a-z]+\.){1,3}(?<secret>[a-z]{2,})\b").expect("valid");
        let database = Database::compile(&[Expression { text: expression(pattern.hir()), caseless: false }]).expect("the engine takes it");
        let mut hits: Vec<Hit> = Vec::new();
        database.scanner().expect("scanner").scan(b"to ann.b@mail.example.org now", &mut hits).expect("scans");
        assert!(hits.iter().any(|hit| hit.end == 25), "{hits:?}");
    }
}
