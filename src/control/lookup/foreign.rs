//! What other products write in a secret's place, as texts to look for beside marks.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;

use super::search::Place;
use crate::pipeline::fingerprint::MAX_MARK_LEN;

/// A text that stands for one of the secrets asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The place of the secret in the lookup.
    pub secret: usize,
    /// The product that writes it.
    pub product: &'static str,
    /// What it writes.
    pub text: String,
}

/// Where forms stand in logs.
#[derive(Debug)]
pub struct Forms {
    all: Vec<Form>,
    /// By pattern of the finder, the places among all of those that are written so: a secret may have been asked for twice.
    alike: Vec<Vec<usize>>,
    finder: Option<AhoCorasick>,
}

impl Forms {
    /// Those that are looked for. What is longer than a mark can be is none that is known, and is left out; so are all of them where
    /// they are more than can be looked for at once.
    pub fn new(all: Vec<Form>) -> Self {
        let all: Vec<Form> = all.into_iter().filter(|form| (1..=MAX_MARK_LEN).contains(&form.text.len())).collect();
        let mut by_text: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, form) in all.iter().enumerate() {
            by_text.entry(&form.text).or_default().push(place);
        }
        let finder = (!all.is_empty()).then(|| AhoCorasick::new(by_text.keys()).ok()).flatten();
        let alike = by_text.into_values().collect();
        Self { all, alike, finder }
    }

    /// Those in `text`, in order: each by its places among all forms, where it begins and where it ends.
    pub(super) fn find<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (&'t [usize], usize, usize)> + 't {
        let found = self.finder.iter().flat_map(move |finder| finder.find_iter(text));
        found.map(|found| (&self.alike[found.pattern().as_usize()][..], found.start(), found.end()))
    }

    /// The forms.
    pub fn all(&self) -> &[Form] {
        &self.all
    }
}

/// Where one form stands in one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How often.
    pub count: u64,
    /// The first place.
    pub first: Option<Place>,
    /// The last place.
    pub last: Option<Place>,
    /// The first few places.
    pub places: Vec<Place>,
}

impl Found {
    pub(super) fn add(&mut self, place: Place, most: usize) {
        self.count += 1;
        self.first.get_or_insert(place);
        self.last = Some(place);
        if self.places.len() < most {
            self.places.push(place);
        }
    }
}
