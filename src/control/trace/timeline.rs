//! When something was seen, as a picture: a grid of characters, or bars in SVG. Hours and days are those of UTC.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::Hour;

const DAY: i64 = 24 * Hour::SECONDS;

/// How much one sign or bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour; a row is a day.
    Hour,
    /// A day; a row is a month.
    Day,
}

/// Signs from nothing at all to the most; the first where nobody looked, the second where nothing was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Blocks of eight heights.
    Unicode,
    /// Any terminal's characters.
    Ascii,
}

impl Signs {
    fn all(self) -> [char; 10] {
        match self {
            Self::Unicode => [' ', '·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Self::Ascii => [' ', '.', '1', '2', '3', '4', '5', '6', '7', '8'],
        }
    }
}

/// How often something was seen in each hour, and the hours in which somebody looked.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'t> {
    /// By the hour's start in seconds of Unix time.
    pub hours: &'t BTreeMap<i64, u64>,
    /// The starts of the hours in which any source was looked at.
    pub covered: &'t BTreeSet<i64>,
}

impl Timeline<'_> {
    /// The step that suits the time between the first and the last.
    pub fn step(&self) -> Step {
        let span = self.span().map_or(0, |(first, last)| last - first);
        if span <= 10 * DAY { Step::Hour } else { Step::Day }
    }

    fn span(&self) -> Option<(i64, i64)> {
        Some((*self.hours.first_key_value()?.0, *self.hours.last_key_value()?.0))
    }

    /// Rows of signs, one a day or month in which something was seen, and a line that says what they mean.
    pub fn drawn(&self, step: Step, signs: Signs) -> String {
        let mut cells: BTreeMap<(Date, usize), u64> = BTreeMap::new();
        for (hour, count) in self.hours {
            *cells.entry(place(*hour, step)).or_default() += count;
        }
        let looked: BTreeSet<(Date, usize)> = self.covered.iter().map(|hour| place(*hour, step)).collect();
        let most = cells.values().copied().max().unwrap_or(0);
        let rows: BTreeSet<Date> = cells.keys().map(|(row, _)| *row).collect();
        let (columns, name): (_, fn(&Date) -> String) = match step {
            Step::Hour => (24, |row| row.to_string()),
            Step::Day => (31, |row| row.strftime("%Y-%m").to_string()),
        };
        let mut out = String::new();
        for row in rows {
            let line: String = (0..columns)
                .map(|column| sign(cells.get(&(row, column)), looked.contains(&(row, column)), most, signs))
                .collect();
            let sum: u64 = (0..columns).filter_map(|column| cells.get(&(row, column))).sum();
            let _ = writeln!(out, "{}  |{line}|  {sum}", name(&row));
        }
        let signs = signs.all();
        let what = if step == Step::Hour { "an hour from 00 to 23 UTC" } else { "a day from 1 to 31" };
        let _ = writeln!(
            out,
            "each sign is {what}: {} to {} up to {most}, {} none seen, blank nobody looked",
            signs[2], signs[9], signs[1]
        );
        out
    }

    /// Bars in SVG, which needs nothing from elsewhere; spans in which nobody looked are grey.
    pub fn svg(&self) -> String {
        const WIDTH: i64 = 720;
        const HEIGHT: u64 = 120;
        const MOST_BARS: i64 = 180;
        let Some((first, last)) = self.span() else { return String::new() };
        let steps = [Hour::SECONDS, 6 * Hour::SECONDS, DAY, 7 * DAY, 28 * DAY, 364 * DAY];
        let bars = |step: i64| last.div_euclid(step) - first.div_euclid(step) + 1;
        let step = steps.into_iter().find(|step| bars(*step) <= MOST_BARS).unwrap_or(364 * DAY);
        let (start, count) = (first.div_euclid(step), bars(step).max(1));
        let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
        for (hour, seen) in self.hours {
            *sums.entry(hour.div_euclid(step) - start).or_default() += seen;
        }
        let looked: BTreeSet<i64> = self.covered.iter().map(|hour| hour.div_euclid(step) - start).collect();
        let most = sums.values().copied().max().unwrap_or(1).max(1);
        let name = match step {
            Hour::SECONDS => "hour",
            DAY => "day",
            _ if step < DAY => "6 hours",
            _ if step == 7 * DAY => "week",
            _ => "4 weeks or more",
        };
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
             aria-label=\"Sightings over time\">\n",
            HEIGHT + 24
        );
        for bar in 0..count {
            let (x, next) = (WIDTH * bar / count, WIDTH * (bar + 1) / count);
            let width = (next - x - i64::from(count < 120)).max(1);
            let seen = sums.get(&bar).copied().unwrap_or(0);
            if seen > 0 {
                let height = (HEIGHT * seen).div_ceil(most).max(2);
                let at = shown(Timestamp::from_second((start + bar) * step).unwrap_or_default());
                let y = HEIGHT - height;
                let _ = writeln!(
                    out,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"#b3261e\"><title>{at}: \
                     {seen}</title></rect>"
                );
            } else if !looked.contains(&bar) {
                let _ = writeln!(
                    out,
                    "<rect x=\"{x}\" y=\"0\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"#dddddd\"><title>nobody \
                     looked</title></rect>"
                );
            }
        }
        let time = |seconds: i64| shown(Timestamp::from_second(seconds).unwrap_or_default());
        let (from, to) = (time(start * step), time((start + count) * step));
        let y = HEIGHT + 16;
        let _ = writeln!(out, "<line x1=\"0\" y1=\"{HEIGHT}\" x2=\"{WIDTH}\" y2=\"{HEIGHT}\" stroke=\"#333333\"/>");
        let _ = writeln!(out, "<text x=\"0\" y=\"{y}\" font-size=\"11\">{from}</text>");
        let _ = writeln!(out, "<text x=\"{WIDTH}\" y=\"{y}\" font-size=\"11\" text-anchor=\"end\">{to}</text>");
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{y}\" font-size=\"11\" text-anchor=\"middle\">a bar: one {name}; the highest: {most}; grey: \
             nobody looked</text>",
            WIDTH / 2
        );
        out + "</svg>\n"
    }
}

