//! The names of sources and sinks.

use std::fmt;
use std::sync::Arc;

/// The name of a source or a sink: 1 to 40 of `a-z`, `0-9`, `-` and `_`. It stands in metrics and in the log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName(Arc<str>);

impl PartName {
    /// The longest name in bytes.
    pub const MAX: usize = 40;

    /// Checks `text` and makes it a name; `None` when it is not of the form above.
    pub fn new(text: &str) -> Option<Self> {
        let spelled = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        ((1..=Self::MAX).contains(&text.len()) && spelled).then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_may_be_a_label() {
        for good in ["a", "apps", "apps-2_x", &"x".repeat(40)] {
            assert_eq!(PartName::new(good).expect(good).as_str(), good);
        }
        for bad in ["", "A", "a b", "a.b", "ä", "a/b", &"x".repeat(41)] {
            assert_eq!(PartName::new(bad), None, "{bad}");
        }
    }
}
