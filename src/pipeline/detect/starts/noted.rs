//! Places of a strip, told and sifted without a branch that depends on any one of them: at which places a word begins, and at which of
//! those a rule may match, is nothing that a processor could foresee, and a wrong guess costs as much as a dozen places.

use super::begins::{AT_ONCE, STRIP};

/// So many places are written at a time, wanted or not.
const STEP: usize = 8;
const ROOM: usize = (STRIP + STEP).next_power_of_two();

/// A list of places.
#[derive(Debug)]
pub struct Noted {
    /// Of a length that no place's number needs to be held against.
    places: Box<[u16; ROOM]>,
    count: usize,
}

impl Default for Noted {
    fn default() -> Self {
        Self { places: Box::new([0; ROOM]), count: 0 }
    }
}

impl Noted {
    /// The places in order.
    pub fn all(&self) -> &[u16] {
        &self.places[..self.count]
    }

    /// Notes the place of each bit that is set, and forgets those of before.
    pub fn note(&mut self, words: &[u64]) {
        self.count = 0;
        for (word, first) in words.iter().zip((0..).step_by(AT_ONCE)) {
            let (mut left, count) = (*word, word.count_ones() as usize);
            let mut written = 0;
            while written < count {
                for slot in 0..STEP {
                    // Behind the last one anything may be written.
                    self.places[(self.count + written + slot) % ROOM] = first + left.trailing_zeros() as u16;
                    left &= left.wrapping_sub(1);
                }
                written += STEP;
            }
            self.count += count;
        }
    }

    /// Keeps the places that `is_worth` holds for.
    #[inline]
    pub fn keep(&mut self, is_worth: impl Fn(usize) -> bool) {
        let mut kept = 0;
        for at in 0..self.count {
            let place = self.places[at % ROOM];
            self.places[kept % ROOM] = place;
            kept += usize::from(is_worth(usize::from(place)));
        }
        self.count = kept;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_bit_is_noted_and_what_is_worth_nothing_goes(
            words in prop::collection::vec(prop_oneof![Just(0), Just(u64::MAX), any::<u64>()], 0..=STRIP / AT_ONCE),
            modulus in 1usize..5,
        ) {
            let mut noted = Noted::default();
            noted.note(&[u64::MAX]);
            noted.note(&words);
            let is_set = |at: &usize| words[at / AT_ONCE] >> (at % AT_ONCE) & 1 != 0;
            let each: Vec<usize> = (0..words.len() * AT_ONCE).filter(is_set).collect();
            let places = |noted: &Noted| noted.all().iter().map(|at| usize::from(*at)).collect::<Vec<_>>();
            prop_assert_eq!(places(&noted), each.clone());
            noted.keep(|at| at % modulus == 0);
            prop_assert_eq!(places(&noted), each.into_iter().filter(|at| at % modulus == 0).collect::<Vec<_>>());
        }
    }
}