/// `2026-03-01 14:30:00Z`.
pub fn shown(time: Timestamp) -> String {
    time.strftime("%F %TZ").to_string()
}

/// The row and column of an hour.
fn place(hour: i64, step: Step) -> (Date, usize) {
    let at = Timestamp::from_second(hour).unwrap_or_default().to_zoned(TimeZone::UTC).datetime();
    let column = |number: i8| usize::try_from(number).unwrap_or_default();
    match step {
        Step::Hour => (at.date(), column(at.hour())),
        Step::Day => (at.date().first_of_month(), column(at.day() - 1)),
    }
}

fn sign(count: Option<&u64>, looked: bool, most: u64, signs: Signs) -> char {
    let signs = signs.all();
    match count {
        Some(count) if most > 0 => signs[1 + usize::try_from((8 * count).div_ceil(most)).unwrap_or(8).clamp(1, 8)],
        _ if looked => signs[1],
        _ => signs[0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_shows_how_much_when_and_where_nobody_looked() {
        let hours: BTreeMap<i64, u64> = [(0, 8), (3600 * 2, 1), (DAY * 3 + 3600 * 23, 4)].into();
        let covered: BTreeSet<i64> = [0, 3600, 3600 * 2].into();
        let timeline = Timeline { hours: &hours, covered: &covered };
        assert_eq!(timeline.step(), Step::Hour);
        let drawn = timeline.drawn(Step::Hour, Signs::Ascii);
        let rows: Vec<&str> = drawn.lines().collect();
        assert_eq!(rows[0], "1970-01-01  |8.1                     |  9");
        assert_eq!(rows[1], "1970-01-04  |                       4|  4");
        assert!(timeline.drawn(Step::Day, Signs::Unicode).starts_with("1970-01  |█  ▄   "));
        let svg = timeline.svg();
        assert_eq!(svg.matches("#b3261e").count(), 3);
        assert_eq!(svg.matches("#dddddd").count(), 92, "an hour each: {svg}");
    }

    #[test]
    fn long_spans_are_drawn_in_few_bars() {
        let hours: BTreeMap<i64, u64> = (0..2000).map(|day| (day * DAY, 1)).collect();
        let timeline = Timeline { hours: &hours, covered: &BTreeSet::new() };
        assert_eq!(timeline.step(), Step::Day);
        assert!(timeline.svg().matches("<rect").count() <= 180);
    }
}
