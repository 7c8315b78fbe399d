//! Text that may be shown on a terminal: by its type, whatever it was made of.

use std::fmt;

/// Longer names are cut; the end is where a source's or a rule's name differs least from others.
const LONGEST: usize = 64;

/// Text without anything that a terminal would act on: no control characters, none that change the direction of writing or cannot be seen.
/// In their place stands `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shown(String);

impl Shown {
    /// Cleans and cuts `text`.
    pub(super) fn new(text: &str) -> Self {
        let mut cleaned: String = text.chars().take(LONGEST).map(|c| if is_harmless(c) { c } else { '?' }).collect();
        if text.chars().nth(LONGEST).is_some() {
            cleaned.pop();
            cleaned.push('…');
        }
        Self(cleaned)
    }

    /// The text, which is harmless.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether `c` is seen, and does nothing but be seen. Combining marks and all of the private and unassigned are left out with the controls:
/// names of sources and rules need none.
fn is_harmless(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic() || (c.is_alphanumeric() && !is_odd(c))
}

/// Letters by name only: fillers that show nothing.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_not_shown() {
        let hostile = "a\x1b[2J\x1b]0;title\x07\r\n\u{9b}31m\u{202e}b\u{200b}\0é";
        assert_eq!(Shown::new(hostile).as_str(), "a?[2J?]0;title????31m?b??é");
        assert_eq!(Shown::new(&"x".repeat(100)).as_str().chars().count(), LONGEST);
        assert_eq!(Shown::new("10.0.0.1:5000, α").as_str(), "10.0.0.1:5000, α");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_harmless_and_cleaning_twice_is_cleaning_once(text in any::<String>()) {
            let shown = Shown::new(&text);
            prop_assert!(shown.as_str().chars().all(|c| !c.is_control() && (is_harmless(c) || c == '…')));
            prop_assert!(shown.as_str().chars().count() <= LONGEST);
            if !text.contains('…') && text.chars().count() <= LONGEST {
                prop_assert_eq!(Shown::new(shown.as_str()), shown);
            }
        }
    }
}
