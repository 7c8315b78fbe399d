//! Rules without a usable trigger: one automaton of all their expressions, built only when one of them is on.
//!
//! Not the engine that looks for triggers: of expressions with classes, unlike of literals, its release 5.4.12 passes over matches
//! (`[0-9] +` from the 16th byte of a text on; VectorCamp/vectorscan pull request 368), and a match passed over is a leak.

use regex_automata::meta::{Cache, Regex};
use regex_automata::{Input, MatchKind};
use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};

use super::database::DatabaseError;
use super::rule::{Form, Rule};

/// The automaton, and which rules it stands for.
#[derive(Debug)]
pub struct SlowRules {
    regex: Regex,
    /// Indexes of the rules.
    pub rules: Vec<usize>,
}

impl SlowRules {
    /// Compiles the patterns of the rules at `at`.
    ///
    /// # Errors
    /// [`DatabaseError::Compile`] when they do not fit in one automaton.
    pub fn compile(rules: &[Rule], at: Vec<usize>) -> Result<Self, DatabaseError> {
        let patterns = at.iter().filter_map(|&index| match &rules[index].form {
            Form::Pattern(pattern) => Some(anywhere(pattern.hir())),
            _ => None,
        });
        // Nor its prefilters: with them release 0.4.18 misses matches too (`\w[ab][^b]*(k_)+(?:[^a]|$)` in `k_k_k_bk_`).
        let config = Regex::config().match_kind(MatchKind::All).utf8_empty(false).auto_prefilter(false);
        let regex = Regex::builder()
            .configure(config)
            .build_many_from_hir(&patterns.collect::<Vec<_>>())
            .map_err(|error| DatabaseError::Compile(error.to_string()))?;
        Ok(Self { regex, rules: at })
    }

    /// Working memory for one worker.
    pub fn create_cache(&self) -> Cache {
        self.regex.create_cache()
    }

    /// The offset behind the first place from `from` on where one of the rules may match.
    pub fn first_end(&self, cache: &mut Cache, block: &[u8], from: usize) -> Option<usize> {
        let input = Input::new(block).range(from..).earliest(true);
        self.regex.search_half_with(cache, &input).map(|found| found.offset())
    }
}

/// An expression that matches wherever `hir` does, whatever stands around it: look-around is left out, as the ends of a line are
/// not those of a block.
fn anywhere(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Capture(Capture { sub, .. }) => anywhere(sub),
        HirKind::Repetition(repetition) => {
            Hir::repetition(Repetition { sub: Box::new(anywhere(&repetition.sub)), ..repetition.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(anywhere).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(anywhere).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => hir.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::pattern::Pattern;

    #[test]
    fn the_expression_matches_wherever_the_pattern_does() {
        let pattern = Pattern::parse(r"^\b[\w.]{1,64}@(?:[a-z]+\.){1,3}(?<secret>[a-z]{2,})\b$").expect("valid");
        let regex = Regex::builder().build_from_hir(&anywhere(pattern.hir())).expect("it compiles");
        assert!(regex.is_match(b"to ann.b@mail.example.org now"));
    }
}
