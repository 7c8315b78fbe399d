//! What is shown of two readings: words and numbers in their order, and how worrying each is. How it is drawn is for `view`.

use std::cmp::Ordering;

use super::reading::{Between, Reading};
use super::shown::Shown;

/// How worrying something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mood {
    /// As it should be.
    #[default]
    Calm,
    /// To be looked at.
    Wary,
    /// Not as it should be.
    Alarmed,
}

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// Fastest first.
    #[default]
    Rate,
    /// Largest since the start first.
    Total,
    /// By name.
    Name,
}

/// A fact in one of the lines at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    /// What it is.
    pub(super) name: &'static str,
    /// How much or who.
    pub(super) value: String,
    /// How worrying.
    pub(super) mood: Mood,
}

/// Sinks, sources or rules.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// What the rows are.
    pub(super) heading: &'static str,
    /// What the cells are.
    pub(super) columns: &'static [&'static str],
    /// One for each.
    pub(super) rows: Vec<Row>,
}

/// A line of a table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: Shown,
    pub(super) cells: Vec<String>,
    pub(super) mood: Mood,
    rate: f64,
    total: f64,
}

/// Everything to be shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    /// Lines of facts.
    pub(super) facts: [Vec<Fact>; 3],
    /// Sinks, sources, rules; only those that there are.
    pub(super) tables: Vec<Table>,
}

impl Screen {
    /// What two readings say at `clock`, in seconds of Unix time.
    pub(super) fn new(between: Between<'_>, order: Order, clock: f64) -> Self {
        let mut tables = vec![sinks(between), sources(between), rules(between)];
        tables.retain(|table| !table.rows.is_empty());
        for table in &mut tables {
            table.rows.sort_by(|one, other| one.compare(other, order));
        }
        Self { facts: [identity(between.now, clock), flow(between), worries(between.now, clock)], tables }
    }
}

impl Row {
    fn compare(&self, other: &Self, order: Order) -> Ordering {
        let by_name = || self.name.cmp(&other.name);
        // What is not as it should be comes first, unless somebody looks for a name.
        let by_mood = other.mood.cmp(&self.mood);
        let by_total = || other.total.total_cmp(&self.total);
        match order {
            Order::Rate => {
                by_mood.then_with(|| other.rate.total_cmp(&self.rate)).then_with(by_total).then_with(by_name)
            }
            Order::Total => by_mood.then_with(by_total).then_with(by_name),
            Order::Name => by_name(),
        }
    }
}

fn calm(name: &'static str, value: String) -> Fact {
    Fact { name, value, mood: Mood::Calm }
}

fn identity(now: &Reading, clock: f64) -> Vec<Fact> {
    let mut facts =
        vec![calm("inkprint", now.label("inkprint_build_info", "version").map_or("?".to_owned(), Shown::to_string))];
    if let Some(start) = now.total("process_start_time_seconds") {
        facts.push(calm("up", duration(clock - start)));
    }
    if let Some(generation) = now.total("inkprint_config_generation") {
        facts.push(calm("configuration", count(generation)));
    }
    if let Some(epoch) = now.total("inkprint_key_epoch") {
        facts.push(calm("key epoch", count(epoch)));
    }
    if let Some(age) = now.total("inkprint_key_age_seconds") {
        facts.push(calm("key age", duration(age)));
    }
    facts
}

fn flow(between: Between<'_>) -> Vec<Fact> {
    let rate = |name: &str| between.rate(|reading| reading.total(name));
    let mut facts = vec![
        calm("lines/s", optional(rate("inkprint_lines_total"), count)),
        calm("in/s", optional(rate("inkprint_bytes_in_total"), bytes)),
        calm("out/s", optional(rate("inkprint_bytes_out_total"), bytes)),
        calm("matches/s", optional(rate("inkprint_matches_total"), count)),
    ];
    if let Some(connections) = between.now.total("inkprint_source_connections") {
        facts.push(calm("connections", count(connections)));
    }
    if let Some(held) = between.now.total("inkprint_buffered_bytes") {
        facts.push(calm("in memory", bytes(held)));
    }
    facts
}

