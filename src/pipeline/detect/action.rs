//! What is done with what a rule finds. There is no action that lets a secret through: for that, an allow list names the one
//! secret, with a reason and an end.

use super::rule::RuleSet;
use super::who::{Who, WhoError};

/// What takes the place of a match, in the order of how much of it stays to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A fixed text and so many of the secret's last characters.
    KeepLast(u8),
    /// A mark, which carries the fingerprint.
    #[default]
    Mark,
    /// A fixed text.
    Mask,
    /// Nothing: its whole line goes.
    DropLine,
}

/// Why an action cannot be taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActionError {
    /// There is no such action.
    #[error("there is no action {0:?}; there are mark, mask, keep-last=1 to keep-last=4 and drop-line")]
    Unknown(String),
    /// Not `WHO=WHAT`.
    #[error("{0:?} is not WHO=WHAT, such as jwt=mask")]
    Order(String),
    /// Nobody to do it to.
    #[error(transparent)]
    Who(#[from] WhoError),
    /// The rule's secrets have no part that may be seen.
    #[error("rule {0:?} has no `keep_last = true`: no part of what it finds may stay")]
    KeepLast(String),
}

impl Action {
    /// Of a secret, at most so many characters may stay.
    pub const MOST_KEPT: u8 = 4;

    /// Reads `mark`, `mask`, `keep-last=N` or `drop-line`.
    ///
    /// # Errors
    /// [`ActionError::Unknown`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ActionError> {
        let kept = |number: &str| {
            let spelled = number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|kept| spelled && (1..=Self::MOST_KEPT).contains(kept))?;
            Some(Self::KeepLast(number))
        };
        match text {
            "mark" => Some(Self::Mark),
            "mask" => Some(Self::Mask),
            "drop-line" => Some(Self::DropLine),
            _ => text.strip_prefix("keep-last=").and_then(kept),
        }
        .ok_or_else(|| ActionError::Unknown(text.to_owned()))
    }

    /// The action for the union of two matches: the one that lets less be seen.
    pub fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::KeepLast(one), Self::KeepLast(two)) => Self::KeepLast(one.min(two)),
            _ => self.max(other),
        }
    }

    /// The same, where what is to be replaced is not exactly one secret: which part of it may stay, nobody knows.
    pub fn of_parts(self) -> Self {
        if matches!(self, Self::KeepLast(_)) { Self::Mask } else { self }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::KeepLast(kept) => write!(f, "keep-last={kept}"),
            Self::Mark => f.write_str("mark"),
            Self::Mask => f.write_str("mask"),
            Self::DropLine => f.write_str("drop-line"),
        }
    }
}

/// `WHO=WHAT` as it was typed: an action, and whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    who: String,
    action: Action,
}

impl Order {
    /// Reads `WHO=WHAT`.
    ///
    /// # Errors
    /// [`ActionError::Order`], or [`ActionError::Unknown`] for the second part.
    pub fn parse(text: &str) -> Result<Self, ActionError> {
        let (who, action) = text.split_once('=').ok_or_else(|| ActionError::Order(text.to_owned()))?;
        Ok(Self { who: who.to_owned(), action: Action::parse(action)? })
    }
}

impl RuleSet {
    /// The same rules under these orders. The most exact order for a rule counts, of several such the last; each counts more than
    /// what the rule's file says. Within a pack or a kind, `keep-last` masks whole what must not be kept in part.
    ///
    /// # Errors
    /// [`ActionError`] for an order that fits no rule of `all`, or must not be carried out.
    pub fn ordered(mut self, all: &Self, orders: &[Order]) -> Result<Self, ActionError> {
        let mut resolved = Vec::with_capacity(orders.len());
        for order in orders {
            let who = Who::parse(&order.who, &all.rules)?;
            if let (Who::Rule(id), Action::KeepLast(_)) = (&who, order.action)
                && all.rules.iter().any(|rule| rule.id == *id && !rule.keep_last)
            {
                return Err(ActionError::KeepLast(id.to_string()));
            }
            resolved.push((who, order.action));
        }
        for rule in &mut self.rules {
            let mine = resolved.iter().filter(|(who, _)| who.is(rule)).max_by_key(|(who, _)| who.exactness());
            if let Some((_, action)) = mine {
                rule.action = if rule.keep_last { *action } else { action.of_parts() };
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_reads_back_and_nothing_else_is_one() {
        for text in ["mark", "mask", "keep-last=1", "keep-last=4", "drop-line"] {
            assert_eq!(Action::parse(text).map(|action| action.to_string()), Ok(text.to_owned()));
        }
        for bad in ["", "report", "allow", "none", "keep-last", "keep-last=0", "keep-last=5", "keep-last=+4", "Mark"] {
            assert!(Action::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_stricter_of_two_shows_less() {
        let order = [Action::KeepLast(2), Action::KeepLast(4), Action::Mark, Action::Mask, Action::DropLine];
        for (one, first) in order.iter().enumerate() {
            for (two, second) in order.iter().enumerate() {
                let strictest = if one.max(two) == 1 { first.min(second) } else { first.max(second) };
                assert_eq!(first.stricter(*second), *strictest, "{first} {second}");
            }
        }
    }

    #[test]
    fn the_most_exact_order_counts_and_of_equals_the_last() {
        let all = RuleSet::builtin().expect("the built-in rules load");
        let ordered = |orders: &[&str]| -> Result<RuleSet, ActionError> {
            let orders: Vec<Order> = orders.iter().map(|order| Order::parse(order).expect("an order")).collect();
            all.clone().ordered(&all, &orders)
        };
        let action =
            |set: &RuleSet, id: &str| set.rules.iter().find(|rule| rule.id.as_str() == id).expect("it is there").action;
        let set = ordered(&["jwt=mark", "tokens=mask", "tokens=drop-line", "kind:secret=mask"]).expect("good");
        assert_eq!(action(&set, "jwt"), Action::Mark);
        assert_eq!(action(&set, "github-pat"), Action::DropLine);
        assert_eq!(action(&set, "password"), Action::Mask);
        let set = ordered(&["tokens=keep-last=4"]).expect("good");
        assert_eq!(action(&set, "github-pat"), Action::Mask, "no part of it may stay");
        assert_eq!(ordered(&["jwt=keep-last=4"]).err(), Some(ActionError::KeepLast("jwt".to_owned())));
        assert!(matches!(ordered(&["nobody=mask"]), Err(ActionError::Who(WhoError::Unknown(_)))));
    }
}
