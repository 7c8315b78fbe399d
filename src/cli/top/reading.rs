//! One reading of the metrics, and what two of them say of the time between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::exposition::Sample;
use super::shown::Shown;

/// What the service said, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// Since any point in time that is the same for all readings.
    at: Duration,
    samples: BTreeMap<String, Vec<Sample>>,
}

impl Reading {
    /// `samples` as they were at `at`.
    pub(super) fn new(samples: Vec<Sample>, at: Duration) -> Self {
        let mut by_name: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        for sample in samples {
            by_name.entry(sample.name.clone()).or_default().push(sample);
        }
        Self { at, samples: by_name }
    }

    fn all(&self, name: &str) -> &[Sample] {
        self.samples.get(name).map_or(&[], Vec::as_slice)
    }

    /// The sum of all of `name`; `None` where there is none.
    pub(super) fn total(&self, name: &str) -> Option<f64> {
        let all = self.all(name);
        (!all.is_empty()).then(|| sum(all.iter()))
    }

    /// The sum of those of `name` whose `label` is `value`; `None` where there is none.
    pub(super) fn of(&self, name: &str, label: &str, value: &str) -> Option<f64> {
        let mut found = self
            .all(name)
            .iter()
            .filter(|sample| sample.label(label).is_some_and(|one| one.as_str() == value))
            .peekable();
        found.peek()?;
        Some(sum(found))
    }

    /// The values of `label` that occur in any of `names`, each once and in order.
    pub(super) fn values(&self, names: &[&str], label: &str) -> Vec<Shown> {
        let samples = names.iter().flat_map(|name| self.all(name));
        let values: BTreeSet<&Shown> = samples.filter_map(|sample| sample.label(label)).collect();
        values.into_iter().cloned().collect()
    }

    /// The one value of `label` in `name`.
    pub(super) fn label(&self, name: &str, label: &str) -> Option<&Shown> {
        self.all(name).first()?.label(label)
    }

    /// The least of `name`, and the value of `label` that it has.
    pub(super) fn least(&self, name: &str, label: &str) -> Option<(f64, &Shown)> {
        let samples = self.all(name).iter().filter_map(|sample| Some((sample.value, sample.label(label)?)));
        samples.min_by(|(one, _), (other, _)| one.total_cmp(other))
    }
}

fn sum<'a>(samples: impl Iterator<Item = &'a Sample>) -> f64 {
    samples.map(|sample| sample.value).filter(|value| value.is_finite()).sum()
}

/// Two readings, the earlier of which may be missing.
#[derive(Clone, Copy)]
pub(super) struct Between<'a> {
    /// The later one.
    pub(super) now: &'a Reading,
    /// The earlier one.
    pub(super) before: Option<&'a Reading>,
}

impl Between<'_> {
    /// By how much a second the sum that `of` gives has grown. A counter that fell has started anew, with the service.
    pub(super) fn rate(&self, of: impl Fn(&Reading) -> Option<f64>) -> Option<f64> {
        let before = self.before?;
        let seconds = self.now.at.checked_sub(before.at)?.as_secs_f64();
        let now = of(self.now)?;
        let grown = match of(before) {
            Some(before) if before <= now => now - before,
            _ => now,
        };
        (seconds > 0.0).then(|| grown / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::parse;
    use super::*;

    fn reading(page: &str, seconds: u64) -> Reading {
        Reading::new(parse(page).expect("a page"), Duration::from_secs(seconds))
    }

    #[test]
    fn sums_are_of_all_or_by_a_label() {
        let page = reading("m{s=\"a\",r=\"x\"} 1\nm{s=\"a\",r=\"y\"} 2\nm{s=\"b\"} 4\nm{s=\"c\"} NaN\n", 0);
        assert_eq!(page.total("m"), Some(7.0));
        assert_eq!((page.of("m", "s", "a"), page.of("m", "s", "d"), page.total("n")), (Some(3.0), None, None));
        assert_eq!(page.values(&["m", "n"], "s").iter().map(Shown::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(page.least("m", "s").map(|(value, of)| (value, of.as_str())), Some((1.0, "a")));
    }

    #[test]
    fn rates_are_between_readings_and_survive_a_restart() {
        let (first, second, restarted) = (reading("m 100\n", 10), reading("m 300\n", 12), reading("m 50\n", 22));
        let rate = |before: Option<&Reading>, now: &Reading| Between { now, before }.rate(|reading| reading.total("m"));
        assert_eq!(rate(None, &first), None);
        assert_eq!(rate(Some(&first), &second), Some(100.0));
        assert_eq!(rate(Some(&second), &restarted), Some(5.0));
        assert_eq!(rate(Some(&second), &second), None, "no time between");
    }
}