fn worries(now: &Reading, clock: f64) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (name, metric, mood) in [
        ("withheld", "inkprint_withheld_lines_total", Mood::Alarmed),
        ("quarantined", "inkprint_quarantined_lines_total", Mood::Wary),
        ("dropped by rule", "inkprint_dropped_lines_total", Mood::Calm),
    ] {
        if let Some(value) = now.total(metric) {
            facts.push(Fact { name, value: count(value), mood: if value > 0.0 { mood } else { Mood::Calm } });
        }
    }
    if let Some(value) = now.of("inkprint_marks_total", "seal", "unverified") {
        let mood = if value > 0.0 { Mood::Wary } else { Mood::Calm };
        facts.push(Fact { name: "unverified marks", value: count(value), mood });
    }
    if let Some(refused) = now.of("inkprint_reloads_total", "outcome", "refused") {
        let mood = if refused > 0.0 { Mood::Wary } else { Mood::Calm };
        facts.push(Fact { name: "reloads refused", value: count(refused), mood });
    }
    if let Some((expiry, part)) = now.least("inkprint_certificate_expiry_timestamp_seconds", "part") {
        const DAY: f64 = 86_400.0;
        let left = expiry - clock;
        let mood = match left {
            ..=DAY => Mood::Alarmed,
            _ if left < 14.0 * DAY => Mood::Wary,
            _ => Mood::Calm,
        };
        let value = if left > 0.0 { format!("in {} ({part})", duration(left)) } else { format!("past ({part})") };
        facts.push(Fact { name: "TLS ends", value, mood });
    }
    facts
}

fn sinks(between: Between<'_>) -> Table {
    const COLUMNS: &[&str] = &["STATE", "BYTES/S", "QUEUE", "SPOOL", "OLDEST", "RETRIES", "DEAD", "DROPPED"];
    let now = between.now;
    let mut rows = Vec::new();
    for name in now.values(&["inkprint_sink_up", "inkprint_sink_bytes_total", "inkprint_sink_queue_bytes"], "sink") {
        let of = |metric: &str| now.of(metric, "sink", name.as_str());
        let rate = between.rate(|reading| reading.of("inkprint_sink_bytes_total", "sink", name.as_str()));
        let (queue, spool) = (of("inkprint_sink_queue_bytes"), of("inkprint_spool_bytes"));
        let limit = of("inkprint_spool_limit_bytes").filter(|limit| *limit > 0.0);
        let (up, lost) = (of("inkprint_sink_up"), of("inkprint_sink_dropped_lines_total"));
        let corrupt = of("inkprint_spool_corrupt_records_total").unwrap_or_default();
        let sick = of("inkprint_spool_healthy") == Some(0.0);
        let mood = match (up, spool, limit) {
            _ if sick => Mood::Alarmed,
            (Some(0.0), _, _) => Mood::Alarmed,
            (_, Some(spool), Some(limit)) if spool >= 0.9 * limit => Mood::Alarmed,
            _ if lost.unwrap_or_default() + corrupt > 0.0 => Mood::Wary,
            _ => Mood::Calm,
        };
        let spooled = match (spool, limit) {
            _ if sick => "out of order".to_owned(),
            (Some(spool), Some(limit)) => format!("{} of {}", bytes(spool), bytes(limit)),
            (spool, _) => optional(spool, bytes),
        };
        let cells = vec![
            optional(up, |up| if up > 0.0 { "up".to_owned() } else { "down".to_owned() }),
            optional(rate, bytes),
            optional(queue, bytes),
            spooled,
            optional(of("inkprint_sink_oldest_unsent_seconds"), duration),
            optional(of("inkprint_sink_retries_total"), count),
            optional(of("inkprint_sink_dead_letter_lines_total"), count),
            optional(lost, count),
        ];
        let total = queue.unwrap_or_default() + spool.unwrap_or_default();
        rows.push(Row { name, cells, mood, rate: rate.unwrap_or_default(), total });
    }
    Table { heading: "SINK", columns: COLUMNS, rows }
}

