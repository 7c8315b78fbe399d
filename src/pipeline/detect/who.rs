//! Which rules something is said of: one by its id, all of a pack, all of a kind.

use super::rule::{Kind, Pack, Rule};
use crate::model::RuleId;

/// A choice of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// All of a kind.
    Kind(Kind),
    /// All of a pack.
    Pack(Pack),
    /// One.
    Rule(RuleId),
}

/// Why a text chooses no rules.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhoError {
    /// Nothing is called so.
    #[error("no rule, pack or kind is called {0:?}; `inkprint rules list` shows them")]
    Unknown(String),
    /// A rule and a whole set are called so, and which was meant matters.
    #[error("{0:?} is a rule and also a pack or a kind; write \"rule:{0}\", \"pack:{0}\" or \"kind:{0}\"")]
    Ambiguous(String),
}

impl Who {
    /// Reads a rule's id, a pack or a kind, or any of them with `rule:`, `pack:` or `kind:` before it.
    ///
    /// # Errors
    /// [`WhoError`] for what fits nothing in `rules`, or more than one thing.
    pub fn parse<'r>(text: &str, rules: impl IntoIterator<Item = &'r Rule>) -> Result<Self, WhoError> {
        let (wanted, name) = match text.split_once(':') {
            Some((wanted @ ("rule" | "pack" | "kind"), name)) => (Some(wanted), name),
            _ => (None, text),
        };
        let may_be = |what: &str| wanted.is_none_or(|wanted| wanted == what);
        let rule = rules.into_iter().find(|rule| rule.id.as_str() == name).filter(|_| may_be("rule"));
        let rule = rule.map(|rule| Self::Rule(rule.id.clone()));
        let pack = Pack::ALL.into_iter().find(|pack| pack.as_str() == name).filter(|_| may_be("pack")).map(Self::Pack);
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name).filter(|_| may_be("kind")).map(Self::Kind);
        match (rule, pack, kind) {
            (None, None, None) => Err(WhoError::Unknown(text.to_owned())),
            // The pack and the kind `personal` are one and the same to a reader; the kind is the wider choice.
            (None, _, Some(kind)) => Ok(kind),
            (Some(who), None, None) | (None, Some(who), None) => Ok(who),
            (Some(_), _, _) => Err(WhoError::Ambiguous(name.to_owned())),
        }
    }

    /// Whether `rule` is among them.
    pub fn is(&self, rule: &Rule) -> bool {
        match self {
            Self::Rule(id) => rule.id == *id,
            Self::Pack(pack) => rule.pack == *pack,
            Self::Kind(kind) => rule.kind == *kind,
        }
    }

    /// How exact the choice is: of two that fit, the greater counts.
    pub fn exactness(&self) -> u8 {
        match self {
            Self::Kind(_) => 1,
            Self::Pack(_) => 2,
            Self::Rule(_) => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::rule::RuleSet;

    #[test]
    fn a_name_means_one_thing_or_is_refused() {
        let set = RuleSet::builtin().expect("the built-in rules load");
        let parse = |text: &str| Who::parse(text, &set.rules);
        let id = |text: &str| Who::Rule(RuleId::new(text).expect("an id"));
        assert_eq!(parse("github-pat"), Ok(id("github-pat")));
        assert_eq!(parse("tokens"), Ok(Who::Pack(Pack::Tokens)));
        assert_eq!(parse("identifier"), Ok(Who::Kind(Kind::Identifier)));
        assert_eq!(parse("secret"), Err(WhoError::Ambiguous("secret".to_owned())));
        assert_eq!((parse("kind:secret"), parse("rule:secret")), (Ok(Who::Kind(Kind::Secret)), Ok(id("secret"))));
        for unknown in ["", "no-such", "pack:secret", "rule:tokens", "kind:"] {
            assert_eq!(parse(unknown), Err(WhoError::Unknown(unknown.to_owned())), "{unknown}");
        }
    }
}
