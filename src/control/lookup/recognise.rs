//! What a pasted text stands for: detection reads it as it would read a log, so that a webhook's URL, an escaped token or a
//! whole header leads to the same print as the mark in the log.

use std::sync::Arc;

use crate::model::{RuleId, Secret};
use crate::pipeline::detect::{DatabaseError, Detector, Finder, Written, decode};

/// Reads pasted texts by the rules in force.
#[derive(Debug)]
pub struct Recogniser {
    detector: Arc<Detector>,
}

impl Recogniser {
    /// A recogniser by these rules.
    pub fn new(detector: Arc<Detector>) -> Self {
        Self { detector }
    }

    /// A reader of many texts, with its working memory.
    ///
    /// # Errors
    /// [`DatabaseError`] when there is no memory for it.
    pub fn reader(&self) -> Result<Reader<'_>, DatabaseError> {
        Ok(Reader { detector: &self.detector, finder: Finder::new(&self.detector)? })
    }
}

/// Reads one text after the other.
#[derive(Debug)]
pub struct Reader<'r> {
    detector: &'r Detector,
    finder: Finder<'r>,
}

impl Reader<'_> {
    /// Whether a rule finds a secret in `text`.
    ///
    /// # Errors
    /// [`DatabaseError`] when it cannot be scanned.
    pub fn finds(&mut self, text: &[u8]) -> Result<bool, DatabaseError> {
        Ok(!self.finder.find(text)?.all.is_empty())
    }

    /// The secrets that `pasted` may stand for: those that a rule finds in it, by the rule's name, and the text itself, as it is and
    /// with its escapes undone.
    ///
    /// # Errors
    /// [`DatabaseError`] when it cannot be scanned.
    pub fn secrets(&mut self, pasted: &[u8]) -> Result<Vec<(Option<RuleId>, Secret<'static>)>, DatabaseError> {
        let matches = self.finder.find(pasted)?;
        let mut all: Vec<(Option<RuleId>, Secret<'static>)> = matches
            .all
            .iter()
            .map(|found| {
                let secret = matches.canonical(pasted, found);
                (Some(self.detector.rule(found.rule).id.clone()), Secret::owned(secret.expose().to_vec()))
            })
            .collect();
        for written in [Written::Raw, Written::Json(1), Written::Percent] {
            let secret = decode::canonical(pasted, written);
            if all.iter().all(|(_, known)| known.expose() != secret.expose()) {
                all.push((None, Secret::owned(secret.expose().to_vec())));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::rule::RuleSet;

    fn recognised(pasted: &str) -> Vec<(Option<String>, String)> {
        let set = RuleSet::builtin().and_then(|set| set.selected(&[], &[])).expect("the built-in rules load");
        let recogniser = Recogniser::new(Arc::new(Detector::new(set).expect("they compile")));
        let found = recogniser.reader().and_then(|mut reader| reader.secrets(pasted.as_bytes())).expect("it scans");
        found
            .into_iter()
            .map(|(rule, secret)| {
                (rule.map(|rule| rule.to_string()), String::from_utf8(secret.expose().to_vec()).expect("text"))
            })
            .collect()
    }

    #[test]
    fn a_webhook_is_known_by_what_follows_its_host() {
        let found = recognised("https://hooks.slack.com/services/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");
        assert_eq!(found[0].0.as_deref(), Some("slack-webhook"));
        assert_eq!(found[0].1, "T0AB12CD3/B0EF45GH6/q8Wm3ZkT7rLx9PvN2sYc5dJh");
    }

    #[test]
    fn a_bare_password_is_taken_as_it_is_and_with_its_escapes_undone() {
        assert_eq!(recognised("mauve-Lantern"), [(None, "mauve-Lantern".to_owned())]);
        assert_eq!(recognised("p%40ss"), [(None, "p%40ss".to_owned()), (None, "p@ss".to_owned())]);
        assert_eq!(recognised(r#"a\"b"#), [(None, r#"a\"b"#.to_owned()), (None, "a\"b".to_owned())]);
    }
}