fn sources(between: Between<'_>) -> Table {
    const LINES: &str = "inkprint_source_lines_total";
    let now = between.now;
    let mut rows = Vec::new();
    for name in now.values(&[LINES, "inkprint_source_connections"], "source") {
        let of = |metric: &str| now.of(metric, "source", name.as_str());
        let rate = |metric: &str| between.rate(|reading| reading.of(metric, "source", name.as_str()));
        let lines = rate(LINES);
        let faults = [
            of("inkprint_source_frame_errors_total"),
            of("inkprint_source_datagrams_dropped_total"),
            of("inkprint_tls_handshake_failures_total"),
        ];
        let faults = faults.iter().flatten().sum::<f64>();
        let refused = of("inkprint_source_refused_total");
        let cells = vec![
            optional(lines, count),
            optional(rate("inkprint_source_bytes_total"), bytes),
            optional(of("inkprint_source_connections"), count),
            optional(of(LINES), count),
            optional(refused, count),
            count(faults),
        ];
        let mood = if faults + refused.unwrap_or_default() > 0.0 { Mood::Wary } else { Mood::Calm };
        rows.push(Row { total: of(LINES).unwrap_or_default(), name, cells, mood, rate: lines.unwrap_or_default() });
    }
    Table { heading: "SOURCE", columns: &["LINES/S", "BYTES/S", "OPEN", "LINES", "REFUSED", "FAULTS"], rows }
}

fn rules(between: Between<'_>) -> Table {
    const MATCHES: &str = "inkprint_matches_total";
    let mut rows = Vec::new();
    for name in between.now.values(&[MATCHES], "rule") {
        let total = between.now.of(MATCHES, "rule", name.as_str()).unwrap_or_default();
        let rate = between.rate(|reading| reading.of(MATCHES, "rule", name.as_str()));
        if total > 0.0 {
            let cells = vec![optional(rate, count), count(total)];
            rows.push(Row { name, cells, mood: Mood::Calm, rate: rate.unwrap_or_default(), total });
        }
    }
    Table { heading: "RULE", columns: &["MATCHES/S", "MATCHES"], rows }
}

fn optional(value: Option<f64>, shown: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), shown)
}

/// `0.25`, `7.5`, `12`, `1.2k`, `340M`.
fn count(value: f64) -> String {
    scaled(value, 1000.0, ["", "k", "M", "G", "T"])
}

/// `12B`, `1.5K`, `64M`: by 1024, as sizes are configured.
fn bytes(value: f64) -> String {
    scaled(value, 1024.0, ["B", "K", "M", "G", "T"])
}

fn scaled(value: f64, step: f64, units: [&str; 5]) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    // The sum of nothing is below zero, if only by its sign.
    let (mut value, mut unit) = (value.max(0.0) + 0.0, 0);
    // What would be rounded up to a step is the next unit's one.
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let whole = (value - value.round()).abs() < 0.005;
    let decimals = match value {
        _ if whole && unit == 0 => 0,
        ..9.95 if unit == 0 && value < 0.995 => 2,
        ..9.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}{}", units[unit])
}

/// `4s`, `3m12s`, `5h03m`, `12d04h`.
fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-".to_owned();
    }
    // A clock that differs from the service's is no reason to show a time below zero.
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_their_size() {
        for (value, shown) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (7.46, "7.5"),
            (12.0, "12"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (1234.0, "1.2k"),
            (3.4e8, "340M"),
            (5e15, "5000T"),
        ] {
            assert_eq!(count(value), shown);
        }
        for (value, shown) in
            [(0.0, "0B"), (1023.0, "1023B"), (1536.0, "1.5K"), (67_108_864.0, "64M"), (f64::NAN, "-"), (-1.0, "0B")]
        {
            assert_eq!(bytes(value), shown);
        }
        for (value, shown) in [
            (-3.0, "0s"),
            (4.9, "4s"),
            (192.0, "3m12s"),
            (18_180.0, "5h03m"),
            (1_051_200.0, "12d04h"),
            (f64::INFINITY, "-"),
        ] {
            assert_eq!(duration(value), shown);
        }
    }
}
